import { join } from "node:path";
import { ensureTraining, venvPython } from "../scripts/setup.mjs";
import { root, runJson, threads } from "./harness.mjs";

/** Photos a second of a training step, loss included; measured by the training package itself. */
export default function trainStep() {
  if (!ensureTraining()) throw new Error("train-step needs Python >= 3.11");
  const args = ["-m", "groundwire_training.bench_step", "--threads", String(threads)];
  return runJson(venvPython, args, { PYTHONPATH: join(root, "training") });
}
