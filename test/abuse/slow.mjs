// node test/abuse/slow.mjs --connections 1000
import { once } from "node:events";
import { connect } from "node:net";
import { startGateway } from "../../bench/harness.mjs";
import { probe, runProgram, sleep } from "./program.mjs";

const ABOUT = `Opens connections that send a byte now and then and never finish a request.
Others must be served meanwhile, and each of the connections must be closed at the request's time limit.`;
const TIMEOUT_MS = 4000;
/** Node looks once a second; a busy machine takes a moment to close them all. */
const GRACE_MS = 10_000;
const HEAD = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

await runProgram(
  ABOUT,
  { connections: { default: 1000, meaning: "slow connections at once" } },
  async ({ connections }) => {
    const gateway = await startGateway({ REQUEST_TIMEOUT_MS: TIMEOUT_MS });
    const port = Number(new URL(gateway.url).port);
    let closed = 0;
    const sockets = await Promise.all(
      Array.from({ length: connections }, async () => {
        const socket = connect(port, "127.0.0.1").on("error", () => undefined);
        await once(socket, "connect");
        socket.resume().once("close", () => (closed += 1));
        socket.write(HEAD);
        return socket;
      }),
    );
    const drip = setInterval(() => sockets.forEach((socket) => socket.writable && socket.write("x")), 500);
    const deadline = performance.now() + TIMEOUT_MS + GRACE_MS;
    const servedMs = [];
    while (closed < connections && performance.now() < deadline) {
      servedMs.push(await probe(gateway.url));
      await sleep(50);
    }
    clearInterval(drip);
    const counts = {
      connections,
      closed,
      servedMeanwhile: servedMs.length,
      slowestMs: Math.round(Math.max(...servedMs)),
    };
    await gateway.stop();
    return {
      counts,
      rules: {
        "all slow connections are closed": closed === connections,
        // A probe that is not answered in the request's time limit ends the program.
        "others are served meanwhile": counts.servedMeanwhile > 10,
      },
    };
  },
);
