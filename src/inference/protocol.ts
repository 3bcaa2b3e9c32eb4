import type { RankedQuery } from "../lexicon/rank.js";

/** What a worker is started with. */
export type WorkerSettings = EncodeSettings | SearchSettings | VisualSettings;

/**
 * What a text becomes: the pooled word vector [D], the last layer [T, D], or the vector [D] in the space that texts
 * share with pictures.
 */
export type TextOutput = "embedding" | "tokens" | "retrieval";

export interface EncodeSettings {
  kind: "encode";
  /** Path of language.onnx. */
  model: string;
  /** Path of retrieval.onnx, where the bundle has it. */
  retrieval?: string;
  /** onnxruntime intra-op threads. */
  threads: number;
  /** onnxruntime session configuration, nested by the dots of its keys. */
  extra: Record<string, unknown>;
}

export interface SearchSettings {
  kind: "search";
  threads: number;
  /** Lexicon entries by descending frequency. */
  entries: readonly string[];
  /** [N, D] row-major int8; row i times scale i is the raw vector. */
  rows: Int8Array;
  scales: Float32Array;
}

/** One padded batch of texts. */
export interface EncodeRequest {
  /** [rows, length] token ids, -1 where padded. */
  ids: Int32Array;
  rows: number;
  length: number;
  output: TextOutput;
}

export interface EncodeReply {
  /** [rows, D]; for tokens [rows, length, D] */
  vectors: Float32Array;
  inferMs: number;
}

export interface SearchRequest {
  queries: RankedQuery[];
}

export interface SearchReply {
  /** For each query the lexicon indices, best first, with their cosines; one more than asked tells of more. */
  results: { indices: Int32Array; similarities: Float32Array }[];
}

export interface VisualSettings {
  kind: "visual";
  /** Path of visual.onnx. */
  model: string;
  threads: number;
  /** onnxruntime session configuration, nested by the dots of its keys. */
  extra: Record<string, unknown>;
}

export interface VisualRequest {
  /** [rows, 224, 224, 3] RGB */
  pixels: Uint8Array;
  rows: number;
  /** The grid is large: it is sent only where it is asked for. */
  withGrid: boolean;
}

export interface VisualReply {
  /** [rows, D], not normalised */
  embeddings: Float32Array;
  /** [rows, P, D]; empty where it was not asked for */
  grids: Float32Array;
  inferMs: number;
}

export type WorkerReply<R> = { ready: true } | { reply: R } | { error: string };
