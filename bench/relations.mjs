import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, interleave, median, report, root, round, runJson, threads } from "./harness.mjs";
import { ensureSearch } from "./peers/setup.mjs";
import { createRandom } from "./texts.mjs";

/** Pairs of one call. */
const PAIRS = 512;
const SECONDS = 2;

/** Completions, and searches, that are timed one after the other in each round. */
const ALONE = 200;

/**
 * Pairs a second scored against every predicate, from objects in the relation subspace, against numpy; and one
 * completion over the whole lexicon against one exact search of it.
 */
export default async function relations() {
  const { loadBundle } = await import(join(root, "dist", "bundle", "bundle.js"));
  const { createRelations } = await import(join(root, "dist", "relations", "relations.js"));
  const loaded = await loadBundle(process.env.GROUNDWIRE_MODEL ?? bundle);
  if (!loaded.relations)
    throw new Error(`the bundle ${loaded.manifest.name} (stage ${loaded.manifest.stage}) has no relations`);
  const { operators, bias, subspace } = loaded.relations;
  const weights = join(mkdtempSync(join(tmpdir(), "relations-")), "weights.bin");
  writeFileSync(
    weights,
    Buffer.concat([
      Buffer.from(Float32Array.from(operators).buffer),
      Buffer.from(Float32Array.from(bias).buffer),
    ]),
  );
  const { createLexiconSearch } = await import(join(root, "dist", "lexicon", "search.js"));
  const ours = await createRelations(loaded, { threads });
  const lexicon = await createLexiconSearch(loaded, { threads, timeoutMs: 60_000 });
  const pairs = randomPairs(subspace);
  const script = join(root, "bench", "peers", "search", "relations.py");
  try {
    const results = await interleave({
      ours: () => rate(() => ours.score(pairs, "subspace")),
      numpy: () =>
        runJson(ensureSearch(), [script, weights, String(subspace), String(PAIRS), String(SECONDS)]),
      complete: () =>
        latency((query) => ours.complete([{ ...query, name: "man", missing: "object", predicate: 0 }])),
      search: () => latency(({ known, k }) => lexicon.search([{ vector: known, k }])),
    });
    return report({
      name: "relations",
      unit: `pairs/s, ${bias.length} predicates`,
      ours: results.ours.value,
      peers: { numpy: results.numpy.rate },
      limit: null,
      scoresPerSecond: round(results.ours.value * bias.length),
      completionMs: round(results.complete.value),
      searchMs: round(results.search.value),
      completionToSearch: round(results.complete.value / results.search.value),
    });
  } finally {
    await Promise.all([ours.close(), lexicon.close()]);
  }
}

async function rate(score) {
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < SECONDS * 1000) {
    await score();
    done += PAIRS;
  }
  return done / ((performance.now() - started) / 1000);
}

/** Median milliseconds of one query, asked alone. */
async function latency(ask) {
  const random = createRandom(11);
  const { dimension } = JSON.parse(
    readFileSync(join(process.env.GROUNDWIRE_MODEL ?? bundle, "manifest.json")),
  );
  const times = [];
  for (let i = 0; i < ALONE; i++) {
    const known = Float32Array.from({ length: dimension }, () => random() - 0.5);
    const started = performance.now();
    await ask({ known, k: 10 });
    times.push(performance.now() - started);
  }
  return median(times);
}

function randomPairs(subspace) {
  const random = createRandom(9);
  const vector = () => Float32Array.from({ length: subspace }, () => random() - 0.5);
  return Array.from({ length: PAIRS }, () => ({ subject: vector(), object: vector() }));
}
