import {
  getNamedType,
  GraphQLError,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLSchema,
} from "graphql";
import { getComplexity, type ComplexityEstimator } from "graphql-query-complexity";

/**
 * What a request costs, in units of one short text through the model. Arguments decide, whatever the field: texts and
 * images are what the model reads, `first` is what a search returns, and a list of texts multiplies what is asked below.
 */
export type CostEstimator = (operation: {
  document: DocumentNode;
  operationName: string | undefined;
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

export function createCostEstimator(schema: GraphQLSchema): CostEstimator {
  return ({ document, operationName, variables }) => {
    try {
      return getComplexity({ schema, query: document, operationName, variables, estimators: [estimate] });
    } catch (error) {
      // Variables that do not fit cost nothing: the executor refuses them, and says better why.
      if (error instanceof GraphQLError) return 0;
      throw error;
    }
  };
}

/** Cost of one text for the model. */
export function textCost(text: string): number {
  return 1 + text.length / CHARACTERS_PER_UNIT;
}

const estimate: ComplexityEstimator = ({ field, args, childComplexity }) => {
  let cost = FIELD;
  let rows = 1;
  for (const { name, type } of field.args) {
    const value: unknown = args[name];
    if (name === "first" && typeof value === "number") cost += SEARCH + Math.max(0, value) / HITS_PER_UNIT;
    else cost += inputCost(value, type);
    if (Array.isArray(value)) rows = Math.max(rows, value.length);
  }
  return cost + (isListType(getNullableType(field.type)) ? rows : 1) * childComplexity;
};

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
