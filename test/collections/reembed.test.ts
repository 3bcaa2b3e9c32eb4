import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEmbeddedStore } from "../../src/collections/embedded-store.js";
import { reembed, type Reembedded, type ReembedOptions } from "../../src/collections/reembed.js";
import type {
  CollectionInfo,
  CollectionKind,
  NewItem,
  StoredItem,
  VectorStore,
} from "../../src/collections/vector-store.js";
import { GroundwireError, type ErrorCode } from "../../src/errors.js";
import type { Encoded, Encoder } from "../../src/inference/encoder.js";
import type { VisualEncoder } from "../../src/pictures/visual-encoder.js";
import { normalize } from "../../src/vectors.js";

const OLD = { model: "old", fingerprint: "a".repeat(64), dimension: 4 };
const NEW = { model: "new", fingerprint: "b".repeat(64), dimension: 4 };

let folder: string;
let store: VectorStore;
/** As another process has it. */
let other: VectorStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "groundwire-reembed-"));
  store = createEmbeddedStore(folder);
  other = createEmbeddedStore(folder);
});

afterEach(async () => {
  await Promise.all([store.close(), other.close()]);
  await rm(folder, { recursive: true });
});

function item(id: string, text: string | null = `text of ${id}`): NewItem {
  return { id, text, picture: text === null ? Buffer.from(id) : null, vector: vectorOf("old"), metadata: [] };
}

async function make(ids: string[], kind: CollectionKind = "TEXTS"): Promise<CollectionInfo> {
  const made = await store.create("phrases", kind, OLD);
  if (!made) throw new Error("not made");
  await store.upsert(
    made,
    ids.map((id) => (kind === "TEXTS" ? item(id) : item(id, null))),
  );
  return made;
}

function vectorOf(text: string): Float32Array {
  return normalize(Float32Array.of(text.length, text.codePointAt(0) ?? 0, 1, 0));
}

function encoded(text: string): Encoded {
  return { vector: vectorOf(text), norm: 1, tokenCount: 3, truncated: false };
}

type Answer = (text: string) => Encoded | GroundwireError | Promise<Encoded | GroundwireError>;

/** An encoder that remembers every call. */
function createFake(answer: Answer = encoded): Pick<Encoder, "encode"> & { calls: string[][] } {
  const calls: string[][] = [];
  const encode: Encoder["encode"] = async (texts) => {
    calls.push([...texts]);
    const results: (Encoded | GroundwireError)[] = [];
    for (const text of texts) results.push(await answer(text));
    return results;
  };
  return { encode, calls };
}

function failing(text: string, code: ErrorCode): Answer {
  return (one) => (one === text ? new GroundwireError(code, `${code} of a test`) : encoded(one));
}

function run(encoder: Pick<Encoder, "encode">, more: Partial<ReembedOptions> = {}): Promise<Reembedded> {
  const get = async (id: string): Promise<CollectionInfo> => (await store.find(id)) as CollectionInfo;
  const visual: Pick<VisualEncoder, "encode"> = { encode: () => Promise.reject(new Error("no picture")) };
  return reembed("phrases", {
    collections: { get, stamp: NEW },
    store,
    encoder,
    visual,
    maxQueue: 1024,
    ...more,
  });
}

async function read(): Promise<{ fingerprint: string; items: StoredItem[] }> {
  const found = (await other.find("phrases")) as CollectionInfo;
  return { fingerprint: found.fingerprint, items: await other.page(found, { limit: 1000 }) };
}

async function readTexts(): Promise<(string | null)[][]> {
  return (await read()).items.map(({ id, text }) => [id, text]);
}

/** Whether an item's vector is of its text, by the served model. */
async function expectVector(id: string, text: string): Promise<void> {
  const found = (await other.find("phrases")) as CollectionInfo;
  const hits = await other.search(found, { vector: vectorOf(text), limit: 1000 });
  expect(hits.find((hit) => hit.id === id)?.similarity).toBeCloseTo(1, 5);
}

