import sharp from "sharp";
import { describe, expect, test } from "vitest";
import type { GroundwireError } from "../../src/errors.js";
import { readBase64Picture } from "../../src/pictures/base64.js";
import { decodePicture, PICTURE_SIDE } from "../../src/pictures/decode.js";
import { animatedPng, animatedWebp, bomb, halves, noise, plain } from "../helpers/pictures.mjs";

const RED = "#c81e28";

/** The color at a place of the decoded square, 0 to 1 from the left and from the top. */
function colorAt(pixels: Uint8Array, x: number, y: number): number[] {
  const at = (Math.floor(y * PICTURE_SIDE) * PICTURE_SIDE + Math.floor(x * PICTURE_SIDE)) * 3;
  return [...pixels.subarray(at, at + 3)];
}

function expectColor(actual: number[], wanted: number[], tolerance = 3): void {
  actual.forEach((value, i) =>
    expect(Math.abs(value - (wanted[i] as number))).toBeLessThanOrEqual(tolerance),
  );
}

const readable: [name: string, make: () => Promise<Buffer>, color: number[]][] = [
  ["a JPEG", () => plain(RED).jpeg().toBuffer(), [200, 30, 40]],
  ["a progressive JPEG", () => plain(RED).jpeg({ progressive: true }).toBuffer(), [200, 30, 40]],
  ["a PNG", () => plain(RED).png().toBuffer(), [200, 30, 40]],
  ["an interlaced PNG", () => plain(RED).png({ progressive: true }).toBuffer(), [200, 30, 40]],
  ["a PNG with a palette", () => plain(RED).png({ palette: true }).toBuffer(), [200, 30, 40]],
  ["a WebP", () => plain(RED).webp({ lossless: true }).toBuffer(), [200, 30, 40]],
  ["a picture of one pixel", () => plain(RED, 1, 1).png().toBuffer(), [200, 30, 40]],
  ["a picture of one row", () => plain(RED, 3000, 1).png().toBuffer(), [200, 30, 40]],
  ["a gray JPEG", () => plain("#808080").toColourspace("b-w").jpeg().toBuffer(), [128, 128, 128]],
  ["a gray PNG of 16 bits", () => plain("#808080").toColourspace("grey16").png().toBuffer(), [128, 128, 128]],
  ["a color PNG of 16 bits", () => plain(RED).toColourspace("rgb16").png().toBuffer(), [200, 30, 40]],
  [
    "a picture that is half transparent, on white",
    () => plain("#000000").ensureAlpha(0.5).png().toBuffer(),
    [127, 127, 127],
  ],
  [
    "a picture that is wholly transparent, on white",
    () => plain(RED).ensureAlpha(0).png().toBuffer(),
    [255, 255, 255],
  ],
  [
    "a JPEG with bytes after its end",
    async () => Buffer.concat([await plain(RED).jpeg().toBuffer(), Buffer.from("more")]),
    [200, 30, 40],
  ],
];

describe("a picture that can be read becomes 224 x 224 RGB", () => {
  test.each(readable)("%s", async (_name, make, color) => {
    const pixels = await decodePicture(await make(), "image");
    expect(pixels.length).toBe(PICTURE_SIDE * PICTURE_SIDE * 3);
    expectColor(colorAt(pixels, 0.5, 0.5), color);
    expectColor(colorAt(pixels, 0.02, 0.98), color);
  });

  test("a CMYK JPEG keeps its hue", async () => {
    const [red, green, blue] = colorAt(
      await decodePicture(await plain(RED).toColourspace("cmyk").jpeg().toBuffer(), "image"),
      0.5,
      0.5,
    ) as [number, number, number];
    expect(red).toBeGreaterThan(180);
    expect(green).toBeLessThan(50);
    expect(blue).toBeLessThan(60);
  });

  test("the whole picture is squashed into the square, nothing is cropped", async () => {
    const pixels = await decodePicture(await halves(400, 20).png().toBuffer(), "image");
    expectColor(colorAt(pixels, 0.05, 0.5), [255, 255, 255]);
    expectColor(colorAt(pixels, 0.45, 0.5), [255, 255, 255]);
    expectColor(colorAt(pixels, 0.55, 0.5), [0, 0, 0]);
    expectColor(colorAt(pixels, 0.95, 0.5), [0, 0, 0]);
  });

  test.each([
    [1, [0.1, 0.5]],
    [3, [0.9, 0.5]],
    [6, [0.5, 0.1]],
    [8, [0.5, 0.9]],
  ])(
    "EXIF orientation %i is undone, so that the white half is where a viewer sees it",
    async (orientation, at) => {
      const jpeg = await halves().withMetadata({ orientation }).jpeg({ quality: 100 }).toBuffer();
      const pixels = await decodePicture(jpeg, "image");
      const [x, y] = at as [number, number];
      expectColor(colorAt(pixels, x, y), [255, 255, 255]);
      expectColor(colorAt(pixels, 1 - x, 1 - y), [0, 0, 0]);
    },
  );
});

const half = async (picture: Promise<Buffer>): Promise<Buffer> => {
  const bytes = await picture;
  return bytes.subarray(0, bytes.length / 2);
};
const gif = (): Promise<Buffer> => plain(RED).gif().toBuffer();

