import { GraphQLScalarType, Kind } from "graphql";
import { GroundwireError } from "../../errors.js";

/**
 * Only the kind of value is checked here: what the text decodes to is checked where the picture is used, so that one
 * bad picture of a list is an error in its own place.
 */
export const ImageScalar = new GraphQLScalarType<string, string>({
  name: "Image",
  description: "A JPEG, PNG or WebP as base64 or as a data URI; only ever an input.",
  serialize: () => {
    throw new GroundwireError("INTERNAL", "pictures are not sent back");
  },
  parseValue: checkString,
  parseLiteral: (node) => checkString(node.kind === Kind.STRING ? node.value : undefined),
});

function checkString(value: unknown): string {
  if (typeof value === "string") return value;
  const found = value === null ? "null" : typeof value;
  throw new GroundwireError("BAD_USER_INPUT", `Image must be base64 text or a data URI, is ${found}`);
}
