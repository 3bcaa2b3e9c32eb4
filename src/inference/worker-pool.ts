import { Worker } from "node:worker_threads";
import { builtScript } from "../built-script.js";
import type { ExitRequest, WorkerReply, WorkerSettings } from "./protocol.js";

export interface WorkerPool<Request, Reply> {
  /** Requests that workers could take now. */
  readonly idle: number;
  /** Workers replaced after a death. */
  readonly restarts: number;
  /**
   * Runs a request on an idle worker. If the worker dies, another tries once more.
   * @throws Error when the model fails, or two workers died over this request.
   */
  run: (request: Request) => Promise<Reply>;
  /** Called each time a worker becomes idle. */
  onIdle: () => void;
  /** Starts the workers that `createWorkerPool` left for later. */
  grow: () => void;
  /** Makes one worker die as a fault would. For tests of recovery. */
  killOne: () => Promise<void>;
  /** Ends the workers once they have answered what they are at; what still waits is refused. */
  close: () => Promise<void>;
}

interface Task<Request, Reply> {
  request: Request;
  attempts: number;
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

interface Member<Request, Reply> {
  worker: Worker;
  exited: Promise<void>;
  ready: boolean;
  /** Its requests: the one that it is at, and those that it has been given ahead. */
  tasks: Task<Request, Reply>[];
}

export interface PoolOptions {
  /** What the workers run. */
  script?: URL;
  /** Requests that a worker is given while it is at one, so that it need not wait for the next. @default 0 */
  ahead?: number;
}

const MAX_ATTEMPTS = 2;
const RESTART_DELAY_MS = 200;

/**
 * Starts a worker, and the others when the pool is told to grow; keeps their number.
 * @throws Error when a worker cannot load its model at the start.
 */
export async function createWorkerPool<Request, Reply>(
  settings: WorkerSettings,
  size: number,
  { script = builtScript("inference/worker"), ahead = 0 }: PoolOptions = {},
): Promise<WorkerPool<Request, Reply>> {
  const members = new Set<Member<Request, Reply>>();
  const waiting: Task<Request, Reply>[] = [];
  let closing = false;
  let restarts = 0;

  function start(): Promise<void> {
    const worker = new Worker(script, { workerData: settings });
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const member: Member<Request, Reply> = { worker, exited, ready: false, tasks: [] };
    members.add(member);
    return new Promise((resolve, reject) => {
      worker.on("message", (message: WorkerReply<Reply>) => {
        if ("ready" in message) {
          member.ready = true;
          resolve();
        } else finish(member, message);
        assign();
      });
      // An "exit" follows every "error".
      worker.on("error", reject);
      worker.on("exit", (code) => {
        reject(new Error(`a worker ended with code ${code}`));
        replace(member);
      });
    });
  }

  function finish(
    member: Member<Request, Reply>,
    message: Exclude<WorkerReply<Reply>, { ready: true }>,
  ): void {
    const task = member.tasks.shift();
    if ("error" in message) task?.reject(new Error(message.error));
    else task?.resolve(message.reply);
  }

  function replace(member: Member<Request, Reply>): void {
    members.delete(member);
    const [fatal, ...unseen] = member.tasks;
    for (const task of unseen.reverse()) {
      task.attempts -= 1;
      retry(task);
    }
    if (fatal) retry(fatal);
    if (closing) return;
    assign();
    restarts += 1;
    // One that died before it was ready may do so again: not in a tight loop.
    setTimeout(restart, member.ready ? 0 : RESTART_DELAY_MS);
  }

  function restart(): void {
    // A failed start ends in an "exit", which asks for the next one.
    if (!closing) start().catch(() => undefined);
  }

  function retry(task: Task<Request, Reply>): void {
    if (closing || task.attempts >= MAX_ATTEMPTS)
      task.reject(new Error("the worker died while it ran this request"));
    else waiting.unshift(task);
  }

  /** By itself, because a terminate() while onnxruntime runs would abort the whole process. */
  async function end({ worker, exited }: Member<Request, Reply>, exit: number): Promise<void> {
    worker.postMessage({ exit } satisfies ExitRequest);
    await exited;
  }

  function room({ ready, tasks }: Member<Request, Reply>): number {
    return ready && !closing ? ahead + 1 - tasks.length : 0;
  }

  function assign(): void {
    for (;;) {
      const [freest] = [...members].sort((a, b) => room(b) - room(a));
      if (!freest || room(freest) === 0) return;
      const task = waiting.shift();
      if (!task) return pool.onIdle();
      task.attempts += 1;
      freest.tasks.push(task);
      freest.worker.postMessage(task.request);
    }
  }

  const pool: WorkerPool<Request, Reply> = {
    get idle() {
      const rooms = [...members].map(room);
      return Math.max(0, rooms.reduce((sum, one) => sum + one, 0) - waiting.length);
    },
    get restarts() {
      return restarts;
    },
    onIdle: () => undefined,
    grow() {
      for (let others = size - 1; others > 0; others--) restart();
    },
    run(request) {
      return new Promise((resolve, reject) => {
        if (closing) return reject(new Error("the workers are closed"));
        waiting.push({ request, attempts: 0, resolve, reject });
        assign();
      });
    },
    async killOne() {
      const [member] = members;
      if (member) await end(member, 1);
    },
    async close() {
      closing = true;
      for (const task of waiting.splice(0)) task.reject(new Error("the workers are closed"));
      await Promise.all([...members].map((member) => end(member, 0)));
    },
  };

  try {
    await start();
  } catch (error) {
    await pool.close();
    throw error;
  }
  return pool;
}
