import type { NewItem } from "./vector-store.js";

export interface Writer {
  /** @param items of different ids */
  upsert: (items: NewItem[]) => Promise<void>;
  remove: (ids: readonly string[]) => Promise<number>;
}

export interface WriteQueue {
  upsert: (items: readonly NewItem[]) => Promise<void>;
  remove: (ids: readonly string[]) => Promise<number>;
  /** Resolves once nothing is waiting. */
  idle: () => Promise<void>;
}

/** Items that go into one commit at most. */
const MAX_COMMIT = 2048;

type Write =
  | { kind: "upsert"; items: readonly NewItem[]; resolve: () => void; reject: (error: unknown) => void }
  | {
      kind: "remove";
      ids: readonly string[];
      resolve: (count: number) => void;
      reject: (error: unknown) => void;
    };
type Upsert = Extract<Write, { kind: "upsert" }>;

/**
 * One writer at a time, in the order of arrival. Upserts that wait together become one commit, so that many small
 * calls cost little more than one large one.
 */
export function createWriteQueue(writer: Writer): WriteQueue {
  const waiting: Write[] = [];
  let draining: Promise<void> | undefined;

  function enqueue(write: Write): void {
    waiting.push(write);
    draining ??= drain().finally(() => (draining = undefined));
  }

  async function drain(): Promise<void> {
    // Calls of the same turn of the event loop share the first commit.
    await new Promise(setImmediate);
    for (let write = waiting.shift(); write; write = waiting.shift()) {
      if (write.kind === "remove") await settle([write], writer.remove(write.ids));
      else {
        const group = takeUpserts(write, waiting);
        await settle(group, writer.upsert(lastOfEachId(group)));
      }
    }
  }

  return {
    upsert: (items) => new Promise((resolve, reject) => enqueue({ kind: "upsert", items, resolve, reject })),
    remove: (ids) => new Promise((resolve, reject) => enqueue({ kind: "remove", ids, resolve, reject })),
    idle: async () => draining,
  };
}

async function settle(group: Write[], work: Promise<number | void>): Promise<void> {
  try {
    const result = await work;
    for (const write of group) (write.resolve as (value: unknown) => void)(result);
  } catch (error) {
    for (const write of group) write.reject(error);
  }
}

function takeUpserts(first: Upsert, waiting: Write[]): Upsert[] {
  const group = [first];
  let count = first.items.length;
  for (let next = waiting[0]; next?.kind === "upsert"; next = waiting[0]) {
    count += next.items.length;
    if (count > MAX_COMMIT) break;
    group.push(next);
    waiting.shift();
  }
  return group;
}

function lastOfEachId(group: Upsert[]): NewItem[] {
  return [...new Map(group.flatMap(({ items }) => items.map((item) => [item.id, item] as const))).values()];
}
