import {
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  type SelectionNode,
} from "graphql";

/** Whether a selection's own `@include` or `@skip` leaves it out. */
export function isLeftOut(selection: SelectionNode, variables: Record<string, unknown>): boolean {
  if (!selection.directives?.length) return false;
  return (
    getDirectiveValues(GraphQLIncludeDirective, selection, variables)?.if === false ||
    getDirectiveValues(GraphQLSkipDirective, selection, variables)?.if === true
  );
}
