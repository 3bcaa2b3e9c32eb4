import type { RankedQuery } from "../lexicon/rank.js";

/** What a worker is started with. */
export type WorkerSettings = EncodeSettings | SearchSettings;

export interface EncodeSettings {
  kind: "encode";
  /** Path of language.onnx. */
  model: string;
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
}

export interface EncodeReply {
  /** [rows, D] */
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

export type WorkerReply<R> = { ready: true } | { reply: R } | { error: string };
