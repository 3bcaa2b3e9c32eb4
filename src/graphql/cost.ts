import {
  getNamedType,
  getNullableType,
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
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type InlineFragmentNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from "graphql";
import { GroundwireError } from "../errors.js";
import { isLeftOut } from "./left-out.js";

/**
 * What a request costs, in units of one short text through the model. Arguments decide, whatever the field: texts and
 * images are what the model reads, `first` is what a search returns, and a list of texts multiplies what is asked below.
 * Only the fields of `OWN` and `PER_ITEM` cost more than these tell.
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
/** An overlay decodes the picture again, or draws on it for as long. */
const OWN: Record<string, number> = { "Grounding.overlay": IMAGE };
/** For each item of a page: a kept picture has some 20 kB, a text up to 16. */
const PER_ITEM: Record<string, number> = { "ImageHit.thumbnail": 0.5, "CollectionItem.text": 0.05 };
/** Lists whose length no argument tells, as if they had so many items. */
const ROWS: Record<string, number> = { "Query.collections": 10 };

/** Every request pays for its own estimate, so this walks the operation once and asks the schema nothing. */
export function createCostEstimator(schema: GraphQLSchema): CostEstimator {
  const planOf = createPlanner();
  const plans = new Map(Object.entries(schema.getTypeMap()).map(([name, type]) => [name, planOf(type)]));
  return ({ document, operation, variables }) => {
    const root = schema.getRootType(operation.operation);
    if (!root) return 0;
    const fragments = new Map<string, FragmentDefinitionNode>();
    for (const definition of document.definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    const scope = { plans, fragments, variables: withDefaults(operation, variables), known: new Map() };
    return selectionCost(operation.selectionSet, planOf(root), 1, scope);
  };
}

/** Cost of one text for the model. */
export function textCost(text: string): number {
  return 1 + text.length / CHARACTERS_PER_UNIT;
}

/** @throws GroundwireError TOO_MANY_INPUTS */
export function checkCost(cost: number, maxCost: number): void {
  if (cost <= maxCost) return;
  const message = `the request must cost at most ${maxCost} units (a short text is 1), costs ${Math.ceil(cost)}`;
  throw new GroundwireError("TOO_MANY_INPUTS", message);
}

/** Fields by name; none for what is no object. */
type TypePlan = Map<string, FieldPlan>;

interface FieldPlan {
  /** Of the field itself, without arguments and what is asked below. */
  own: number;
  /** For each item of the page that it is on. */
  perItem: number;
  /** Items of a list, where no argument tells more. */
  rows: number;
  args: { name: string; defaultValue: unknown; costOf: InputCost }[];
  isList: boolean;
  below: TypePlan;
}

type InputCost = (value: unknown) => number;

/** Reads what costs depend on out of the schema, each type once. */
function createPlanner(): (type: GraphQLNamedType) => TypePlan {
  const plans = new Map<string, TypePlan>();
  const inputCostOf = createInputCosts();

  function planOf(type: GraphQLNamedType): TypePlan {
    const known = plans.get(type.name);
    if (known) return known;
    const plan: TypePlan = new Map();
    // Before its fields are looked at: they may lead back to it.
    plans.set(type.name, plan);
    if (!isObjectType(type)) return plan;
    const metaFields = [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef];
    for (const field of [...metaFields, ...Object.values(type.getFields())])
      plan.set(field.name, planField(field, `${type.name}.${field.name}`));
    return plan;
  }

  function planField({ args, type }: GraphQLField<unknown, unknown>, path: string): FieldPlan {
    return {
      own: OWN[path] ?? FIELD,
      perItem: PER_ITEM[path] ?? 0,
      rows: ROWS[path] ?? 1,
      args: args.map(({ name, defaultValue, type }) => ({ name, defaultValue, costOf: inputCostOf(type) })),
      isList: isListType(getNullableType(type)),
      below: planOf(getNamedType(type)),
    };
  }

  return planOf;
}

function createInputCosts(): (type: GraphQLInputType) => InputCost {
  const objects = new Map<string, InputCost>();

  function costOf(type: GraphQLInputType): InputCost {
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      const itemCost = costOf(nullable.ofType);
      return (value) => (Array.isArray(value) ? sum(value, itemCost) : itemCost(value));
    }
    if (isInputObjectType(nullable)) return objects.get(nullable.name) ?? objectCost(nullable);
    if (nullable.name === "Image") return (value) => (value === null || value === undefined ? 0 : IMAGE);
    if (nullable.name === "String") return (value) => (typeof value === "string" ? textCost(value) : 0);
    return () => 0;
  }

  function objectCost(type: GraphQLInputObjectType): InputCost {
    const fields: [name: string, cost: InputCost][] = [];
    const cost: InputCost = (value) => {
      if (value === null || typeof value !== "object") return 0;
      return sum(fields, ([name, fieldCost]) => fieldCost((value as Record<string, unknown>)[name]));
    };
    // Before its fields are looked at: they may lead back to it.
    objects.set(type.name, cost);
    for (const { name, type: inner } of Object.values(type.getFields())) fields.push([name, costOf(inner)]);
    return cost;
  }

  return costOf;
}

function sum<T>(items: readonly T[], costOf: (item: T) => number): number {
  return items.reduce((total, item) => total + costOf(item), 0);
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
  plans: ReadonlyMap<string, TypePlan>;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  /** Costs of fragments: those that spread others twice would else be walked as often as two to their number. */
  known: Map<string, number>;
}

/** @param page items of the page that the selection is on */
function selectionCost(
  { selections }: SelectionSetNode,
  parent: TypePlan,
  page: number,
  scope: Scope,
): number {
  let cost = 0;
  for (const selection of selections) {
    if (isLeftOut(selection, scope.variables)) continue;
    if (selection.kind === Kind.FIELD) {
      const field = parent.get(selection.name.value);
      if (field) cost += fieldCost(selection, field, page, scope);
    } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
      cost += spreadCost(selection.name.value, parent, page, scope);
    } else cost += fragmentCost(selection, parent, page, scope);
  }
  return cost;
}

