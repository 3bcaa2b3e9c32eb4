"""Pairs scored by numpy with the same operators, timed.

Usage: python relations.py WEIGHTS SUBSPACE PAIRS SECONDS; one JSON object on standard output.
"""

import json
import sys
import time

import numpy as np


def main(path: str, subspace: int, pairs: int, seconds: float) -> None:
    weights = np.fromfile(path, dtype=np.float32)
    predicates = len(weights) // (subspace * subspace + 1)
    operators = weights[:-predicates].reshape(predicates, subspace, subspace)
    bias = weights[-predicates:]
    # [R, P * R], so that one product holds every predicate.
    flat = np.ascontiguousarray(operators.transpose(1, 0, 2).reshape(subspace, -1))
    generator = np.random.default_rng(9)
    subjects = generator.standard_normal((pairs, subspace), dtype=np.float32)
    objects = generator.standard_normal((pairs, subspace), dtype=np.float32)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        projected = (subjects @ flat).reshape(pairs, predicates, subspace)
        scores = np.matmul(projected, objects[:, :, None])[:, :, 0] + bias
        assert scores.shape == (pairs, predicates)
        done += pairs
    print(json.dumps({"rate": done / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
