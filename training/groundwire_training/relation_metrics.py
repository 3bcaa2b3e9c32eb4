"""How well relations are ranked for a pair of words: FACTUAL and VG150 (model.md, section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .predicates import Predicate, alias_index
from .triples import Triple, TripleSplits

# Share of the raw label's log frequency taken off VG150's scores, so that its rare predicates are found.
# Chosen on a tenth of VG150's training tokens, held out, with the triples that only it has as zero-shot: a
# larger share goes on to lift macro recall, but zero-shot top-5 falls faster from here.
VG150_PRIOR_SHARE = 0.5
FIT_STEPS = 100

# names -> relation subspace vectors float32 [N, R]
Imagine = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class RankScore:
    """Token-weighted top-k shares, and the mean over predicates of their recall at 1."""

    top1: float
    top5: float
    macro1: float
    tokens: int


@dataclass(frozen=True)
class Scorer:
    """Scores of pairs under the bundle's operators, words imagined once."""

    names: dict[str, int]
    imagined_nr: np.ndarray
    operators: np.ndarray
    bias: np.ndarray

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """Scores [N, P] of (subject, object) pairs."""
        subjects = self.imagined_nr[[self.names[s] for s, _ in pairs]]
        objects = self.imagined_nr[[self.names[o] for _, o in pairs]]
        outer = (subjects[:, :, None] * objects[:, None, :]).reshape(len(pairs), -1)
        return outer @ self.operators.reshape(len(self.operators), -1).T + self.bias


def evaluate_relations(
    imagine: Imagine,
    operators: np.ndarray,
    bias: np.ndarray,
    predicates: Sequence[Predicate],
    splits: TripleSplits,
) -> dict:
    """The `relations` object of the metrics JSON.

    FACTUAL ranks the predicates with at least 5 training tokens. VG150 ranks its 50 labels as written: a
    label's score is its canonical predicate's plus an offset fitted on VG150's training tokens alone.
    """
    tests = (splits.factual_test, splits.vg150_train, splits.vg150_test, splits.vg150_zero_shot)
    names = sorted({name for counts in tests for triple in counts for name in (triple[0], triple[2])})
    scorer = Scorer({name: i for i, name in enumerate(names)}, imagine(names), operators, bias)
    index = alias_index(list(predicates))
    factual = {name: index[name] for name in sorted(splits.factual_predicates())}
    unseen = Counter({t: n for t, n in splits.factual_test.items() if t not in splits.factual_train})
    labels = {name: index[name] for name in sorted({triple[1] for triple in splits.vg150_train})}
    offset = fit_label_offset(scorer, splits.vg150_train, labels)
    offset -= VG150_PRIOR_SHARE * log_frequency(splits.vg150_train, labels)
    results = {
        "factual": rank(scorer, splits.factual_test, factual),
        "factualUnseen": rank(scorer, unseen, factual),
        "vg150": rank(scorer, splits.vg150_test, labels, offset),
        "vg150ZeroShot": rank(scorer, splits.vg150_zero_shot, labels, offset),
    }
    return {name: vars(score) for name, score in results.items()}


def rank(
    scorer: Callable[[Sequence[tuple[str, str]]], np.ndarray],
    counts: Counter[Triple],
    labels: dict[str, int],
    offset: np.ndarray | float = 0.0,
) -> RankScore:
    """Ranks the true label among `labels` (name -> column of the scores); other triples are left out.

    A label that ties with the true one counts as ranked before it.
    """
    column = {name: i for i, name in enumerate(labels)}
    rows = [(s, o, column[p], n) for (s, p, o), n in counts.items() if p in column]
    if not rows:
        raise ValueError(f"triples: none of {len(counts)} has one of the {len(labels)} ranked predicates")
    scores = scorer([(s, o) for s, o, _, _ in rows])[:, list(labels.values())] + offset
    gold = np.array([row[2] for row in rows])
    tokens = np.array([row[3] for row in rows], dtype=np.float64)
    ranks = (scores >= scores[np.arange(len(rows)), gold][:, None]).sum(1)
    hits = tokens * (ranks <= 1)
    recalls = [hits[gold == label].sum() / tokens[gold == label].sum() for label in np.unique(gold)]
    return RankScore(
        top1=float(hits.sum() / tokens.sum()),
        top5=float((tokens * (ranks <= 5)).sum() / tokens.sum()),
        macro1=float(np.mean(recalls)),
        tokens=int(tokens.sum()),
    )


def fit_label_offset(scorer: Scorer, counts: Counter[Triple], labels: dict[str, int]) -> np.ndarray:
    """Offset [L] under which the mean predicted share of every label is its share of `counts`.

    Iterative scaling; its fixed point is the maximum-likelihood bias of a softmax over frozen scores.
    """
    column = {name: i for i, name in enumerate(labels)}
    pairs: dict[tuple[str, str], int] = {}
    for (s, _, o), n in counts.items():
        pairs[s, o] = pairs.get((s, o), 0) + n
    weights = np.array(list(pairs.values()), dtype=np.float64)[:, None]
    scores = scorer(list(pairs))[:, list(labels.values())]
    observed = np.zeros(len(labels))
    for (_, predicate, _), n in counts.items():
        observed[column[predicate]] += n
    offset = np.zeros(len(labels))
    for _ in range(FIT_STEPS):
        shares = np.exp(scores + offset - (scores + offset).max(1, keepdims=True))
        expected = (weights * shares / shares.sum(1, keepdims=True)).sum(0)
        offset += np.log(observed / expected)
    return offset


def log_frequency(counts: Counter[Triple], labels: dict[str, int]) -> np.ndarray:
    totals: Counter[str] = Counter()
    for (_, predicate, _), n in counts.items():
        totals[predicate] += n
    return np.log(np.array([totals[name] for name in labels]) / sum(totals.values()))
