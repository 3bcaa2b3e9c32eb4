import type { Graph, OpenGraph } from "../graph.js";

/** `scores = queries . vectors` as a one-node ONNX graph: onnxruntime's product is many times a JavaScript loop's. */
const MATMUL =
  "CAg6ggEKIgoHcXVlcmllcwoHdmVjdG9ycxIGc2NvcmVzIgZNYXRNdWwSBnNjb3Jlc1obCgdxdWVyaWVzEhAKDggBEgoKAxIBQgoDEgFEWhsK" +
  "B3ZlY3RvcnMSEAoOCAESCgoDEgFECgMSAU5iGgoGc2NvcmVzEhAKDggBEgoKAxIBQgoDEgFOQgQKABAR";

/** A matrix [D, N] that rows are multiplied with. */
export interface Product {
  /** Rows [M, D] times the matrix: [M, N], in onnxruntime's memory. */
  multiply: (rows: Float32Array) => Promise<Float32Array>;
}

/** @param columns [D, N] row-major, the layout that the product reads in order. */
export async function createProduct(
  columns: Float32Array,
  dimension: number,
  threads: number,
  openGraph: OpenGraph,
): Promise<Product> {
  const graph: Graph = await openGraph(Buffer.from(MATMUL, "base64"), { threads });
  const vectors = { data: columns, shape: [dimension, columns.length / dimension] };
  return {
    multiply: async (rows) => {
      const queries = { data: rows, shape: [rows.length / dimension, dimension] };
      const { scores } = await graph.run({ queries, vectors }, ["scores"]);
      return scores as Float32Array;
    },
  };
}
