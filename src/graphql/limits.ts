import { costLimitRule } from "@escape.tech/graphql-armor-cost-limit";
import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import { maxDirectivesRule } from "@escape.tech/graphql-armor-max-directives";
import {
  GraphQLError,
  Kind,
  visit,
  type ArgumentNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type ParseOptions,
  type ValidationContext,
  type ValidationRule,
} from "graphql";
import type { TrustedDocuments } from "./trusted.js";

/** graphql-armor's published defaults. */
const DOCUMENT_LIMITS = { depth: 6, aliases: 15, directives: 50, tokens: 1000, staticCost: 5000 };
/** The SDK puts several calls in one request; what it asks is known, so only the number is to be bounded. */
const MERGED_FACTOR = 5;

/** No document is read beyond this, trusted or not. */
export const PARSE_OPTIONS: ParseOptions = { maxTokens: DOCUMENT_LIMITS.tokens * MERGED_FACTOR };

/**
 * Refuses documents that are deeper, longer or wider than any honest one, before anything is executed.
 * @param trusted calls of these, merged as the SDK does it, may have five times as many tokens
 */
export function createLimitRules(trusted: TrustedDocuments): ValidationRule[] {
  const { depth, aliases, directives, staticCost } = DOCUMENT_LIMITS;
  const factor = (context: ValidationContext): number => {
    const document = context.getDocument();
    return isMerged(document) && trusted.covers(document) ? MERGED_FACTOR : 1;
  };
  return [
    maxDepthRule({ n: depth, ...reporting }),
    maxDirectivesRule({ n: directives, ...reporting }),
    limitStructure(staticCost),
    maxAliasesRule({ n: aliases, ...reporting }),
    (context) => limitTokens(context, factor(context)),
  ];
}

/** One operation whose fields are called c0, c1, c2 and so on; the last may be the question for the limits. */
function isMerged({ definitions }: DocumentNode): boolean {
  const [operation] = definitions;
  if (definitions.length !== 1 || operation?.kind !== Kind.OPERATION_DEFINITION) return false;
  const { selections } = operation.selectionSet;
  return selections.every((field, i) => {
    if (field.kind !== Kind.FIELD) return false;
    return field.alias ? field.alias.value === `c${i}` : i > 0 && i === selections.length - 1;
  });
}

/** The rules throw by default, which would end as an internal error; reported, they stand beside other mistakes. */
const reporting = {
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null, error: GraphQLError) =>
      context?.reportError(new GraphQLError(error.message.replace(/^Syntax Error: /, ""))),
  ],
};

/** Fields times their depth. What `first` costs is counted by cost.ts, which also sees it in variables. */
function limitStructure(maxCost: number): ValidationRule {
  return (context) => {
    const fragments = new Map<string, FragmentDefinitionNode>();
    for (const definition of context.getDocument().definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION)
        fragments.set(definition.name.value, withoutPages(definition));
    const getFragment = (name: string) => fragments.get(name);
    const pageless = Object.create(context, { getFragment: { value: getFragment } }) as ValidationContext;
    const rule = costLimitRule({ maxCost, ...reporting })(pageless);
    return {
      OperationDefinition: (operation) => rule.onOperationDefinitionEnter(withoutPages(operation)),
    };
  };
}

function withoutPages<Node extends OperationDefinitionNode | FragmentDefinitionNode>(definition: Node): Node {
  const isPage = ({ name }: ArgumentNode): boolean => name.value === "first" || name.value === "last";
  return visit(definition, { Argument: (node) => (isPage(node) ? null : undefined) });
}

function limitTokens(context: ValidationContext, factor: number): ReturnType<ValidationRule> {
  const { tokenCount = 0 } = context.getDocument() as { tokenCount?: number };
  const most = DOCUMENT_LIMITS.tokens * factor;
  if (tokenCount > most)
    context.reportError(new GraphQLError(`Token limit of ${most} exceeded, found ${tokenCount}.`));
  return {};
}
