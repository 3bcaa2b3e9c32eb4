import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Runs a program of this folder; it ends with 1, and so fails here, where a rule is broken. */
async function run(name: string, ...args: string[]): Promise<Record<string, unknown>> {
  const program = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("whatever is asked is answered or refused with a known code, and the server stays up", async () => {
  const { requests, broken } = await run("fuzz", "--seconds", process.env.ABUSE_SECONDS ?? "30");
  expect(requests).toBeGreaterThan(200);
  expect(broken).toEqual([]);
});

test("a thousand connections that send a byte now and then are closed, and others are served meanwhile", async () => {
  expect(await run("slow", "--connections", "1000")).toMatchObject({ closed: 1000, broken: [] });
});

test("bodies that end in the middle and clients that leave leave no work behind", async () => {
  expect(await run("cut", "--bodies", "400", "--leavers", "10")).toMatchObject({ queued: 0, broken: [] });
});

test("workers that die at random cost no request its answer", async () => {
  expect(await run("kill", "--kills", "4")).toMatchObject({ restarts: 4, failed: 0, broken: [] });
});

test("a clock that jumps by years, ahead and back, disturbs no deadline and no limit", async () => {
  expect(await run("clock", "--jumps", "20")).toMatchObject({ failed: 0, broken: [] });
});

test("what a collection acknowledged is there, once, after its process was killed at random moments", async () => {
  const report = { opened: 4, missing: 0, duplicates: 0, acknowledged: 400, stored: 400, broken: [] };
  expect(await run("crash", "--items", "400", "--kills", "3")).toMatchObject(report);
});

test("a full disk refuses writes, loses nothing, and takes writes again once it has room", async () => {
  expect(await run("disk")).toMatchObject({ missingWhileFull: 0, missingAtEnd: 0, broken: [] });
});

test("a gateway that is stopped under load answers all that was sent before", async () => {
  expect(await run("stop", "--rounds", "2")).toMatchObject({ exits: { 0: 2 }, broken: [] });
});

test("every kind of bad picture and bad collection call gets its code, and memory stays flat", async () => {
  expect(await run("pictures", "--rounds", "12")).toMatchObject({ wrong: {}, broken: [] });
});

test("a rule that does not hold ends a program with 1 and is named", async () => {
  const error = await run("slow", "--connections", "0").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 1 });
  expect((error as { stdout: string }).stdout).toContain('"broken":["');
});

test("every program says what it throws and what must hold", async () => {
  const program = fileURLToPath(new URL("./leaks.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, "--help"]);
  expect(stdout).toMatch(/--requests N .*default 100000/);
});
