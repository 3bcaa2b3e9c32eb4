import {
  GraphQLError,
  Kind,
  type FragmentDefinitionNode,
  type SelectionSetNode,
  type ValidationRule,
} from "graphql";

/** Deep enough for every query of the SDK and of introspection; the schema itself has few levels. */
const MAX_DEPTH = 15;
/** Fields of one operation, fragments unfolded. */
const MAX_FIELDS = 2000;

/** Refuses operations that are deeper or have more fields than any honest one. */
export const limitDepth: ValidationRule = (context) => ({
  OperationDefinition(operation) {
    const budget = { fields: 0 };
    const measure = (selections: SelectionSetNode, depth: number, inside: ReadonlySet<string>): void => {
      if (depth > MAX_DEPTH) throw new LimitError(`the query must be at most ${MAX_DEPTH} levels deep`);
      for (const selection of selections.selections) {
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const fragment = context.getFragment(selection.name.value);
          if (fragment && !inside.has(fragment.name.value)) unfold(fragment, depth, inside);
          continue;
        }
        budget.fields += selection.kind === Kind.FIELD ? 1 : 0;
        if (budget.fields > MAX_FIELDS)
          throw new LimitError(`the query must have at most ${MAX_FIELDS} fields`);
        if (selection.selectionSet) measure(selection.selectionSet, depth + 1, inside);
      }
    };
    const unfold = (fragment: FragmentDefinitionNode, depth: number, inside: ReadonlySet<string>): void =>
      measure(fragment.selectionSet, depth, new Set([...inside, fragment.name.value]));
    try {
      measure(operation.selectionSet, 1, new Set());
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      context.reportError(new GraphQLError(error.message, { nodes: operation }));
    }
  },
});

class LimitError extends Error {}
