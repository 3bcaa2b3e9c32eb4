/** What a file of a command exports. */
export interface Command {
  /** Half a line for the list of commands. */
  summary: string;
  /** How it is called, with its options; printed by --help. */
  usage: string;
  /** What its exit statuses mean where that differs from `EXITS`; printed by --help. */
  exits?: Partial<Record<number, string>>;
  /**
   * @param args what stands after the command's name
   * @returns the exit status. @default 0
   * @throws what `explain` puts in words; the exit status is then 2 for wrong arguments, else 1.
   */
  run: (args: string[]) => Promise<number | void>;
}

/** Exit statuses of all commands. */
export const EXITS = {
  0: "done",
  1: "failed; standard error says why",
  2: "wrong arguments; nothing was done",
} as const;

/** Arguments that a command does not take. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Whether the arguments are at fault: a command's own check of them, or `parseArgs`. */
export function isUsageError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return error instanceof UsageError || (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS"));
}

/**
 * The value of --first.
 * @throws UsageError
 */
export function parseFirst(value: string): number {
  const first = Number(value);
  if (Number.isInteger(first) && first >= 1) return first;
  throw new UsageError(`--first must be a whole number of at least 1, is ${JSON.stringify(value)}`);
}