describe("what the encoder refuses", () => {
  test.each(["OVERLOADED", "TIMEOUT", "INTERNAL"] as const)(
    "with %s, which may pass, ends the command, costs no item, and the next attempt goes on from there",
    async (code) => {
      await make(["a", "b", "c", "d"]);
      const attempt = run(createFake(failing("text of c", code)), { maxQueue: 2 });
      await expect(attempt).rejects.toMatchObject({
        code,
        message: `item "c" could not be encoded, and the collection is as it was: ${code} of a test`,
      });
      expect(await read()).toMatchObject({
        fingerprint: OLD.fingerprint,
        items: ["a", "b", "c", "d"].map((id) => ({ id, text: `text of ${id}` })),
      });
      const sound = createFake();
      expect(await run(sound, { maxQueue: 2 })).toEqual({ changed: true, items: 4, lost: [] });
      expect(sound.calls).toEqual([["text of c", "text of d"]]);
      expect((await read()).fingerprint).toBe(NEW.fingerprint);
      await expectVector("a", "text of a");
    },
  );

  test("for a fault of ours, tells its cause, which no log has here", async () => {
    await make(["a"]);
    const cause = new Error("the worker died twice");
    const attempt = run(createFake(() => new GroundwireError("INTERNAL", "internal error", { cause })));
    await expect(attempt).rejects.toThrow(/^item "a" could not be encoded.*: the worker died twice$/);
  });

  test.each(["BAD_USER_INPUT", "TEXT_TOO_LONG"] as const)(
    "for ever, with %s, is listed and lost, and its neighbors are not",
    async (code) => {
      await make(["a", "b", "c"]);
      const result = await run(createFake(failing("text of b", code)));
      expect(result).toMatchObject({ changed: true, items: 2, lost: [{ id: "b", error: { code } }] });
      expect((await read()).items.map(({ id }) => id)).toEqual(["a", "c"]);
    },
  );

  test("for ever is listed again by the attempt that goes on from an interrupted one", async () => {
    await make(["a", "b", "c"]);
    const both: Answer = (text) => {
      if (text === "text of c") return new GroundwireError("TIMEOUT", "late");
      return failing("text of a", "TEXT_TOO_LONG")(text);
    };
    await expect(run(createFake(both), { maxQueue: 2 })).rejects.toMatchObject({ code: "TIMEOUT" });
    const { lost } = await run(createFake(failing("text of a", "TEXT_TOO_LONG")), { maxQueue: 2 });
    expect(lost.map(({ id }) => id)).toEqual(["a"]);
  });

  test("does not come about by what is asked of it at once: no more than its queue holds", async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `id${i}`);
    await make(ids);
    const { encode, calls } = createFake();
    const bounded: Encoder["encode"] = async (texts) => {
      const results = await encode(texts);
      return results.map((result, i) => (i < 3 ? result : new GroundwireError("OVERLOADED", "full")));
    };
    expect(await run({ encode: bounded }, { maxQueue: 3 })).toEqual({ changed: true, items: 10, lost: [] });
    expect(calls.map(({ length }) => length)).toEqual([3, 3, 3, 1]);
  });
});

describe("a collection of pictures", () => {
  function see(code: ErrorCode): Pick<VisualEncoder, "encode"> {
    return {
      encode: (pictures) =>
        Promise.resolve(
          pictures.map((picture) =>
            Buffer.from(picture as Uint8Array).toString() === "b"
              ? new GroundwireError(code, `${code} of a test`)
              : { embedding: vectorOf("new"), pixels: new Uint8Array(), grid: new Float32Array() },
          ),
        ),
    };
  }

  test("loses a picture that cannot be read", async () => {
    await make(["a", "b", "c"], "IMAGES");
    const result = await run(createFake(), { visual: see("IMAGE_UNREADABLE") });
    expect(result).toMatchObject({ changed: true, items: 2, lost: [{ id: "b" }] });
    expect((await read()).items.map(({ id }) => id)).toEqual(["a", "c"]);
  });

  // BAD_USER_INPUT is what a picture is refused with by a bundle without visual.onnx.
  test.each(["BAD_USER_INPUT", "OVERLOADED"] as const)(
    "loses none to %s, which is no fault of a picture",
    async (code) => {
      await make(["a", "b", "c"], "IMAGES");
      await expect(run(createFake(), { visual: see(code) })).rejects.toMatchObject({ code });
      const { fingerprint, items } = await read();
      expect([fingerprint, items.length]).toEqual([OLD.fingerprint, 3]);
    },
  );
});

