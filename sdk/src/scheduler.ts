import { aborted } from "./abort.js";
import { answerKey, buildRequest, type BoundOperation, type Operation } from "./document.js";
import { BadUserInputError, type GroundwireError } from "./errors.js";
import { limitConcurrency } from "./concurrency.js";
import { toJson } from "./json.js";
import {
  cut,
  DEFAULT_LIMITS,
  listOf,
  merge,
  pack,
  wholeOf,
  type Call,
  type Cut,
  type RequestLimits,
  type Unit,
} from "./plan.js";
import { callsOf, fillSlot, settle } from "./settle.js";
import { ForeignAnswerError, type GraphQLResponse, type Send } from "./transport.js";

export interface SchedulerOptions {
  /** Allow several operations in one document. */
  combine: boolean;
  /** Most requests in flight at once. */
  maxConcurrency: number;
  /** Asks the server for its limits; used where they cannot travel with other operations. */
  limitsOperation: Operation<object, { limits: RequestLimits }>;
}

/**
 * Answers with the operation's data; for list operations with the list, in which each item that failed
 * is its error.
 */
export type Execute = <Variables extends object, Data>(
  operation: Operation<Variables, Data>,
  variables: Variables,
  signal?: AbortSignal,
) => Promise<Data>;

/** Statuses by which the gateway judges what was sent, so that a part of it may still be taken. */
const CONTENT_REFUSALS = new Set([200, 400, 422]);

/** Gathers the calls of one tick and sends them as one request, or as few as the server's limits allow. */
export function createScheduler(send: Send, options: SchedulerOptions): Execute {
  const { combine, limitsOperation } = options;
  const inTurn = limitConcurrency(options.maxConcurrency);
  let waiting: Call[] = [];
  let nextKey = 0;
  let limits: RequestLimits | undefined;

  async function flush(): Promise<void> {
    const calls = waiting.filter(({ done }) => !done);
    waiting = [];
    if (!combine && !limits && calls.some(listOf)) await askLimits();
    dispatch(calls.map(wholeOf));
  }

  function dispatch(units: readonly Unit[]): void {
    const known = limits ?? DEFAULT_LIMITS;
    const cuts = units.flatMap((unit) => cutOrReject(unit, known));
    for (const group of pack(combine ? cuts : sortByKey(cuts), known, combine)) {
      // What was cut to assumed limits and has waited for its turn is cut to those learned meanwhile.
      void inTurn(async () => {
        if (known === (limits ?? DEFAULT_LIMITS)) await request(group);
        else dispatch(group);
      });
    }
  }

  async function request(group: Unit[]): Promise<void> {
    const units = group.filter(({ call }) => !call.done);
    if (units.length === 0) return;
    const merged = merge(units);
    const { kind, idempotent = kind === "query" } = (merged[0] as (typeof merged)[0]).operation;
    const learning = combine && !limits && kind === "query";
    const abort = abortWithAll(callsOf(units));
    try {
      const response = await send(buildRequest(merged, learning), { signal: abort.signal, idempotent });
      if (learning) learn(response);
      const keys = merged.map((_, i) => answerKey(merged, i, learning));
      const again = settle(merged, keys, response, (units, error) => {
        if (learning && limits) return dispatch(units);
        limits = undefined;
        fail(units, error);
      });
      if (again.length > 0) dispatch(again);
    } catch (error) {
      fail(units, error as GroundwireError);
    } finally {
      abort.release();
    }
  }

  function learn({ data }: GraphQLResponse): void {
    const model = data?.model as { limits: RequestLimits } | undefined;
    limits ??= model?.limits;
  }

  /** Without an answer the defaults stay, and the calls themselves tell what is wrong. */
  async function askLimits(): Promise<void> {
    const bound = { operation: limitsOperation, variables: {} };
    const { signal } = new AbortController();
    const request = buildRequest([bound], false);
    learn(await send(request, { signal, idempotent: true }).catch(() => ({})));
  }

  /** Where the server refuses what was sent, the parts are tried alone, so that only the bad ones fail. */
  function fail(units: readonly Unit[], error: GroundwireError): void {
    const [first] = units as [Unit];
    const tooMuch = error.status === 413 || error.code === "TOO_MANY_INPUTS";
    const isContent = CONTENT_REFUSALS.has(error.status ?? 0) && !(error instanceof ForeignAnswerError);
    const judged = tooMuch || isContent;
    const middle = Math.ceil(units.length / 2);
    const items = first.to - first.from;
    if (judged && units.length > 1) {
      void inTurn(() => request(units.slice(0, middle)));
      void inTurn(() => request(units.slice(middle)));
    } else if (tooMuch && items > 1) {
      const half = first.from + Math.ceil(items / 2);
      void inTurn(() => request([{ ...first, to: half }]));
      void inTurn(() => request([{ ...first, from: half }]));
    } else if (tooMuch && items === 1) {
      fillSlot(first.call, first.from, error);
    } else {
      for (const call of callsOf(units)) call.reject(error);
    }
  }

  function enqueue(call: Call): void {
    if (waiting.length === 0) afterTick(() => void flush());
    waiting.push(call);
  }

  return function execute<Variables extends object, Data>(
    operation: Operation<Variables, Data>,
    variables: Variables,
    signal?: AbortSignal,
  ) {
    const bound = { operation: operation as Operation, variables: variables as Record<string, unknown> };
    const problem = findProblem(bound);
    if (problem) return Promise.reject(problem);
    if (listOf(bound)?.length === 0) return Promise.resolve([] as Data);
    return new Promise<Data>((resolve, reject) => {
      const abort = (): void => call.reject(aborted(signal as AbortSignal));
      const finish = (): void => {
        call.done = true;
        signal?.removeEventListener("abort", abort);
      };
      const call = createCall(bound, `${nextKey++}`, {
        signal,
        resolve: (data) => (finish(), resolve(data as Data)),
        reject: (error) => (finish(), reject(error)),
      });
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      enqueue(call);
    });
  };
}

