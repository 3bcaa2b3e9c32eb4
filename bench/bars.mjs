// What each benchmark must reach: ratios and times of one run on one machine.

/** @typedef {{rule: string, holds: (result: Record<string, any>) => boolean}} Bar */

/** @type {Record<string, Bar[]>} */
const BARS = {
  "embed-throughput": [
    {
      rule: "at least 2 x @huggingface/transformers",
      holds: ({ ratioToBestPeer }) => ratioToBestPeer >= 2,
    },
    {
      rule: "at least 0.85 of onnxruntime alone at its best batch",
      holds: ({ ratioToLimit }) => ratioToLimit >= 0.85,
    },
  ],
  "embed-latency": [
    {
      rule: "p50 at most 1.0 ms + 1.15 x the session's alone",
      holds: ({ ours, allowed }) => ours <= allowed,
    },
    { rule: "p99 at most 3 x p50", holds: ({ p99ToP50 }) => p99ToP50 <= 3 },
  ],
  "cached-throughput": [
    {
      rule: "at least 0.7 of the same stack returning a constant",
      holds: ({ ratioToLimit }) => ratioToLimit >= 0.7,
    },
  ],
  neighbors: [
    { rule: "at least 5 x gensim at 30,000 rows", holds: ({ ratioToGensim }) => ratioToGensim >= 5 },
    {
      rule: "at least 5 x gensim at 200,000 rows",
      holds: ({ at200000 }) => at200000.ratioToGensim >= 5,
    },
    {
      rule: "at least 0.5 of the limit of memory bandwidth, 32 queries together",
      holds: ({ ratioToLimit, at200000 }) => Math.min(ratioToLimit, at200000.ratioToLimit) >= 0.5,
    },
  ],
  relations: [
    {
      rule: "a completion over the lexicon within 1.5 x one exact search of it",
      holds: ({ completionToSearch }) => completionToSearch <= 1.5,
    },
  ],
  "index-throughput": [
    {
      rule: "at least 0.8 of the visual session alone, decode included",
      holds: ({ ratioToLimit }) => ratioToLimit >= 0.8,
    },
    { rule: "grows by less than 20 MB over all pictures", holds: ({ memory }) => memory.growthMb < 20 },
  ],
  "train-step": [
    {
      rule: "every loss at least 10 x its plain loops",
      holds: ({ losses }) => Object.values(losses).every(({ speedup }) => speedup >= 10),
    },
    {
      rule: "and equal to them, forward and backward, to 1e-5",
      holds: ({ losses }) => Object.values(losses).every(({ maxAbsDifference }) => maxAbsDifference <= 1e-5),
    },
  ],
  "event-loop": [{ rule: "p99 below 20 ms at saturation", holds: ({ ours }) => ours < 20 }],
  memory: [{ rule: "grows by less than 20 MB", holds: ({ ours }) => ours < 20 }],
  "cold-start": [{ rule: "below 2 s", holds: ({ ours }) => ours < 2 }],
  overload: [
    { rule: "no accepted request is lost", holds: ({ lost }) => lost === 0 },
    {
      rule: "p99 of accepted requests within 3 x p99 at saturation",
      holds: ({ ours, limit }) => ours <= 3 * limit,
    },
    { rule: "the others are refused within 50 ms (p99)", holds: ({ refusedP99 }) => refusedP99 <= 50 },
  ],
};

/** @returns {{name: string, rule: string, holds: boolean}[]} every rule for which there is a result */
export function checkBars(results) {
  return results.flatMap((result) =>
    (BARS[result.name] ?? []).map(({ rule, holds }) => ({ name: result.name, rule, holds: holds(result) })),
  );
}