describe("what another process writes meanwhile", () => {
  test("is brought along: new and changed items, in front of what was done and behind, and deletions", async () => {
    const collection = await make(["b", "c", "d", "e"]);
    const tagged = { ...item("c"), metadata: [{ key: "color", value: "red" }] };
    let wrote = false;
    const encoder = createFake(async (text) => {
      if (text === "text of d" && !wrote) {
        wrote = true;
        await other.upsert(collection, [item("a"), item("b", "changed"), tagged, item("f")]);
        await other.remove(collection, ["d", "e"]);
      }
      return encoded(text);
    });
    expect(await run(encoder, { maxQueue: 2 })).toEqual({ changed: true, items: 4, lost: [] });
    expect(await readTexts()).toEqual([
      ["a", "text of a"],
      ["b", "changed"],
      ["c", "text of c"],
      ["f", "text of f"],
    ]);
    expect((await read()).items[2]?.metadata).toEqual(tagged.metadata);
    await expectVector("b", "changed");
    await expectVector("f", "text of f");
  });

  test("is brought along also where it is written while the sets are compared once more", async () => {
    const collection = await make(["m"]);
    const next = ["l", "k", "j"];
    const encoder = createFake(async (text) => {
      const id = next.shift();
      if (id) await other.upsert(collection, [item(id)]);
      return encoded(text);
    });
    expect(await run(encoder)).toMatchObject({ items: 4 });
    expect((await read()).items.map(({ id }) => id)).toEqual(["j", "k", "l", "m"]);
  });

  test("is brought along from the time between an interrupted attempt and the next", async () => {
    const collection = await make(["a", "b", "c"]);
    const interrupted = run(createFake(failing("text of c", "TIMEOUT")), { maxQueue: 2 });
    await expect(interrupted).rejects.toMatchObject({ code: "TIMEOUT" });
    await other.remove(collection, ["a"]);
    await other.upsert(collection, [item("0"), item("b", "changed")]);
    await run(createFake());
    expect(await readTexts()).toEqual([
      ["0", "text of 0"],
      ["b", "changed"],
      ["c", "text of c"],
    ]);
    await expectVector("b", "changed");
  });

  test("and cannot be encoded takes the place of what was there before: it is lost", async () => {
    const collection = await make(["a", "b"]);
    const interrupted = run(createFake(failing("text of b", "TIMEOUT")), { maxQueue: 1 });
    await expect(interrupted).rejects.toMatchObject({ code: "TIMEOUT" });
    await other.upsert(collection, [item("a", "too long")]);
    const { items, lost } = await run(createFake(failing("too long", "TEXT_TOO_LONG")));
    expect([items, lost.map(({ id }) => id)]).toEqual([1, ["a"]]);
    expect(await readTexts()).toEqual([["b", "text of b"]]);
  });
});

test("ids in the order of code points, which is not JavaScript's, are compared rightly", async () => {
  const ids = ["a", "\uFF5E", "\u{1F600}", "\u{1F601}"];
  await make(ids);
  const last = `text of ${ids[3]}`;
  await expect(run(createFake(failing(last, "TIMEOUT")), { maxQueue: 1 })).rejects.toThrow();
  const encoder = createFake();
  expect(await run(encoder)).toMatchObject({ items: 4 });
  expect(encoder.calls).toEqual([[last]]);
  expect((await read()).items.map(({ id }) => id)).toEqual(ids);
});
