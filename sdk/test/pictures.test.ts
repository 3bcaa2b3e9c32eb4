import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { isAbortedError, isImageUnreadableError, isTimeoutError } from "../src/index.js";
import { toBase64Picture, type PictureSource } from "../src/pictures.js";
import { startRawServer } from "./helpers/raw-server.js";

const download = { fetch, timeoutMs: 30_000 };
const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 256);
const base64 = Buffer.from(bytes).toString("base64");
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "groundwire-pictures-"));
  file = join(folder, "photo.jpg");
  await writeFile(file, bytes);
});
afterAll(() => rm(folder, { recursive: true }));

test.each<[string, () => PictureSource]>([
  ["a Uint8Array", () => bytes],
  ["a Buffer that is part of a larger one", () => Buffer.concat([Buffer.alloc(7), bytes]).subarray(7)],
  ["an ArrayBuffer", () => bytes.slice().buffer],
  ["a Blob", () => new Blob([bytes])],
  ["a File", () => new File([bytes], "photo.jpg")],
  ["a data URL", () => new URL(`data:image/jpeg;base64,${base64}`)],
  ["a file URL", () => pathToFileURL(file)],
  ["a path", () => ({ path: file })],
  ["base64", () => base64],
])("%s is read", async (_, source) => {
  expect(await toBase64Picture(source(), download)).toBe(base64);
});

test("an http URL is fetched", async () => {
  const { url, received } = await startRawServer((response) => void response.end(bytes));
  expect(await toBase64Picture(new URL(url), download)).toBe(base64);
  expect(received).toHaveLength(1);
});

test("a URL that has no picture is refused with its status", async () => {
  const { url } = await startRawServer((response) => void response.writeHead(404).end());
  const error = await toBase64Picture(new URL(url), download).catch((reason: unknown) => reason);
  expect(isImageUnreadableError(error) && error.message).toBe(`${url} cannot be read: HTTP 404`);
});

test("a path without a file is refused with its name", async () => {
  const missing = join(folder, "missing.png");
  const error = await toBase64Picture({ path: missing }, download).catch((reason: unknown) => reason);
  expect(isImageUnreadableError(error) && error.message).toContain(missing);
});

test("what is no picture at all is refused with what can be one", async () => {
  const call = toBase64Picture(42 as unknown as PictureSource, download);
  await expect(call).rejects.toThrow(/must be bytes, a Blob, a URL, \{ path \} or a base64 string, is 42/);
});

test("fetching a picture stops at the call's signal", async () => {
  const { url } = await startRawServer(() => undefined);
  const controller = new AbortController();
  const call = toBase64Picture(new URL(url), download, controller.signal);
  controller.abort();
  await expect(call).rejects.toSatisfy(isAbortedError);
});

test("reading what heeds no signal stops at the call's signal", async () => {
  const blob = new Blob([bytes]);
  vi.spyOn(blob, "arrayBuffer").mockReturnValue(new Promise(() => undefined));
  const call = toBase64Picture(blob, download, AbortSignal.timeout(50));
  await expect(call).rejects.toSatisfy(isTimeoutError);
});

test("a picture that does not come within timeoutMs is given up, also in its middle", async () => {
  const silent = await startRawServer(() => undefined);
  const stuck = await startRawServer((response) => void response.writeHead(200).write(bytes));
  for (const { url } of [silent, stuck]) {
    const error = await toBase64Picture(new URL(url), { fetch, timeoutMs: 100 }).catch(
      (reason: unknown) => reason,
    );
    expect(isTimeoutError(error) && error.message).toBe(`no answer from ${url} within 100 ms`);
  }
});

test("the body of a failed answer is given up with its connection", async () => {
  const closed = new Promise<void>((resolve) => {
    void startRawServer((response) => {
      response.on("close", resolve).writeHead(404).write("a page that never ends");
    }).then(({ url }) => expect(toBase64Picture(new URL(url), download)).rejects.toThrow(/HTTP 404/));
  });
  await closed;
});

test("without a file system a path is refused, not looked for", async () => {
  const builtin = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
  onTestFinished(() => builtin.mockRestore());
  await expect(toBase64Picture({ path: file }, download)).rejects.toThrow(/there is no file system here/);
});
