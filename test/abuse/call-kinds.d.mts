import type { ModelStamp } from "../../src/collections/vector-store.js";

export const OLDER: { id: string; stamp: ModelStamp };
export const upsertImages: string;
export const searchImages: string;
export const badCalls: [name: string, query: string, variables: object, code: string, message: string][];
