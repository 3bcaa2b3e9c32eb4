import type { MetadataEntry, MetadataFilterInput } from "./generated/schema.js";

/** What an item is filtered by: a value, or several of them, for a key of 1 to 128 characters. */
export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** Holds for items that have, for each key, one of its values. */
export type MetadataFilter = Metadata;

export function toEntries(metadata: Metadata): MetadataEntry[] {
  return Object.entries(metadata).flatMap(([key, values]) => listed(values).map((value) => ({ key, value })));
}

export function fromEntries(entries: readonly MetadataEntry[]): Record<string, string[]> {
  const metadata = new Map<string, string[]>();
  for (const { key, value } of entries) metadata.set(key, [...(metadata.get(key) ?? []), value]);
  return Object.fromEntries(metadata);
}

export function toFilter(filter: MetadataFilter | undefined): MetadataFilterInput[] | undefined {
  return filter && Object.entries(filter).map(([key, values]) => ({ key, in: listed(values) }));
}

function listed(values: string | readonly string[]): string[] {
  return typeof values === "string" ? [values] : [...values];
}
