import { AbortedError, createError, ProtocolError, type GroundwireError } from "./errors.js";
import type { GraphQLFailure, GraphQLRequest, GraphQLResponse, Send } from "./transport.js";

/** One root field of a query, with its arguments and what to select of the answer. */
export interface Operation {
  field: string;
  /** Argument name -> GraphQL type and value. */
  args: Record<string, { type: string; value: unknown }>;
  /** Selection with its braces; empty for scalars. */
  selection: string;
}

/** The answer of one operation: its data, and the errors below it by list index. */
export interface Outcome {
  data: unknown;
  /** Errors of list items; an error of the whole operation rejects instead. */
  itemErrors: Map<number, GroundwireError>;
}

interface Pending {
  operation: Operation;
  signal: AbortSignal | undefined;
  resolve: (outcome: Outcome) => void;
  reject: (error: GroundwireError) => void;
}

/** Operations in one request: enough for a page of calls, within the server's limit of fields. */
const MAX_OPERATIONS = 50;
/** Half of the server's default body limit, because JSON escapes grow. */
const MAX_BYTES = 512 * 1024;

/** Gathers the operations of one tick and sends them as one request, or as few as the limits allow. */
export function createScheduler(send: Send): (operation: Operation, signal?: AbortSignal) => Promise<Outcome> {
  let pending: Pending[] = [];

  function flush(): void {
    const waiting = pending.filter(({ signal }) => !signal?.aborted);
    pending = [];
    for (const group of groupBySize(waiting)) void execute(group);
  }

  async function execute(group: Pending[]): Promise<void> {
    const controller = abortWithAll(group);
    try {
      settle(group, await send(buildRequest(group.map(({ operation }) => operation)), controller.signal));
    } catch (error) {
      for (const { reject } of group) reject(error as GroundwireError);
    }
  }

  return (operation, signal) =>
    new Promise((resolve, reject) => {
      const abort = (): void => reject(new AbortedError("the call was aborted", { cause: signal?.reason }));
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      const settled = <T>(settle: (value: T) => void) => (value: T): void => {
        signal?.removeEventListener("abort", abort);
        settle(value);
      };
      if (pending.length === 0) queueMicrotask(() => queueMicrotask(flush));
      pending.push({ operation, signal, resolve: settled(resolve), reject: settled(reject) });
    });
}

/** The request ends early only when every call in it has been aborted. */
function abortWithAll(group: Pending[]): AbortController {
  const controller = new AbortController();
  let alive = group.length;
  for (const { signal } of group) {
    signal?.addEventListener("abort", () => --alive === 0 && controller.abort(), { once: true });
  }
  return controller;
}

function groupBySize(pending: Pending[]): Pending[][] {
  const groups: Pending[][] = [];
  let bytes = Infinity;
  for (const entry of pending) {
    const size = JSON.stringify(entry.operation).length;
    if (bytes + size > MAX_BYTES || (groups.at(-1)?.length ?? 0) >= MAX_OPERATIONS) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(entry);
    bytes += size;
  }
  return groups;
}

/** `query ($v0_texts: [String!]!) { c0: embed(texts: $v0_texts) { vector } }` */
export function buildRequest(operations: Operation[]): GraphQLRequest {
  const declarations: string[] = [];
  const variables: Record<string, unknown> = {};
  const fields = operations.map(({ field, args, selection }, i) => {
    const given = Object.entries(args).filter(([, { value }]) => value !== undefined);
    const passed = given.map(([name, { type, value }]) => {
      const variable = `v${i}_${name}`;
      declarations.push(`$${variable}: ${type}`);
      variables[variable] = value;
      return `${name}: $${variable}`;
    });
    return `c${i}: ${field}${passed.length > 0 ? `(${passed.join(", ")})` : ""} ${selection}`;
  });
  const head = declarations.length > 0 ? `query (${declarations.join(", ")})` : "query";
  return { query: `${head} { ${fields.join(" ")} }`, variables };
}

function settle(group: Pending[], { data, errors = [] }: GraphQLResponse): void {
  group.forEach(({ resolve, reject }, i) => {
    const alias = `c${i}`;
    const own = errors.filter(({ path }) => path?.[0] === alias);
    const whole = own.find(({ path }) => typeof path?.[1] !== "number");
    const value = data?.[alias];
    if (whole) return reject(toError(whole));
    if (value === undefined) return reject(new ProtocolError("the server's answer lacks what was asked for"));
    resolve({ data: value, itemErrors: new Map(own.map((failure) => [failure.path?.[1] as number, toError(failure)])) });
  });
}

function toError({ message, path, extensions }: GraphQLFailure): GroundwireError {
  return createError(extensions?.code ?? "PROTOCOL", message, { path, retryAfterMs: extensions?.retryAfterMs });
}
