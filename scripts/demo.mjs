// `npm run demo`: fetches a small openly licensed picture set, indexes it into the collection "demo", asks that collection
// for pictures by words, and by a picture and words together, and says how to go on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { demoPictures, ensureDemoPictures } from "./demo-pictures.mjs";
import { ensureBuilt, ensureInstalled, note, requireNode } from "./setup.mjs";

const COLLECTION = "demo";
const QUESTIONS = ["a vehicle on the road", "a building", "food", "a basketball", "a mountain"];
const MIXED = { picture: "dog", text: "a red car" };
const ALPHAS = [0, 0.5, 0.9];

requireNode();
ensureInstalled();
ensureBuilt();
const { readConfig } = await import("../dist/config.js");
const { createServer } = await import("../dist/server.js");
const { indexPath } = await import("../dist/collections/indexing.js");

ensureDemoPictures();
note("loading the model");
const config = readConfig();
const server = await createServer({
  ...config,
  port: 0,
  logLevel: "silent",
  apiKeys: [],
  trustedDocuments: "",
});
try {
  await fill(server.services.collections);
  for (const text of QUESTIONS) print(JSON.stringify(text), await search({ text }));
  await mix();
  await sayNext();
} finally {
  await server.stop();
}

async function fill(collections) {
  const found = await collections.find(COLLECTION);
  // Vectors of another model: the pictures are here, so that they are simply seen again.
  if (found && found.fingerprint !== collections.stamp.fingerprint) await collections.delete(COLLECTION);
  let shown = 0;
  const onProgress = ({ stored, skipped, total }) => {
    if (stored + skipped > shown) note(`${stored + skipped} of ${total} pictures indexed`);
    shown = stored + skipped;
  };
  const report = await indexPath({ collections, collection: COLLECTION, path: demoPictures, onProgress });
  for (const { id, reason } of report.failures) note(`${id} ${reason}`);
  console.log(`Collection "${COLLECTION}" has ${report.stored + report.skipped} pictures. Nearest to`);
}

async function mix() {
  const image = readFileSync(join(demoPictures, `${MIXED.picture}.webp`)).toString("base64");
  for (const textWeight of ALPHAS) {
    const question = `the ${MIXED.picture}'s picture + ${JSON.stringify(MIXED.text)}, alpha ${textWeight}`;
    print(question, await search({ text: MIXED.text, image, textWeight }));
  }
}

function print(question, { data }) {
  const hits = data.searchImages.nodes;
  const names = hits.map(({ id, similarity }) => `${id.replace(".webp", "")} ${similarity.toFixed(2)}`);
  console.log(`  ${question}: ${names.join(", ")}`);
}

function search(query) {
  const document = `query ($query: ImageQueryInput!) {
    searchImages(collection: "${COLLECTION}", query: $query, first: 4) { nodes { id similarity } }
  }`;
  return ask({ query: document, variables: { query } });
}

async function ask(payload) {
  const response = await server.app.inject({ method: "POST", url: "/graphql", payload });
  const answer = response.json();
  if (answer.errors) throw new Error(answer.errors[0].message);
  return answer;
}

async function sayNext() {
  const query = `{ searchImages(collection: "${COLLECTION}", query: { text: "${QUESTIONS[1]}" }, first: 2) { nodes { id } } }`;
  const answer = JSON.stringify(await ask({ query }));
  console.log(`
Next: serve the collection with

  npm start

and ask it, here or at http://127.0.0.1:${config.port}/graphiql:

  curl http://127.0.0.1:${config.port}/graphql -H 'content-type: application/json' -d '${JSON.stringify({ query })}'

which answers

  ${answer}

Your own pictures: npx groundwire index FOLDER --collection NAME`);
}
