import {
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  GraphQLError,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  valueFromASTUntyped,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from "graphql";

/**
 * What a request costs, in units of one short text through the model. Arguments decide, whatever the field: texts and
 * images are what the model reads, `first` is what a search returns, and a list of texts multiplies what is asked below.
 * The document must have passed validation: fragments then have no cycles, and their number is bounded.
 */
export type CostEstimator = (request: {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  variables: Record<string, unknown>;
}) => number;

/** A long text takes the time of several short ones. */
const CHARACTERS_PER_UNIT = 400;
const IMAGE = 20;
/** One pass over the lexicon, or over a collection. */
const SEARCH = 1;
const HITS_PER_UNIT = 100;
/** Resolving and answering a field. */
const FIELD = 0.01;

const META_FIELDS = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].map((field) => [field.name, field]),
);

/** Every request pays for its own estimate, so this walks the operation once and looks at nothing else. */
export function createCostEstimator(schema: GraphQLSchema): CostEstimator {
  return ({ document, operation, variables }) => {
    const root = schema.getRootType(operation.operation);
    if (!root) return 0;
    const fragments = new Map<string, FragmentDefinitionNode>();
    for (const definition of document.definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    return selectionCost(operation.selectionSet, root, {
      schema,
      fragments,
      variables: withDefaults(operation, variables),
    });
  };
}

/** Cost of one text for the model. */
export function textCost(text: string): number {
  return 1 + text.length / CHARACTERS_PER_UNIT;
}

/** As they came: to coerce them is the executor's work, which also refuses those that do not fit and says why. */
function withDefaults(
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { variable, defaultValue } of variableDefinitions) {
    const { value: name } = variable.name;
    if (Object.hasOwn(given, name)) values[name] = given[name];
    else if (defaultValue) values[name] = valueFromASTUntyped(defaultValue);
  }
  return values;
}

interface Scope {
  schema: GraphQLSchema;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
}

function selectionCost({ selections }: SelectionSetNode, parent: GraphQLNamedType, scope: Scope): number {
  let cost = 0;
  for (const selection of selections) {
    if (isLeftOut(selection, scope)) continue;
    if (selection.kind === Kind.FIELD) {
      const own = isObjectType(parent) ? parent.getFields()[selection.name.value] : undefined;
      const field = own ?? META_FIELDS.get(selection.name.value);
      if (field) cost += fieldCost(selection, field, scope);
    } else {
      const fragment =
        selection.kind === Kind.FRAGMENT_SPREAD ? scope.fragments.get(selection.name.value) : selection;
      const condition = fragment?.typeCondition?.name.value;
      const type = condition === undefined ? parent : (scope.schema.getType(condition) ?? parent);
      if (fragment) cost += selectionCost(fragment.selectionSet, type, scope);
    }
  }
  return cost;
}

function isLeftOut(selection: SelectionNode, { variables }: Scope): boolean {
  if (!selection.directives?.length) return false;
  return (
    getDirectiveValues(GraphQLIncludeDirective, selection, variables)?.if === false ||
    getDirectiveValues(GraphQLSkipDirective, selection, variables)?.if === true
  );
}

function fieldCost(node: FieldNode, field: GraphQLField<unknown, unknown>, scope: Scope): number {
  const values = argumentsOf(node, field, scope);
  // The executor will not run it either, but it will run the others.
  if (!values) return FIELD;
  let cost = FIELD;
  let rows = 1;
  for (const { name, type } of field.args) {
    const value = values[name];
    if (name === "first" && typeof value === "number") cost += SEARCH + Math.max(0, value) / HITS_PER_UNIT;
    else cost += inputCost(value, type);
    if (Array.isArray(value)) rows = Math.max(rows, value.length);
  }
  if (!node.selectionSet) return cost;
  const below = selectionCost(node.selectionSet, getNamedType(field.type), scope);
  return cost + (isListType(getNullableType(field.type)) ? rows : 1) * below;
}

function argumentsOf(node: FieldNode, field: GraphQLField<unknown, unknown>, { variables }: Scope) {
  if (field.args.length === 0) return {};
  try {
    return getArgumentValues(field, node, variables);
  } catch (error) {
    if (error instanceof GraphQLError) return undefined;
    throw error;
  }
}

function inputCost(value: unknown, type: GraphQLInputType): number {
  const nullable = getNullableType(type);
  if (value === null || value === undefined) return 0;
  if (isListType(nullable)) {
    const items = Array.isArray(value) ? (value as unknown[]) : [value];
    return items.reduce<number>((sum, item) => sum + inputCost(item, nullable.ofType), 0);
  }
  if (isInputObjectType(nullable)) {
    const fields = Object.values(nullable.getFields());
    return fields.reduce(
      (sum, field) => sum + inputCost((value as Record<string, unknown>)[field.name], field.type),
      0,
    );
  }
  if (isEnumType(nullable)) return 0;
  const { name } = getNamedType(nullable);
  if (name === "Image") return IMAGE;
  return name === "String" && typeof value === "string" ? textCost(value) : 0;
}
