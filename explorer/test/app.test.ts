import { createClient } from "@groundwire/client";
import { afterEach, expect, inject, test } from "vitest";
import "../../sdk/test/helpers/clients.js";
import { halves } from "../../test/helpers/pictures.mjs";
import { createApp } from "../src/app.js";

declare module "vitest" {
  interface ProvidedContext {
    keyedUrl: string;
    key: string;
  }
}

// Every answer comes from a real gateway; the second one knows pictures by graphs of known arithmetic.
const urls = { shipped: inject("gatewayUrl"), pictures: inject("relationalUrl") };
const photo = await halves(320, 200).jpeg().toBuffer();

let lifetime = new AbortController();

afterEach(() => {
  lifetime.abort();
  lifetime = new AbortController();
  document.body.replaceChildren();
  sessionStorage.clear();
});

function open(hash: string, url = urls.shipped): void {
  // The page and what it asks are of one origin, as the gateway serves them.
  (window as unknown as { happyDOM: { setURL: (url: string) => void } }).happyDOM.setURL(url);
  window.location.hash = hash;
  document.body.append(createApp(url, lifetime.signal));
}

function panel(id: string): HTMLElement {
  return document.querySelector<HTMLElement>(`#panel-${id}`) as HTMLElement;
}

function fill(id: string, name: string, value: string): void {
  (panel(id).querySelector(`input[name=${name}]`) as HTMLInputElement).value = value;
}

/** As a browser does once a file was chosen. */
function choose(id: string, name: string): void {
  const file = new File([new Uint8Array(photo)], "photo.jpg", { type: "image/jpeg" });
  Object.defineProperty(panel(id).querySelector(`input[name=${name}]`), "files", { value: [file] });
}

test("the first panel answers at once, beside what the gateway serves", async () => {
  open("");
  await expect.poll(() => panel("word").querySelectorAll(".bars li").length).toBe(12);
  expect(panel("word").textContent).toContain("Concreteness");
  expect(panel("word").querySelectorAll(".axes li")).toHaveLength(6);
  await expect.poll(() => document.querySelector(".status")?.textContent).toContain("384 dimensions");
});

test("an address shows its panel with its answer, and only that panel", async () => {
  open("#/compose?terms=striped+%2B+horse");
  await expect.poll(() => panel("compose").querySelectorAll(".part").length).toBe(2);
  expect(panel("compose").textContent).toContain("zebra");
  const shown = [...document.querySelectorAll<HTMLElement>("main > section")].filter(({ hidden }) => !hidden);
  expect(shown.map(({ id }) => id)).toEqual(["panel-compose"]);
});

test("what is asked goes into the address, and from there to the answer", async () => {
  open("#/word");
  fill("word", "text", "horse");
  fill("word", "other", "zebra");
  panel("word").querySelector("form")?.requestSubmit();
  expect(window.location.hash).toBe("#/word?text=horse&other=zebra");
  await expect.poll(() => panel("word").textContent).toContain("Cosine to “zebra”");
});

test("a triple without its object is completed, and a pair without a relation gets its relations", async () => {
  open("#/relations?subject=man&predicate=ride");
  await expect.poll(() => panel("relations").querySelectorAll(".bars li").length).toBe(12);
  expect(panel("relations").textContent).toContain("man ride ?");
  window.location.hash = "#/relations?subject=man&object=horse";
  window.dispatchEvent(new Event("hashchange"));
  await expect.poll(() => panel("relations").querySelector(".bars")?.textContent).toContain("inferred");
  const names = [...panel("relations").querySelectorAll("datalist option")];
  expect(names.length).toBeGreaterThan(100);
});

test("an error stands in place of the answer, with its code", async () => {
  open("#/relations?subject=man&predicate=levitates");
  await expect
    .poll(() => panel("relations").querySelector(".error")?.textContent)
    .toContain("UNKNOWN_PREDICATE");
});

test("every word of a text has its map over the photo", async () => {
  open("#/photo?text=red+dog", urls.pictures);
  await expect.poll(() => panel("photo").textContent).toContain("Choose a photo");
  choose("photo", "image");
  panel("photo").querySelector("form")?.requestSubmit();
  await expect.poll(() => panel("photo").querySelectorAll(".words button").length).toBe(2);
  const cells = panel("photo").querySelectorAll(".heat span").length;
  expect(cells).toBeGreaterThan(1);
  const [, second] = panel("photo").querySelectorAll<HTMLButtonElement>(".words button");
  second?.click();
  expect(second?.getAttribute("aria-pressed")).toBe("true");
});

test("pictures of a collection are found, with thumbnails", async () => {
  open("#/pictures", urls.pictures);
  const client = createClient({ url: urls.pictures });
  await client.createCollection("explored", "IMAGES");
  await client.upsertImages("explored", [{ id: "one", image: photo }]);
  fill("pictures", "collection", "explored");
  panel("pictures").querySelector("form")?.requestSubmit();
  await expect.poll(() => panel("pictures").querySelector(".answer")?.innerHTML).toContain("<figure>");
  expect(panel("pictures").querySelector("img")?.src).toMatch(/^data:image\/jpeg/);
});

test("a gateway with keys asks for one, and with it everything is answered", async () => {
  open("#/relations", inject("keyedUrl"));
  await expect
    .poll(() => panel("relations").querySelector(".error")?.textContent)
    .toContain("UNAUTHENTICATED");
  const details = document.querySelector<HTMLDetailsElement>("details.key");
  expect(details?.open).toBe(true);
  (details?.querySelector("input") as HTMLInputElement).value = inject("key");
  details?.querySelector("form")?.requestSubmit();
  await expect.poll(() => panel("relations").querySelectorAll(".bars li").length).toBe(12);
  await expect.poll(() => panel("relations").querySelectorAll("datalist option").length).toBeGreaterThan(100);
});

test("an address without values is the start again, whatever was asked before", async () => {
  open("#/word?text=horse");
  await expect.poll(() => panel("word").textContent).toContain("Concreteness");
  window.location.hash = "#/word";
  await expect
    .poll(() => panel("word").querySelector<HTMLInputElement>("input[name=text]")?.value)
    .toBe("zebra");
});
