import { join } from "node:path";
import { figures, interleave, report, root, round, runJson, threads } from "./harness.mjs";
import { ensureSearch } from "./peers/setup.mjs";
import { createRandom } from "./texts.mjs";

const DIMENSION = 384;
const K = 10;
const SECONDS = 2;

/** Exact queries a second, k = 10, against 30,000 and 200,000 vectors; ours when 32 queries arrive together. */
export default async function neighbors() {
  const python = ensureSearch();
  const small = await compare(30_000, python);
  const large = await compare(200_000, python);
  return report({
    name: "neighbors",
    unit: "queries/s, 30,000 x 384, k = 10, exact",
    ...small,
    at200000: figures(report({ name: "neighbors", unit: "queries/s, 200,000 x 384", ...large })),
  });
}

async function compare(rows, python) {
  const { createLexiconSearch } = await import(join(root, "dist", "lexicon", "search.js"));
  const search = await createLexiconSearch({ lexicon: randomLexicon(rows) }, { threads, timeoutMs: 60_000 });
  const queries = randomQueries(1024);
  try {
    const results = await interleave({
      ours: async () => ({
        together: await rate(search, queries, 32),
        alone: await rate(search, queries, 1),
      }),
      peers: () =>
        runJson(
          python,
          [join(root, "bench", "peers", "search", "search.py"), rows, DIMENSION, threads, SECONDS].map(
            String,
          ),
        ),
    });
    const { together, alone } = results.ours;
    const { gensim, usearch, usearch32, bytesPerSecond } = results.peers;
    return {
      ours: together,
      peers: { gensim, usearch, "usearch, 32 together": usearch32 },
      // One query, one pass over the float32 matrix.
      limit: bytesPerSecond / (4 * rows * DIMENSION),
      ratioToGensim: round(together / gensim),
      oneAtATime: round(alone),
      gigabytesPerSecond: round(bytesPerSecond / 1e9),
    };
  } finally {
    await search.close();
  }
}

async function rate(search, queries, together) {
  let next = 0;
  const started = performance.now();
  while (performance.now() - started < SECONDS * 1000) {
    const calls = Array.from({ length: together }, () =>
      search.search([{ vector: queries[next++ % 1024], k: K }]),
    );
    for (const [result] of await Promise.all(calls)) {
      if (result instanceof Error) throw result;
    }
  }
  return next / ((performance.now() - started) / 1000);
}

function randomLexicon(count) {
  const random = createRandom(7);
  const rows = Int8Array.from({ length: count * DIMENSION }, () => Math.floor(random() * 255) - 127);
  const entries = Array.from({ length: count }, (_, i) => `entry ${i}`);
  return { entries, rows, scales: new Float32Array(count).fill(0.01) };
}

function randomQueries(count) {
  const random = createRandom(8);
  return Array.from({ length: count }, () => Float32Array.from({ length: DIMENSION }, () => random() - 0.5));
}
