"""Which way of composing two words finds what their phrase means: the rank table behind `compose`.

    python -m groundwire_training.composition_methods --data DATA --bundle models/NAME

Phrases and what they name come from training material alone:

* adjective + noun: FACTUAL's training captions say which kinds of a category have an attribute. "yellow fruit"
  is to find the kind of fruit (a hyponym in WordNet) that is said to be yellow more often, by share, than any
  other kind, and at least twice as often as fruit is on the whole: banana.
* noun + noun: names of two nouns that people gave objects of Visual Genome and that WordNet knows by one other
  word: "street light" is to find streetlight.

The rank is that of the target (the best of several) among the lexicon's single words by cosine, the phrase's
own words left out.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .embedder import Embedder, onnx_embedder
from .lexicon import read_lexicon, read_visual_genome
from .metrics_similarity import normalize
from .scene_graph import load_factual
from .wordnet import Key, WordNet, default_wordnet_folder

MIN_KINDS = 3  # of a category
MIN_TOKENS = 10  # attributes said of a kind
MIN_SEEN = 3  # times that the target is said to have the attribute
MIN_LIFT = 2.0  # its share over the category's
FOLDS = 5
STEPS = 4  # weights are multiples of 1 / STEPS


@dataclass(frozen=True)
class Example:
    modifier: str
    head: str
    targets: tuple[str, ...]

    @property
    def phrase(self) -> str:
        return f"{self.modifier} {self.head}"


def adjective_examples(
    attributes: Counter[tuple[str, str]], wordnet: WordNet, words: set[str]
) -> list[Example]:
    """`attributes`: (noun, adjective) -> tokens. One target a phrase."""
    totals: Counter[str] = Counter()
    for (noun, _), count in attributes.items():
        totals[noun] += count
    kinds = kinds_of_categories({noun for noun, n in totals.items() if n >= MIN_TOKENS}, wordnet, words)
    adjectives = sorted({adjective for _, adjective in attributes} & words)
    examples = []
    for category, members in sorted(kinds.items()):
        tokens = sum(totals[kind] for kind in members)
        for adjective in adjectives:
            overall = sum(attributes[kind, adjective] for kind in members) / tokens
            share, best = max((attributes[kind, adjective] / totals[kind], kind) for kind in members)
            if attributes[best, adjective] >= MIN_SEEN and share >= MIN_LIFT * overall:
                examples.append(Example(adjective, category, (best,)))
    return examples


def kinds_of_categories(nouns: set[str], wordnet: WordNet, words: set[str]) -> dict[str, list[str]]:
    """Category noun -> the nouns that are kinds of it, by the first sense of each."""
    senses = {noun: key for noun in sorted(nouns & words) if (key := first_noun(noun, wordnet)) is not None}
    names = {key: noun for noun, key in reversed(senses.items())}
    kinds: dict[str, list[str]] = defaultdict(list)
    for noun, key in senses.items():
        for ancestor in wordnet.ancestors(key):
            if ancestor in names and names[ancestor] != noun and ancestor != key:
                kinds[names[ancestor]].append(noun)
    return {category: members for category, members in kinds.items() if len(members) >= MIN_KINDS}


def compound_examples(compounds: list[str], wordnet: WordNet, words: set[str]) -> list[Example]:
    """Two nouns that WordNet knows by other single words of the lexicon."""
    synonyms: dict[Key, list[str]] = defaultdict(list)
    for word in sorted(words):
        for sense in noun_senses(word, wordnet):
            synonyms[sense].append(word)
    examples = []
    for compound in compounds:
        modifier, _, head = compound.partition(" ")
        key = first_noun(compound, wordnet)
        if key is None or first_noun(modifier, wordnet) is None or first_noun(head, wordnet) is None:
            continue
        targets = tuple(word for word in synonyms[key] if word not in (modifier, head))
        if targets and {modifier, head} <= words:
            examples.append(Example(modifier, head, targets))
    return examples


def noun_senses(word: str, wordnet: WordNet) -> Iterator[Key]:
    for _, key in sorted(wordnet.by_word.get(word, []), key=lambda item: -item[0]):
        if key[0] == "noun":
            yield key


def first_noun(word: str, wordnet: WordNet) -> Key | None:
    return next(noun_senses(word, wordnet), None)


def load_attributes(data: Path) -> Counter[tuple[str, str]]:
    """(noun, adjective) -> tokens of FACTUAL's training captions, single words only."""
    graphs, _ = load_factual(data / "relations" / "factual" / "train.csv")
    counts: Counter[tuple[str, str]] = Counter()
    for item in graphs:
        names = item.graph.objects
        counts.update((names[owner], value) for owner, value in item.graph.attributes)
    return Counter({pair: n for pair, n in counts.items() if all(" " not in word for word in pair)})