const unreadable: [name: string, make: () => Promise<Buffer>, code: string, message: string][] = [
  ["no bytes", () => Promise.resolve(Buffer.alloc(0)), "IMAGE_UNREADABLE", "image must not be empty"],
  [
    "three bytes",
    () => Promise.resolve(Buffer.from("abc")),
    "IMAGE_UNREADABLE",
    "must be one of JPEG, PNG, WebP",
  ],
  [
    "plain text",
    () => Promise.resolve(Buffer.from("a picture of a dog")),
    "IMAGE_UNREADABLE",
    "6120706963747572",
  ],
  ["a GIF", gif, "IMAGE_UNREADABLE", "must be one of JPEG, PNG, WebP"],
  ["a TIFF", () => plain(RED).tiff().toBuffer(), "IMAGE_UNREADABLE", "must be one of JPEG, PNG, WebP"],
  [
    "an SVG",
    () => Promise.resolve(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')),
    "IMAGE_UNREADABLE",
    "must be one of JPEG, PNG, WebP",
  ],
  [
    "half a JPEG",
    () => half(noise().jpeg().toBuffer()),
    "IMAGE_UNREADABLE",
    "image must be an undamaged picture",
  ],
  [
    "half a PNG",
    () => half(noise().png().toBuffer()),
    "IMAGE_UNREADABLE",
    "image must be an undamaged picture",
  ],
  [
    "half a WebP",
    () => half(noise().webp().toBuffer()),
    "IMAGE_UNREADABLE",
    "image must be an undamaged picture",
  ],
  [
    "only the magic bytes of a JPEG",
    () => Promise.resolve(Buffer.from("ffd8ffe000104a464946000101", "hex")),
    "IMAGE_UNREADABLE",
    "image must be an undamaged picture",
  ],
  ["an animated WebP", animatedWebp, "IMAGE_UNREADABLE", "image must be a single picture, has 2 frames"],
  ["an animated PNG", animatedPng, "IMAGE_UNREADABLE", "image must be a single picture, is an animated PNG"],
  [
    "a decompression bomb",
    () => bomb(60_000, 60_000),
    "IMAGE_TOO_LARGE",
    "image must have at most 64000000 pixels, has 60000 x 60000",
  ],
  [
    "a PNG that claims pixels it has not",
    () => bomb(500, 500),
    "IMAGE_UNREADABLE",
    "image must be an undamaged",
  ],
];

describe("a picture that cannot be read is one clear error", () => {
  test.each(unreadable)("%s", async (_name, make, code, message) => {
    const error = await decodePicture(await make(), "image").then(
      () => undefined,
      (thrown: GroundwireError) => thrown,
    );
    expect(error).toMatchObject({ name: "GroundwireError", code });
    expect(error?.message).toContain(message);
  });

  test("more bytes than the limit are refused before they are decoded", async () => {
    const decode = decodePicture(await plain(RED).png().toBuffer(), "items[2].image", {
      maxBytes: 50,
      maxPixels: 1e6,
    });
    await expect(decode).rejects.toMatchObject({
      code: "IMAGE_TOO_LARGE",
      message: expect.stringMatching(/^items\[2\]\.image must have at most 50 bytes, has \d+$/) as string,
    });
  });

  test("noise inside a JPEG's data never crashes", async () => {
    const jpeg = await noise().jpeg().toBuffer();
    for (let seed = 1; seed <= 40; seed++) {
      const damaged = Buffer.from(jpeg);
      for (let i = 0; i < 20; i++)
        damaged[4 + ((seed * 7919 + i * 104729) % (damaged.length - 4))] = (seed * i) & 255;
      const result = await decodePicture(damaged, "image").catch((error: GroundwireError) => error.code);
      expect(result instanceof Uint8Array || ["IMAGE_UNREADABLE", "IMAGE_TOO_LARGE"].includes(result)).toBe(
        true,
      );
    }
  });
});

describe("a picture as text", () => {
  test("base64, wrapped base64 and a data URI are the same bytes", async () => {
    const bytes = await plain(RED).png().toBuffer();
    const base64 = bytes.toString("base64");
    const wrapped = base64.replace(/(.{76})/g, "$1\r\n");
    for (const text of [base64, wrapped, `data:image/png;base64,${base64}`, `data:;base64,${base64}`]) {
      expect(Buffer.from(readBase64Picture(text, "image")).equals(bytes)).toBe(true);
    }
  });

  test.each([
    ["", "image must not be empty"],
    ["data:image/png;base64,", "image must not be empty"],
    ["https://example.org/dog.jpg", "image must be base64 or a base64 data URI"],
    ["data:image/png,%89PNG", "image must be a base64 data URI"],
    ["not base64!", 'image must be base64 or a base64 data URI, is "not base64!"'],
  ])("%j is refused", (text, message) => {
    expect(() => readBase64Picture(text, "image")).toThrow(message);
  });
});

test("decoding many large pictures leaves memory flat", async () => {
  const large = await sharp({ create: { width: 3000, height: 2000, channels: 3, background: RED } })
    .png()
    .toBuffer();
  const rounds = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) await decodePicture(large, "image");
    return process.memoryUsage().rss / 2 ** 20;
  };
  const before = await rounds(10);
  const after = await rounds(30);
  // One copy of the decoded picture is 17 MB: thirty that stayed would be 515.
  expect(after - before).toBeLessThan(100);
}, 120_000);
