"""gensim's most_similar and usearch's exact search over one matrix, timed.

Usage: python search.py ROWS DIMENSION THREADS SECONDS; one JSON object on standard output.
"""

import json
import sys
import time

import numpy as np
from gensim.models import KeyedVectors
from usearch.index import MetricKind, search

K = 10


def rate(run, seconds: float, queries: int = 1) -> float:
    """Queries a second of `run(i)`, which answers `queries` of them."""
    run(0)
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        run(done)
        done += 1
    return done * queries / elapsed


def bandwidth(matrix: np.ndarray, query: np.ndarray, seconds: float) -> float:
    """Bytes a second at which the matrix is read: the faster of a sum over it and a product with one vector."""
    flat = matrix.reshape(-1)
    passes = max(rate(lambda _: flat.sum(), seconds), rate(lambda _: matrix @ query, seconds))
    return passes * matrix.nbytes


def main(rows: int, dimension: int, threads: int, seconds: float) -> None:
    generator = np.random.default_rng(7)
    matrix = generator.standard_normal((rows, dimension), dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    vectors = KeyedVectors(dimension)
    vectors.add_vectors([str(i) for i in range(rows)], matrix)
    vectors.fill_norms()
    queries = generator.standard_normal((1024, dimension), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)

    def gensim(i: int) -> None:
        vectors.similar_by_vector(queries[i % 1024], topn=K)

    def usearch(i: int) -> None:
        search(matrix, queries[i % 1024], K, MetricKind.IP, exact=True, threads=threads)

    def usearch_32(i: int) -> None:
        search(matrix, queries[(32 * i) % 992 :][:32], K, MetricKind.IP, exact=True, threads=threads)

    print(
        json.dumps(
            {
                "gensim": rate(gensim, seconds),
                "usearch": rate(usearch, seconds),
                "usearch32": rate(usearch_32, seconds, 32),
                "bytesPerSecond": bandwidth(matrix, queries[0], seconds),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
