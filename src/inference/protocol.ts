import type { RankedQuery } from "../lexicon/rank.js";
import type { OpenTriple } from "../relations/evidence.js";
import type { GraphFile } from "./graph.js";

/** What a worker is started with. */
export type WorkerSettings = EncodeSettings | SearchSettings | VisualSettings | RelateSettings;

/**
 * What a text becomes: the pooled word vector [D], the last layer [T, D], or the vector [D] in the space that texts
 * share with pictures.
 */
export type TextOutput = "embedding" | "tokens" | "retrieval";

export interface EncodeSettings {
  kind: "encode";
  /** language.onnx */
  model: GraphFile;
  /** retrieval.onnx, where the bundle has it. */
  retrieval?: GraphFile;
  /** onnxruntime intra-op threads. */
  threads: number;
  /** Let threads that wait for each other spin for a moment: sooner done where nothing else needs their processors. @default false */
  spin?: boolean;
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

export interface RelateSettings {
  kind: "relate";
  threads: number;
  extra: Record<string, unknown>;
  /** relations.onnx and grounding.onnx */
  relations: GraphFile;
  grounding: GraphFile;
  /** [P, R, R] row-major, and [P]: a score is `r_s R_p r_o + b_p`. */
  operators: Float32Array;
  bias: Float32Array;
  /** R */
  subspace: number;
  /** The training triples, as in `RelationsFile`. */
  seen: ReadonlyMap<string, string>;
  /** The lexicon that completions rank, as in `SearchSettings`. */
  entries: readonly string[];
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
  /** visual.onnx */
  model: GraphFile;
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

export type RelateRequest = ScoreRequest | CompleteRequest | GroundRequest;
export type RelateReply = ScoreReply | CompleteReply | GroundReply;

/** Pairs of objects: word vectors [N, D] that are imagined first, or objects of the subspace [N, R]. */
export interface ScoreRequest {
  task: "score";
  space: "words" | "subspace";
  subjects: Float32Array;
  objects: Float32Array;
  /** N */
  count: number;
}

export interface ScoreReply {
  /** [N, P] */
  scores: Float32Array;
}

export interface CompleteRequest {
  task: "complete";
  queries: CompletionQuery[];
}

export interface CompletionQuery extends Omit<RankedQuery, "vector">, OpenTriple {
  /** [D], the raw vector of the end that is known. */
  known: Float32Array;
}

export interface CompleteReply {
  /** As in `SearchReply`; `similarities` are relation scores plus the evidence of the training triples. */
  results: SearchReply["results"];
}

/** One photo with the tokens of a text and objects of words; any of the two may be a single row. */
export interface GroundRequest {
  task: "ground";
  /** [positions, D] */
  grid: Float32Array;
  /** [tokens, D] */
  tokens: Float32Array;
  /** [N, D] raw word vectors. */
  objects: Float32Array;
  /** D */
  dimension: number;
}

export interface GroundReply {
  /** [tokens, positions] unnormalised inner products in stage 2's space. */
  similarity: Float32Array;
  /** [N, R] the words' objects in this photo. */
  grounded: Float32Array;
}

/** Ends the thread with this code, after what it is at. */
export interface ExitRequest {
  exit: number;
}

export type WorkerReply<R> = { ready: true } | { reply: R } | { error: string };
