// node test/abuse/cut.mjs --bodies 2000 --leavers 50
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { startGateway } from "../../bench/harness.mjs";
import { embedBody, metric, probe, runProgram, sleep } from "./program.mjs";

const ABOUT = `Sends bodies that end in the middle, and clients that leave before their 300 texts are answered.
Nothing may be left of them: no text in the queue, and the next client is served.`;
const BATCH = 100;
const HEAD = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

let port;
async function send(body, sent) {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  socket.write(`${HEAD}content-length: ${Buffer.byteLength(body)}\r\n\r\n${sent}`);
  return socket.resume();
}

async function cut(i) {
  const body = embedBody("zebra");
  const socket = await send(body, body.slice(0, i % body.length));
  if (i % 2 === 0) socket.destroy();
  else socket.end();
}

async function leave(i) {
  const body = embedBody(...Array.from({ length: 300 }, (_, text) => `leaver ${i} leaves ${text} behind`));
  const socket = await send(body, body);
  await sleep(Math.random() * 200);
  socket.destroy();
}

async function inBatches(count, act) {
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first);
    await Promise.all(Array.from({ length: size }, (_, i) => act(first + i)));
  }
}

await runProgram(
  ABOUT,
  {
    bodies: { default: 2000, meaning: "bodies cut in the middle" },
    leavers: { default: 50, meaning: "clients that leave before the answer" },
  },
  async ({ bodies, leavers }) => {
    const gateway = await startGateway();
    port = Number(new URL(gateway.url).port);
    await inBatches(bodies, cut);
    await inBatches(leavers, leave);
    const afterMs = Math.round(await probe(gateway.url));
    const queued = await metric(gateway.url, "groundwire_encoder_queued");
    const encoded = await metric(gateway.url, "groundwire_encoder_texts_total");
    await gateway.stop();
    return {
      counts: { bodies, leavers, afterMs, queued, encoded, asked: 300 * leavers },
      rules: {
        "nothing is left in the queue": queued === 0,
        "most texts of those who left never reached the model": leavers === 0 || encoded < 200 * leavers,
      },
    };
  },
);
