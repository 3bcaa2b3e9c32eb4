// `npm run abuse`: every program at full length (half an hour), and docs/RELIABILITY.md.
// `npm run abuse -- NAME...`: these alone, and their sections of it. The exit status is 1 where a rule is broken.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import { machineAndCommit, root } from "../../bench/harness.mjs";
import { ensureBuilt, ensureInstalled, requireNode } from "../../scripts/setup.mjs";

/** Programs and their options at full length, where that is not the default. */
const PROGRAMS = {
  audit: [],
  fuzz: ["--seconds", "600"],
  slow: [],
  cut: [],
  kill: [],
  clock: [],
  stop: [],
  disk: [],
  crash: [],
  pictures: [],
  saturate: [],
  leaks: [],
};

requireNode();
ensureInstalled();
ensureBuilt();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in PROGRAMS));
if (unknown.length > 0) {
  console.error(`unknown program ${unknown.join(", ")}; there are ${Object.keys(PROGRAMS).join(", ")}`);
  process.exit(2);
}
const names = asked.length > 0 ? asked : Object.keys(PROGRAMS);
const outcomes = names.map(throwIt);
const document = join(root, "docs", "RELIABILITY.md");
writeFileSync(document, await format(render(outcomes), { parser: "markdown" }));
console.error("abuse: wrote docs/RELIABILITY.md");
process.exit(outcomes.some(({ broken }) => broken.length > 0) ? 1 : 0);

function throwIt(name) {
  console.error(`abuse: ${name}`);
  const { about, line, seconds } = play(name);
  console.log(line);
  const { rules, broken, ...counts } = JSON.parse(line);
  return { name, about, counts, rules, broken, seconds };
}

function play(name) {
  const program = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  const [about] = node(program, "--help").split("\n\n");
  const started = performance.now();
  const line = node(program, ...PROGRAMS[name])
    .trim()
    .split("\n")
    .at(-1);
  return { about, line, seconds: Math.round((performance.now() - started) / 1000) };
}

/** What a program prints, whether or not its rules held. */
function node(...args) {
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status === 0 || status === 1) return stdout;
  throw new Error(`${args.join(" ")} ended with ${status}`);
}

/** The document with the sections of these outcomes new, and the others as they were. */
function render(outcomes) {
  const sections = new Map(
    readFileSync(document, "utf8")
      .split(/^(?=## )/m)
      .slice(1)
      .map((text) => [text.slice(3, text.indexOf("\n")), text]),
  );
  for (const outcome of outcomes) sections.set(outcome.name, section(outcome));
  const written = Object.keys(PROGRAMS).flatMap((name) => sections.get(name) ?? []);
  return `# Reliability

What was thrown at the gateway, with counts, and what must hold. Written by \`npm run abuse\`, which runs the programs of
\`test/abuse/\` at full length, one after the other; \`npm test\` runs them briefly.

${written.join("\n")}`;
}

function section({ name, about, counts, rules, broken, seconds }) {
  const { machine, commit } = machineAndCommit();
  const held = rules.map((rule) => `| ${rule} | ${broken.includes(rule) ? "**no**" : "yes"} |`);
  return `## ${name}

${about}

Machine: ${machine}. Commit: ${commit}.

| rule | holds |
|---|---|
${held.join("\n")}

\`\`\`json
${JSON.stringify({ ...counts, seconds: counts.seconds ?? seconds }, null, 2)}
\`\`\`
`;
}
