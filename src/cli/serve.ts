import { parseArgs } from "node:util";
import { VARIABLES } from "../config.js";

export const summary = "the GraphQL gateway";

export const usage = `groundwire serve

Serves the model bundle until SIGTERM or SIGINT. It is set up by environment variables:

${Object.entries(VARIABLES).map(describe).join("\n")}`;

export const exits = {
  0: "stopped by a signal",
  1: "could not start, or what was under way had not ended when the drain was over",
};

function describe([name, { default: value, meaning }]: [
  string,
  { default: string; meaning: string },
]): string {
  return `  GROUNDWIRE_${name}\n      ${meaning}${value && ` (default ${value})`}`;
}

/** The server lives on when this returns. */
export async function run(args: string[]): Promise<void> {
  parseArgs({ args, options: {} });
  await import("../main.js");
}
