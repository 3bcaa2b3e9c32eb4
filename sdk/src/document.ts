import type { GraphQLRequest } from "./transport.js";

/**
 * One root field of the schema with a fixed selection. Its document is the same in every call, so that
 * gateways which only take trusted documents can know it (see documents.json).
 */
export interface Operation<Variables extends object = object, Data = unknown> {
  /** Name of the document, as it stands in the server's logs. */
  name: string;
  kind: "query" | "mutation";
  field: string;
  /** Arguments with their GraphQL types; each takes the variable of its own name. */
  args: Record<string, string>;
  /** Variables of the selection with their GraphQL types. */
  variables?: Record<string, string>;
  /** With its braces; empty for scalars. */
  selection: string;
  /**
   * The argument that is a list of independent items, answered by a list in the same order:
   * calls that differ in nothing else are merged, and long lists are cut to the server's limits.
   */
  list?: string;
  /** Null is an answer too, not only what stands in the place of an error. @default false */
  nullable?: boolean;
  /** Of mutations: carrying it out twice is the same as once. @default false */
  idempotent?: boolean;
  /** Only in types. */
  readonly phantom?: [Variables, Data];
}

/** An operation with the values of its variables. */
export interface BoundOperation {
  operation: Operation;
  variables: Record<string, unknown>;
}

const LIMITS_FIELD = "model { limits { maxTexts maxFirst maxTextLength maxBodyBytes } }";

/** `query Embed($texts: [String!]!) { embed(texts: $texts) { vector } }` */
export function printDocument(operation: Operation): string {
  const { kind, name } = operation;
  return `${kind} ${name}${declare([[operation, ""]])} { ${printField(operation, "")} }`;
}

/**
 * A request for one operation is its own document; several share one, in which aliases `c0`, `c1` and
 * variable prefixes `v0_`, `v1_` keep them apart.
 */
export function buildRequest(bound: readonly BoundOperation[], askLimits: boolean): GraphQLRequest {
  const only = bound.length === 1 && !askLimits ? bound[0] : undefined;
  if (only) return { query: printDocument(only.operation), variables: defined(only.variables, "") };
  const prefixed = bound.map(({ operation }, i): [Operation, string] => [operation, `v${i}_`]);
  const fields = prefixed.map(([operation, prefix], i) => `c${i}: ${printField(operation, prefix)}`);
  if (askLimits) fields.push(LIMITS_FIELD);
  const variables = bound.map((entry, i) => defined(entry.variables, `v${i}_`));
  return {
    query: `query Batch${declare(prefixed)} { ${fields.join(" ")} }`,
    variables: Object.assign({}, ...variables) as Record<string, unknown>,
  };
}

/** The key of an operation's data in the answer to `buildRequest`. */
export function answerKey(bound: readonly BoundOperation[], i: number, askLimits: boolean): string {
  return bound.length === 1 && !askLimits ? (bound[0] as BoundOperation).operation.field : `c${i}`;
}

function declare(operations: readonly [Operation, string][]): string {
  const declarations = operations.flatMap(([{ args, variables }, prefix]) =>
    Object.entries({ ...args, ...variables }).map(([name, type]) => `$${prefix}${name}: ${type}`),
  );
  return declarations.length > 0 ? `(${declarations.join(", ")})` : "";
}

function printField({ field, args, selection }: Operation, prefix: string): string {
  const passed = Object.keys(args).map((name) => `${name}: $${prefix}${name}`);
  const call = passed.length > 0 ? `${field}(${passed.join(", ")})` : field;
  const oneLine = selection.replace(/\s+/g, " ");
  return `${call} ${oneLine.replaceAll("$", () => `$${prefix}`)}`.trim();
}

/** An omitted variable takes the schema's default; null would not. */
function defined(variables: Record<string, unknown>, prefix: string): Record<string, unknown> {
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [prefix + name, value]));
}
