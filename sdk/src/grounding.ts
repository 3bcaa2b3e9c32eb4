import type { Operation } from "./document.js";
import type { Grounding as WireGrounding, WordGrounding as WireWordGrounding } from "./generated/schema.js";
import type { CallOptions } from "./options.js";
import { toBase64Picture, type DownloadOptions, type PictureSource } from "./pictures.js";
import type { Execute } from "./scheduler.js";
import { decodeBase64 } from "./vector.js";

export interface GroundOptions extends CallOptions {
  /** Ask for the picture with heat maps and boxes: true for all words, an index for one of them. @default false */
  overlay?: boolean | number;
}

/** Where in a picture a word is. */
export interface WordGrounding extends Omit<WireWordGrounding, "values"> {
  /** [rows, columns] in row order: 0 where the word fits least, 1 where it fits best. */
  values: Float32Array;
}

/** Where in a picture the words of a text are, and how well the two fit. */
export interface Grounding extends Omit<WireGrounding, "words" | "overlay"> {
  words: WordGrounding[];
  /** A PNG, where it was asked for. */
  overlay?: Uint8Array;
}

export interface GroundingMethods {
  /**
   * Where in a picture each word of a text is.
   * @throws BadUserInputError where the served bundle has seen no pictures, ImageUnreadableError, ImageTooLargeError
   * @example
   * const { overlay } = await client.ground({ path: "photo.jpg" }, "a dog on grass", { overlay: true });
   * await writeFile("overlay.png", overlay);
   */
  ground(
    image: PictureSource,
    text: string,
    options: GroundOptions & { overlay: true | number },
  ): Promise<Grounding & { overlay: Uint8Array }>;
  ground(image: PictureSource, text: string, options?: GroundOptions): Promise<Grounding>;
}

interface Variables {
  image: string;
  text: string;
  withOverlay: boolean;
  word?: number;
}

type Answer = Omit<WireGrounding, "overlay"> & { overlay?: string };

export const GROUND: Operation<Variables, Answer> = {
  name: "Ground",
  kind: "query",
  field: "ground",
  args: { image: "Image!", text: "String!" },
  variables: { withOverlay: "Boolean = false", word: "Int" },
  selection: `{
    score rows columns truncated words { text score values box { x y width height } }
    overlay(word: $word) @include(if: $withOverlay)
  }`,
};

export function createGroundingMethods(execute: Execute, download: DownloadOptions): GroundingMethods {
  async function ground(
    image: PictureSource,
    text: string,
    { overlay = false, signal }: GroundOptions = {},
  ): Promise<Grounding> {
    const picture = await toBase64Picture(image, download, signal);
    const word = typeof overlay === "number" ? overlay : undefined;
    const variables = { image: picture, text, withOverlay: overlay !== false, word };
    return decode(await execute(GROUND, variables, signal));
  }

  return { ground: ground as GroundingMethods["ground"] };
}

function decode({ words, overlay, ...rest }: Answer): Grounding {
  const maps = words.map((word) => ({ ...word, values: Float32Array.from(word.values) }));
  return { ...rest, words: maps, ...(overlay !== undefined && { overlay: decodeBase64(overlay) }) };
}
