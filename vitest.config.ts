import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    // Vite would resolve index.mjs and Node index.js: two copies of graphql, two sets of classes.
    alias: [{ find: /^graphql$/, replacement: "graphql/index.js" }],
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    expect: { poll: { timeout: 60_000 } },
  },
});
