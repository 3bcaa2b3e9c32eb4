import { createClient, isUnauthenticatedError, type Client } from "@groundwire/client";
import { readAddress } from "./address.js";
import { element } from "./dom.js";
import { readKey, writeKey } from "./key.js";
import { compose } from "./panels/compose.js";
import { photo } from "./panels/photo.js";
import { pictures } from "./panels/pictures.js";
import { relations } from "./panels/relations.js";
import { word } from "./panels/word.js";
import { createView } from "./view.js";

const PANELS = [word, compose, relations, photo, pictures];

/**
 * The whole page: a panel for each kind of question, chosen by the address.
 * @param url of the GraphQL endpoint
 * @param lifetime once aborted, the page no longer follows the address
 */
export function createApp(url: string, lifetime?: AbortSignal): HTMLElement {
  let client = connect();
  const key = createKeyForm(() => {
    client = connect();
    describeModel();
    route();
  });
  const status = element("p", { className: "status" });
  const views = PANELS.map((panel) =>
    createView(panel, {
      client: () => client,
      onError: (error) => {
        if (isUnauthenticatedError(error)) key.open = true;
      },
    }),
  );
  const links = PANELS.map(({ id, title }) => element("a", { href: `#/${id}` }, title));

  function connect(): Client {
    // Gateways that take only trusted documents take these, one operation each.
    return createClient({ url, apiKey: readKey(), combine: false });
  }

  function describeModel(): void {
    client.model().then(
      ({ name, stage, dimension, lexiconSize }) =>
        (status.textContent = `${name}, ${stage.toLowerCase()}: ${dimension} dimensions, ${lexiconSize} words and phrases`),
      () => (status.textContent = ""),
    );
  }

  function route(): void {
    const address = readAddress(window.location.hash);
    const view = views.find(({ id }) => id === address.panel) ?? views[0];
    views.forEach((one, i) => {
      one.element.hidden = one !== view;
      links[i]?.setAttribute("aria-current", one === view ? "page" : "false");
    });
    void view?.open(address.values);
  }

  window.addEventListener("hashchange", route, { signal: lifetime });
  describeModel();
  route();
  return element(
    "div",
    { className: "app" },
    element("header", {}, element("h1", {}, "groundwire"), status, key),
    element("nav", {}, ...links),
    element("main", {}, ...views.map((view) => view.element)),
  );
}

function createKeyForm(onChange: () => void): HTMLDetailsElement {
  const input = element("input", { type: "password", name: "key", autocomplete: "off" });
  input.value = readKey() ?? "";
  const form = element("form", {}, element("label", {}, "API key", input), element("button", {}, "Use"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    writeKey(input.value.trim());
    onChange();
  });
  return element("details", { className: "key" }, element("summary", {}, "API key"), form);
}
