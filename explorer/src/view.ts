import { isGroundwireError, type Client } from "@groundwire/client";
import { writeAddress } from "./address.js";
import { element, note } from "./dom.js";
import type { Field, Panel } from "./panel.js";

/** A panel on the page. */
export interface View {
  id: string;
  element: HTMLElement;
  /** Asks what the address says. Without values that is what stands in the fields at the start. */
  open: (values: Readonly<Record<string, string>>) => Promise<void>;
}

export interface ViewOptions {
  client: () => Client;
  /** Told of each error that is shown. */
  onError: (error: unknown) => void;
}

export function createView(panel: Panel, { client, onError }: ViewOptions): View {
  const inputs = panel.fields.map((field) => ({ field, input: createInput(field) }));
  const lists = panel.fields
    .filter(({ suggest }) => suggest)
    .map((field) => ({ field, list: listOf(panel, field) }));
  // Takes the focus from a link of the answer before it.
  const output = element("div", { className: "answer", tabIndex: -1 });
  output.setAttribute("aria-live", "polite");
  const form = element(
    "form",
    {},
    ...inputs.map(({ field, input }) => element("label", {}, field.label, input)),
    ...lists.map(({ list }) => list),
    element("button", { type: "submit" }, "Ask"),
  );
  for (const { field, input } of inputs) if (field.suggest) input.setAttribute("list", listId(panel, field));
  let running = new AbortController();
  let suggested = false;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const address = writeAddress({ panel: panel.id, values: readValues() });
    // The same address again, as after another picture was chosen, is no change that the page is told of.
    if (address === window.location.hash) void ask();
    else window.location.hash = address;
  });

  async function open(values: Readonly<Record<string, string>>): Promise<void> {
    for (const { field, input } of inputs) {
      const start = Object.keys(values).length === 0 || field.kind === "share" ? field.start : "";
      if (field.kind !== "picture") input.value = values[field.name] ?? start ?? "";
    }
    await Promise.all([suggest(), ask()]);
  }

  async function suggest(): Promise<void> {
    if (suggested) return;
    suggested = true;
    try {
      for (const { field, list } of lists) {
        const texts = (await field.suggest?.(client())) ?? [];
        list.replaceChildren(...texts.map((value) => element("option", { value })));
      }
    } catch {
      // The fields can still be filled; what is wrong, the answer says.
      suggested = false;
    }
  }

  async function ask(): Promise<void> {
    running.abort();
    const { signal } = (running = new AbortController());
    output.setAttribute("aria-busy", "true");
    try {
      const question = { values: readValues(), pictures: readPictures(), client: client(), signal };
      const answer = await panel.answer(question);
      if (!signal.aborted) show(...answer);
    } catch (error) {
      if (signal.aborted) return;
      show(describe(error));
      onError(error);
    } finally {
      if (!signal.aborted) output.setAttribute("aria-busy", "false");
    }
  }

  function show(...answer: Node[]): void {
    const hadFocus = output.contains(document.activeElement);
    output.replaceChildren(...answer);
    if (hadFocus) output.focus();
  }

  function readValues(): Record<string, string> {
    const texts = inputs.filter(({ field }) => field.kind !== "picture");
    return Object.fromEntries(texts.map(({ field, input }) => [field.name, input.value.trim()]));
  }

  function readPictures(): Record<string, File | undefined> {
    const files = inputs.filter(({ field }) => field.kind === "picture");
    return Object.fromEntries(files.map(({ field, input }) => [field.name, input.files?.[0]]));
  }

  const content = element(
    "section",
    { id: `panel-${panel.id}`, hidden: true },
    element("h2", {}, panel.title),
    element("p", { className: "lead" }, panel.lead),
    form,
    output,
  );
  return { id: panel.id, element: content, open };
}

function createInput({ name, kind = "text", start = "" }: Field): HTMLInputElement {
  if (kind === "picture")
    return element("input", { name, type: "file", accept: "image/jpeg,image/png,image/webp" });
  const range = kind === "share" ? { type: "range", min: "0", max: "1", step: "0.125" } : { type: "text" };
  return element("input", { name, ...range, value: start, autocomplete: "off" });
}

function listId({ id }: Panel, { name }: Field): string {
  return `${id}-${name}-suggestions`;
}

function listOf(panel: Panel, field: Field): HTMLDataListElement {
  return element("datalist", { id: listId(panel, field) });
}

function describe(error: unknown): HTMLElement {
  if (!isGroundwireError(error)) return note(String(error));
  return element(
    "p",
    { className: "error", role: "alert" },
    element("code", {}, error.code),
    " ",
    error.message,
  );
}
