import {
  isIntrospectionType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from "graphql";
import type { Context } from "./context.js";

type Args = Record<string, unknown>;

/**
 * Makes null mean the default wherever an argument has one: by GraphQL's rules a client may send it, and it then stands
 * in the default's place, which no resolver expects. cost.ts counts it as the default, too.
 * @param schema is changed
 */
export function readNullAsDefault(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    // Those of introspection are shared by all schemas of the process.
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const defaults = field.args.filter(({ defaultValue }) => defaultValue !== undefined);
      if (field.resolve && defaults.length > 0) field.resolve = withDefaults(field.resolve, defaults);
    }
  }
  return schema;
}

function withDefaults(
  resolve: GraphQLFieldResolver<unknown, Context, Args>,
  defaults: readonly GraphQLArgument[],
): GraphQLFieldResolver<unknown, Context, Args> {
  return function resolveWithDefaults(root, args, context, info) {
    const nulls = defaults.filter(({ name }) => args[name] === null);
    if (nulls.length === 0) return resolve(root, args, context, info);
    const filled = nulls.map(({ name, defaultValue }) => [name, defaultValue] as const);
    return resolve(root, { ...args, ...Object.fromEntries(filled) }, context, info);
  };
}
