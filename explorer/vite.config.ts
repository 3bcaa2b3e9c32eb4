import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative addresses: the page also works below a path that a proxy adds.
  base: "./",
  resolve: {
    alias: { "@groundwire/client": fileURLToPath(new URL("../sdk/src/index.ts", import.meta.url)) },
  },
  // `npm run dev --workspace explorer` beside a running gateway.
  server: { proxy: { "/graphql": "http://127.0.0.1:4000" } },
  test: {
    include: ["test/**/*.test.ts"],
    environment: "happy-dom",
    globalSetup: ["test/helpers/global-setup.mjs"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 6_000 } },
  },
});
