// node test/abuse/audit.mjs
import { serverAudits } from "graphql-http";
import { startGateway } from "../../bench/harness.mjs";
import { runProgram } from "./program.mjs";

const ABOUT = `Runs the audit of graphql-http, the reference for GraphQL over HTTP, against a gateway.
Every MUST, SHOULD and MAY has to be as the specification says.`;

await runProgram(ABOUT, {}, async () => {
  const gateway = await startGateway();
  const counts = { audits: 0, ok: 0, failed: [] };
  for (const audit of serverAudits({ url: gateway.url, fetchFn: fetch })) {
    const { status } = await audit.fn();
    counts.audits += 1;
    if (status === "ok") counts.ok += 1;
    else counts.failed.push(audit.name);
  }
  await gateway.stop();
  return { counts, rules: { "every audit is green": counts.audits > 0 && counts.failed.length === 0 } };
});
