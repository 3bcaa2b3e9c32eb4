import { printDocument, type BoundOperation, type Operation } from "./document.js";
import type { GroundwireError } from "./errors.js";
import { toJson } from "./json.js";

/** What the server says it takes in one request. */
export interface RequestLimits {
  /** Most items in a list argument. */
  maxTexts: number;
  maxBodyBytes: number;
}

/** What any gateway takes that is not set up to be tight, until its answer brings its own. */
export const DEFAULT_LIMITS: RequestLimits = { maxTexts: 512, maxBodyBytes: 1_048_576 };

/** A call of the client's user. */
export interface Call extends BoundOperation {
  signal: AbortSignal | undefined;
  resolve: (data: unknown) => void;
  reject: (error: GroundwireError) => void;
  /** Calls that differ only in their list's items have the same key. */
  mergeKey: string;
  /** Results of a list operation, in the order of its items. */
  slots: unknown[];
  /** Items without a result. */
  open: number;
  /** True once it is answered: what has not been sent of it need not be. */
  done: boolean;
}

/** The part of a call that travels in one request: all of it, or a range of its list. */
export interface Unit {
  call: Call;
  from: number;
  to: number;
}

/** A unit that fits a request of its own. */
export interface Cut extends Unit {
  /** Bytes of its document and variables. */
  bytes: number;
}

/** Units of calls that differ only in their items, as one operation. */
export interface Merged extends BoundOperation {
  parts: Part[];
}

interface Part {
  unit: Unit;
  /** Place of the unit's first item in the merged list. */
  offset: number;
}

/** Fits below the usual limits of aliases and tokens in one document. */
const MAX_OPERATIONS = 12;
/** `{"query":"","variables":{}}`, the limits' field and what the server counts besides. */
const ENVELOPE_BYTES = 256;
/** Prefixes and punctuation that joining adds to each operation. */
const JOINING_BYTES = 128;

const encoder = new TextEncoder();
const documentBytes = new WeakMap<Operation, number>();

/** The whole of a call as one unit. */
export function wholeOf(call: Call): Unit {
  return { call, from: 0, to: listOf(call)?.length ?? 0 };
}

/**
 * Cuts a unit of a list into ranges that fit a request of their own.
 * @throws BadUserInputError where the call cannot be written as JSON.
 */
export function cut({ call, from, to }: Unit, limits: RequestLimits): Cut[] {
  const items = listOf(call);
  const besides = overhead(call);
  if (!items) return [{ call, from, to, bytes: besides }];
  const room = limits.maxBodyBytes - ENVELOPE_BYTES;
  const cuts: Cut[] = [];
  for (let i = from; i < to; i++) {
    const bytes = measure(items[i]) + 1;
    const last = cuts.at(-1);
    if (last && last.bytes + bytes <= room && i - last.from < limits.maxTexts) {
      last.to = i + 1;
      last.bytes += bytes;
    } else {
      cuts.push({ call, from: i, to: i + 1, bytes: besides + bytes });
    }
  }
  return cuts;
}

/** Packs cuts into few requests, in order: `combine` allows several operations in one. Mutations travel alone. */
export function pack(cuts: readonly Cut[], limits: RequestLimits, combine: boolean): Unit[][] {
  const groups: Unit[][] = [];
  let room = { bytes: 0, items: 0, keys: new Set<string>() };
  for (const unit of cuts) {
    const { bytes, call } = unit;
    const { mergeKey, operation } = call;
    const items = unit.to - unit.from;
    const alone = operation.kind === "mutation";
    const joins = room.keys.has(mergeKey) || (combine && room.keys.size < MAX_OPERATIONS);
    if (groups.length === 0 || alone || !joins || room.bytes < bytes || room.items < items) {
      groups.push([]);
      room = { bytes: limits.maxBodyBytes - ENVELOPE_BYTES, items: limits.maxTexts, keys: new Set() };
    }
    groups.at(-1)?.push(unit);
    room.bytes = alone ? 0 : room.bytes - bytes;
    room.items -= items;
    room.keys.add(mergeKey);
  }
  return groups;
}

/** Joins the lists of calls that differ in nothing else. */
export function merge(units: readonly Unit[]): Merged[] {
  const byKey = new Map<string, Merged>();
  for (const unit of units) {
    const { call } = unit;
    const merged = byKey.get(call.mergeKey) ?? begin(call);
    byKey.set(call.mergeKey, merged);
    const items = listOf(merged) as unknown[] | undefined;
    merged.parts.push({ unit, offset: items?.length ?? 0 });
    items?.push(...(listOf(call) ?? []).slice(unit.from, unit.to));
  }
  return [...byKey.values()];
}

function begin({ operation, variables }: Call): Merged {
  const { list } = operation;
  return { operation, variables: list === undefined ? variables : { ...variables, [list]: [] }, parts: [] };
}

/** The items of a list operation; undefined for the others. */
export function listOf({ operation, variables }: BoundOperation): readonly unknown[] | undefined {
  return operation.list === undefined ? undefined : (variables[operation.list] as unknown[]);
}

/** Bytes of the document and of all variables but the list. */
function overhead({ operation, variables }: Call): number {
  const rest = operation.list === undefined ? variables : { ...variables, [operation.list]: [] };
  let bytes = documentBytes.get(operation);
  if (bytes === undefined) documentBytes.set(operation, (bytes = 1.5 * printDocument(operation).length));
  return bytes + JOINING_BYTES + measure(rest);
}

function measure(value: unknown): number {
  return encoder.encode(toJson(value)).length;
}
