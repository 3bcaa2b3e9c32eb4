import { GroundwireError } from "../errors.js";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const DATA_URI = /^data:([^,]{0,200}),/i;

/**
 * The bytes of a picture that came as text: base64, with or without line breaks, or a data URI of it. What kind of
 * picture it is, the bytes tell.
 * @param field the picture's name in messages, e.g. `items[3].image`
 * @throws GroundwireError IMAGE_UNREADABLE naming the rule and the value.
 */
export function readBase64Picture(value: string, field: string): Uint8Array {
  const header = DATA_URI.exec(value);
  if (header && !header[1]?.toLowerCase().endsWith(";base64")) {
    throw unreadable(`${field} must be a base64 data URI, is ${quote(value)}`);
  }
  const base64 = value.slice(header?.[0].length ?? 0).replace(/\s+/g, "");
  if (base64 === "") throw unreadable(`${field} must not be empty`);
  if (!BASE64.test(base64))
    throw unreadable(`${field} must be base64 or a base64 data URI, is ${quote(value)}`);
  return Buffer.from(base64, "base64");
}

function unreadable(message: string): GroundwireError {
  return new GroundwireError("IMAGE_UNREADABLE", message);
}

function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
}
