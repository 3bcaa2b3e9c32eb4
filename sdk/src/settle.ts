import { createError, ProtocolError, type GroundwireError } from "./errors.js";
import type { Call, Merged, Unit } from "./plan.js";
import type { GraphQLFailure, GraphQLResponse } from "./transport.js";

/**
 * Gives each call its part of an answer.
 * @param keys the key of each operation's data.
 * @param tooLong takes the units of a list that the server found too long.
 * @returns the units to send again: neighbors of a failure that cost all their data.
 */
export function settle(
  merged: readonly Merged[],
  keys: readonly string[],
  { data, errors = [] }: GraphQLResponse,
  tooLong: (units: Unit[], error: GroundwireError) => void,
): Unit[] {
  const failures = keys.map((key) => errors.filter(({ path }) => path?.[0] === key));
  const wholes = merged.map((entry, i) => failures[i]?.find((failure) => failsWhole(entry, failure)));
  // Where no operation is to blame, sending all of them again would go on for ever.
  const costly = wholes.some((whole) => whole !== undefined);
  return merged.flatMap((entry, i) => {
    const whole = wholes[i];
    const units = entry.parts.map(({ unit }) => unit);
    if (whole?.extensions?.code === "TOO_MANY_INPUTS" && entry.operation.list !== undefined) {
      tooLong(units, toError(whole, [entry.operation.field]));
      return [];
    }
    const value = data?.[keys[i] as string];
    if (!whole && data && answers(entry, value)) {
      give(entry, value, failures[i] ?? []);
      return [];
    }
    if (!whole && !data && costly) return units;
    const { field } = entry.operation;
    const error = whole ? toError(whole, [field]) : lacking(field, [field]);
    for (const call of callsOf(units)) call.reject(error);
    return [];
  });
}

/** Of a list most failures cost a single item. */
function failsWhole({ operation }: Merged, { path }: GraphQLFailure): boolean {
  return operation.list === undefined || typeof path?.[1] !== "number";
}

function answers({ operation: { list, nullable = false } }: Merged, value: unknown): boolean {
  if (list !== undefined) return Array.isArray(value);
  return nullable ? value !== undefined : value !== undefined && value !== null;
}

/** Each call once. */
export function callsOf(units: readonly Unit[]): Call[] {
  return [...new Set(units.map(({ call }) => call))];
}

/** Sets an item's result; the last one resolves the call. */
export function fillSlot(call: Call, i: number, result: unknown): void {
  call.slots[i] = result;
  call.open--;
  if (call.open === 0) call.resolve(call.slots);
}

function give(
  { operation: { list, field }, parts }: Merged,
  value: unknown,
  failures: readonly GraphQLFailure[],
): void {
  if (list === undefined) {
    for (const { unit } of parts) unit.call.resolve(value);
    return;
  }
  const byIndex = new Map(failures.map((failure) => [failure.path?.[1] as number, failure]));
  for (const { unit, offset } of parts) {
    for (let i = unit.from; i < unit.to; i++) {
      const served = offset + i - unit.from;
      const failure = byIndex.get(served);
      const result = (value as unknown[])[served] ?? lacking(`${field}[${i}]`, [field, i]);
      fillSlot(unit.call, i, failure ? itemError(failure, list, field, served, i) : result);
    }
  }
}

/** The server counts in the list that was sent; the caller in their own. */
function itemError(
  failure: GraphQLFailure,
  list: string,
  field: string,
  served: number,
  own: number,
): GroundwireError {
  const message = failure.message.replace(`${list}[${served}]`, `${list}[${own}]`);
  return toError({ ...failure, message }, [field, own, ...(failure.path ?? []).slice(2)]);
}

function toError(
  { message, extensions }: GraphQLFailure,
  path: readonly (string | number)[],
): GroundwireError {
  return createError(extensions?.code ?? "PROTOCOL", message, {
    path,
    retryAfterMs: extensions?.retryAfterMs,
    requestId: extensions?.requestId,
  });
}

/** Nothing came, and nothing says why. */
function lacking(what: string, path: readonly (string | number)[]): GroundwireError {
  return new ProtocolError(`the server's answer lacks ${what}`, { path });
}
