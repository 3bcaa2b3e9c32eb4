import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  Kind,
  parse,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from "graphql";

/**
 * Documents that are known beforehand. A query is covered when each of its fields stands at the same place of some
 * trusted document, with no other arguments: aliases, variable names, and how many operations share a request are free.
 * The SDK gathers the calls of one tick into one request, so its queries are combinations that no list could hold.
 */
export interface TrustedDocuments {
  covers: (document: DocumentNode) => boolean;
}

/** Fields by name; the roots are `query`, `mutation` and `subscription`. */
interface Shape {
  args: Set<string>;
  fields: Map<string, Shape>;
}

/** Selections looked at before a query counts as not covered: fragments in fragments could go on for ever. */
const MAX_SELECTIONS = 10_000;

/** The SDK's own list, as its tests keep it. */
const SDK_DOCUMENTS = fileURLToPath(new URL("../../sdk/documents.json", import.meta.url));

/**
 * Reads trusted documents.
 * @param list `sdk` (those of the SDK) or paths, with commas between. A file holds GraphQL documents, or (`.json`) an
 * object whose values are such, e.g. by their hashes.
 * @throws Error where a file cannot be read or parsed
 */
export function loadTrustedDocuments(list: string): TrustedDocuments {
  const sources = list.split(",").map((source) => source.trim());
  return trustDocuments(
    sources.flatMap((source) => readDocuments(source === "sdk" ? SDK_DOCUMENTS : source)),
  );
}

export function trustDocuments(texts: readonly string[]): TrustedDocuments {
  const roots = emptyShape();
  for (const text of texts) {
    const fields = fieldsIn(parse(text), (shape, name) => {
      const child = shape.fields.get(name) ?? emptyShape();
      shape.fields.set(name, child);
      return child;
    });
    for (const { field, shape } of fields(roots)) {
      for (const { name } of field.arguments ?? []) shape.args.add(name.value);
    }
  }
  const known = new WeakMap<DocumentNode, boolean>();
  return {
    covers(document) {
      const covered = known.get(document) ?? isCovered(document, roots);
      known.set(document, covered);
      return covered;
    },
  };
}

function isCovered(document: DocumentNode, roots: Shape): boolean {
  const fields = fieldsIn(document, (shape, name) =>
    name === "__typename" ? emptyShape() : shape.fields.get(name),
  );
  let seen = 0;
  for (const { field, shape } of fields(roots)) {
    seen += 1;
    if (seen > MAX_SELECTIONS || !shape || !field.arguments?.every(({ name }) => shape.args.has(name.value)))
      return false;
  }
  return true;
}

interface Visit<S> {
  field: { arguments?: FieldNode["arguments"] };
  shape: S;
}

/**
 * Walks all operations of a document in step with a tree of shapes, fragments unfolded.
 * @param step the shape below a shape, or undefined where there is none; what lies below it is not visited then
 */
function fieldsIn<S extends Shape | undefined>(
  document: DocumentNode,
  step: (shape: Shape, name: string) => S,
) {
  const fragments = new Map(
    document.definitions.filter(isFragment).map((fragment) => [fragment.name.value, fragment]),
  );

  function* walk(
    { selections }: SelectionSetNode,
    shape: Shape,
    inside: readonly string[],
  ): Generator<Visit<S>> {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const below = step(shape, selection.name.value);
        yield { field: selection, shape: below };
        if (below && selection.selectionSet) yield* walk(selection.selectionSet, below, inside);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        yield* walk(selection.selectionSet, shape, inside);
      } else {
        yield* spread(selection.name.value, shape, inside);
      }
    }
  }

  function* spread(name: string, shape: Shape, inside: readonly string[]): Generator<Visit<S>> {
    const fragment = fragments.get(name);
    // Counted as a visit, so that spreads of spreads use up the budget too.
    yield { field: { arguments: [] }, shape: shape as S };
    if (fragment && !inside.includes(name)) yield* walk(fragment.selectionSet, shape, [...inside, name]);
  }

  return function* (roots: Shape): Generator<Visit<S>> {
    for (const { operation, selectionSet } of document.definitions.filter(isOperation)) {
      const shape = step(roots, operation);
      yield { field: { arguments: [] }, shape };
      if (shape) yield* walk(selectionSet, shape, []);
    }
  };
}

function isFragment(node: DocumentNode["definitions"][number]): node is FragmentDefinitionNode {
  return node.kind === Kind.FRAGMENT_DEFINITION;
}

function isOperation(node: DocumentNode["definitions"][number]): node is OperationDefinitionNode {
  return node.kind === Kind.OPERATION_DEFINITION;
}

function emptyShape(): Shape {
  return { args: new Set(), fields: new Map() };
}

function readDocuments(path: string): string[] {
  try {
    const text = readFileSync(path, "utf8");
    const documents = path.endsWith(".json")
      ? Object.values(JSON.parse(text) as Record<string, string>)
      : [text];
    for (const document of documents) parse(document);
    return documents;
  } catch (cause) {
    throw new Error(`GROUNDWIRE_TRUSTED_DOCUMENTS names ${path}, which cannot be used: ${String(cause)}`, {
      cause,
    });
  }
}
