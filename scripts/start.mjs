// `npm start`: installs what is missing, builds what is stale, serves the shipped bundle.
import { ensureBuilt, ensureInstalled, requireNode } from "./setup.mjs";

requireNode();
ensureInstalled();
ensureBuilt();
await import("../dist/main.js");
