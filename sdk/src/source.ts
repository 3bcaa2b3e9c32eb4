/** An item with its place in the input, from 0. */
export interface Placed<Item> {
  index: number;
  item: Item;
}

export interface Source<Item> {
  /** The next items; none after the last one. */
  take: () => Promise<Placed<Item>[]>;
  /** Gives up what has not been taken. */
  close: () => Promise<void>;
}

/** Blocks of an iterable, one after the other, whoever asks: not every async iterator bears two questions at once. */
export function createSource<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  blockSize: number,
): Source<Item> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let last: Promise<unknown> = Promise.resolve();
  let index = 0;
  let asked = false;
  let ended = false;

  async function pull(): Promise<Placed<Item>[]> {
    const block: Placed<Item>[] = [];
    while (block.length < blockSize && !ended) {
      const step = await ask();
      if (step.done) ended = true;
      else block.push({ index: index++, item: step.value });
    }
    return block;
  }

  async function ask(): Promise<IteratorResult<Item>> {
    asked = true;
    try {
      return await iterator.next();
    } catch (error) {
      ended = true;
      throw error;
    } finally {
      asked = false;
    }
  }

  return {
    take() {
      const mine = last.then(pull);
      last = mine.catch(() => undefined);
      return mine;
    },
    async close() {
      if (ended) return;
      ended = true;
      const closing = Promise.resolve()
        .then(() => iterator.return?.())
        .catch(() => undefined);
      // One that has been asked for an item would answer that first, which it may never do.
      if (!asked) await closing;
    },
  };
}
