import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Services, Stage } from "../services.js";

export interface Metrics {
  registry: Registry;
  observe: (stage: Stage, ms: number) => void;
  countRequest: (route: string, status: number, ms: number) => void;
  /** Counts an answer that was given again. */
  countRepeated: () => void;
  /** Publishes the services' own counts; call once they run. */
  follow: (services: Services) => void;
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Prometheus metrics, with the event loop's delay and the process's memory among the defaults. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  // The delay that is measured holds this interval, in ms. At 1, looking alone took an idle server 2 % of a processor.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 5 });
  const stages = new Histogram({
    name: "groundwire_stage_seconds",
    help: "Time per text (tokenize, queue) or batch (infer, search)",
    labelNames: ["stage"],
    buckets: SECONDS,
    registers: [registry],
  });
  const requests = new Histogram({
    name: "groundwire_http_request_seconds",
    help: "Time from a request's arrival to its answer",
    labelNames: ["route", "status"],
    buckets: SECONDS,
    registers: [registry],
  });

  const repeated = new Counter({
    name: "groundwire_repeated_answers_total",
    help: "Answers given again as they were kept",
    registers: [registry],
  });

  // Looking a label up by its hash takes longer than the observation.
  const stageOf = remember((stage) => stages.labels(stage));
  const requestOf = remember((key) => {
    const [status, route] = key.split(" ") as [string, string];
    return requests.labels(route, status);
  });

  function follow({ encoder, lexicon, workers }: Services): void {
    const counts = {
      batches: "Batches given to the model",
      texts: "Rows given to the model",
      paddedTokens: "Tokens given to the model, padding included",
      cacheHits: "Texts answered from the cache",
      cacheMisses: "Texts not found in the cache",
      shared: "Texts that joined the same text under way",
      solo: "Batches that came alone and had the threads of all workers",
      restarts: "Workers replaced after a death",
    } as const;
    for (const [key, help] of Object.entries(counts) as [keyof typeof counts, string][]) {
      const name = `groundwire_encoder_${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`;
      new Counter({ name, help, registers: [registry], collect: followCount(() => encoder.stats()[key]) });
    }
    new Gauge({
      name: "groundwire_encoder_queued",
      help: "Texts that wait for the model",
      registers: [registry],
      collect() {
        this.set(encoder.stats().queued);
      },
    });
    new Counter({
      name: "groundwire_lexicon_batches_total",
      help: "Matrix products of the lexicon's search",
      registers: [registry],
      collect: followCount(() => lexicon.stats().batches),
    });
    new Counter({
      name: "groundwire_lexicon_queries_total",
      help: "Queries searched in the lexicon",
      registers: [registry],
      collect: followCount(() => lexicon.stats().queries),
    });
    // The encoder's are among its own counts.
    const pools = { lexicon: "search", pictures: "visual", relations: "relate" } as const;
    for (const [pool, kind] of Object.entries(pools))
      new Counter({
        name: `groundwire_${pool}_restarts_total`,
        help: "Workers replaced after a death",
        registers: [registry],
        collect: followCount(() => workers.restarts[kind]),
      });
  }

  return {
    registry,
    observe: (stage, ms) => stageOf(stage).observe(ms / 1000),
    countRequest: (route, status, ms) => requestOf(`${status} ${route}`).observe(ms / 1000),
    countRepeated: () => repeated.inc(),
    follow,
  };
}

function remember<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}

/** A counter can only be added to, so it follows a count by its growth. */
function followCount(read: () => number): (this: Counter) => void {
  let seen = 0;
  return function collect(this: Counter) {
    const now = read();
    this.inc(now - seen);
    seen = now;
  };
}
