// A worker that does as each request says: answers, fails, or dies over it.
import { parentPort, workerData } from "node:worker_threads";

parentPort.on("message", (request) => {
  if ("exit" in request) process.exit(request.exit);
  const deaths = new Int32Array(workerData.deaths);
  if (request.fail) return parentPort.postMessage({ error: "this request fails" });
  // Dies as often as is asked for, counted over all workers.
  if (request.dies > Atomics.load(deaths, 0)) {
    Atomics.add(deaths, 0, 1);
    throw new Error("the worker dies");
  }
  parentPort.postMessage({ reply: request.value });
});
// How many workers may start, until it is raised.
const starts = workerData.starts && new Int32Array(workerData.starts);
const refused = starts !== undefined && Atomics.sub(starts, 0, 1) <= 0;
if (workerData.broken || refused) throw new Error("the model cannot be loaded");
parentPort.postMessage({ ready: true });
