import { graphFile, type Bundle } from "../bundle/bundle.js";
import type { PredicateRecord } from "../bundle/relations-file.js";
import { VARIABLES } from "../config.js";
import { GroundwireError } from "../errors.js";
import { nestConfig } from "../inference/graph.js";
import type {
  CompleteReply,
  GroundReply,
  RelateReply,
  RelateRequest,
  RelateSettings,
  ScoreReply,
} from "../inference/protocol.js";
import { createWorkerPool } from "../inference/worker-pool.js";
import { createTaskQueue, type CallOptions } from "../inference/task-queue.js";
import type { WorkerTrouble } from "../inference/worker-watch.js";
import type { NeighborFilter } from "../lexicon/rank.js";
import type { OpenTriple } from "./evidence.js";
import { createPredicateFinder, type FindPredicate } from "./predicates.js";
import { createSeenTriples, type SeenTriples } from "./seen-triples.js";

/** Two objects in the same space: word vectors [D], or objects of one photo [R]. */
export interface ObjectPair {
  subject: Float32Array;
  object: Float32Array;
}

export interface Completion extends OpenTriple {
  /** [D], raw vector of the end that is known. */
  known: Float32Array;
  /** Best entries to return, at least 1. */
  k: number;
  filter?: NeighborFilter;
}

export interface CompletionHit {
  text: string;
  /** Relation score plus what training saw of the entry and of the triple, unbounded. */
  similarity: number;
  /** From 1. */
  rank: number;
}

export interface GroundedText {
  /** [tokens, positions] unnormalised inner products of the text's tokens and the photo. */
  similarity: Float32Array;
  /** For each word its object in the photo, [R]. */
  grounded: Float32Array[];
}

/** Calls reject with GroundwireError OVERLOADED, TIMEOUT or their signal's reason. */
export interface Relations {
  readonly predicates: readonly PredicateRecord[];
  /** @throws GroundwireError UNKNOWN_PREDICATE */
  findPredicate: FindPredicate;
  /** How often training saw the triples of a pair of names, by predicate index. */
  seen: SeenTriples;
  /** Scores [P] of every pair; all pairs of a call are one product. */
  score(
    pairs: readonly ObjectPair[],
    space: "words" | "subspace",
    call?: CallOptions,
  ): Promise<Float32Array[]>;
  /** The lexicon ranked for the end of a triple that is missing; all queries of a call are one product. */
  complete(queries: readonly Completion[], call?: CallOptions): Promise<CompletionHit[][]>;
  /**
   * @param grid [positions, D] of one photo
   * @param tokens [tokens, D] of a text's last layer
   * @param words raw word vectors [D]
   */
  ground(
    grid: Float32Array,
    tokens: Float32Array,
    words: readonly Float32Array[],
    call?: CallOptions,
  ): Promise<GroundedText>;
  stats(): { batches: number; pairs: number; completions: number; photos: number };
  close(): Promise<void>;
}

export interface RelationsOptions {
  /** onnxruntime threads of the worker. */
  threads: number;
  /** Milliseconds a call may take. @default REQUEST_TIMEOUT_MS's default */
  timeoutMs?: number;
  /** Told of each worker that dies or cannot start. */
  onTrouble?: (trouble: WorkerTrouble) => void;
}

/**
 * Starts the worker that relates objects; undefined for a bundle without relations.
 * @throws Error when a graph cannot be loaded.
 */
export async function createRelations(
  bundle: Bundle,
  { threads, timeoutMs = Number(VARIABLES.REQUEST_TIMEOUT_MS.default), onTrouble }: RelationsOptions,
): Promise<Relations | undefined> {
  const { manifest, lexicon, relations: file } = bundle;
  if (!file) return undefined;
  const { operators, bias, subspace, predicates } = file;
  const settings: RelateSettings = {
    kind: "relate",
    ...{ threads, operators, bias, subspace, ...lexicon },
    seen: file.seen,
    extra: nestConfig(manifest.session?.configEntries),
    relations: graphFile(bundle, "relations.onnx"),
    grounding: graphFile(bundle, "grounding.onnx"),
  };
  const pool = await createWorkerPool<RelateRequest, RelateReply>(settings, 1, { onTrouble });
  const counts = { batches: 0, pairs: 0, completions: 0, photos: 0 };
  const queue = createTaskQueue<RelateRequest, RelateReply>({
    name: "relations",
    capacity: () => pool.idle,
    run: (request) => {
      count(request, counts);
      return pool.run(request);
    },
    timeoutMs,
  });
  pool.onIdle = queue.pump;

  async function score(
    pairs: readonly ObjectPair[],
    space: "words" | "subspace",
    call?: CallOptions,
  ): Promise<Float32Array[]> {
    const subjects = concatenate(pairs.map(({ subject }) => subject));
    const objects = concatenate(pairs.map(({ object }) => object));
    const request = { task: "score", space, subjects, objects, count: pairs.length } as const;
    const { scores } = (await queue.ask(request, call)) as ScoreReply;
    return splitRows(scores, pairs.length);
  }

  async function complete(queries: readonly Completion[], call?: CallOptions): Promise<CompletionHit[][]> {
    const ranked = queries.map((query) => ({ offset: 0, filter: {}, ...query }));
    const request = { task: "complete", queries: ranked } as const;
    const { results } = (await queue.ask(request, call)) as CompleteReply;
    return results.map(({ indices, similarities }, i) =>
      Array.from(indices.subarray(0, queries[i]?.k), (index, place) => ({
        text: lexicon.entries[index] as string,
        similarity: similarities[place] as number,
        rank: place + 1,
      })),
    );
  }

  async function ground(
    grid: Float32Array,
    tokens: Float32Array,
    words: readonly Float32Array[],
    call?: CallOptions,
  ): Promise<GroundedText> {
    const objects = concatenate(words);
    const request = { task: "ground", grid, tokens, objects, dimension: manifest.dimension } as const;
    const { similarity, grounded } = (await queue.ask(request, call)) as GroundReply;
    return { similarity, grounded: splitRows(grounded, words.length) };
  }

  return {
    ...{ predicates, score, complete, ground },
    findPredicate: createPredicateFinder(predicates),
    seen: createSeenTriples(file),
    stats: () => ({ ...counts }),
    close: () => {
      queue.close(new GroundwireError("OVERLOADED", "the relations are closed"));
      return pool.close();
    },
  };
}

/** Only what reaches the worker counts. */
function count(request: RelateRequest, counts: ReturnType<Relations["stats"]>): void {
  if (request.task === "score") {
    counts.batches += 1;
    counts.pairs += request.count;
  } else if (request.task === "complete") counts.completions += request.queries.length;
  else counts.photos += 1;
}

function concatenate(vectors: readonly Float32Array[]): Float32Array {
  const width = vectors[0]?.length ?? 0;
  const flat = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => flat.set(vector, i * width));
  return flat;
}

function splitRows(flat: Float32Array, rows: number): Float32Array[] {
  const width = flat.length / rows;
  return Array.from({ length: rows }, (_, i) => flat.subarray(i * width, (i + 1) * width));
}
