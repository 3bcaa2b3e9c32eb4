import { Binary, Field, FixedSizeList, Float32, Int32, List, Schema, Utf8 } from "apache-arrow";

/** The table of collections. */
export function catalogSchema(): Schema {
  const texts = ["id", "kind", "model", "fingerprint", "place", "createdAt"];
  return new Schema([
    ...texts.map((name) => new Field(name, new Utf8(), false)),
    new Field("dimension", new Int32(), false),
  ]);
}

/** A table of items, one row an item. */
export function itemSchema(dimension: number): Schema {
  const cell = new Field("item", new Float32(), true);
  return new Schema([
    new Field("id", new Utf8(), false),
    new Field("text", new Utf8(), true),
    new Field("picture", new Binary(), true),
    new Field("vector", new FixedSizeList(dimension, cell), false),
    new Field("tags", new List(new Field("item", new Utf8(), true)), false),
  ]);
}
