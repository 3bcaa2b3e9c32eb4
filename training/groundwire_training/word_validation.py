"""What words have learned while training: figures for choosing a recipe that touch no norm and no test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import silhouette_samples
from torch import Tensor

from .metrics_concreteness import first_component, pearson
from .property_tables import PropertyTable
from .teacher import embed_all
from .wordnet import WordNet

# Lexicographer files of nouns that can be seen: animal, artifact, body, food, object, person, plant, substance.
PHYSICAL_FILES = (5, 6, 8, 13, 17, 18, 20, 27)
NOUN_FILES = range(4, 29)
FAMILY_SIZES = range(20, 120)  # words below a sense that make a family: "fruit", "garment", "bird", ...
MAX_WORDS = 4000
PAIRS = 20_000

Embed = Callable[[list[str]], Tensor]


class WordValidation:
    """Measures on the most frequent single words, each by its most frequent sense."""

    def __init__(
        self, wordnet: WordNet, words: Sequence[str], targets: np.ndarray, colors: PropertyTable
    ) -> None:
        rows = [i for i, word in enumerate(words) if " " not in word and wordnet.ranked(word)][:MAX_WORDS]
        self.words = [words[row] for row in rows]
        self.targets = targets[rows]
        self.families = leaf_families(wordnet, self.words)
        self.files = np.array([wordnet.senses[main_sense(wordnet, word)].file_number for word in self.words])
        self.colors = colors

    def of(self, embed: Embed) -> dict[str, float]:
        """Figures of the model that embeds texts as float32 [N, D]."""
        vectors = embed_all(self.words, embed).numpy()
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return {
            "targetCosine": float((unit * self.targets).sum(1).mean()),
            "targetSpearman": self.spearman(unit),
            "familySilhouette": median_silhouette(unit, self.families),
            "physicalPc1": self.physical(vectors),
            "heldOutColor": self.color(embed),
        }

    def spearman(self, unit: np.ndarray) -> float:
        """Correlation of cosines with the targets' cosines over random pairs."""
        left, right = np.random.default_rng(0).integers(len(self.words), size=(2, PAIRS))
        wanted = (self.targets[left] * self.targets[right]).sum(1)
        return float(spearmanr((unit[left] * unit[right]).sum(1), wanted).statistic)

    def physical(self, vectors: np.ndarray) -> float:
        """abs(r) of the first principal component with being a thing that can be seen, over nouns."""
        nouns = np.isin(self.files, NOUN_FILES)
        visible = np.isin(self.files[nouns], PHYSICAL_FILES).astype(float)
        return abs(pearson(first_component(vectors)[nouns], visible))

    def color(self, embed: Embed) -> float:
        """How often the nearest colored version of a held-out object is the color said of it most."""
        table = self.colors
        plain = embed_all(table.objects, embed).numpy()
        phrases = [phrase for row in range(len(table.objects)) for phrase in table.phrases(row)]
        colored = embed_all(phrases, embed).numpy().reshape(len(plain), len(table.values), -1)
        scores = np.einsum("nd,nvd->nv", plain, colored) / np.linalg.norm(colored, axis=2)
        return float((scores.argmax(1) == table.shares.argmax(1)).mean())


def main_sense(wordnet: WordNet, word: str):
    return wordnet.ranked(word)[0][1]


def leaf_families(wordnet: WordNet, words: Sequence[str]) -> np.ndarray:
    """int [W]: the widest sense above each word that is a family of the words; -1 where there is none."""
    above = [wordnet.ancestors(main_sense(wordnet, word)) for word in words]
    sizes = Counter(key for keys in above for key in keys)
    largest = FAMILY_SIZES.stop - 1
    widest = [max(keys, key=lambda key: (sizes[key] <= largest, sizes[key], key)) for keys in above]
    counts = Counter(widest)
    number = {key: i for i, key in enumerate(counts) if counts[key] in FAMILY_SIZES}
    return np.array([number.get(key, -1) for key in widest])


def median_silhouette(unit: np.ndarray, families: np.ndarray) -> float:
    """Mean cosine silhouette of each family, median over families; words without a family are left out."""
    kept = families >= 0
    samples = silhouette_samples(unit[kept], families[kept], metric="cosine")
    return float(np.median([samples[families[kept] == family].mean() for family in set(families[kept])]))
