import { GroundwireError } from "../errors.js";
import { createDeadline } from "./deadline.js";
import { createServiceRate } from "./service-rate.js";

export interface TaskQueueOptions<Request, Reply> {
  /** What waits, in messages: "relations". */
  name: string;
  /** How many requests may start now. */
  capacity: () => number;
  run: (request: Request) => Promise<Reply>;
  /** Milliseconds a request may take. */
  timeoutMs: number;
  /** Most requests that may wait. @default 512 */
  maxWaiting?: number;
}

export interface CallOptions {
  /** Ends the call, with the signal's reason; what has not been started never will be. */
  signal?: AbortSignal;
  /** Milliseconds that the request may take. @default the queue's */
  timeoutMs?: number;
}

export interface TaskQueue<Request, Reply> {
  readonly queued: number;
  /** @throws GroundwireError OVERLOADED where the queue is full, TIMEOUT, or the signal's reason; what `run` throws. */
  ask: (request: Request, call?: CallOptions) => Promise<Reply>;
  /** Starts as many requests as there is capacity for. */
  pump: () => void;
  /** Refuses what waits and all that would come. */
  close: (reason: GroundwireError) => void;
}

interface Waiting<Request, Reply> {
  request: Request;
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

/** The longest relations (a product of 1,024 pairs, or of 64 completions) take some 20 ms each (measured). */
const MAX_WAITING = 512;

/** A bounded queue of requests that are large already, so that each goes alone: relations, reads of collections. */
export function createTaskQueue<Request, Reply>(
  options: TaskQueueOptions<Request, Reply>,
): TaskQueue<Request, Reply> {
  const { name, maxWaiting = MAX_WAITING } = options;
  // In the order of their arrival. Who gives up leaves it at once, and so makes room.
  const queue = new Set<Waiting<Request, Reply>>();
  const rate = createServiceRate();
  let closed: GroundwireError | undefined;

  async function ask(request: Request, call: CallOptions = {}): Promise<Reply> {
    requireRoom();
    const { signal, timeoutMs = options.timeoutMs } = call;
    const deadline = createDeadline(timeoutMs, signal);
    const reply = new Promise<Reply>((resolve, reject) => {
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
    const message = `the queue of ${name} holds its limit of ${maxWaiting} requests; try again later`;
    throw new GroundwireError("OVERLOADED", message, { retryAfterMs: rate.waitMs(queue.size) });
  }

  function pump(): void {
    for (const waiting of queue) {
      if (options.capacity() === 0) return;
      queue.delete(waiting);
      void execute(waiting);
    }
  }

  async function execute({ request, resolve, reject }: Waiting<Request, Reply>): Promise<void> {
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
