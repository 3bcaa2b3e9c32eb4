import { LRUCache } from "lru-cache";
import {
  BundleError,
  graphFile,
  hasFile,
  requireFile,
  type Bundle,
  type BundleFiles,
} from "../bundle/bundle.js";
import { allThreads } from "../config.js";
import { GroundwireError, toGroundwireError } from "../errors.js";
import { euclideanNorm } from "../vectors.js";
import { createBatcher, type Answer } from "./batcher.js";
import { createDeadline, type Deadline } from "./deadline.js";
import { nestConfig } from "./graph.js";
import { checkText, checkTokens, createKeys, createTokenizer, type TokenizedText } from "./tokenizer.js";
import type { EncodeReply, EncodeRequest, TextOutput } from "./protocol.js";
import { createWorkerPool, type WorkerPool } from "./worker-pool.js";
import type { WorkerTrouble } from "./worker-watch.js";

export interface Encoded {
  /** [D], pooled and not normalised; [T, D] for tokens. Shared between callers: do not change it. */
  vector: Float32Array;
  /** Euclidean length of the vector. */
  norm: number;
  tokenCount: number;
  truncated: boolean;
}

export interface EncodeOptions {
  /**
   * What to make of the texts; `retrieval` needs a bundle with retrieval.onnx.
   * @default "embedding"
   */
  output?: TextOutput;
  /** Ends the call, with the signal's reason for what is unanswered; what has not reached the model never will. */
  signal?: AbortSignal;
  /** Milliseconds until unanswered texts become TIMEOUT errors. @default the encoder's timeoutMs */
  timeoutMs?: number;
  /** Name of each text in messages. @default texts[0], texts[1], ... */
  fields?: readonly string[];
  /** Receives what this call spent, for the Server-Timing header. */
  timings?: Timings;
}

/** Milliseconds; waiting and computing are those of the slowest text. */
export interface Timings {
  tokenizeMs: number;
  queueMs: number;
  inferMs: number;
}

export interface EncoderOptions {
  /** Worker threads, each with a session of its own. */
  workers: number;
  threadsPerWorker: number;
  /** Most padded tokens in a batch. */
  maxBatchTokens: number;
  /** Most texts that may wait. */
  maxQueue: number;
  /** Milliseconds a call may take. */
  timeoutMs: number;
  /** Vectors kept for texts seen before; 0 turns the cache off. */
  cacheEntries: number;
  /** Told of every stage's duration in milliseconds. */
  observe?: (stage: "tokenize" | "queue" | "infer", ms: number) => void;
  /** Told of each worker that dies or cannot start. */
  onTrouble?: (trouble: WorkerTrouble) => void;
}

export interface EncoderStats {
  batches: number;
  /** Rows given to the model. */
  texts: number;
  paddedTokens: number;
  cacheHits: number;
  cacheMisses: number;
  /** Texts that found the same text already under way. */
  shared: number;
  /** Batches that came alone and had the threads of all workers. */
  solo: number;
  queued: number;
  restarts: number;
}

export interface Encoder {
  readonly dimension: number;
  readonly fingerprint: string;
  /** One result a text, in order; a bad text is an error in its own place. Never rejects. */
  encode(texts: readonly string[], options?: EncodeOptions): Promise<(Encoded | GroundwireError)[]>;
  /** A text's `embedding` where it is in the cache: at once, without the promises of `encode`. */
  recall(text: string): Encoded | undefined;
  tokenize(text: string): TokenizedText;
  stats(): EncoderStats;
  /** Makes one worker die as a fault would, after the batch that it is at. For tests of recovery. */
  killWorker(): Promise<void>;
  /** Starts all workers but the first, which serves until they are ready. For what goes on for long; call it once. */
  grow(): void;
  close(): Promise<void>;
}

/** Each output has its own vectors for the same text. Token matrices are too large to keep. */
interface Lane {
  cache: LRUCache<string, Encoded> | undefined;
  flights: Map<string, Flight>;
}

/** Who waits for a text under way, and what the wait was for once it is over. */
interface Waits {
  callers: number;
  queueMs: number;
  inferMs: number;
}

type Flight = Waits & { promise: Promise<Encoded> };

/** Longest stretch of tokenizing before other work of the event loop gets its turn. */
const SLICE_MS = 4;

/**
 * The main path: texts -> vectors.
 * @param starting its workers, where they have been started before
 * @throws BundleError when the model cannot be loaded.
 */
