import { BundleError } from "./manifest.js";

export interface AxisRecord {
  name: string;
  /** Human norm that the axis predicts best, if one is known. */
  norm: string | null;
  /** Pearson r with that norm, -1 to 1. */
  r: number | null;
  /** Lexicon words at the low end, most extreme first. */
  low: string[];
  high: string[];
}

export interface ReadoutRecord {
  name: string;
  kind: "regression" | "classification";
  /** [D]: the value is `vector . weights + bias` on the raw vector. */
  weights: number[];
  bias: number;
  /** Cross-validated r (regression) or accuracy (classification), 0 to 1. */
  r: number;
  n: number;
}

export interface AxesFile {
  mean: number[];
  /** [K, D], orthonormal rows. */
  components: number[][];
  /** [K], shares of the total variance, 0 to 1. */
  explainedVariance: number[];
  axes: AxisRecord[];
  readouts: ReadoutRecord[];
}

/** @throws BundleError naming the field whose length is wrong. */
export function parseAxes(value: unknown, dimension: number): AxesFile {
  const file = value as AxesFile;
  const count = file.axes?.length ?? 0;
  check(count > 0, "axes must be a non-empty list");
  check(file.mean?.length === dimension, `mean must have ${dimension} values`);
  check(file.components?.length === count, `components must have ${count} rows`);
  check(
    file.components.every((row) => row.length === dimension),
    `components must have ${dimension} columns`,
  );
  check(file.explainedVariance?.length === count, `explainedVariance must have ${count} values`);
  const wrong = file.readouts?.find((readout) => readout.weights.length !== dimension);
  check(wrong === undefined, `readouts: ${wrong?.name} must have ${dimension} weights`);
  return file;
}

function check(condition: boolean, rule: string): void {
  if (!condition) throw new BundleError("axes.json", rule);
}
