"""MODEL_CARD.md: what a bundle is, its data and licences, its measures, its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .report import LOWER_IS_BETTER, ROWS, look_up, markdown_table

SUMMARY = {
    "base": "The ungrounded language model: all-MiniLM-L6-v2 as it was published. It has seen no photos.",
    "grounded": "all-MiniLM-L6-v2 after two-stream contrast with photos and their captions.",
    "relational": "all-MiniLM-L6-v2 after two-stream contrast with photos and their captions, and relational "
    "grounding of described objects. It also relates objects, points at words in a photo and searches photos.",
}
LEXICAL_LIMITS = """\
- **Not photos alone.** Half of each word's target in training is WordNet's likeness, and colors, materials and
  shapes were told apart by text counts: what a figure owes to photos and what to these was not measured apart.
"""
PHOTO_LIMITS = """
- **Small and narrow photos.** 6,000 photos of people and dogs doing things, by one community of photographers.
  What they do not show (brands, maps, medicine, screens, night skies) is grounded by words alone.
- **Not free for commerce.** Flickr8k is given for research and education, non-commercial; so are weights that
  learned from it, until somebody trains them on other photos.
- **Search is not CLIP's.** 6,000 photos against 400 million: for orientation, zero-shot CLIP ViT-B/32 finds the
  right photo of Flickr8k's test among its first ten for .864 of the captions.
- **Faces, names, counting and writing in photos** were never taught."""
RELATION_LIMITS = """
- **Relations are likelihoods of annotation**, not facts: what people said of photos, by how often they said it.
  Without a photo they come from words alone. Rare predicates are ranked on few examples.
- **VG150, FACTUAL and Visual Genome's names share their photos**: none is an independent test of another."""


def write_model_card(folder: Path, manifest: dict[str, Any], lexicon_size: int) -> None:
    (folder / "MODEL_CARD.md").write_text(model_card(manifest, lexicon_size), "utf-8")


def model_card(manifest: dict[str, Any], lexicon_size: int) -> str:
    stage, training = manifest["stage"], manifest["training"]
    data = "\n".join(f"| {item['name']} | {item['licence']} |" for item in training["data"])
    return f"""# {manifest["name"]}

{SUMMARY[stage]}

| | |
|---|---|
| stage | `{stage}` |
| dimension | {manifest["dimension"]} |
| longest input | {manifest["maxTokens"]} tokens; longer texts are cut and flagged |
| pooling | `{manifest["pooling"]}`, not normalized |
| storage | 4 to 8 bits a weight, one scale for each block of weights; float32 arithmetic |
| lexicon | {lexicon_size} words and phrases, int8 rows |
{training_rows(training)}
## Data and licences

| source | licence |
|---|---|
{data}

Axes are named by, and read-outs fitted to, human norms: Brysbaert et al. 2014 (concreteness), SemCat
(categories), CSLB (feature types) and CoDa (colors). Only fitted weights and names are in this bundle, no rows
of the norms, and no norm has reached the language model.

## Measures

{measures(manifest["metrics"])}

## Limits

- **English only.** Words and short phrases; not documents. A word has one vector, whatever its sense.
{LEXICAL_LIMITS if stage != "base" else ""}- **Biases** of the texts{" and photos" if stage != "base" else ""} that the model was trained on are in its vectors.\
{PHOTO_LIMITS if stage != "base" else ""}{RELATION_LIMITS if stage == "relational" else ""}
"""


def training_rows(training: dict[str, Any]) -> str:
    if not training.get("stages"):
        return ""
    rows = {
        "training": f"`{training['command']}`, seed {training['seed']}",
        "hardware": training["hardware"],
        "hours": f"{training['hours']:.2f}",
        "commit": training["commit"],
    }
    return "".join(f"| {name} | {value} |\n" for name, value in rows.items())


def measures(metrics: dict[str, dict[str, Any]]) -> str:
    """The table of all columns, and a sentence on what grounding cost."""
    if not metrics:
        return "Not measured."
    return "\n\n".join([markdown_table(metrics), losses(metrics)]).rstrip()


def losses(metrics: dict[str, dict[str, Any]]) -> str:
    """Names the measures on which the shipped model is behind the ungrounded one."""
    if not {"base", "shipped"} <= set(metrics):
        return ""
    behind = []
    for label, path, decimals, _ in ROWS:
        base, shipped = look_up(metrics["base"], path), look_up(metrics["shipped"], path)
        if base is None or shipped is None:
            continue
        gain = base - shipped if path[0] in LOWER_IS_BETTER else shipped - base
        if gain < 0:
            behind.append(f"{label} ({shipped:.{decimals}f}, base {base:.{decimals}f})")
    if not behind:
        return "On no measure of the table is the shipped model behind the ungrounded one."
    return "The shipped model is behind the ungrounded one on: " + "; ".join(behind) + "."
