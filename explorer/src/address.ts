/** What the address asks: which panel, and what stands in its fields. A link to it shows the same answer. */
export interface Address {
  panel: string;
  values: Readonly<Record<string, string>>;
}

/** `#/word?text=zebra` */
export function readAddress(hash: string): Address {
  const [, panel = "", query = ""] = /^#\/([^?]*)\??(.*)$/.exec(hash) ?? [];
  return { panel, values: Object.fromEntries(new URLSearchParams(query)) };
}

export function writeAddress({ panel, values }: Address): string {
  const filled = Object.entries(values).filter(([, value]) => value !== "");
  const query = new URLSearchParams(filled).toString();
  return query === "" ? `#/${panel}` : `#/${panel}?${query}`;
}

/** Where the word panel tells what a text means. */
export function linkToWord(text: string): string {
  return writeAddress({ panel: "word", values: { text } });
}
