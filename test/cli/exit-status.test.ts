import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const COMMANDS = ["serve", "embed", "neighbors", "relations", "ground", "index", "reembed", "doctor"];

function groundwire(args: string[], environment: NodeJS.ProcessEnv = {}, input = "") {
  const env = { ...process.env, ...environment };
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", env, input });
}

test("without a command, all commands are listed", () => {
  const { status, stdout } = groundwire([]);
  expect(status).toBe(0);
  const listed = stdout.split("\n").flatMap((line) => /^ {2}(\w+) /.exec(line)?.[1] ?? []);
  expect(listed).toEqual(COMMANDS);
});

test.each(COMMANDS)("`%s --help` says what its exit statuses mean", (command) => {
  const { status, stdout } = groundwire([command, "--help"]);
  expect(status).toBe(0);
  const [usage, statuses] = stdout.split("\nExit status:\n");
  expect(usage).toMatch(new RegExp(`^groundwire ${command}`));
  const told = statuses?.trimEnd().split("\n") ?? [];
  const named = told.map((line) => Number(/^ {2}(\d+) +\S/.exec(line)?.[1]));
  expect(named).toEqual(command === "index" ? [0, 1, 2, 130] : [0, 1, 2]);
});

const WRONG: [args: string[], message: string][] = [
  [["sing"], 'there is no command "sing"'],
  [["serve", "--port", "1"], "Unknown option '--port'"],
  [["embed", "zebra"], "Unexpected argument 'zebra'"],
  [["neighbors"], "neighbors takes one text, has 0"],
  [["neighbors", "red", "wine"], "neighbors takes one text, has 2"],
  [["neighbors", "dog", "--first", "0"], '--first must be a whole number of at least 1, is "0"'],
  [["relations", "man"], "relations takes a subject and an object, has 1"],
  [["relations", "?", "?", "--predicate", "on"], "--predicate needs ? in place of either"],
  [["relations", "man", "?"], "? in place of the subject or the object needs --predicate"],
  [["relations", "?", "horse", "--image", "photo.jpg"], "? in place of the subject or the object needs"],
  [["relations", "man", "?", "--predicate", "on", "--image", "photo.jpg"], "--image relates two things"],
  [["ground", "photo.jpg"], "ground takes a photo and a text, has 1"],
  [["index", "photos"], "index needs --collection NAME"],
  [["index", "--collection", "photos"], "index takes one path, has 0"],
  [["reembed"], "reembed takes one collection, has 0"],
  [["doctor", "--fast"], "Unknown option '--fast'"],
];

test.each(WRONG)("wrong arguments end with 2 and say how it is called: %j", (args, message) => {
  const { status, stdout, stderr } = groundwire(args);
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(`groundwire: ${message}`);
  if (args[0] !== "sing") expect(stderr).toContain(`\n\ngroundwire ${args[0]}`);
});

const ABSENT = { GROUNDWIRE_MODEL: "./no/such/bundle" };
const RIGHT = [
  ["serve"],
  ["embed"],
  ["neighbors", "dog"],
  ["relations", "man", "horse"],
  ["ground", "photo.jpg", "a dog"],
  ["index", "photos", "--collection", "photos"],
  ["reembed", "photos"],
  ["doctor"],
];

test.each(RIGHT)("what fails ends with 1: %s without a bundle", (...args) => {
  const { status, stdout, stderr } = groundwire(args, ABSENT);
  expect(status).toBe(1);
  expect(stdout + stderr).toContain("the model bundle cannot be served");
  expect(stderr).not.toContain("Exit status");
});

test("a text that has no vector makes `embed` end with 1, and the others have theirs", () => {
  const { status, stdout, stderr } = groundwire(["embed"], {}, 'zebra\n""\nhorse\n');
  expect(status).toBe(1);
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => "vector" in (JSON.parse(line) as object)),
  ).toEqual([true, false, true]);
  expect(stderr).toContain("1 texts could not be embedded");
});
