import type { ImageHit, ImageQuery } from "@groundwire/client";
import { element, note } from "../dom.js";
import type { Panel, Question } from "../panel.js";

export const pictures: Panel = {
  id: "pictures",
  title: "Pictures",
  lead: "Your own pictures by words, by a picture, or by both. `npm run demo` makes a collection to try; `groundwire index FOLDER --collection NAME` makes yours.",
  fields: [
    { name: "collection", label: "Collection", suggest: suggestCollections },
    { name: "text", label: "Words", start: "a red car" },
    { name: "negativeText", label: "But not (optional)" },
    { name: "image", label: "Like this picture (optional)", kind: "picture" },
    { name: "textWeight", label: "Weight of the words beside the picture", kind: "share", start: "0.5" },
  ],
  answer,
};

async function answer(question: Question): Promise<Node[]> {
  const { values, client, signal } = question;
  const collection = values.collection ?? "";
  if (collection === "") return [note("Choose a collection; one without pictures has nothing to find.")];
  const hits = await client.searchImages(collection, toQuery(question), {
    first: 24,
    thumbnails: true,
    signal,
  });
  if (hits.items.length === 0) return [note(`${collection} holds no picture.`)];
  return [element("div", { className: "hits" }, ...hits.items.map(figure))];
}

function toQuery({ values, pictures: { image } }: Question): ImageQuery {
  const { text, negativeText, textWeight } = values;
  return {
    ...(text && { text }),
    ...(negativeText && { negativeText }),
    ...(image && { image, ...(text && { textWeight: Number(textWeight) }) }),
  };
}

function figure({ id, similarity, thumbnail }: ImageHit): HTMLElement {
  return element(
    "figure",
    {},
    element("img", { src: thumbnail ?? "", alt: id }),
    element("figcaption", {}, id, " ", element("data", {}, similarity.toFixed(3))),
  );
}

async function suggestCollections(client: Question["client"]): Promise<string[]> {
  return (await client.collections()).filter(({ kind }) => kind === "IMAGES").map(({ id }) => id);
}
