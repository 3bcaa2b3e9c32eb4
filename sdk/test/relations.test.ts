import { inject, expect, test } from "vitest";
import { isBadUserInputError, isUnknownPredicateError, unwrap, type RelationScore } from "../src/index.js";
import { halves } from "../../test/helpers/pictures.mjs";
import { connect, connectRelational, observe } from "./helpers/clients.js";

const client = connectRelational();

/** Without the last digits, which differ between batches of different sizes. */
function shown(relations: readonly RelationScore[] = []): string[] {
  return relations.map(({ predicate, score, count }) => `${predicate.name} ${score.toFixed(3)} ${count}`);
}

test("predicates bring aliases, inverses and counts", async () => {
  const predicates = await client.predicates();
  expect(predicates.find(({ name }) => name === "above")).toEqual({
    name: "above",
    aliases: [],
    inverse: "below",
    count: 20,
  });
});

test("relations come best first, with what training saw of the triple", async () => {
  const relations = await client.inferRelations("man", "horse");
  const scores = relations.map(({ score }) => score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  const ride = relations.find(({ predicate }) => predicate.name === "ride");
  expect(ride).toMatchObject({ seen: true, count: 12 });
  expect(shown(await client.inferRelations("man", "horse", { first: 1 }))).toEqual(
    shown(relations).slice(0, 1),
  );
});

test("the relations of one tick are one list", async () => {
  const { client: observed, requests } = observe({ url: inject("relationalUrl") });
  const [forth, back] = await Promise.all([
    observed.inferRelations("cup", "table"),
    observed.inferRelations("table", "cup"),
  ]);
  expect(requests).toHaveLength(1);
  expect(Object.values(requests[0]?.variables ?? {}).find(Array.isArray)).toHaveLength(2);
  expect(forth.map(({ score }) => score)).not.toEqual(back.map(({ score }) => score));
});

test("many pairs keep their order around a bad one", async () => {
  const pairs = Array.from({ length: 600 }, (_, i) => ({
    subject: ["man", "cup", "wheel"][i % 3] ?? "",
    object: "car",
  }));
  pairs[550] = { subject: "man", object: "" };
  const answered = await client.inferPairRelations(pairs, { first: 1 });
  const bad = answered[550];
  expect(isBadUserInputError(bad) && bad.message).toContain("pairs[550]");
  answered.splice(550, 1);
  const relations = unwrap(answered);
  expect(shown(relations[596])).toEqual(shown(relations[0]));
  expect(shown(relations[0])).toEqual(shown(await client.inferRelations("man", "car", { first: 1 })));
});

test("a photo changes what is inferred", async () => {
  const image = await halves().png().toBuffer();
  const [seen, imagined] = await Promise.all([
    client.inferRelations("man", "horse", { image }),
    client.inferRelations("man", "horse"),
  ]);
  expect(seen).toHaveLength(imagined.length);
  expect(seen.map(({ score }) => score)).not.toEqual(imagined.map(({ score }) => score));
});

test("either end of a triple can be missing, but not both and not none", async () => {
  const [objects, subjects] = await Promise.all([
    client.completeRelation({ subject: "man", predicate: "ride" }, { first: 3 }),
    client.completeRelation({ predicate: "on", object: "table" }, { first: 3 }),
  ]);
  expect([objects.length, subjects.length]).toEqual([3, 3]);
  await expect(client.completeRelation({ predicate: "on" })).rejects.toSatisfy(isBadUserInputError);
  const whole = { subject: "man", predicate: "ride", object: "horse" };
  await expect(client.completeRelation(whole)).rejects.toSatisfy(isBadUserInputError);
});

test("an alias is understood, and an unknown predicate is refused with known ones", async () => {
  const options = { first: 2 };
  const byAlias = await client.completeRelation({ subject: "man", predicate: "riding" }, options);
  expect(byAlias).toEqual(await client.completeRelation({ subject: "man", predicate: "ride" }, options));
  const refused = client.completeRelation({ subject: "man", predicate: "abve" });
  await expect(refused).rejects.toSatisfy(isUnknownPredicateError);
  await expect(refused).rejects.toThrow(/above/);
});

test("a concept brings its relations to an object", async () => {
  const concept = await client.concept("man", { relationsTo: { object: "horse", first: 2 } });
  expect(shown(concept.relationsTo)).toEqual(
    shown(await client.inferRelations("man", "horse", { first: 2 })),
  );
  expect(await client.concept("man")).not.toHaveProperty("relationsTo");
});

test("the shipped bundle relates, or says that it cannot", async () => {
  const shipped = connect();
  const { stage, name } = await shipped.model();
  const asked = shipped.inferRelations("man", "horse");
  if (stage === "base") await expect(asked).rejects.toThrow(name);
  else expect((await asked)[0]?.probability).toBeGreaterThan(0);
});
