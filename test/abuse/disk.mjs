// node test/abuse/disk.mjs --texts 100
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { probe, runProgram } from "./program.mjs";

const ABOUT = `Fills the disk under a collection, frees it, and fills it again.
Writes must be refused with an error, the gateway must go on answering, nothing that was acknowledged may be missing, and
writes must succeed again once there is room. Where a small file system can be mounted (unshare, Linux) it is full;
elsewhere the size of a file is limited (ulimit -f).`;
const SIZE_MB = 4;
const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Ways to run a program with little room in a folder: a shell command, and how room is made later. */
const WAYS = [
  {
    name: "tmpfs",
    // Until it is full again.
    writesOnceFree: 1000,
    run: ["unshare", "-rm", "sh", "-c"],
    limit: `mount -t tmpfs -o size=${SIZE_MB}m tmpfs "$0" && head -c ${SIZE_MB - 1}m /dev/zero > "$0/filler"`,
    // The mount is seen by its own process alone, so the way there is through it.
    free: (pid, folder) => rm(`/proc/${pid}/root${folder}/filler`, { force: true }),
  },
  {
    name: "ulimit",
    writesOnceFree: 10,
    run: ["sh", "-c"],
    limit: "ulimit -S -f 100",
    free: (pid) => once(spawn("prlimit", ["--pid", String(pid), "--fsize=unlimited:"]), "exit"),
  },
];

async function findWay(folder) {
  for (const way of WAYS) {
    const [command, ...args] = way.run;
    const [code] = await once(
      spawn(command, [...args, way.limit, folder]).on("error", () => undefined),
      "close",
    );
    if (code === 0) return way;
  }
  throw new Error("neither unshare nor ulimit works here");
}

async function start(way, folder) {
  const [command, ...args] = way.run;
  const script = `${way.limit} && exec "$1" "$2"`;
  const env = {
    ...process.env,
    GROUNDWIRE_PORT: "0",
    GROUNDWIRE_LOG_LEVEL: "silent",
    GROUNDWIRE_DATA_DIR: join(folder, "data"),
  };
  const child = spawn(command, [...args, script, folder, process.execPath, main], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  return { child, url: /ready at (\S+)/.exec(String(line))[1] };
}

async function graphql(url, query, variables) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors = [] } = await response.json();
  return { data, codes: errors.map(({ extensions }) => extensions?.code) };
}

const UPSERT =
  'mutation ($items: [TextItemInput!]!) { upsertTexts(collection: "full", items: $items) { id } }';

/** Writes until a write is refused, asking for vectors in between. */
async function fill(url, state, texts, mostWrites) {
  for (let writes = 0; writes < mostWrites; writes++) {
    const ids = Array.from({ length: texts }, (_, i) => `item-${state.written + i}`);
    state.written += texts;
    const { data, codes } = await graphql(url, UPSERT, {
      items: ids.map((id) => ({ id, text: `text of ${id}` })),
    });
    for (const item of data?.upsertTexts ?? []) if (item) state.acknowledged.add(item.id);
    state.slowestMs = Math.max(state.slowestMs, await probe(url));
    if (codes.length > 0) return { refusedWith: codes[0] };
  }
  return { refusedWith: undefined };
}

/** Acknowledged items that the collection does not have. */
async function missing(url, { acknowledged }) {
  const query = `query ($after: String) {
    collection(id: "full") { items(first: 1000, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }
  }`;
  const absent = new Set(acknowledged);
  for (let after = null, more = true; more;) {
    const { data } = await graphql(url, query, { after });
    const { nodes, pageInfo } = data.collection.items;
    for (const { id } of nodes) absent.delete(id);
    ({ hasNextPage: more, endCursor: after } = pageInfo);
  }
  return absent.size;
}

await runProgram(ABOUT, { texts: { default: 100, meaning: "texts of one write" } }, async ({ texts }) => {
  const folder = await mkdtemp(join(tmpdir(), "groundwire-disk-"));
  const way = await findWay(folder);
  const { child, url } = await start(way, folder);
  const state = { written: 0, acknowledged: new Set(), slowestMs: 0 };
  try {
    await graphql(url, 'mutation { createCollection(id: "full", kind: TEXTS) { id } }');
    const first = await fill(url, state, texts, 1000);
    const acknowledgedAtFirst = state.acknowledged.size;
    const missingWhileFull = await missing(url, state);
    await way.free(child.pid, folder);
    const second = await fill(url, state, texts, way.writesOnceFree);
    const missingAtEnd = await missing(url, state);
    const alive = (await fetch(url.replace("/graphql", "/readyz"))).status === 200;
    const { written, acknowledged, slowestMs } = state;
    return {
      counts: {
        how: way.name,
        written,
        acknowledged: acknowledged.size,
        acknowledgedAtFirst,
        refusedWith: first.refusedWith,
        refusedAgainWith: second.refusedWith,
        missingWhileFull,
        missingAtEnd,
        slowestMs: Math.round(slowestMs),
      },
      rules: {
        "a full disk refuses the write": first.refusedWith !== undefined,
        "nothing acknowledged is missing": missingWhileFull + missingAtEnd === 0,
        "writes succeed once there is room": acknowledged.size > acknowledgedAtFirst,
        "the gateway goes on": alive && slowestMs < 5000,
      },
    };
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
    await rm(folder, { recursive: true, force: true });
  }
});
