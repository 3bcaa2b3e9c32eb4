import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, interleave, median, report, root, round, runJson, threads } from "./harness.mjs";
import { linkPhotos, makePhotos } from "./photos.mjs";

const DISTINCT = 256;
/** Pictures of one round. */
const PICTURES = 512;
const RAW_SECONDS = 6;
/** Pictures over which memory is watched, and how often. */
const MANY = Number(process.env.BENCH_PICTURES ?? 20_000);
const EVERY = Math.max(1, Math.floor(MANY / 10));

/**
 * Pictures a second that `groundwire index` brings from JPEG files into a collection, against the visual session alone
 * with as many workers and threads: with one thread, so that decoders have processors of their own, and as it comes,
 * where decoding is to be had from the same processors; and resident memory over 20,000 (BENCH_PICTURES) pictures.
 */
export default async function indexThroughput() {
  const home = mkdtempSync(join(tmpdir(), "groundwire-index-"));
  try {
    const photos = await makePhotos(join(home, "photos"), DISTINCT);
    const folders = {
      round: linkPhotos(photos, join(home, "round"), PICTURES),
      many: linkPhotos(photos, join(home, "many"), MANY),
    };
    const one = { GROUNDWIRE_WORKERS: "1", GROUNDWIRE_THREADS_PER_WORKER: "1" };
    const single = await compare(one, 1, join(home, "single"), folders);
    const whole = await compare({}, threads, join(home, "whole"), { round: folders.round });
    return report({
      name: "index-throughput",
      unit: "pictures/s, decode included, 1 worker x 1 thread",
      ours: single.ours.rate,
      limit: single.raw.rate,
      modelBusy: round(single.ours.busy),
      onAllProcessors: {
        ours: round(whole.ours.rate),
        limit: round(whole.raw.rate),
        ratioToLimit: round(whole.ours.rate / whole.raw.rate),
      },
      memory: single.memory,
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Interleaved rounds of indexing and of the session alone; memory where there is a folder of many. */
async function compare(variables, rawThreads, dataDir, { round: folder, many }) {
  const { startServices } = await import(join(root, "dist", "services.js"));
  const { readConfig } = await import(join(root, "dist", "config.js"));
  const { collectSeldom } = await import(join(root, "dist", "garbage.js"));
  // As the command does.
  collectSeldom();
  let seeMs = 0;
  const observe = (stage, ms) => (seeMs += stage === "see" ? ms : 0);
  const directory = process.env.GROUNDWIRE_MODEL ?? bundle;
  const services = await startServices(directory, { ...readConfig(variables), dataDir, observe });
  services.grow();
  try {
    const raw = [join(root, "bench", "raw-visual.mjs"), String(rawThreads), String(RAW_SECONDS)];
    const results = await interleave({
      ours: async (number) => {
        seeMs = 0;
        const { rate, seconds } = await index(services, folder, `round-${number}`);
        return { rate, busy: seeMs / 1000 / seconds };
      },
      raw: () => runJson(process.execPath, raw),
    });
    return { ...results, memory: many && (await watchMemory(services, many)) };
  } finally {
    await services.close();
  }
}

async function index({ collections }, path, collection, onProgress) {
  const { indexPath } = await import(join(root, "dist", "collections", "indexing.js"));
  const started = performance.now();
  const { stored, failed } = await indexPath({ collections, collection, path, onProgress });
  if (failed > 0) throw new Error(`${failed} of the photos could not be indexed`);
  const seconds = (performance.now() - started) / 1000;
  return { rate: stored / seconds, seconds };
}

/**
 * Resident MB, the median of each interval's readings: between two collections it goes up and down. Growth is from the
 * first interval, in the middle of which every buffer has its size, to the last.
 */
async function watchMemory(services, folder) {
  const residentMb = [];
  let readings = [];
  const onProgress = ({ stored }) => {
    readings.push(process.memoryUsage().rss / 2 ** 20);
    if (stored < EVERY * (residentMb.length + 1)) return;
    residentMb.push(Math.round(median(readings)));
    readings = [];
    console.error(`bench: ${stored} pictures, ${residentMb.at(-1)} MB resident`);
  };
  const { rate } = await index(services, folder, "many", onProgress);
  return {
    pictures: MANY,
    every: EVERY,
    residentMb,
    growthMb: residentMb.at(-1) - residentMb[0],
    rate: round(rate),
  };
}
