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
  return merged.flatMap((entry, i) => {
    const own = errors.filter(({ path }) => path?.[0] === keys[i]);
    const whole = own.find(({ path }) => entry.operation.list === undefined || typeof path?.[1] !== "number");
    const units = entry.parts.map(({ unit }) => unit);
    if (whole?.extensions?.code === "TOO_MANY_INPUTS" && entry.operation.list !== undefined) {
      tooLong(units, toError(whole, [entry.operation.field]));
      return [];
    }
    const value = data?.[keys[i] as string];
    const answered = entry.operation.list === undefined ? value !== undefined : Array.isArray(value);
    if (!whole && answered && data) {
      give(entry, value, own);
      return [];
    }
    if (!whole && !data && merged.length > 1) return units;
    const error = whole
      ? toError(whole, [entry.operation.field])
      : new ProtocolError(`the server's answer lacks ${entry.operation.field}`);
    for (const call of callsOf(units)) call.reject(error);
    return [];
  });
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
      fillSlot(
        unit.call,
        i,
        failure ? itemError(failure, list, field, served, i) : (value as unknown[])[served],
      );
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
  });
}
