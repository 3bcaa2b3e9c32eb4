/** One input of a graph: int64 of big integers, uint8 of bytes, else float32. */
export interface Feed {
  data: Float32Array | BigInt64Array | Uint8Array;
  shape: readonly number[];
}

export interface GraphOptions {
  /** onnxruntime intra-op threads. */
  threads: number;
  /** Whether threads that wait for each other spin for a moment. @default false */
  spin?: boolean;
  /** onnxruntime session configuration, nested by the dots of its keys. @default none */
  extra?: Record<string, unknown>;
}

/** An ONNX graph that is ready to run. Handlers see this much of onnxruntime and no more. */
export interface Graph {
  /** @returns the float32 outputs by name. They lie in onnxruntime's memory: copy what is sent to another thread. */
  run: (feeds: Record<string, Feed>, outputs: readonly string[]) => Promise<Record<string, Float32Array>>;
}

/** An .onnx file of a bundle, with the hash that its manifest gives. */
export interface GraphFile {
  path: string;
  sha256: string;
}

/** @param model a file, or the content of one. */
export type OpenGraph = (model: GraphFile | Uint8Array, options: GraphOptions) => Promise<Graph>;

/** {"session.a": "1"} becomes {session: {a: "1"}}, the shape that onnxruntime-node reads. */
export function nestConfig(entries: Record<string, string> = {}): Record<string, unknown> {
  const nested: Record<string, Record<string, string>> = {};
  for (const [key, value] of Object.entries(entries)) {
    const dot = key.indexOf(".");
    (nested[key.slice(0, dot)] ??= {})[key.slice(dot + 1)] = value;
  }
  return nested;
}
