import type { Operation } from "./document.js";
import type { Axis, Model } from "./generated/schema.js";
import type { CallOptions } from "./options.js";
import type { Execute } from "./scheduler.js";

export interface ModelMethods {
  /** The bundle that the gateway serves, and its limits. */
  model(options?: CallOptions): Promise<Model>;
  /** The axes of the space, by explained variance. */
  axes(options?: CallOptions): Promise<Axis[]>;
}

export const MODEL: Operation<object, Model> = {
  name: "Model",
  kind: "query",
  field: "model",
  args: {},
  selection: `{
    name stage dimension maxTokens pooling fingerprint lexiconSize
    limits { maxTexts maxFirst maxTextLength maxBodyBytes } readouts { name kind r }
  }`,
};

export const AXES: Operation<object, Axis[]> = {
  name: "Axes",
  kind: "query",
  field: "axes",
  args: {},
  selection: "{ index name norm r explainedVariance low high }",
};

export function createModelMethods(execute: Execute): ModelMethods {
  return {
    model: ({ signal } = {}) => execute(MODEL, {}, signal),
    axes: ({ signal } = {}) => execute(AXES, {}, signal),
  };
}
