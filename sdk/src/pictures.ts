import { runWithin, untilAborted } from "./abort.js";
import { GroundwireError, ImageUnreadableError } from "./errors.js";
import type { Fetch } from "./options.js";
import { encodeBase64 } from "./vector.js";

/**
 * A JPEG, PNG or WebP: its bytes (Buffer, Uint8Array, ArrayBuffer), a Blob or File, a URL (http, https, data, and
 * file where there is a file system), a path (Node), or a string that is base64 or a data URI. A plain string is never
 * taken for a path, so that a text from elsewhere cannot name a file. One that as base64 is larger than the server's
 * `limits.maxBodyBytes` fits no request, and is refused with a BadUserInputError of status 413.
 */
export type PictureSource = Uint8Array | ArrayBuffer | Blob | URL | { path: string } | string;

export interface DownloadOptions {
  fetch: Fetch;
  /** Milliseconds for fetching a picture. */
  timeoutMs: number;
}

/**
 * Base64 of a picture, or the string that already holds it; what is in it the server checks.
 * @throws ImageUnreadableError where the source cannot be read, TimeoutError where a URL takes too long.
 */
export async function toBase64Picture(
  source: PictureSource,
  options: DownloadOptions,
  signal?: AbortSignal,
): Promise<string> {
  if (typeof source === "string") return source;
  try {
    // Not every source heeds a signal by itself.
    return encodeBase64(await untilAborted(readBytes(source, options, signal), signal));
  } catch (cause) {
    if (cause instanceof GroundwireError) throw cause;
    throw new ImageUnreadableError(`${nameOf(source)} cannot be read: ${String(cause)}`, { cause });
  }
}

async function readBytes(
  source: Exclude<PictureSource, string>,
  options: DownloadOptions,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (ArrayBuffer.isView(source)) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (source instanceof URL)
    return source.protocol === "file:" ? readFile(source) : download(source, options, signal);
  if (typeof source?.path === "string") return readFile(source.path);
  throw new ImageUnreadableError(
    `a picture must be bytes, a Blob, a URL, { path } or a base64 string, is ${JSON.stringify(source)}`,
  );
}

async function download(
  url: URL,
  { fetch, timeoutMs }: DownloadOptions,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return runWithin({ name: url.href, timeoutMs, signal }, async (signal) => {
    const response = await fetch(url, { signal });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    // Its connection would stay in use until the body has come or is given up.
    response.body?.cancel().catch(() => undefined);
    throw new ImageUnreadableError(`${url.href} cannot be read: HTTP ${response.status}`);
  });
}

/** The module is asked for at run time: an import of it would keep this package out of browsers. */
async function readFile(file: string | URL): Promise<Uint8Array> {
  const fs = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  if (!fs) throw new ImageUnreadableError(`${String(file)} cannot be read: there is no file system here`);
  return fs.readFile(file);
}

function nameOf(source: Exclude<PictureSource, string>): string {
  if (source instanceof URL) return source.href;
  if (source instanceof Blob) return "name" in source ? String(source.name) : "the blob";
  return "path" in source ? source.path : "the picture";
}
