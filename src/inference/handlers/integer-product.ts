import { Buffer } from "node:buffer";
import { BLOCK, type BlockedScores } from "../../lexicon/rank.js";
import type { OpenGraph } from "../graph.js";

/**
 * `scores = (queries - zero) . vectors * scales` (MatMulIntegerToFloat), and the largest score of each BLOCK of them, as
 * an ONNX graph without `vectors` and `scales`: with a constant matrix, onnxruntime packs it once.
 */
const GRAPH =
  "CAhCBAoAEBFCEQoNY29tLm1pY3Jvc29mdBABOtYCClIKB3F1ZXJpZXMKB3ZlY3RvcnMKA29uZQoGc2NhbGVzCgR6ZXJvEgZzY29yZXMiFE1hdE" +
  "11bEludGVnZXJUb0Zsb2F0Og1jb20ubWljcm9zb2Z0CiIKBnNjb3JlcwoGYmxvY2tzEgdibG9ja2VkIgdSZXNoYXBlCjoKB2Jsb2NrZWQSBm1h" +
  "eGltYSIJUmVkdWNlTWF4KgsKBGF4ZXNAAqABByoPCghrZWVwZGltcxgAoAECEgdwcm9kdWN0Kg0QAUIDb25lSgQAAIA/KgsQAkIEemVyb0oBQC" +
  "omCAMQB0IGYmxvY2tzShgAAAAAAAAAAP//////////QAAAAAAAAABaGwoHcXVlcmllcxIQCg4IAhIKCgMSAUIKAxIBRGIaCgZzY29yZXMSEAoO" +
  "CAESCgoDEgFCCgMSAU5iGgoGbWF4aW1hEhAKDggBEgoKAxIBQgoDEgFL";
/** Seven bits: of eight, processors without VNNI would add two products in sixteen bits, and overflow. */
const ZERO = 64;
const LARGEST = 63;
/** ONNX's numbers of types. */
const FLOAT32 = 1;
const INT8 = 3;

/** A matrix of N rows of bytes that queries are multiplied with: a quarter of float32's size, several times as fast. */
export interface IntegerProduct {
  /** The products of queries that `quantize` wrote, bytes [M, D], one by one. */
  multiply: (bytes: Uint8Array) => Promise<BlockedScores[]>;
}

/**
 * @param rows int8 [N, D]
 * @param scales float32 [N]: what each row's cells are multiplied with
 */
export async function createIntegerProduct(
  rows: Int8Array,
  scales: Float32Array,
  threads: number,
  openGraph: OpenGraph,
): Promise<IntegerProduct> {
  const count = scales.length;
  const dimension = rows.length / count;
  const blocks = Math.ceil(count / BLOCK);
  const padded = blocks * BLOCK;
  const paddedScales = new Float32Array(padded);
  paddedScales.set(scales);
  // A message that follows another adds to it: so Protocol Buffers are merged.
  const constants = message(
    7,
    message(5, tensor("vectors", [dimension, padded], INT8, toColumns(rows, dimension, padded))),
    message(5, tensor("scales", [padded], FLOAT32, paddedScales)),
  );
  const graph = await openGraph(Buffer.concat([Buffer.from(GRAPH, "base64"), constants]), { threads });
  return {
    multiply: async (bytes) => {
      const size = bytes.length / dimension;
      const feeds = { queries: { data: bytes, shape: [size, dimension] } };
      const { scores, maxima } = await graph.run(feeds, ["scores", "maxima"]);
      return Array.from({ length: size }, (_, i) => ({
        scores: (scores as Float32Array).subarray(i * padded, i * padded + count),
        maxima: (maxima as Float32Array).subarray(i * blocks, (i + 1) * blocks),
      }));
    },
  };
}

/**
 * Writes a vector [D] as bytes.
 * @returns what one unit of the bytes stands for, and the length of what rounding took away: no score of a unit vector
 * can be further off.
 */
export function quantize(vector: Float32Array, bytes: Uint8Array): { step: number; error: number } {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const step = largest / LARGEST || 1;
  let squares = 0;
  for (let i = 0; i < vector.length; i++) {
    const rounded = Math.round((vector[i] as number) / step);
    bytes[i] = rounded + ZERO;
    squares += ((vector[i] as number) - rounded * step) ** 2;
  }
  return { step, error: Math.sqrt(squares) };
}

function toColumns(rows: Int8Array, dimension: number, padded: number): Int8Array {
  const columns = new Int8Array(dimension * padded);
  for (let i = 0; i * dimension < rows.length; i++) {
    for (let d = 0; d < dimension; d++) columns[d * padded + i] = rows[i * dimension + d] as number;
  }
  return columns;
}

function tensor(
  name: string,
  shape: readonly number[],
  type: number,
  data: Int8Array | Float32Array,
): Buffer {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([
    ...shape.map((size) => integer(1, size)),
    integer(2, type),
    message(8, Buffer.from(name)),
    message(9, raw),
  ]);
}

function message(field: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(field * 8 + 2), varint(length), ...parts]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}
