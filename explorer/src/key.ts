const NAME = "groundwire-api-key";

/** Where the browser keeps no site data, the key lasts as long as the page. */
let kept = "";

/** From the tab's own storage: it ends with the tab, and no other origin reads it. */
export function readKey(): string | undefined {
  try {
    kept = sessionStorage.getItem(NAME) ?? kept;
  } catch {
    // Blocked.
  }
  return kept === "" ? undefined : kept;
}

/** An empty key is none. */
export function writeKey(key: string): void {
  kept = key;
  try {
    sessionStorage.setItem(NAME, key);
  } catch {
    // Blocked.
  }
}
