import { connect } from "@lancedb/lancedb";
import { goLast } from "../low-priority.js";

// A process that merges the small files of one table: `node compact.js FOLDER PLACE`. See compaction.ts.

/** Older states of a table are kept this long for readers of other processes, milliseconds. */
const KEEP_VERSIONS_MS = 5 * 60_000;

// Without its parent it is nobody's; what it has written so far is no part of the table.
process.on("disconnect", () => process.exit(1));
goLast();
const [folder, place] = process.argv.slice(2) as [string, string];
const table = await (await connect(folder)).openTable(place);
await table.optimize({ cleanupOlderThan: new Date(Date.now() - KEEP_VERSIONS_MS) });
process.exit(0);
