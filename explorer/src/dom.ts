/** An element with its properties and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export interface Row {
  label: string;
  /** Where the label leads. */
  href?: string;
  value: number;
  /** Beside the label, in small. */
  note?: string;
}

/** Rows with a bar each, as long as their share of the largest value. */
export function bars(rows: readonly Row[]): HTMLElement {
  if (rows.length === 0) return element("p", { className: "note" }, "Nothing was found.");
  const largest = Math.max(...rows.map(({ value }) => value), 1e-9);
  return element("ol", { className: "bars" }, ...rows.map((row) => bar(row, largest)));
}

function bar({ label, href, value, note }: Row, largest: number): HTMLElement {
  const name = href === undefined ? element("span", {}, label) : element("a", { href }, label);
  if (note !== undefined) name.append(" ", element("small", {}, note));
  const fill = element("span", { className: "fill" });
  fill.style.width = `${Math.max(0, value / largest) * 100}%`;
  const number = element("data", { value: String(value) }, value.toFixed(3));
  return element("li", {}, name, element("span", { className: "bar" }, fill), number);
}

/** A part of an answer under its heading. */
export function part(heading: string, ...children: (Node | string)[]): HTMLElement {
  return element("section", { className: "part" }, element("h3", {}, heading), ...children);
}

export function note(text: string): HTMLElement {
  return element("p", { className: "note" }, text);
}
