import { Kind, type GraphQLResolveInfo, type SelectionSetNode } from "graphql";
import { isLeftOut } from "../left-out.js";

/** Whether a field of this name is asked for anywhere below the resolved one, fragments included. */
export function selects(
  { fieldNodes, fragments, variableValues }: GraphQLResolveInfo,
  name: string,
): boolean {
  const search = (set: SelectionSetNode | undefined): boolean =>
    set?.selections.some((selection) => {
      if (isLeftOut(selection, variableValues)) return false;
      if (selection.kind === Kind.FRAGMENT_SPREAD)
        return search(fragments[selection.name.value]?.selectionSet);
      if (selection.kind === Kind.FIELD && selection.name.value === name) return true;
      return search(selection.selectionSet);
    }) ?? false;
  return fieldNodes.some((node) => search(node.selectionSet));
}
