import { lexicographicSortSchema, printSchema } from "graphql";
import { expect, test } from "vitest";
import { createSchema } from "../../src/graphql/schema.js";

test("schema.graphql is what the code serves", async () => {
  const printed = printSchema(lexicographicSortSchema(await createSchema()));
  await expect(`${printed}\n`).toMatchFileSnapshot("../../schema.graphql");
});
