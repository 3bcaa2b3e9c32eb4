import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBundle, type Bundle } from "../../src/bundle/bundle.js";
import type { GroundwireError } from "../../src/errors.js";
import { isGroundwireError } from "../../src/errors.js";
import {
  createVisualEncoder,
  type EncodedPicture,
  type VisualEncoder,
} from "../../src/pictures/visual-encoder.js";
import { cosine } from "../../src/vectors.js";
import { createPictureBundle, type PictureBundle } from "../helpers/picture-bundle.js";
import { halves, noise, plain } from "../helpers/pictures.mjs";

const options = { workers: 1, threadsPerWorker: 1, timeoutMs: 20_000 };
let files: PictureBundle;
let bundle: Bundle;
let encoder: VisualEncoder;

beforeAll(async () => {
  files = await createPictureBundle();
  bundle = await loadBundle(files.directory);
  encoder = await createVisualEncoder(bundle, options);
});

afterAll(async () => {
  await encoder.close();
  await files.remove();
});

function seen(result: EncodedPicture | GroundwireError | undefined): EncodedPicture {
  if (!result || isGroundwireError(result)) throw result ?? new Error("no result");
  return result;
}

describe("the visual encoder", () => {
  test("answers a vector of the bundle's width and, when asked, the grid that it is the mean of", async () => {
    const jpeg = await halves().jpeg().toBuffer();
    const { embedding, grid } = seen((await encoder.encode([jpeg], { withGrid: true }))[0]);
    const { dimension } = bundle.manifest;
    expect(embedding.length).toBe(dimension);
    expect(grid.length).toBe(49 * dimension);
    const mean = embedding.map((_, d) => {
      let sum = 0;
      for (let p = 0; p < 49; p++) sum += grid[p * dimension + d] as number;
      return sum / 49;
    });
    for (let d = 0; d < dimension; d++) expect(embedding[d]).toBeCloseTo(mean[d] as number, 4);
  });

  test("leaves the grid out unless it is asked for", async () => {
    const { grid } = seen((await encoder.encode([await plain("#336699").png().toBuffer()]))[0]);
    expect(grid.length).toBe(0);
  });

  test("gives the graph (pixel - 128) / 128 in planes of red, green and blue", async () => {
    const [red, green, gray] = await encoder.encode([
      await plain("#ff8080").png().toBuffer(),
      await plain("#80ff80").png().toBuffer(),
      await plain("#808080").png().toBuffer(),
    ]);
    // Gray is zero; red and green are rows of the fixture's random weights, so they are nearly orthogonal.
    expect(Math.max(...seen(gray).embedding.map(Math.abs))).toBeLessThan(1e-6);
    expect(Math.abs(cosine(seen(red).embedding, seen(green).embedding))).toBeLessThan(0.2);
  });

  test("sees a picture alone as it sees it in a batch", async () => {
    const pictures = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        noise(30 + i, 40)
          .png()
          .toBuffer(),
      ),
    );
    const together = await encoder.encode(pictures);
    for (const i of [0, 7, 19]) {
      const alone = seen((await encoder.encode([pictures[i] as Buffer]))[0]);
      expect(cosine(alone.embedding, seen(together[i]).embedding)).toBeGreaterThan(0.999999);
    }
  });

  test("sees with several workers what it sees with one", async () => {
    const pictures = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        noise(30 + i, 40)
          .png()
          .toBuffer(),
      ),
    );
    const several = await createVisualEncoder(bundle, { ...options, workers: 2 });
    several.grow();
    const together = await several.encode(pictures);
    const alone = await encoder.encode(pictures);
    for (const [i, picture] of together.entries())
      expect(cosine(seen(picture).embedding, seen(alone[i]).embedding)).toBeGreaterThan(0.999999);
    await several.close();
  });

  test("puts the error of a bad picture in its place and serves its neighbors", async () => {
    const good = await plain("#336699").png().toBuffer();
    const results = await encoder.encode([good, "no picture!", good.toString("base64")], {
      fields: ["items[0].image", "items[1].image", "items[2].image"],
    });
    expect(cosine(seen(results[0]).embedding, seen(results[2]).embedding)).toBeGreaterThan(0.999999);
    expect(results[1]).toMatchObject({ code: "IMAGE_UNREADABLE" });
    expect((results[1] as GroundwireError).message).toMatch(/^items\[1\]\.image must be base64/);
  });

  test("a caller that has gone gets TIMEOUT, and its pictures never reach the model", async () => {
    const picture = await noise(1500, 1500).png().toBuffer();
    const before = encoder.stats().pictures;
    const controller = new AbortController();
    const encoding = encoder.encode(Array<Buffer>(30).fill(picture), { signal: controller.signal });
    controller.abort();
    for (const result of await encoding) expect(result).toMatchObject({ code: "TIMEOUT" });
    await expect.poll(() => encoder.stats().queued).toBe(0);
    expect(encoder.stats().pictures - before).toBeLessThan(30);
  });

  test("more pictures than may wait are refused with OVERLOADED and a time to come back", async () => {
    const small = await createVisualEncoder(bundle, { ...options, maxPictures: 2 });
    const results = await small.encode(Array<Buffer>(4).fill(await plain("#336699").png().toBuffer()));
    expect(results.map((result) => isGroundwireError(result))).toEqual([false, false, true, true]);
    expect(results[3]).toMatchObject({ code: "OVERLOADED" });
    expect((results[3] as GroundwireError).retryAfterMs).toBeGreaterThanOrEqual(10);
    await small.close();
  });

  test("with a bundle that has seen no photos, a picture is an error that names the bundle and its stage", async () => {
    const { "visual.onnx": _, ...rest } = bundle.manifest.files;
    const manifest = { ...bundle.manifest, files: rest, stage: "base" } as const;
    const blind = await createVisualEncoder({ ...bundle, manifest }, options);
    const [result] = await blind.encode([await plain("#336699").png().toBuffer()]);
    expect(result).toMatchObject({
      code: "BAD_USER_INPUT",
      message: `a picture needs a bundle with visual.onnx; the bundle ${manifest.name} of stage base has none`,
    });
    await blind.close();
  });
});
