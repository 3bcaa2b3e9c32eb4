// `npm test`: sets up and proves everything. Every step runs, also after one has failed, so that one run shows all.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ensureBuilt,
  ensureInstalled,
  ensureTraining,
  note,
  npm,
  requireNode,
  root,
  run,
  scratch,
  venvPython,
} from "./setup.mjs";

requireNode();
ensureInstalled();
ensureBuilt();
const parityFile = join(scratch("test"), "parity.jsonl");
const shown = { stdout: 1 };
const mypyConfig = join("training", "pyproject.toml");
const trainingPackage = join("training", "groundwire_training");

const steps = [
  ["lint", () => npm(["run", "--silent", "lint"], shown)],
  ["types", () => npm(["run", "--silent", "typecheck"], shown)],
  ["sdk build", () => npm(["run", "--silent", "build", "--workspace", "sdk"], shown)],
];
const withPython = ensureTraining();
if (withPython) steps.push(["tokenizer parity texts", writeParityTexts]);
steps.push(
  ["gateway", runGatewayTests],
  ["sdk", () => npm(["run", "--silent", "test:sdk"], shown)],
  ["explorer", () => npm(["run", "--silent", "test:explorer"], shown)],
);
if (withPython) {
  steps.push(
    ["training lint", () => run(venvPython, ["-m", "ruff", "check", "training"], shown)],
    ["training format", () => run(venvPython, ["-m", "ruff", "format", "--check", "training"], shown)],
    [
      "training types",
      () => run(venvPython, ["-m", "mypy", "--config-file", mypyConfig, trainingPackage], shown),
    ],
    ["training tests", () => run(venvPython, ["-m", "pytest", "-q", "training/tests"], shown)],
  );
} else {
  steps.push(["training", reportMissingPython]);
}

const results = steps.map(([name, action]) => {
  note(`--- ${name}`);
  const started = performance.now();
  const status = action();
  return { name, status, seconds: (performance.now() - started) / 1000 };
});

console.log("");
for (const { name, status, seconds } of results) {
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${name} (${seconds.toFixed(0)} s)`);
}
const failed = results.filter(({ status }) => status !== 0).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function writeParityTexts() {
  const bundle = readFileSync(join(root, "models", "default"), "utf8").trim();
  const tokenizer = join("models", bundle, "tokenizer.json");
  const args = [
    "-m",
    "groundwire_training.parity",
    "--tokenizer",
    tokenizer,
    "--count",
    "20000",
    "--seed",
    "7",
  ];
  return run(venvPython, [...args, "--out", parityFile], shown);
}

function runGatewayTests() {
  const env = { ...process.env, ...(withPython && { GROUNDWIRE_PARITY_FILE: parityFile }) };
  return npm(["run", "--silent", "test:gateway"], { ...shown, env });
}

function reportMissingPython() {
  note(
    "!!! NO PYTHON >= 3.11 (with venv) FOUND: THE TRAINING TESTS AND THE TOKENIZER COMPARISON DID NOT RUN !!!",
  );
  return process.env.CI ? 1 : 0;
}