/** A call for the items of nothing would wait for ever. */
function findProblem({ operation: { list }, variables }: BoundOperation): GroundwireError | undefined {
  if (list === undefined || Array.isArray(variables[list])) return undefined;
  return new BadUserInputError(`${list} must be a list, is ${String(variables[list])}`);
}

/** What JSON cannot say fails its own call, not those beside it. */
function cutOrReject(unit: Unit, limits: RequestLimits): Cut[] {
  try {
    return cut(unit, limits);
  } catch (error) {
    unit.call.reject(error as GroundwireError);
    return [];
  }
}

function createCall(
  bound: BoundOperation,
  ownKey: string,
  ends: Pick<Call, "signal" | "resolve" | "reject">,
): Call {
  const open = listOf(bound)?.length ?? 0;
  const slots = Array.from<unknown>({ length: open });
  return { ...bound, ...ends, mergeKey: mergeKey(bound) ?? ownKey, slots, open, done: false };
}

function mergeKey({ operation, variables }: BoundOperation): string | undefined {
  if (operation.list === undefined) return undefined;
  return `${operation.name} ${toJson({ ...variables, [operation.list]: null })}`;
}

function sortByKey<T extends Unit>(units: readonly T[]): T[] {
  return [...units].sort((a, b) => (a.call.mergeKey < b.call.mergeKey ? -1 : 1));
}

/** After all that is pending in microtasks, so that calls behind a few awaits still share the tick. */
function afterTick(run: () => void): void {
  if (typeof setImmediate === "function") setImmediate(run);
  else setTimeout(run, 0);
}

/** The request ends early only when every call in it has been aborted. */
function abortWithAll(calls: readonly Call[]): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const check = (): void => {
    if (calls.every(({ signal }) => signal?.aborted)) controller.abort(calls[0]?.signal?.reason);
  };
  for (const { signal } of calls) signal?.addEventListener("abort", check);
  check();
  const release = (): void => calls.forEach(({ signal }) => signal?.removeEventListener("abort", check));
  return { signal: controller.signal, release };
}
