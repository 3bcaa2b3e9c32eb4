import type { Client } from "@groundwire/client";

/** One kind of question, as a form with an answer below it. */
export interface Panel {
  /** Its name in the address. */
  id: string;
  title: string;
  /** What it asks, and how. */
  lead: string;
  fields: readonly Field[];
  /** Asks the gateway. @throws GroundwireError, which is shown in place of the answer */
  answer: (question: Question) => Promise<Node[]>;
}

export interface Field {
  name: string;
  label: string;
  /** `share` is a slider from 0 to 1. @default "text" */
  kind?: "text" | "picture" | "share";
  /** What stands there before anything is asked. @default "" */
  start?: string;
  /** What may stand there; asked for once. */
  suggest?: (client: Client) => Promise<string[]>;
}

export interface Question {
  /** Trimmed texts by their fields' names; empty where nothing stands. */
  values: Readonly<Record<string, string>>;
  pictures: Readonly<Record<string, File | undefined>>;
  client: Client;
  /** Aborts when something else is asked. */
  signal: AbortSignal;
}
