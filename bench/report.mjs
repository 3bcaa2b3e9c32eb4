// REPORT.md from the results of one run.
import { checkBars } from "./bars.mjs";
import { figures } from "./harness.mjs";

const HEAD =
  "| benchmark | unit | ours | peers | limit | ours : limit | ours : best peer |\n|---|---|---|---|---|---|---|";

/** @param {object[]} results what the benchmarks returned, in order */
export function renderReport(results) {
  const [{ machine, commit }] = results;
  return `# Benchmarks

Written by \`npm run bench\`. All figures are of one run, medians of interleaved rounds; compare ratios, not seconds.
A ratio above 1 is in our favor, whatever the unit.

Machine: ${machine}. Commit: ${commit}.

${HEAD}
${results.map(row).join("\n")}

## What must hold

| benchmark | rule | holds |
|---|---|---|
${checkBars(results)
  .map(({ name, rule, holds }) => `| ${name} | ${rule} | ${holds ? "yes" : "**no**"} |`)
  .join("\n")}

## Details

${results.map(details).join("\n\n")}
`;
}

function row({ name, unit, ours, peers, limit, ratioToLimit, ratioToBestPeer }) {
  const others = Object.entries(peers).map(([peer, value]) => `${peer} ${value}`);
  const cells = [
    name,
    unit,
    ours,
    others.join(", ") || "–",
    limit ?? "–",
    ratioToLimit ?? "–",
    ratioToBestPeer ?? "–",
  ];
  return `| ${cells.join(" | ")} |`;
}

function details(result) {
  return `### ${result.name}\n\n\`\`\`json\n${JSON.stringify(figures(result), null, 2)}\n\`\`\``;
}
