// `npm start`: installs what is missing, builds what is stale, serves the shipped bundle.
import { ensureBuilt, ensureInstalled, requireNode } from "./setup.mjs";

requireNode();
ensureInstalled();
ensureBuilt();
stopWithNpm();
await import("../dist/main.js");

/** npm runs scripts in a shell, which a SIGTERM ends without telling its child: the server must not outlive it. */
function stopWithNpm() {
  if (process.env.npm_lifecycle_event !== "start") return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 250);
  watch.unref();
}
