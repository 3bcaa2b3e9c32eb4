/** What a file of a command exports. */
export interface Command {
  /** Half a line for the list of commands. */
  summary: string;
  /** How it is called, with its options; printed by --help. */
  usage: string;
  /**
   * @param args what stands after the command's name
   * @returns the exit status. @default 0
   * @throws what `explain` puts in words; the exit status is then 1.
   */
  run: (args: string[]) => Promise<number | void>;
}
