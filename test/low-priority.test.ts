import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const MODULE = new URL("../dist/low-priority.js", import.meta.url);

/** Priority of a process that began at `start` and lets others go first `times` times. */
function priorityAfter(start: number, times: number): number {
  const program = `
    import { getPriority, setPriority } from "node:os";
    import { goLast } from ${JSON.stringify(MODULE.href)};
    setPriority(${start});
    for (let i = 0; i < ${times}; i++) goLast();
    console.log(getPriority());`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  return Number(stdout);
}

test("who lets others go first stands behind its parent, however far back that is", () => {
  expect(priorityAfter(0, 1)).toBe(10);
  expect(priorityAfter(15, 1)).toBe(19);
  expect(priorityAfter(15, 2)).toBe(19);
});
