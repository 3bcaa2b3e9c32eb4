import { MemoryVectorStore } from "@langchain/classic/vectorstores/memory";
import { Document } from "@langchain/core/documents";
import { PromptTemplate } from "@langchain/core/prompts";
import { RunnableLambda, RunnablePassthrough, RunnableSequence } from "@langchain/core/runnables";
import { expect, test } from "vitest";
import { isBadUserInputError } from "../src/index.js";
import { GroundwireEmbeddings } from "../src/langchain.js";
import { connect, observe } from "./helpers/clients.js";

const sentences = [
  "A dog runs across the grass after a ball.",
  "The parliament voted on the new budget.",
  "Two zebras drink at the river.",
  "The orchestra played the symphony in the concert hall.",
];

test("a LangChain vector store retrieves the document that is meant", async () => {
  const embeddings = new GroundwireEmbeddings({ client: connect() });
  const documents = sentences.map((pageContent, line) => new Document({ pageContent, metadata: { line } }));
  const store = await MemoryVectorStore.fromDocuments(documents, embeddings);
  const [[puppy], [music]] = await Promise.all([
    store.similaritySearch("a puppy plays outside", 1),
    store.similaritySearch("musicians at a concert", 1),
  ]);
  expect([puppy?.metadata.line, music?.metadata.line]).toEqual([0, 3]);
});

test("a LangChain chain fills its prompt from the retriever", async () => {
  const store = await MemoryVectorStore.fromTexts(
    sentences,
    sentences,
    new GroundwireEmbeddings({ client: connect() }),
  );
  const chain = RunnableSequence.from([
    {
      context: store
        .asRetriever({ k: 1 })
        .pipe(
          RunnableLambda.from((found: Document[]) => found.map(({ pageContent }) => pageContent).join("\n")),
        ),
      question: new RunnablePassthrough<string>(),
    },
    PromptTemplate.fromTemplate("{context} -- {question}"),
  ]);
  const prompt = await chain.invoke("striped animals by the water");
  expect(prompt.toString()).toBe(`${sentences[2]} -- striped animals by the water`);
});

test("documents travel in one request, and equal the client's own vectors", async () => {
  const { client, requests } = observe();
  const embeddings = new GroundwireEmbeddings({ client, normalize: false });
  const [[dog], query] = await Promise.all([
    embeddings.embedDocuments(["dog", "cat"]),
    embeddings.embedQuery("dog"),
  ]);
  expect(requests).toHaveLength(1);
  expect(dog).toEqual(query);
  expect(dog).toEqual(Array.from((await client.embed("dog", { normalize: false })).vector));
});

test("a document that cannot be embedded is an error, not a vector of nothing", async () => {
  const embeddings = new GroundwireEmbeddings({ client: connect() });
  await expect(embeddings.embedDocuments(["dog", ""])).rejects.toSatisfy(isBadUserInputError);
});
