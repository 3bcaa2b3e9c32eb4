import { parse, type OperationDefinitionNode } from "graphql";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import type { Bundle } from "../../src/bundle/bundle.js";
import { GroundwireError } from "../../src/errors.js";
import type { Context } from "../../src/graphql/context.js";
import { createCostEstimator } from "../../src/graphql/cost.js";
import { drawGrounding } from "../../src/graphql/grounding/grounding.service.js";
import type { Grounding } from "../../src/graphql/grounding/grounding.type.js";
import { createSchema } from "../../src/graphql/schema.js";
import type { WordMap } from "../../src/grounding/ground-text.js";
import { decodePicture } from "../../src/pictures/decode.js";
import { createVisualEncoder, type Step, type VisualEncoder } from "../../src/pictures/visual-encoder.js";
import { noise } from "../helpers/pictures.mjs";

const late = new GroundwireError("TIMEOUT", "the client has gone");

/** Without a graph there is no worker; what is drawn needs none. */
function createDrawer(maxPictures = 100): Promise<VisualEncoder> {
  const bundle = { manifest: { files: {} } } as unknown as Bundle;
  return createVisualEncoder(bundle, { workers: 1, threadsPerWorker: 1, timeoutMs: 60_000, maxPictures });
}

function createGrounding(bytes: Buffer, words = 1): Grounding {
  const box = { x: 0, y: 0, width: 1, height: 1 };
  const map: WordMap = { text: "dog", score: 1, values: new Float32Array(4), box };
  const maps = Array<WordMap>(words).fill(map);
  const image = bytes.toString("base64");
  return { score: 1, rows: 2, columns: 2, words: [], truncated: false, image, maps };
}

function contextOf(visual: Pick<VisualEncoder, "draw">, signal = new AbortController().signal): Context {
  return { services: { visual }, signal } as unknown as Context;
}

/** Bytes between two segments, which decoders pass over with a warning. */
async function strayJpeg(): Promise<Buffer> {
  const jpeg = await noise().jpeg().toBuffer();
  const afterFirst = 4 + jpeg.readUInt16BE(4);
  return Buffer.concat([jpeg.subarray(0, afterFirst), Buffer.from("stray"), jpeg.subarray(afterFirst)]);
}

test("each overlay costs what an image does", async () => {
  const estimate = createCostEstimator(await createSchema());
  const costOf = (fields: string): number => {
    const document = parse(`{ ground(image: "AAAA", text: "dog") { score ${fields} } }`);
    const operation = document.definitions[0] as OperationDefinitionNode;
    return estimate({ document, operation, variables: {} });
  };
  const perImage = 20;
  expect(costOf("a: overlay") - costOf("")).toBeCloseTo(perImage, 6);
  expect(costOf("a: overlay b: overlay(word: 0) c: overlay") - costOf("")).toBeCloseTo(3 * perImage, 6);
});

test("a picture with stray bytes, which is encoded, has an overlay too", async () => {
  const jpeg = await strayJpeg();
  await expect(sharp(jpeg).raw().toBuffer()).rejects.toThrow();
  expect((await decodePicture(jpeg, "image")).length).toBe(224 * 224 * 3);
  const png = await drawGrounding(createGrounding(jpeg), null, contextOf(await createDrawer()));
  expect((await sharp(Buffer.from(png, "base64")).metadata()).format).toBe("png");
});

test("the overlays of one grounding decode its picture once, and go step by step", async () => {
  let steps = 0;
  let running = 0;
  let most = 0;
  const step: Step = async (run) => {
    steps += 1;
    running += 1;
    most = Math.max(most, running);
    return run().finally(() => (running -= 1));
  };
  const context = contextOf({ draw: (work) => work(step) });
  const grounding = createGrounding(await noise().png().toBuffer(), 5);
  const all = await drawGrounding(grounding, null, context);
  expect([steps, most]).toEqual([7, 1]);
  await Promise.all([0, 1].map((word) => drawGrounding(grounding, word, context)));
  expect(steps).toBe(7 + 2 * 2);
  expect((await sharp(Buffer.from(all, "base64")).metadata()).width).toBe(4 * 320 + 3 * 6);
});

describe("what is drawn", () => {
  /** Holds up all that wait for it until it is opened. */
  function createGate() {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open: () => open(), opened };
  }

  test("shares the decoders, and leaves its place once its caller has gone", async () => {
    const visual = await createDrawer();
    const gate = createGate();
    let begun = 0;
    const wait = (): Promise<void> => {
      begun += 1;
      return gate.opened;
    };
    const holding = Array.from({ length: 8 }, () => visual.draw((step) => step(wait)));
    const controller = new AbortController();
    const gone = visual.draw((step) => step(wait), { signal: controller.signal });
    await new Promise(setImmediate);
    expect(begun).toBeGreaterThanOrEqual(1);
    expect(begun).toBeLessThanOrEqual(4);
    controller.abort(late);
    await expect(gone).rejects.toBe(late);
    gate.open();
    await Promise.all(holding);
    await new Promise(setImmediate);
    expect(begun).toBe(8);
    expect(visual.stats().queued).toBe(0);
  });

  test("stops before the next step once its caller has gone", async () => {
    const visual = await createDrawer();
    const controller = new AbortController();
    const grounding = createGrounding(await noise().png().toBuffer(), 200);
    const steps: number[] = [];
    const counting: Pick<VisualEncoder, "draw"> = {
      draw: (work, call) =>
        visual.draw((step) => {
          const counted: Step = (run) =>
            step(() => {
              // While the first panel is drawn, after the photo.
              if (steps.push(steps.length) === 2) controller.abort(late);
              return run();
            });
          return work(counted);
        }, call),
    };
    await expect(drawGrounding(grounding, null, contextOf(counting, controller.signal))).rejects.toBe(late);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(steps).toHaveLength(2);
  });

  test("is refused where too many wait, and ends at its deadline", async () => {
    const visual = await createDrawer(1);
    const gate = createGate();
    const slow = visual.draw((step) => step(() => gate.opened), { timeoutMs: 20 });
    await expect(visual.draw(() => Promise.resolve())).rejects.toMatchObject({ code: "OVERLOADED" });
    await expect(slow).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(visual.stats().queued).toBe(0);
    gate.open();
  });
});
