import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
let child: ChildProcess | undefined;
afterEach(() => child?.kill("SIGKILL"));

/** The server as a process of its own; the URL is what it says on standard output when it is ready. */
async function startProcess(environment: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, GROUNDWIRE_PORT: "0", GROUNDWIRE_LOG_LEVEL: "silent", ...environment };
  delete (env as Record<string, string | undefined>).GROUNDWIRE_PARITY_FILE;
  child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const url = /ready at (\S+)/.exec(line.toString())?.[1];
  if (!url) throw new Error(`unexpected: ${line.toString()}`);
  return url;
}

/** Whether the request was answered in full; a refused or reset connection was never accepted. */
async function ask(url: string, text: string): Promise<"answered" | "refused"> {
  const query = "query ($texts: [String!]!) { embed(texts: $texts) { norm } }";
  const body = JSON.stringify({ query, variables: { texts: [text] } });
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
  if (!response || response.status === 503) return "refused";
  const { data } = (await response.json()) as { data: { embed: ({ norm: number } | null)[] } };
  expect(data.embed[0]?.norm).toBeGreaterThan(0);
  return "answered";
}

test("SIGTERM under load: what was accepted is answered, what comes later is refused, exit 0", async () => {
  const url = await startProcess({ GROUNDWIRE_CACHE_ENTRIES: "0" });
  let answered = 0;
  let stop = false;
  const clients = Array.from({ length: 16 }, async (_, client) => {
    for (let i = 0; !stop; i++)
      if ((await ask(url, `text ${client} ${i}`)) === "answered") answered += 1;
      else stop = true;
  });
  await expect.poll(() => answered).toBeGreaterThan(32);
  const exited = once(child as ChildProcess, "exit");
  child?.kill("SIGTERM");
  const [code] = (await exited) as [number];
  stop = true;
  await Promise.all(clients);
  expect(code).toBe(0);
  expect(await ask(url, "too late")).toBe("refused");
});

test("the texts of a client that has gone never reach the model", async () => {
  const url = await startProcess({ GROUNDWIRE_MAX_BATCH_TOKENS: "128" });
  const metric = async (name: string): Promise<number> => {
    const page = await (await fetch(url.replace("/graphql", "/metrics"))).text();
    return Number(new RegExp(`^groundwire_encoder_${name} (\\d+)`, "m").exec(page)?.[1]);
  };
  const controller = new AbortController();
  const texts = Array.from({ length: 500 }, (_, i) => `${"a long text ".repeat(40)}${i}`);
  const query = "query ($texts: [String!]!) { embed(texts: $texts) { norm } }";
  const body = JSON.stringify({ query, variables: { texts } });
  const headers = { "content-type": "application/json" };
  const gone = fetch(url, { method: "POST", headers, body, signal: controller.signal }).catch(() => "gone");
  await expect.poll(() => metric("queued")).toBeGreaterThan(50);
  controller.abort();
  expect(await gone).toBe("gone");
  expect(await ask(url, "next in line")).toBe("answered");
  expect(await metric("texts_total")).toBeLessThan(450);
});
