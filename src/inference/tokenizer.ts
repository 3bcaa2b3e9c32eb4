import { Tokenizer as Untyped } from "@huggingface/tokenizers";
import { GroundwireError } from "../errors.js";

// The package's declarations import without extensions, which NodeNext does not resolve.
const Tokenizer = Untyped as unknown as new (
  definition: object,
  config: object,
) => {
  encode(text: string): { ids: number[] };
};

/** Longest text in UTF-16 code units; longer ones are refused, never cut. */
export const MAX_TEXT_LENGTH = 16_384;

export interface TokenizedText {
  /** [CLS] ... [SEP], at most maxTokens of them. */
  ids: number[];
  /** Tokens of the whole text, [CLS] and [SEP] included, before any cut. */
  tokenCount: number;
  truncated: boolean;
}

export type TextTokenizer = (text: string) => TokenizedText;

/**
 * The bundle's tokenizer, equal to Hugging Face's Rust library id for id.
 * @param definition parsed tokenizer.json
 * @param maxTokens longest input, special tokens included
 */
export function createTokenizer(definition: object, maxTokens: number): TextTokenizer {
  const tokenizer = new Tokenizer(definition, {});
  return (text) => {
    const ids = tokenizer.encode(alignWithRust(text)).ids;
    if (ids.length <= maxTokens) return { ids, tokenCount: ids.length, truncated: false };
    const kept = [...ids.slice(0, maxTokens - 1), ids[ids.length - 1] as number];
    return { ids: kept, tokenCount: ids.length, truncated: true };
  };
}

/**
 * Refuses what has no meaning to encode.
 * @throws GroundwireError BAD_USER_INPUT or TEXT_TOO_LONG, naming the field, the rule and the value.
 */
export function checkText(text: unknown, field: string): asserts text is string {
  if (typeof text !== "string")
    throw bad(`${field} must be a string, is ${text === null ? "null" : typeof text}`);
  if (text.length > MAX_TEXT_LENGTH) {
    const message = `${field} must have at most ${MAX_TEXT_LENGTH} characters, has ${text.length}`;
    throw new GroundwireError("TEXT_TOO_LONG", message);
  }
  if (text.trim() === "") throw bad(`${field} must not be empty, is ${JSON.stringify(text)}`);
  const surrogate = loneSurrogate(text);
  if (surrogate >= 0)
    throw bad(`${field} must be well-formed Unicode, has a lone surrogate at index ${surrogate}`);
}

/** @throws GroundwireError BAD_USER_INPUT where nothing but special tokens is left, e.g. of control characters. */
export function checkTokens(tokens: TokenizedText, text: string, field: string): void {
  if (tokens.tokenCount <= 2)
    throw bad(`${field} must hold at least one visible character, is ${JSON.stringify(text)}`);
}

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}

function loneSurrogate(text: string): number {
  return text.search(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/);
}

/** A letter that no vocabulary of ours holds: a word with it is unknown as a whole. */
const UNKNOWN_LETTER = "\uA66E";

/**
 * The JavaScript library walks UTF-16 units, so it never sees ideographs beyond U+FFFF, which the Rust one sets apart
 * with spaces; and it splits at U+061D, which the Rust one's older Unicode tables do not know as punctuation.
 */
function alignWithRust(text: string): string {
  return text
    .replace(
      /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu,
      " $& ",
    )
    .replaceAll("\u061D", UNKNOWN_LETTER);
}
