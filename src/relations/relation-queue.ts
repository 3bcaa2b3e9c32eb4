import { GroundwireError } from "../errors.js";
import { createDeadline } from "../inference/deadline.js";
import type { RelateReply, RelateRequest } from "../inference/protocol.js";
import { createServiceRate } from "../inference/service-rate.js";

export interface RelationQueueOptions {
  /** How many requests may start now. */
  capacity: () => number;
  run: (request: RelateRequest) => Promise<RelateReply>;
  /** Milliseconds a request may take. */
  timeoutMs: number;
  /** Most requests that may wait. @default 512 */
  maxWaiting?: number;
}

export interface CallOptions {
  /** Ends the call, with the signal's reason; what has not reached the worker never will. */
  signal?: AbortSignal;
}

export interface RelationQueue {
  readonly queued: number;
  /** @throws GroundwireError OVERLOADED where the queue is full, TIMEOUT, or the signal's reason; what `run` throws. */
  ask: (request: RelateRequest, call?: CallOptions) => Promise<RelateReply>;
  /** Starts as many requests as there is capacity for. */
  pump: () => void;
  /** Refuses what waits and all that would come. */
  close: (reason: GroundwireError) => void;
}

interface Waiting {
  request: RelateRequest;
  resolve: (reply: RelateReply) => void;
  reject: (error: Error) => void;
}

/** The longest (a product of 1,024 pairs, or of 64 completions) take some 20 ms each (measured). */
const MAX_WAITING = 512;

/** The queue in front of the worker that relates objects: requests are large already, so each goes alone. */
export function createRelationQueue(options: RelationQueueOptions): RelationQueue {
  const { maxWaiting = MAX_WAITING } = options;
  // In the order of their arrival. Who gives up leaves it at once, and so makes room.
  const queue = new Set<Waiting>();
  const rate = createServiceRate();
  let closed: GroundwireError | undefined;

  async function ask(request: RelateRequest, { signal }: CallOptions = {}): Promise<RelateReply> {
    requireRoom();
    const deadline = createDeadline(options.timeoutMs, signal);
    const reply = new Promise<RelateReply>((resolve, reject) => {
      const waiting = { request, resolve, reject };
      if (!signal?.aborted) queue.add(waiting);
      deadline.expired.catch((error: Error) => {
        queue.delete(waiting);
        reject(error);
      });
    });
    pump();
    try {
      return await reply;
    } finally {
      deadline.clear();
    }
  }

  function requireRoom(): void {
    if (closed) throw closed;
    if (queue.size < maxWaiting) return;
    const message = `the queue of relations holds its limit of ${maxWaiting} requests; try again later`;
    throw new GroundwireError("OVERLOADED", message, { retryAfterMs: rate.waitMs(queue.size) });
  }

  function pump(): void {
    for (const waiting of queue) {
      if (options.capacity() === 0) return;
      queue.delete(waiting);
      void execute(waiting);
    }
  }

  async function execute({ request, resolve, reject }: Waiting): Promise<void> {
    const started = performance.now();
    try {
      const reply = await options.run(request);
      rate.served(1, started);
      resolve(reply);
    } catch (error) {
      reject(error as Error);
    }
  }

  return {
    get queued() {
      return queue.size;
    },
    ask,
    pump,
    close: (reason) => {
      closed = reason;
      for (const { reject } of queue) reject(reason);
      queue.clear();
    },
  };
}
