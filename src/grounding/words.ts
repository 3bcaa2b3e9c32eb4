import type { TokenizedText } from "../inference/tokenizer.js";

/** A word of a text and its tokens `first` to `end - 1`, counted with [CLS] as token 0. */
export interface WordSpan {
  text: string;
  first: number;
  end: number;
}

/** A run of letters, marks and digits, with inner apostrophes and hyphens; or any other single character. */
const SEGMENT = /[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*|./gsu;
const WORD = /[\p{L}\p{N}]/u;

/**
 * The words of a text, each with its tokens. Punctuation has tokens but is no word.
 * @param tokenCount tokens that the model saw, [CLS] and [SEP] included; words beyond them are left out.
 */
export function findWords(
  text: string,
  tokenize: (text: string) => TokenizedText,
  tokenCount: number,
): WordSpan[] {
  const spans: WordSpan[] = [];
  let at = 1;
  for (const piece of text.split(/\s+/).flatMap((part) => splitPiece(part, tokenize))) {
    const span = { text: piece.text, first: at, end: at + piece.length };
    at = span.end;
    if (piece.length > 0 && span.end < tokenCount) spans.push(span);
  }
  return spans.filter((span) => WORD.test(span.text) || !isPunctuation(span.text));
}

/** A part without spaces as its words and marks, unless the tokenizer keeps them together. */
function splitPiece(piece: string, tokenize: (text: string) => TokenizedText) {
  const idsOf = (text: string): number[] => tokenize(text).ids.slice(1, -1);
  const segments = (piece.match(SEGMENT) ?? []).map((text) => ({ text, ids: idsOf(text) }));
  const ids = idsOf(piece);
  const apart = segments.flatMap((segment) => segment.ids);
  const equal = apart.length === ids.length && apart.every((id, i) => id === ids[i]);
  const found = equal ? segments : [{ text: piece, ids }];
  return found.map(({ text, ids: { length } }) => ({ text, length }));
}

function isPunctuation(text: string): boolean {
  return /^[\p{P}\p{S}\p{M}]*$/u.test(text) && !/\p{Extended_Pictographic}/u.test(text);
}
