import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../schema.graphql",
  generates: {
    "src/generated/schema.ts": {
      plugins: ["typescript"],
      config: {
        enumsAsTypes: true,
        skipTypename: true,
        useTypeImports: true,
        scalars: {
          Vector: { input: "string | readonly number[]", output: "string" },
          Image: "string",
          DateTimeISO: "string",
        },
      },
    },
  },
};

export default config;