function spreadCost(name: string, parent: TypePlan, page: number, scope: Scope): number {
  const key = `${page} ${name}`;
  const fragment = scope.fragments.get(name);
  const cost = scope.known.get(key) ?? (fragment ? fragmentCost(fragment, parent, page, scope) : 0);
  scope.known.set(key, cost);
  return cost;
}

function fragmentCost(
  { typeCondition, selectionSet }: InlineFragmentNode | FragmentDefinitionNode,
  parent: TypePlan,
  page: number,
  scope: Scope,
): number {
  const type = typeCondition && scope.plans.get(typeCondition.name.value);
  return selectionCost(selectionSet, type ?? parent, page, scope);
}

function fieldCost(node: FieldNode, plan: FieldPlan, page: number, scope: Scope): number {
  let cost = plan.own + page * plan.perItem;
  let { rows } = plan;
  let pageBelow = page;
  for (const { name, defaultValue, costOf } of plan.args) {
    const value = argumentOf(node, name, scope) ?? defaultValue;
    if (name === "first" && typeof value === "number") {
      pageBelow = Math.max(0, value);
      cost += SEARCH + pageBelow / HITS_PER_UNIT;
    } else cost += costOf(value);
    if (Array.isArray(value)) rows = Math.max(rows, value.length);
  }
  if (!node.selectionSet) return cost;
  return cost + (plan.isList ? rows : 1) * selectionCost(node.selectionSet, plan.below, pageBelow, scope);
}

function argumentOf(node: FieldNode, name: string, { variables }: Scope): unknown {
  const given = node.arguments?.find((argument) => argument.name.value === name);
  return given && valueFromASTUntyped(given.value, variables);
}
