"""Ranks FACTUAL's test split by what a running gateway answers, under the protocol of `evaluate`.

    npm start
    python -m groundwire_training.factual_graphql --data DATA --bundle models/NAME

The last line of standard output is one JSON object: the gateway's figures and, with `--bundle`, those that
`evaluate` computes from the bundle's ONNX files. The exit status is 1 where a top-1 differs in the third decimal.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .embedder import onnx_embedder, onnx_session
from .predicates import Predicate, alias_index
from .relation_metrics import Scorer, rank
from .relations_onnx import read_operators
from .triples import TripleSplits, load_splits

URL = "http://127.0.0.1:4000/graphql"
PAIRS = 50  # in one request
SECONDS = 120  # that one request may take
TOLERANCE = 5e-4  # equal to three decimals
PREDICATES = "{ predicates { name aliases inverse count } }"
RELATIONS = """query ($pairs: [ObjectPairInput!]!, $first: Int!) {
  inferPairRelations(pairs: $pairs, first: $first) { relations { predicate { name } score } } }"""


class GatewayScorer:
    """Scores [N, P] of (subject, object) pairs, asked for over GraphQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.predicates = [Predicate.from_json(item) for item in ask(url, PREDICATES, {})["predicates"]]
        self.column = {predicate.name: i for i, predicate in enumerate(self.predicates)}

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        scores = np.full((len(pairs), len(self.column)), np.nan)
        for first in range(0, len(pairs), PAIRS):
            asked = [{"subject": s, "object": o} for s, o in pairs[first : first + PAIRS]]
            variables = {"pairs": asked, "first": len(self.column)}
            answers = ask(self.url, RELATIONS, variables)["inferPairRelations"]
            for row, answer in enumerate(answers, start=first):
                for relation in answer["relations"]:
                    scores[row, self.column[relation["predicate"]["name"]]] = relation["score"]
        if np.isnan(scores).any():
            raise ValueError("inferPairRelations: must score every predicate of every pair")
        return scores


def ask(url: str, query: str, variables: dict) -> dict:
    """The `data` of an answer. Raises ValueError for an answer with errors."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    except urllib.error.URLError as error:
        raise ValueError(f"--url: no gateway answers at {url}: {error.reason}") from error
    if answer.get("errors"):
        raise ValueError(f"{url}: {answer['errors'][0]['message']}")
    return answer["data"]


def bundle_scorer(bundle: Path, predicates: Sequence[Predicate], splits: TripleSplits) -> Scorer:
    """The scorer of `evaluate` for the bundle's own ONNX files."""
    names = sorted({name for triple in splits.factual_test for name in (triple[0], triple[2])})
    words = onnx_embedder(bundle)(names)
    (imagined_nr,) = onnx_session(bundle, "relations.onnx").run(["imagined"], {"objects": words})
    operators, bias = read_operators(bundle / "relations.bin", len(predicates), imagined_nr.shape[1])
    return Scorer({name: i for i, name in enumerate(names)}, imagined_nr, operators, bias)


def measure(scorer, predicates: Sequence[Predicate], splits: TripleSplits) -> dict[str, dict[str, float]]:
    """`factual` and `factualUnseen` as `relation_metrics.evaluate_relations` defines them."""
    index = alias_index(list(predicates))
    labels = {name: index[name] for name in sorted(splits.factual_predicates())}
    unseen = Counter({t: n for t, n in splits.factual_test.items() if t not in splits.factual_train})
    tests = {"factual": splits.factual_test, "factualUnseen": unseen}
    return {name: vars(rank(scorer, counts, labels)) for name, counts in tests.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--url", default=URL, help="default: %(default)s")
    parser.add_argument("--bundle", type=Path, help="bundle that the gateway serves, to compare with")
    args = parser.parse_args(argv)
    splits = load_splits(args.data)
    try:
        gateway = GatewayScorer(args.url)
        results = {"gateway": measure(gateway, gateway.predicates, splits)}
    except ValueError as error:
        print(f"factual_graphql: {error}", file=sys.stderr)
        return 1
    if args.bundle:
        scorer = bundle_scorer(args.bundle, gateway.predicates, splits)
        results["evaluate"] = measure(scorer, gateway.predicates, splits)
    print(json.dumps(results))
    return 0 if agree(results) else 1


def agree(results: dict[str, dict[str, dict[str, float]]]) -> bool:
    own, other = results["gateway"], results.get("evaluate", results["gateway"])
    return all(abs(own[name]["top1"] - other[name]["top1"]) < TOLERANCE for name in own)


if __name__ == "__main__":
    raise SystemExit(main())
