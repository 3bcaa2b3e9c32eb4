import type { Grounding, WordGrounding } from "@groundwire/client";
import { element, note, part } from "../dom.js";
import type { Panel, Question } from "../panel.js";

export const photo: Panel = {
  id: "photo",
  title: "Photo",
  lead: "Where in a photo each word of a text is. The photo is sent to this gateway and is not kept.",
  fields: [
    { name: "image", label: "Photo (JPEG, PNG or WebP)", kind: "picture" },
    { name: "text", label: "Text", start: "a dog on grass" },
  ],
  answer,
};

async function answer({ values, pictures, client, signal }: Question): Promise<Node[]> {
  const { image } = pictures;
  if (!image) return [note("Choose a photo.")];
  const grounding = await client.ground(image, values.text ?? "", { signal });
  return [part(`Score ${grounding.score.toFixed(2)}`, view(image, grounding))];
}

function view(image: File, { rows, columns, words }: Grounding): HTMLElement {
  const url = URL.createObjectURL(image);
  const picture = element("img", { src: url, alt: image.name });
  for (const event of ["load", "error"]) picture.addEventListener(event, () => URL.revokeObjectURL(url));
  const heat = element("div", { className: "heat" });
  heat.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
  const box = element("div", { className: "box" });
  const buttons = words.map((grounded) => {
    const button = element("button", { type: "button" }, grounded.text);
    button.addEventListener("click", () => choose(button, grounded));
    return button;
  });

  function choose(button: HTMLButtonElement, grounded: WordGrounding): void {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    heat.replaceChildren(...Array.from(grounded.values, cell));
    const { x, y, width, height } = grounded.box;
    Object.assign(box.style, {
      left: percent(x),
      top: percent(y),
      width: percent(width),
      height: percent(height),
    });
  }

  const [first] = buttons;
  if (first && words[0]) choose(first, words[0]);
  return element(
    "div",
    {},
    element("div", { className: "words" }, ...buttons),
    element("div", { className: "photo" }, picture, heat, box),
  );
}

function cell(value: number): HTMLElement {
  const made = element("span");
  made.style.opacity = String(value);
  return made;
}

function percent(share: number): string {
  return `${share * 100}%`;
}
