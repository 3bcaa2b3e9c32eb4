"""Every metric against a hand-computed case or a slow, obvious twin."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from groundwire_training.logistic import fit_logistic, logits
from groundwire_training.metrics_colors import COLORS, color_scores, load_coda, top1
from groundwire_training.metrics_composition import evaluate_composition, rank_of
from groundwire_training.metrics_concreteness import SemCat, category_means, evaluate_concreteness
from groundwire_training.metrics_norms import INNER_FOLDS, f1, feature_f1, load_cslb, stratified_folds
from groundwire_training.metrics_retrieval import evaluate_retrieval, retrieval_ranks
from groundwire_training.metrics_silhouette import category_silhouettes, evaluate_silhouettes
from groundwire_training.metrics_similarity import RatedPairs, evaluate_pairs
from groundwire_training.metrics_size import SizePairs, evaluate_size, load_size_pairs


def table(vectors: dict[str, list[float]]):
    return lambda texts: np.array([vectors[text] for text in texts], dtype=np.float32)


def test_concreteness_is_one_when_the_widest_axis_is_the_rating():
    ratings = np.array([1.0, 2.0, 4.0, 5.0, np.nan])
    words = ["a", "b", "c", "d", "e"]
    vectors = {
        w: [-10 * x, 0.1 * (i % 2)] for i, (w, x) in enumerate(zip(words, [1, 2, 4, 5, 3], strict=True))
    }
    semcat = SemCat(words=words, categories=["p", "p", "q", "q", "p"], ratings=ratings)
    scores = evaluate_concreteness(table(vectors), semcat)
    assert scores["concretenessWord"] == pytest.approx(1, abs=1e-3)
    assert scores["concretenessCategory"] == pytest.approx(1)


def test_a_category_mean_counts_unrated_words_in_the_score_only():
    semcat = SemCat(words=["a", "b", "c"], categories=["p", "p", "q"], ratings=np.array([1.0, np.nan, 4.0]))
    by_score, by_rating, names = category_means(np.array([0.0, 6.0, 5.0]), semcat)
    assert (by_score.tolist(), by_rating.tolist(), names) == ([3.0, 5.0], [1.0, 4.0], ["p", "q"])


def slow_silhouette(vectors: np.ndarray, labels: list[str], distance) -> dict[str, float]:
    means: dict[str, list[float]] = {}
    for i, label in enumerate(labels):
        to = {
            other: [
                distance(vectors[i], vectors[j]) for j in range(len(labels)) if labels[j] == other and j != i
            ]
            for other in set(labels)
        }
        a = np.mean(to[label])
        b = min(np.mean(to[other]) for other in to if other != label)
        means.setdefault(label, []).append((b - a) / max(a, b))
    return {label: float(np.mean(values)) for label, values in means.items()}


@pytest.mark.parametrize(
    ("metric", "distance"),
    [
        ("euclidean", lambda x, y: np.linalg.norm(x - y)),
        ("cosine", lambda x, y: 1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y)),
    ],
)
def test_silhouettes_equal_the_plain_loop(metric, distance):
    vectors = np.random.default_rng(0).normal(size=(18, 5))
    labels = [f"c{i % 3}" for i in range(18)]
    fast = category_silhouettes(vectors, labels, metric)
    assert fast == pytest.approx(slow_silhouette(vectors, labels, distance), abs=1e-6)


def test_the_silhouette_headline_is_the_cosine_one():
    words = ["a", "b", "c", "d"]
    vectors = {"a": [1, 0], "b": [9, 0], "c": [0, 1], "d": [0, 9]}
    semcat = SemCat(words=words, categories=["x", "x", "y", "y"], ratings=np.full(4, np.nan))
    scores = evaluate_silhouettes(table(vectors), semcat)
    assert scores["silhouetteMedian"] == pytest.approx(1)
    assert scores["silhouetteMedianEuclidean"] < 0.5


def test_pairs_score_by_ranks_of_the_cosine():
    vectors = {"a": [1, 0], "near": [5, 1], "far": [1, 5], "away": [-1, 0]}
    pairs = RatedPairs(left=["a"] * 3, right=["near", "far", "away"], ratings=np.array([9.0, 8.0, 1.0]))
    assert evaluate_pairs(table(vectors), pairs) == pytest.approx(1)
    swapped = RatedPairs(left=["a"] * 3, right=["near", "far", "away"], ratings=np.array([1.0, 8.0, 9.0]))
    assert evaluate_pairs(table(vectors), swapped) == pytest.approx(-1)


def test_a_rank_counts_ties_against_the_target_and_skips_excluded_words():
    scores, words = np.array([0.9, 0.5, 0.5, 0.1]), ["horse", "zebra", "mule", "cup"]
    assert rank_of(scores, words, "zebra") == 3
    assert rank_of(scores, words, "zebra", exclude=["horse"]) == 2


def test_composition_prints_both_zebra_ranks():
    vectors = {"horse": [1, 0], "zebra": [1, 0.5], "cup": [0, 1], "striped horse": [1, 0.1]}
    scores = evaluate_composition(table(vectors), ["horse", "zebra", "cup"])
    assert (scores["zebraRank"], scores["zebraRankOwnWordsKept"]) == (1, 2)


def test_composition_names_the_word_it_misses():
    with pytest.raises(ValueError, match="zebra"):
        evaluate_composition(table({}), ["horse"])


def slow_ranks(scores: np.ndarray, per_image: int) -> tuple[list[int], list[int]]:
    n = len(scores)
    i2t = []
    for i in range(n):
        best = max(scores[i][per_image * i : per_image * (i + 1)])
        rivals = [scores[i][j] for j in range(per_image * n) if j // per_image != i]
        i2t.append(sum(rival >= best for rival in rivals))
    t2i = [
        sum(scores[i][j] >= scores[j // per_image][j] for i in range(n) if i != j // per_image)
        for j in range(per_image * n)
    ]
    return i2t, t2i


def test_retrieval_ranks_equal_the_plain_loop_with_ties():
    scores = np.random.default_rng(1).integers(0, 4, size=(6, 30)).astype(float)
    i2t, t2i = retrieval_ranks(scores)
    assert (i2t.tolist(), t2i.tolist()) == slow_ranks(scores, 5)


def test_a_collapsed_model_retrieves_nothing():
    scores = evaluate_retrieval(np.ones((20, 3)), np.ones((100, 3)))
    assert scores == {side: {"r1": 0.0, "r5": 0.0, "r10": 0.0} for side in ("i2t", "t2i")}


def test_retrieval_refuses_captions_that_do_not_divide():
    with pytest.raises(ValueError, match="multiple of the 2 images, got 5"):
        evaluate_retrieval(np.ones((2, 3)), np.ones((5, 3)))


def problem(seed: int = 0, n: int = 80, d: int = 6, features: int = 4):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, d)).astype(np.float32)
    named = vectors @ random.normal(size=(d, features)) + random.normal(size=(n, features)) > 0.8
    return vectors, named


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_batched_logistic_regression_equals_scikit_learn(strength):
    vectors, named = problem()
    vectors = vectors - vectors.mean(0)
    used = np.random.default_rng(5).random(named.shape) < 0.8
    weights = fit_logistic(
        *(torch.from_numpy(x.astype(np.float32)) for x in (vectors, named, used)), strength
    )
    ours = logits(torch.from_numpy(vectors), weights).numpy()
    for f in range(named.shape[1]):
        model = LogisticRegression(C=strength, tol=1e-8, max_iter=5000)
        model.fit(vectors[used[:, f]], named[used[:, f], f])
        # A nearly separable problem stops a little short of its long way to the minimum.
        np.testing.assert_allclose(ours[:, f], model.decision_function(vectors), rtol=3e-2, atol=2e-2)


def test_f1_equals_scikit_learn_and_is_zero_when_nothing_is_predicted():
    random = np.random.default_rng(2)
    predicted, targets = random.random((30, 3)) < 0.4, random.random((30, 3)) < 0.4
    predicted[:, 2] = False
    ours = f1(torch.from_numpy(predicted), torch.from_numpy(targets.astype(np.float32)))
    expected = [f1_score(targets[:, f], predicted[:, f], zero_division=0) for f in range(3)]
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_folds_are_stratified_and_leave_held_out_rows_alone():
    _, named = problem()
    outer = stratified_folds(named, 5, seed=0)
    for f in range(named.shape[1]):
        positives = [int(((outer[:, f] == k) & named[:, f]).sum()) for k in range(5)]
        assert max(positives) - min(positives) <= 1
    inner = stratified_folds(named, INNER_FOLDS, seed=1, among=outer != 0)
    assert ((inner == -1) == (outer == 0)).all()


def test_feature_f1_is_high_for_a_readable_feature_and_low_for_noise():
    random = np.random.default_rng(4)
    vectors = random.normal(size=(120, 8))
    named = np.stack([vectors[:, 0] > 0.7, random.permutation(vectors[:, 0] > 0.7)], 1)
    readable, noise = feature_f1(vectors, named)
    assert readable > 0.8
    assert noise < 0.5


def test_cslb_keeps_features_named_for_five_concepts(tmp_path):
    rows = [("visual perceptual", f"thing_{i}", "is red") for i in range(5)]
    rows += [("taxonomic", f"thing_{i}", "is a fruit") for i in range(4)]
    lines = ["\t".join(["feature type", "concept", "feature"]), *("\t".join(row) for row in rows)]
    (tmp_path / "norms").mkdir()
    (tmp_path / "norms" / "cslb.tsv").write_text("\n".join(lines) + "\n")
    norms = load_cslb(tmp_path)
    assert (norms.features, norms.types, norms.concepts[0]) == (["is red"], ["visual perceptual"], "thing 0")


def test_color_scores_compare_a_thing_with_its_colored_self():
    vectors = {f"{color} sky": [0.0, 1.0] for color in COLORS} | {"sky": [1, 0], "blue sky": [1, 0.1]}
    scores = color_scores(table(vectors), ["sky"])
    people = np.eye(11)[[COLORS.index("blue")]]
    assert top1(scores, people) == 1
    assert top1(scores, np.eye(11)[[COLORS.index("red")]]) == 0


def test_coda_averages_the_included_annotators_shares(tmp_path):
    (tmp_path / "norms").mkdir()
    votes = [
        {"class_id": "x", "included": True, "red": 1},
        {"class_id": "x", "included": True, "red": 2, "blue": 2},
        {"class_id": "x", "included": False, "green": 5},
        {"class_id": "y", "included": False},
    ]
    things = [{"class_id": key, "object_s": key, "object_pl": key + "s"} for key in "xy"]
    for name, rows in (("annotations", votes), ("objects", things)):
        (tmp_path / "norms" / f"coda_{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    coda = load_coda(tmp_path)
    assert coda.objects == ["x"]
    shares = dict(zip(COLORS, coda.shares[0], strict=True))
    assert (shares["red"], shares["blue"], shares["green"]) == (0.75, 0.25, 0)


def test_the_size_probe_learns_a_linear_size_and_prefers_no_side():
    random = np.random.default_rng(6)
    vectors = {f"w{i}": random.normal(size=4).tolist() for i in range(80)}

    def pairs() -> SizePairs:
        first, second = (random.choice(list(vectors), 60).tolist() for _ in range(2))
        kept = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
        bigger = np.array([1 if vectors[a][0] > vectors[b][0] else -1 for a, b in kept])
        return SizePairs(first=[a for a, _ in kept], second=[b for _, b in kept], bigger=bigger)

    train, dev, test = pairs(), pairs(), pairs()
    accuracy = evaluate_size(table(vectors), train, dev, test)
    mirrored = SizePairs(first=test.second, second=test.first, bigger=-test.bigger)
    assert accuracy > 0.9
    assert evaluate_size(table(vectors), train, dev, mirrored) == accuracy


def test_size_pairs_without_an_order_are_left_out(tmp_path):
    folder = tmp_path / "norms" / "verbphysics"
    folder.mkdir(parents=True)
    (folder / "dev.csv").write_text(",obj1,obj2,size-maj\n0,a,b,1\n1,a,c,-42\n2,a,d,0\n3,c,a,-1\n")
    pairs = load_size_pairs(tmp_path, "dev")
    assert (pairs.first, pairs.second, pairs.bigger.tolist()) == (["a", "c"], ["b", "a"], [1, -1])
