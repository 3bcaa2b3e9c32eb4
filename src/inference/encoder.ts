import { join } from "node:path";
import { LRUCache } from "lru-cache";
import { hasFile, requireFile, type Bundle } from "../bundle/bundle.js";
import { GroundwireError, isGroundwireError } from "../errors.js";
import { euclideanNorm } from "../vectors.js";
import { createBatcher, type Entry } from "./batcher.js";
import { createDeadline, type Deadline } from "./deadline.js";
import { nestConfig } from "./graph.js";
import { checkText, checkTokens, createTokenizer, type TokenizedText } from "./tokenizer.js";
import type { EncodeReply, EncodeRequest, TextOutput } from "./protocol.js";
import { createWorkerPool } from "./worker-pool.js";

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
  /** Abandons the texts: what has not reached the model never will. */
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
  queued: number;
  restarts: number;
}

export interface Encoder {
  readonly dimension: number;
  readonly fingerprint: string;
  /** One result a text, in order; a bad text is an error in its own place. Never rejects. */
  encode(texts: readonly string[], options?: EncodeOptions): Promise<(Encoded | GroundwireError)[]>;
  tokenize(text: string): TokenizedText;
  stats(): EncoderStats;
  /** Kills one worker as a fault would. For tests of recovery. */
  killWorker(): Promise<void>;
  close(): Promise<void>;
}

/** Each output has its own vectors for the same text. Token matrices are too large to keep. */
interface Lane {
  cache: LRUCache<string, Encoded> | undefined;
  flights: Map<string, Flight>;
}

/** A text under way, with the number of callers that still wait. */
interface Flight {
  promise: Promise<Encoded>;
  callers: number;
  queueMs: number;
  inferMs: number;
}

/** Longest stretch of tokenizing before other work of the event loop gets its turn. */
const SLICE_MS = 4;

/**
 * The main path: texts -> vectors.
 * @throws Error when the model cannot be loaded.
 */
export async function createEncoder(bundle: Bundle, options: EncoderOptions): Promise<Encoder> {
  const { manifest } = bundle;
  const tokenize = createTokenizer(bundle.tokenizer, manifest.maxTokens);
  const pool = await createWorkerPool<EncodeRequest, EncodeReply>(
    {
      kind: "encode",
      model: join(bundle.directory, "language.onnx"),
      ...(hasFile(bundle, "retrieval.onnx") && { retrieval: join(bundle.directory, "retrieval.onnx") }),
      threads: options.threadsPerWorker,
      extra: nestConfig(manifest.session?.configEntries),
    },
    options.workers,
  );
  const lanes: Record<TextOutput, Lane> = {
    embedding: createLane(options.cacheEntries),
    retrieval: createLane(options.cacheEntries),
    tokens: createLane(0),
  };
  const counts = { batches: 0, texts: 0, paddedTokens: 0, cacheHits: 0, cacheMisses: 0, shared: 0 };
  const observe = options.observe ?? (() => undefined);

  const batcher = createBatcher({
    maxBatchTokens: options.maxBatchTokens,
    maxQueue: options.maxQueue,
    capacity: () => pool.idle,
    run: async (batch) => {
      const reply = await pool.run(batch);
      observe("infer", reply.inferMs);
      return reply.vectors;
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
    const deadline = createDeadline(call.timeoutMs ?? options.timeoutMs, call.signal);
    const pending: Promise<Encoded | GroundwireError>[] = [];
    let sliceStarted = performance.now();
    for (const [i, text] of texts.entries()) {
      const field = call.fields?.[i] ?? `texts[${i}]`;
      pending.push(encodeOne({ text, field, output }, deadline, call.timings).catch(toGroundwireError));
      if (performance.now() - sliceStarted < SLICE_MS) continue;
      // What stands in the queue may start while the rest is tokenized.
      batcher.pump();
      await new Promise(setImmediate);
      sliceStarted = performance.now();
    }
    batcher.pump();
    try {
      return await Promise.all(pending);
    } finally {
      deadline.clear();
    }
  }

  async function encodeOne(job: TextJob, deadline: Deadline, timings?: Timings): Promise<Encoded> {
    checkText(job.text, job.field);
    if (job.output === "retrieval") requireFile(bundle, "retrieval.onnx", "comparing texts with pictures");
    const cached = lanes[job.output].cache?.get(job.text);
    if (cached) {
      counts.cacheHits += 1;
      return cached;
    }
    const flight = joinFlight(job) ?? launch(job, timings);
    try {
      return await Promise.race([flight.promise, deadline.expired]);
    } finally {
      flight.callers -= 1;
      if (timings) {
        timings.queueMs = Math.max(timings.queueMs, flight.queueMs);
        timings.inferMs = Math.max(timings.inferMs, flight.inferMs);
      }
    }
  }

  function joinFlight({ text, output }: TextJob): Flight | undefined {
    const flight = lanes[output].flights.get(text);
    // Without callers it may already have been skipped.
    if (!flight || flight.callers === 0) return undefined;
    flight.callers += 1;
    counts.shared += 1;
    return flight;
  }

  function launch({ text, field, output }: TextJob, timings?: Timings): Flight {
    const { cache, flights } = lanes[output];
    const started = performance.now();
    const tokens = tokenize(text);
    checkTokens(tokens, text, field);
    const enqueuedAt = performance.now();
    observe("tokenize", enqueuedAt - started);
    if (timings) timings.tokenizeMs += enqueuedAt - started;
    counts.cacheMisses += 1;
    const flight: Flight = {
      promise: Promise.resolve(undefined as never),
      callers: 1,
      queueMs: 0,
      inferMs: 0,
    };
    flight.promise = new Promise<Float32Array>((resolve, reject) => {
      const wanted = (): boolean => flight.callers > 0;
      batcher.add({ ids: tokens.ids, output, wanted, enqueuedAt, resolve, reject } satisfies Entry);
    })
      .then((vector) => {
        const encoded = {
          vector,
          norm: euclideanNorm(vector),
          tokenCount: tokens.tokenCount,
          truncated: tokens.truncated,
        };
        cache?.set(text, encoded);
        return encoded;
      })
      .finally(() => {
        if (flights.get(text) === flight) flights.delete(text);
      });
    // A flight that every caller has left may still fail.
    flight.promise.catch(() => undefined);
    flights.set(text, flight);
    return flight;
  }

  return {
    dimension: manifest.dimension,
    fingerprint: manifest.fingerprint,
    encode,
    tokenize,
    stats: () => ({ ...counts, queued: batcher.queued, restarts: pool.restarts }),
    killWorker: pool.killOne,
    close: pool.close,
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

function toGroundwireError(error: unknown): GroundwireError {
  if (isGroundwireError(error)) return error;
  return new GroundwireError("INTERNAL", "the text could not be encoded", { cause: error });
}
