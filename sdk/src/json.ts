import { BadUserInputError } from "./errors.js";

/**
 * What goes to the server, as text; what JSON leaves out, e.g. undefined in a list, is null.
 * @throws BadUserInputError for what JSON cannot say, e.g. a bigint or a circle.
 */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (cause) {
    throw new BadUserInputError(`what is asked cannot be written as JSON: ${String(cause)}`, { cause });
  }
}
