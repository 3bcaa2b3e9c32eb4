import { Kind, type GraphQLResolveInfo, type SelectionSetNode } from "graphql";

/** Whether a field of this name is asked for anywhere below the resolved one, fragments included. */
export function selects({ fieldNodes, fragments }: GraphQLResolveInfo, name: string): boolean {
  const search = (set: SelectionSetNode | undefined): boolean =>
    set?.selections.some((selection) => {
      if (selection.kind === Kind.FRAGMENT_SPREAD)
        return search(fragments[selection.name.value]?.selectionSet);
      if (selection.kind === Kind.FIELD && selection.name.value === name) return true;
      return search(selection.selectionSet);
    }) ?? false;
  return fieldNodes.some((node) => search(node.selectionSet));
}
