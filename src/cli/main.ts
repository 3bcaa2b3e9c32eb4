#!/usr/bin/env node
import { explain } from "../explain.js";
import { EXITS, isUsageError, type Command } from "./command.js";

/** A command is one file that exports a `Command`; it is loaded only when it is called. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  serve: () => import("./serve.js"),
  embed: () => import("./embed.js"),
  neighbors: () => import("./neighbors.js"),
  relations: () => import("./relations.js"),
  ground: () => import("./ground.js"),
  index: () => import("./index-command.js"),
  reembed: () => import("./reembed-command.js"),
  doctor: () => import("./doctor.js"),
};

// A reader that has seen enough, such as `head`, is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await main(process.argv.slice(2));

async function main([name = "--help", ...args]: string[]): Promise<number> {
  if (name === "--help" || name === "-h" || name === "help") return print(await overview());
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    const names = Object.keys(COMMANDS).join(", ");
    console.error(`groundwire: there is no command ${JSON.stringify(name)}; the commands are ${names}`);
    return 2;
  }
  const command = await load();
  if (args.includes("--help") || args.includes("-h")) return print(help(command));
  try {
    return (await command.run(args)) ?? 0;
  } catch (error) {
    console.error(explain(error));
    if (!isUsageError(error)) return 1;
    console.error(`\n${command.usage}`);
    return 2;
  }
}

function help({ usage, exits }: Command): string {
  const lines = Object.entries({ ...EXITS, ...exits }).map(
    ([status, meaning]) => `  ${status.padEnd(5)}${meaning}`,
  );
  return [usage, "", "Exit status:", ...lines].join("\n");
}

async function overview(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => `  ${name.padEnd(12)}${(await load()).summary}`),
  );
  return ["groundwire COMMAND [--help]", "", ...lines].join("\n");
}

function print(text: string): number {
  console.log(text);
  return 0;
}
