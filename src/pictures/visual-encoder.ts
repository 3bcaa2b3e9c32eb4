import { availableParallelism } from "node:os";
import pLimit from "p-limit";
import { graphFile, hasFile, requireFile, type Bundle } from "../bundle/bundle.js";
import { GroundwireError, isGroundwireError } from "../errors.js";
import { createDeadline } from "../inference/deadline.js";
import { nestConfig } from "../inference/graph.js";
import type { VisualReply, VisualRequest } from "../inference/protocol.js";
import { createServiceRate } from "../inference/service-rate.js";
import { createWorkerPool, type WorkerPool } from "../inference/worker-pool.js";
import type { WorkerTrouble } from "../inference/worker-watch.js";
import { readBase64Picture } from "./base64.js";
import { decodePicture, PICTURE_LIMITS, type PictureLimits } from "./decode.js";
import { createPictureQueue, type SeenPicture } from "./picture-queue.js";

/**
 * Text is base64 or a data URI; bytes are a file's content. A function reads the bytes when the picture's turn comes,
 * so that pictures which wait take no memory; what it throws is the picture's error.
 */
export type PictureSource = string | Uint8Array | (() => Promise<Uint8Array>);

export interface EncodedPicture {
  /** [D] in the space that pictures share with texts (retrieval), not normalised. */
  embedding: Float32Array;
  /** [224, 224, 3] RGB: what the model saw. */
  pixels: Uint8Array;
  /** [P, D], the visual stream's positions in row order; empty unless asked for. */
  grid: Float32Array;
}

export interface PictureOptions {
  /** Also answer the grid. @default false */
  withGrid?: boolean;
  /** Abandons the pictures: what has not reached the model never will. */
  signal?: AbortSignal;
  /** Milliseconds until unanswered pictures become TIMEOUT errors. @default the encoder's timeoutMs */
  timeoutMs?: number;
  /** Name of each picture in messages. @default images[0], images[1], ... */
  fields?: readonly string[];
}

/** Runs a part of some work when a decoder is free. */
export type Step = <T>(run: () => Promise<T>) => Promise<T>;

export interface VisualEncoderOptions {
  workers: number;
  threadsPerWorker: number;
  /** Milliseconds a call may take. */
  timeoutMs: number;
  /** Most pictures that may wait, whether for decoding or for the model. @default 1024 */
  maxPictures?: number;
  limits?: PictureLimits;
  /** Told of every stage's duration in milliseconds. */
  observe?: (stage: "decode" | "queue" | "see", ms: number) => void;
  /** Told of each worker that dies or cannot start. */
  onTrouble?: (trouble: WorkerTrouble) => void;
}

export interface VisualStats {
  batches: number;
  /** Pictures given to the model. */
  pictures: number;
  queued: number;
  restarts: number;
}

export interface VisualEncoder {
  /** One result a picture, in order; a bad picture is an error in its own place. Never rejects. */
  encode(
    pictures: readonly PictureSource[],
    options?: PictureOptions,
  ): Promise<(EncodedPicture | GroundwireError)[]>;
  /**
   * Does other work on a picture, within the limits of those that are encoded: it counts as one that waits, its steps
   * share the decoders, and none begins once its caller has gone.
   * @throws GroundwireError OVERLOADED, TIMEOUT or the signal's reason; what the work throws.
   */
  draw<T>(
    work: (step: Step) => Promise<T>,
    options?: Pick<PictureOptions, "signal" | "timeoutMs">,
  ): Promise<T>;
  stats(): VisualStats;
  /** Starts all workers but the first. For what goes on for long; call it once. */
  grow(): void;
  close(): Promise<void>;
}

const GRAPH = "visual.onnx";
/** Pictures in one pass of the model: larger batches gain nothing on a CPU and hold the worker for longer. */
const MAX_BATCH = 4;
/** Pictures decoded at once: enough to keep the workers fed, and large ones fit in memory. */
const DECODERS = Math.min(4, availableParallelism());
const MAX_PICTURES = 1024;

/**
 * Pictures -> vectors, behind a queue of its own, so that pictures never delay texts. With a bundle that has seen no
 * photos, every picture is a BAD_USER_INPUT error that says so.
 */
