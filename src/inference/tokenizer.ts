import { createHash } from "node:crypto";
import { Tokenizer as Untyped } from "@huggingface/tokenizers";
import { GroundwireError } from "../errors.js";
import { alignWithRust } from "./unicode.js";

// The package's declarations import without extensions, which NodeNext does not resolve.
const Tokenizer = Untyped as unknown as new (
  definition: object,
  config: object,
) => {
  encode(text: string): { ids: number[] };
};

/** Longest text in UTF-16 code units; longer ones are refused, never cut. */
export const MAX_TEXT_LENGTH = 16_384;

/** Printable ASCII without the brackets of special tokens: there BERT ignores case and the number of spaces. */
const PLAIN = /^[ -Z\\^-~]*$/;
/** Longer keys become a hash, so that what is kept for a text does not grow with it. */
const MAX_KEY_LENGTH = 256;

interface TokenizerDefinition {
  normalizer?: { type?: string; lowercase?: boolean } | null;
}

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
  const encode = createEncode(definition);
  return (text) => {
    const ids = encode(text);
    if (ids.length <= maxTokens) return { ids, tokenCount: ids.length, truncated: false };
    const kept = [...ids.slice(0, maxTokens - 1), ids[ids.length - 1] as number];
    return { ids: kept, tokenCount: ids.length, truncated: true };
  };
}

/** Words whose ids are kept: BERT splits at spaces first, so that a text's ids are those of its words in a row. */
const WORDS_KEPT = 50_000;
const LONGEST_WORD_KEPT = 32;

function createEncode(definition: object): (text: string) => number[] {
  const tokenizer = new Tokenizer(definition, {});
  const { type, lowercase } = (definition as TokenizerDefinition).normalizer ?? {};
  const isBert = type === "BertNormalizer";
  const words = new Map<string, number[]>();
  const [start, end] = tokenizer.encode("").ids as [number, number];

  function encodeWord(word: string): number[] {
    const kept = words.get(word);
    if (kept) return kept;
    const ids = tokenizer.encode(word).ids.slice(1, -1);
    if (word.length > LONGEST_WORD_KEPT) return ids;
    // To keep the order of use would cost every word more than to learn the common ones anew now and then.
    if (words.size >= WORDS_KEPT) words.clear();
    words.set(word, ids);
    return ids;
  }

  return (text) => {
    if (isBert && PLAIN.test(text)) {
      const ids = [start];
      for (const word of text.split(" ")) if (word !== "") ids.push(...encodeWord(word));
      ids.push(end);
      return ids;
    }
    const aligned = alignWithRust(text);
    // JavaScript lowercases a word's last sigma to another letter than the others; Rust, letter by letter, does not.
    return tokenizer.encode(lowercase ? aligned.replaceAll("Σ", "σ") : aligned).ids;
  };
}

/**
 * Short names of texts: texts of equal keys have equal ids, so that they can share a computation.
 * @param definition parsed tokenizer.json
 */
export function createKeys(definition: object): (text: string) => string {
  const { type, lowercase } = (definition as TokenizerDefinition).normalizer ?? {};
  const isBert = type === "BertNormalizer";
  return (text) => {
    const plain = isBert && PLAIN.test(text) ? text.trim().replace(/ +/g, " ") : undefined;
    const key = plain === undefined ? text : lowercase ? plain.toLowerCase() : plain;
    if (key.length <= MAX_KEY_LENGTH) return key;
    // A lone surrogate in front, because no text that is served has one.
    return `\uD800${createHash("sha256").update(key).digest("base64")}`;
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

/** @throws GroundwireError TEXT_TOO_LONG where only the beginning was encoded. */
export function checkWhole(
  { truncated, tokenCount }: Pick<TokenizedText, "truncated" | "tokenCount">,
  field: string,
  maxTokens: number,
): void {
  if (!truncated) return;
  const message = `${field} must have at most ${maxTokens} tokens, has ${tokenCount}`;
  throw new GroundwireError("TEXT_TOO_LONG", message);
}

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}

function loneSurrogate(text: string): number {
  return text.search(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/);
}
