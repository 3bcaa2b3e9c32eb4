import type { ItemFilter, MetadataEntry } from "./vector-store.js";

/** A metadata entry as one string, which a list column holds and a filter compares exactly. */
export function toTag({ key, value }: MetadataEntry): string {
  return JSON.stringify([key, value]);
}

export function fromTag(tag: string): MetadataEntry {
  const [key, value] = JSON.parse(tag) as [string, string];
  return { key, value };
}

/** A filter as SQL over the columns of a table of items; empty where everything passes. */
export function toSql({ metadata = [], textPrefix, excludeTexts = [] }: ItemFilter): string {
  const conditions = metadata.map(({ key, in: values }) => {
    const alternatives = values.map((value) => `array_has(tags, ${quote(toTag({ key, value }))})`);
    return alternatives.length > 0 ? `(${alternatives.join(" OR ")})` : "false";
  });
  if (textPrefix) conditions.push(`starts_with(text, ${quote(textPrefix)})`);
  if (excludeTexts.length > 0) conditions.push(`text NOT IN (${excludeTexts.map(quote).join(", ")})`);
  return conditions.join(" AND ");
}

/** A value that came from outside, as an SQL string. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