export async function createVisualEncoder(
  bundle: Bundle,
  options: VisualEncoderOptions,
): Promise<VisualEncoder> {
  const { maxPictures = MAX_PICTURES, limits = PICTURE_LIMITS, observe = () => undefined } = options;
  const pool = hasFile(bundle, GRAPH) ? await startPool(bundle, options) : undefined;
  const decoders = pLimit(DECODERS);
  const counts = { batches: 0, pictures: 0 };
  const rate = createServiceRate();
  let waiting = 0;

  const queue = createPictureQueue({
    maxBatch: MAX_BATCH,
    capacity: () => pool?.idle ?? 0,
    run: async (request) => {
      const startedAt = performance.now();
      const reply = await (pool as VisualPool).run(request);
      rate.served(request.rows, startedAt);
      observe("see", reply.inferMs);
      return reply;
    },
    observe: (queueMs) => {
      counts.batches += 1;
      counts.pictures += queueMs.length;
      for (const ms of queueMs) observe("queue", ms);
    },
  });
  if (pool) pool.onIdle = queue.pump;

  async function encode(
    pictures: readonly PictureSource[],
    call: PictureOptions = {},
  ): Promise<(EncodedPicture | GroundwireError)[]> {
    const deadline = createDeadline(call.timeoutMs ?? options.timeoutMs, call.signal);
    const caller = { gone: false };
    deadline.expired.catch(() => (caller.gone = true));
    const results = pictures.map((source, i) => {
      const field = call.fields?.[i] ?? `images[${i}]`;
      const seen = encodeOne(source, field, call.withGrid ?? false, caller);
      return Promise.race([seen, deadline.expired]).catch(toGroundwireError);
    });
    try {
      return await Promise.all(results);
    } finally {
      deadline.clear();
    }
  }

  async function encodeOne(
    source: PictureSource,
    field: string,
    withGrid: boolean,
    caller: { gone: boolean },
  ): Promise<EncodedPicture> {
    requireFile(bundle, GRAPH, "a picture");
    admit();
    try {
      const pixels = await decoders(() => (caller.gone ? undefined : decode(source, field)));
      // Nobody waits for what is then thrown: the deadline has answered.
      if (!pixels) throw new GroundwireError("TIMEOUT", `${field} was abandoned`);
      const seen = await new Promise<SeenPicture>((resolve, reject) => {
        const wanted = (): boolean => !caller.gone;
        queue.add({ pixels, withGrid, wanted, enqueuedAt: performance.now(), resolve, reject });
        queue.pump();
      });
      return { ...seen, pixels };
    } finally {
      waiting -= 1;
    }
  }

  async function draw<T>(
    work: (step: Step) => Promise<T>,
    call: Pick<PictureOptions, "signal" | "timeoutMs"> = {},
  ): Promise<T> {
    admit();
    const deadline = createDeadline(call.timeoutMs ?? options.timeoutMs, call.signal);
    const step: Step = (run) => decoders(() => (deadline.over ? deadline.expired : run()));
    try {
      return await Promise.race([work(step), deadline.expired]);
    } finally {
      waiting -= 1;
      deadline.clear();
    }
  }

  function admit(): void {
    if (waiting >= maxPictures) {
      const message = `the queue holds its limit of ${maxPictures} pictures; try again later`;
      throw new GroundwireError("OVERLOADED", message, { retryAfterMs: rate.waitMs(waiting) });
    }
    waiting += 1;
  }

  async function decode(source: PictureSource, field: string): Promise<Uint8Array> {
    const started = performance.now();
    const pixels = await decodePicture(await readSource(source, field), field, limits);
    observe("decode", performance.now() - started);
    return pixels;
  }

  return {
    encode,
    draw,
    stats: () => ({ ...counts, queued: waiting, restarts: pool?.restarts ?? 0 }),
    grow: () => pool?.grow(),
    close: async () => pool?.close(),
  };
}

function readSource(source: PictureSource, field: string): Uint8Array | Promise<Uint8Array> {
  if (typeof source === "string") return readBase64Picture(source, field);
  return typeof source === "function" ? source() : source;
}

type VisualPool = WorkerPool<VisualRequest, VisualReply>;

function startPool(
  bundle: Bundle,
  { workers, threadsPerWorker, onTrouble }: VisualEncoderOptions,
): Promise<VisualPool> {
  const settings = {
    kind: "visual",
    model: graphFile(bundle, GRAPH),
    threads: threadsPerWorker,
    extra: nestConfig(bundle.manifest.session?.configEntries),
  } as const;
  return createWorkerPool(settings, workers, { ahead: 1, onTrouble });
}

function toGroundwireError(error: unknown): GroundwireError {
  if (isGroundwireError(error)) return error;
  return new GroundwireError("INTERNAL", "the picture could not be encoded", { cause: error });
}