export async function createEncoder(
  bundle: Bundle,
  options: EncoderOptions,
  starting = startEncodePool(bundle, options),
): Promise<Encoder> {
  const { manifest } = bundle;
  const tokenize = createTokenizer(bundle.tokenizer, manifest.maxTokens);
  const pool = await starting;
  const solo = createSolo(bundle, options);
  const keyOf = createKeys(bundle.tokenizer);
  const lanes: Record<TextOutput, Lane> = {
    embedding: createLane(options.cacheEntries),
    retrieval: createLane(options.cacheEntries),
    tokens: createLane(0),
  };
  const counts = { batches: 0, texts: 0, paddedTokens: 0, cacheHits: 0, cacheMisses: 0, shared: 0, solo: 0 };
  const observe = options.observe ?? (() => undefined);

  const batcher = createBatcher({
    maxBatchTokens: options.maxBatchTokens,
    maxQueue: options.maxQueue,
    capacity: () => pool.idle,
    run: async (batch) => {
      const alone = pool.idle === options.workers && batcher.queued === 0;
      const wide = alone ? solo.poolFor(batch) : undefined;
      if (wide) counts.solo += 1;
      const reply = await (wide ?? pool).run(batch);
      observe("infer", reply.inferMs);
      return reply;
    },
    observe: ({ rows, length, queueMs }) => {
      counts.batches += 1;
      counts.texts += rows;
      counts.paddedTokens += rows * length;
      for (const ms of queueMs) observe("queue", ms);
    },
  });
  pool.onIdle = batcher.pump;

  async function encode(
    texts: readonly string[],
    call: EncodeOptions = {},
  ): Promise<(Encoded | GroundwireError)[]> {
    const { output = "embedding" } = call;
    // Texts that are all in the cache need none.
    let deadline: Deadline | undefined;
    const getDeadline = () => (deadline ??= createDeadline(call.timeoutMs ?? options.timeoutMs, call.signal));
    const pending: Promise<Encoded | GroundwireError>[] = [];
    let sliceStarted = performance.now();
    for (const [i, text] of texts.entries()) {
      const job = { text, field: call.fields?.[i] ?? `texts[${i}]`, output };
      pending.push(encodeOne(job, getDeadline, call.timings).catch(toGroundwireError));
      if (performance.now() - sliceStarted < SLICE_MS) continue;
      // A batch's worth need not wait for the rest to be tokenized; less would only be cut into more batches.
      if (batcher.full) batcher.pump();
      await new Promise(setImmediate);
      sliceStarted = performance.now();
    }
    batcher.pump();
    try {
      return await Promise.all(pending);
    } finally {
      deadline?.clear();
    }
  }

  async function encodeOne(job: TextJob, getDeadline: () => Deadline, timings?: Timings): Promise<Encoded> {
    checkText(job.text, job.field);
    if (job.output === "retrieval") requireFile(bundle, "retrieval.onnx", "comparing texts with pictures");
    const { flights } = lanes[job.output];
    const key = keyOf(job.text);
    const cached = lookUp(key, job.output);
    if (cached) return cached;
    const deadline = getDeadline();
    // Nobody waits any more for the rest of a long list.
    if (deadline.over) return deadline.expired;
    const flight = joinFlight(flights.get(key)) ?? launch(key, job, timings);
    try {
      return await Promise.race([flight.promise, deadline.expired]);
    } finally {
      flight.callers -= 1;
      // Once it is over, or when it may be dropped from the queue, nobody must join it.
      if (flight.callers === 0 && flights.get(key) === flight) flights.delete(key);
      if (timings) {
        timings.queueMs = Math.max(timings.queueMs, flight.queueMs);
        timings.inferMs = Math.max(timings.inferMs, flight.inferMs);
      }
    }
  }

  function lookUp(key: string, output: TextOutput): Encoded | undefined {
    const cached = lanes[output].cache?.get(key);
    if (cached) counts.cacheHits += 1;
    return cached;
  }

  function joinFlight(flight: Flight | undefined): Flight | undefined {
    if (!flight) return undefined;
    flight.callers += 1;
    counts.shared += 1;
    return flight;
  }

  function launch(key: string, { text, field, output }: TextJob, timings?: Timings): Flight {
    const { cache, flights } = lanes[output];
    // What is refused need not be tokenized.
    batcher.requireRoom();
    const started = performance.now();
    const tokens = tokenize(text);
    checkTokens(tokens, text, field);
    const enqueuedAt = performance.now();
    observe("tokenize", enqueuedAt - started);
    if (timings) timings.tokenizeMs += enqueuedAt - started;
    counts.cacheMisses += 1;
    const waits: Waits = { callers: 1, queueMs: 0, inferMs: 0 };
    const promise = enqueue(tokens.ids, output, enqueuedAt, waits).then((vector) => {
      const { tokenCount, truncated } = tokens;
      const encoded = { vector, norm: euclideanNorm(vector), tokenCount, truncated };
      cache?.set(key, encoded);
      return encoded;
    });
    // One that every caller has left may still fail.
    promise.catch(() => undefined);
    const flight = Object.assign(waits, { promise });
    flights.set(key, flight);
    return flight;
  }

  function enqueue(
    ids: number[],
    output: TextOutput,
    enqueuedAt: number,
    waits: Waits,
  ): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      const wanted = (): boolean => waits.callers > 0;
      const answer = ({ vector, queueMs, inferMs }: Answer): void => {
        Object.assign(waits, { queueMs, inferMs });
        resolve(vector);
      };
      batcher.add({ ids, output, wanted, enqueuedAt, resolve: answer, reject });
    });
  }

  return {
    dimension: manifest.dimension,
    fingerprint: manifest.fingerprint,
    encode,
    recall: (text) => lookUp(keyOf(text), "embedding"),
    tokenize,
    stats: () => ({ ...counts, queued: batcher.queued, restarts: pool.restarts + solo.restarts }),
    killWorker: pool.killOne,
    grow: () => {
      pool.grow();
      solo.start();
    },
    close: async () => {
      batcher.close(new GroundwireError("OVERLOADED", "the encoder is closed"));
      await Promise.all([pool.close(), solo.close()]);
    },
  };
}

