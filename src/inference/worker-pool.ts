import { Worker } from "node:worker_threads";
import { builtScript } from "../built-script.js";
import type { ExitRequest, WorkerReply, WorkerSettings } from "./protocol.js";
import type { WorkerTrouble } from "./worker-watch.js";

export interface WorkerPool<Request, Reply> {
  /** Requests that workers could take now. */
  readonly idle: number;
  /** Workers replaced after a death. */
  readonly restarts: number;
  /**
   * Runs a request on an idle worker. If the worker dies, another tries once more.
   * @throws Error when the model fails, or two workers died over this request; its cause is then why the last one did.
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
  /** What it died of. */
  fault?: Error;
  /** Its requests: the one that it is at, and those that it has been given ahead. */
  tasks: Task<Request, Reply>[];
}

export interface PoolOptions {
  /** What the workers run. */
  script?: URL;
  /** Requests that a worker is given while it is at one, so that it need not wait for the next. @default 0 */
  ahead?: number;
  /** Told of each worker that ended unasked. */
  onTrouble?: (trouble: WorkerTrouble) => void;
}

const MAX_ATTEMPTS = 2;
/** Pause after a worker that could not start; each further one doubles it, so that its log stays short. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Starts a worker, and the others when the pool is told to grow; keeps their number.
 * @throws Error when a worker cannot load its model at the start.
 */
export async function createWorkerPool<Request, Reply>(
  settings: WorkerSettings,
  size: number,
  { script = builtScript("inference/worker"), ahead = 0, onTrouble = () => undefined }: PoolOptions = {},
): Promise<WorkerPool<Request, Reply>> {
  const members = new Set<Member<Request, Reply>>();
  const waiting: Task<Request, Reply>[] = [];
  const pauses = new Set<NodeJS.Timeout>();
  let failedStarts = 0;
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
          failedStarts = 0;
          resolve();
        } else finish(member, message);
        assign();
      });
      // An "exit" follows every "error".
      worker.on("error", (error) => {
        member.fault = error;
        reject(error);
      });
      worker.on("exit", (code) => {
        const fault = member.fault ?? new Error(`a worker ended with code ${code}`);
        reject(fault);
        replace(member, fault);
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

  function replace(member: Member<Request, Reply>, fault: Error): void {
    members.delete(member);
    const [fatal, ...unseen] = member.tasks;
    for (const task of unseen.reverse()) {
      task.attempts -= 1;
      retry(task, fault);
    }
    if (fatal) retry(fatal, fault);
    if (closing) return;
    assign();
    restarts += 1;
    const restartInMs = member.ready ? 0 : nextPause();
    const pause = setTimeout(() => {
      pauses.delete(pause);
      restart();
    }, restartInMs);
    pauses.add(pause);
    onTrouble({ kind: settings.kind, wasReady: member.ready, error: fault, restartInMs });
  }

  /** One that died before it was ready may do so again, for as long as what it lacks is missing. */
  function nextPause(): number {
    const ms = FIRST_PAUSE_MS * 2 ** failedStarts;
    failedStarts += 1;
    return Math.min(LONGEST_PAUSE_MS, ms);
  }

  function restart(): void {
    // A failed start ends in an "exit", which tells of it and asks for the next one.
    if (!closing) start().catch(() => undefined);
  }

  function retry(task: Task<Request, Reply>, cause: Error): void {
    if (closing || task.attempts >= MAX_ATTEMPTS)
      task.reject(new Error("the worker died while it ran this request", { cause }));
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
      pauses.forEach(clearTimeout);
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