@dataclass(frozen=True)
class Parts:
    """Unit vectors [N, D] of the phrases and of their words, and of the lexicon's words [W, D]."""

    encoded: np.ndarray
    modifiers: np.ndarray
    heads: np.ndarray
    lexicon: np.ndarray


def embed_parts(examples: list[Example], embed: Embedder, lexicon: np.ndarray) -> Parts:
    texts = [[getattr(e, name) for e in examples] for name in ("phrase", "modifier", "head")]
    encoded, modifiers, heads = (normalize(embed(column)) for column in texts)
    return Parts(encoded=encoded, modifiers=modifiers, heads=heads, lexicon=normalize(lexicon))


def rank_targets(
    parts: Parts, examples: list[Example], words: list[str], weights: tuple[float, float, float]
) -> np.ndarray:
    """1-based rank of each example's best target for `weights` of phrase, modifier and head; ties count against."""
    position = {word: i for i, word in enumerate(words)}
    a, b, c = weights
    scores_nw = (a * parts.encoded + b * parts.modifiers + c * parts.heads) @ parts.lexicon.T
    ranks = np.empty(len(examples), np.int64)
    for row, (scores, example) in enumerate(zip(scores_nw, examples, strict=True)):
        own = [position[word] for word in (example.modifier, example.head) if word in position]
        scores[own] = -np.inf
        best = max(scores[position[word]] for word in example.targets)
        ranks[row] = (scores >= best).sum()
    return ranks


METHODS = {"ENCODE": (1.0, 0.0, 0.0), "SUM": (0.0, 1.0, 1.0)}


def weight_grid() -> list[tuple[float, float, float]]:
    steps = range(STEPS + 1)
    return [(i / STEPS, j / STEPS, (STEPS - i - j) / STEPS) for i in steps for j in steps if i + j <= STEPS]


def learned_ranks(
    grid: dict[tuple[float, float, float], np.ndarray],
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Ranks under weights that are chosen by mean reciprocal rank on the other folds; and the choice on all."""
    count = len(next(iter(grid.values())))
    fold = np.random.default_rng(0).permutation(count) % FOLDS
    ranks = np.empty(count, np.int64)
    for held in range(FOLDS):
        chosen = max(grid, key=lambda weights: (1 / grid[weights][fold != held]).mean())
        ranks[fold == held] = grid[chosen][fold == held]
    return ranks, max(grid, key=lambda weights: (1 / grid[weights]).mean())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle whose vectors are composed")
    parser.add_argument("--wordnet", type=Path, default=default_wordnet_folder(), help="default: %(default)s")
    args = parser.parse_args(argv)
    entries, vectors = read_lexicon(args.bundle)
    single = [i for i, entry in enumerate(entries) if " " not in entry]
    words = [entries[i] for i in single]
    wordnet = WordNet(args.wordnet)
    compounds = [
        n for n in read_visual_genome(args.data / "relations" / "visual-genome") if n.count(" ") == 1
    ]
    sets = {
        "adjective + noun": adjective_examples(load_attributes(args.data), wordnet, set(words)),
        "noun + noun": compound_examples(sorted(compounds), wordnet, set(words)),
    }
    embed = onnx_embedder(args.bundle)
    print("| phrases | method | median rank | in first 10 | MRR |\n|---|---|---|---|---|")
    for name, examples in sets.items():
        parts = embed_parts(examples, embed, vectors[single])
        grid = {weights: rank_targets(parts, examples, words, weights) for weights in weight_grid()}
        rows = {method: rank_targets(parts, examples, words, w) for method, w in METHODS.items()}
        rows["learned, held-out folds"], chosen = learned_ranks(grid)
        for method, ranks in rows.items():
            figures = f"{np.median(ranks):.0f} | {np.mean(ranks <= 10):.3f} | {np.mean(1 / ranks):.3f}"
            print(f"| {name} ({len(examples)}) | {method} | {figures} |")
        print(f"| | learned on all: phrase {chosen[0]}, modifier {chosen[1]}, head {chosen[2]} | | | |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
