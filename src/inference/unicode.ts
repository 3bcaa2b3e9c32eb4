/**
 * Where the JavaScript tokenizer and Hugging Face's Rust library see different characters. Found by encoding every
 * code point between two letters with both: the Rust library's tables are of an older Unicode, in which the
 * characters of `LATER` had no class yet, and the JavaScript one walks UTF-16 units.
 */

// Each code point stands for itself; none combines with its neighbor in the class.
/* eslint-disable no-misleading-character-class */

/** Punctuation, marks and format characters of later Unicode versions; to the Rust library they are letters. */
const LATER =
  /[\u{61D}\u{7FD}\u{890}-\u{891}\u{897}-\u{89F}\u{8CA}-\u{8E2}\u{9FD}-\u{9FE}\u{A76}\u{AFA}-\u{AFF}\u{B55}\u{C04}\u{C3C}\u{C77}\u{C84}\u{D00}\u{D3B}-\u{D3C}\u{D81}\u{EBA}\u{ECE}\u{180F}\u{1885}-\u{1886}\u{1ABF}-\u{1ADD}\u{1AE0}-\u{1AEB}\u{1B4E}-\u{1B4F}\u{1B7D}-\u{1B7F}\u{1DF6}-\u{1DFB}\u{2E43}-\u{2E4F}\u{2E52}-\u{2E5D}\u{A82C}\u{A8C5}\u{A8FF}\u{A9BD}\u{10D24}-\u{10D27}\u{10D69}-\u{10D6E}\u{10EAB}-\u{10EAD}\u{10ED0}\u{10EFA}-\u{10EFF}\u{10F46}-\u{10F50}\u{10F55}-\u{10F59}\u{10F82}-\u{10F89}\u{11070}\u{11073}-\u{11074}\u{110C2}\u{110CD}\u{111CF}\u{1123E}\u{11241}\u{1133B}\u{113BB}-\u{113C0}\u{113CE}\u{113D0}\u{113D2}\u{113D4}-\u{113D5}\u{113D7}-\u{113D8}\u{113E1}-\u{113E2}\u{11438}-\u{1143F}\u{11442}-\u{11444}\u{11446}\u{1144B}-\u{1144F}\u{1145A}-\u{1145B}\u{1145D}-\u{1145E}\u{11660}-\u{1166C}\u{116B9}\u{1182F}-\u{11837}\u{11839}-\u{1183B}\u{1193B}-\u{1193C}\u{1193E}\u{11943}-\u{11946}\u{119D4}-\u{119D7}\u{119DA}-\u{119DB}\u{119E0}\u{119E2}\u{11A01}-\u{11A0A}\u{11A33}-\u{11A38}\u{11A3B}-\u{11A47}\u{11A51}-\u{11A56}\u{11A59}-\u{11A5B}\u{11A8A}-\u{11A96}\u{11A98}-\u{11A9C}\u{11A9E}-\u{11AA2}\u{11B00}-\u{11B09}\u{11B60}\u{11B62}-\u{11B64}\u{11B66}\u{11BE1}\u{11C30}-\u{11C36}\u{11C38}-\u{11C3D}\u{11C3F}\u{11C41}-\u{11C45}\u{11C70}-\u{11C71}\u{11C92}-\u{11CA7}\u{11CAA}-\u{11CB0}\u{11CB2}-\u{11CB3}\u{11CB5}-\u{11CB6}\u{11D31}-\u{11D36}\u{11D3A}\u{11D3C}-\u{11D3D}\u{11D3F}-\u{11D45}\u{11D47}\u{11D90}-\u{11D91}\u{11D95}\u{11D97}\u{11EF3}-\u{11EF4}\u{11EF7}-\u{11EF8}\u{11F00}-\u{11F01}\u{11F36}-\u{11F3A}\u{11F40}\u{11F42}-\u{11F4F}\u{11F5A}\u{11FFF}\u{12FF1}-\u{12FF2}\u{13430}-\u{13440}\u{13447}-\u{13455}\u{1611E}-\u{16129}\u{1612D}-\u{1612F}\u{16D6D}-\u{16D6F}\u{16E97}-\u{16E9A}\u{16F4F}\u{16FE2}\u{16FE4}\u{1CF00}-\u{1CF2D}\u{1CF30}-\u{1CF46}\u{1E000}-\u{1E006}\u{1E008}-\u{1E018}\u{1E01B}-\u{1E021}\u{1E023}-\u{1E024}\u{1E026}-\u{1E02A}\u{1E08F}\u{1E130}-\u{1E136}\u{1E2AE}\u{1E2EC}-\u{1E2EF}\u{1E4EC}-\u{1E4EF}\u{1E5EE}-\u{1E5EF}\u{1E5FF}\u{1E6E3}\u{1E6E6}\u{1E6EE}-\u{1E6EF}\u{1E6F5}\u{1E944}-\u{1E94A}\u{1E95E}-\u{1E95F}]/gu;
/** Of the same class to both libraries, and in no vocabulary of BERT. */
const LETTER = "\u0620";

/** Punctuation once and no more; marks once and spacing now. */
const ONCE_PUNCTUATION = /[\u{166D}\u{111C9}]/gu;
const PUNCTUATION = "\u2056";
const ONCE_MARKS = /[\u{1734}\u{1171E}]/gu;

/** Ideographs beyond U+FFFF, which the Rust library sets apart with spaces. */
const HIGH_IDEOGRAPHS =
  /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/** A text in which the JavaScript tokenizer sees what the Rust one sees in the original. */
export function alignWithRust(text: string): string {
  if (ASCII.test(text)) return text;
  return text
    .replace(LATER, LETTER)
    .replace(ONCE_PUNCTUATION, PUNCTUATION)
    .replace(ONCE_MARKS, "")
    .replace(HIGH_IDEOGRAPHS, " $& ");
}

const ASCII = /^[\0-\x7f]*$/;