interface TextJob {
  text: string;
  field: string;
  output: TextOutput;
}

function createLane(cacheEntries: number): Lane {
  const cache = cacheEntries > 0 ? new LRUCache<string, Encoded>({ max: cacheEntries }) : undefined;
  return { cache, flights: new Map() };
}

export type EncodePool = WorkerPool<EncodeRequest, EncodeReply>;

type EncodePoolOptions = Pick<EncoderOptions, "workers" | "threadsPerWorker" | "onTrouble">;

const LANGUAGE = "language.onnx";
const RETRIEVAL = "retrieval.onnx";

/**
 * The workers of an encoder. They need no more of a bundle than its graphs, whose hashes they check themselves.
 * @throws BundleError when the model cannot be loaded.
 */
export async function startEncodePool(
  bundle: BundleFiles,
  { workers, threadsPerWorker: threads, onTrouble }: EncodePoolOptions,
): Promise<EncodePool> {
  const retrieval = hasFile(bundle, RETRIEVAL) ? { retrieval: graphFile(bundle, RETRIEVAL) } : {};
  const settings = { ...settingsOf(bundle), ...retrieval, threads };
  try {
    return await createWorkerPool(settings, workers, { onTrouble });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BundleError(LANGUAGE, `must be a graph that onnxruntime can run: ${reason}`, { cause });
  }
}

function settingsOf(bundle: BundleFiles) {
  const extra = nestConfig(bundle.manifest.session?.configEntries);
  return { kind: "encode", model: graphFile(bundle, LANGUAGE), extra } as const;
}

/**
 * A worker on the threads of all workers, for a batch that comes alone: workers side by side answer more texts a
 * second, but a single text would leave all but one idle.
 */
function createSolo(bundle: BundleFiles, options: EncodePoolOptions) {
  const { workers, onTrouble } = options;
  let pool: EncodePool | undefined;
  let started: Promise<unknown> | undefined;

  async function create(): Promise<void> {
    const settings = { ...settingsOf(bundle), threads: allThreads(options), spin: true };
    pool = await createWorkerPool(settings, 1, { onTrouble });
  }

  function tell(error: Error): void {
    onTrouble?.({ kind: "encode", wasReady: false, error });
  }

  return {
    /** Without it the other workers do, as they do until it is ready. */
    start: () => {
      if (workers > 1) started = create().catch(tell);
    },
    /** Undefined where it is busy, or lacks the graph. */
    poolFor: ({ output }: EncodeRequest) => (output !== "retrieval" && pool?.idle ? pool : undefined),
    get restarts() {
      return pool?.restarts ?? 0;
    },
    close: async () => {
      await started;
      await pool?.close();
    },
  };
}
