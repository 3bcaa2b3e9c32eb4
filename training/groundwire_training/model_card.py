"""MODEL_CARD.md: what a bundle is, its data and licences, its measures, its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .report import LOWER_IS_BETTER, ROWS, look_up, markdown_table
from .sessions import MINILM

SUMMARY = {
    "base": "The ungrounded language model: {model} as it was published. It has seen no photos.",
    "grounded": "{model} after two-stream contrast with photos and their captions.",
    "relational": "{model} after two-stream contrast with photos and their captions, and relational "
    "grounding of described objects. It also relates objects, points at words in a photo and searches photos.",
}
# Manifests that do not say which photos are of bundles that were trained on these.
FLICKR8K = {"source": "Flickr8k", "train": 6000}
FLICKR8K_LIMITS = """
- **Small and narrow photos.** {photos:,} photos of people and dogs doing things, by one community of photographers.
  What they do not show (brands, maps, medicine, screens, night skies) is grounded by words alone.
- **Not free for commerce.** Flickr8k is given for research and education, non-commercial; so are weights that
  learned from it, until somebody trains them on other photos.
- **Search is not CLIP's.** {photos:,} photos against 400 million: for orientation, zero-shot CLIP ViT-B/32 finds the
  right photo of Flickr8k's test among its first ten for .864 of the captions.
- **Faces, names, counting and writing in photos** were never taught."""
PHOTO_LIMITS = """
- **What the training photos do not show** is grounded by words alone.
- **Licences of the photos** may bind weights that learned from them: see the data above.
- **Faces, names, counting and writing in photos** were never taught."""
NOT_RECORDED = "not recorded"
BASE_NOTE = "`base` is the mean over all tokens of a text, [CLS] and [SEP] among them; the other columns leave these two out."
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

{SUMMARY[stage].format(model=training.get("languageModel", MINILM))}

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

{measures(manifest["metrics"], manifest["pooling"])}

## Limits

- **English only.** Words and short phrases; not documents. A word has one vector, whatever its sense.
{word_limits(training)}- **Biases** of the texts{" and photos" if stage != "base" else ""} that the model was trained on are in its vectors.\
{photo_limits(training) if stage != "base" else ""}{RELATION_LIMITS if stage == "relational" else ""}
"""


def training_rows(training: dict[str, Any]) -> str:
    if not training.get("stages"):
        return ""
    command = f"`{training['command']}`" if training["command"] else NOT_RECORDED
    rows = {
        "training": f"{command}, seed {training['seed']}",
        "hardware": training["hardware"],
        "hours": f"{training['hours']:.2f}",
        "commit": training["commit"] or NOT_RECORDED,
    }
    return "".join(f"| {name} | {value} |\n" for name, value in rows.items())


def word_limits(training: dict[str, Any]) -> str:
    """What words learned from beside photos; nothing where they had photos alone."""
    configs = [stage.get("config", {}) for stage in training.get("stages") or []]
    share = max((config.get("taxonomy_share", 0) for config in configs), default=0)
    taught = []
    if share:
        taught.append(f"{share:.0%} of each word's target in training is WordNet's likeness")
    if any(config.get("property_weight") for config in configs):
        taught.append("colors, materials and shapes were told apart by text counts")
    if not taught:
        return ""
    said = ",\n  and ".join(taught)
    return (
        f"- **Not photos alone.** {said[0].upper()}{said[1:]}:\n"
        "  what a figure owes to photos and what to these was not measured apart.\n"
    )


def photo_limits(training: dict[str, Any]) -> str:
    photos = training.get("photos", FLICKR8K)
    return FLICKR8K_LIMITS.format(photos=photos["train"]) if photos["source"] == "Flickr8k" else PHOTO_LIMITS


def measures(metrics: dict[str, dict[str, Any]], pooling: str) -> str:
    """The table of all columns, how they differ in more than training, and a sentence on what grounding cost."""
    if not metrics:
        return "Not measured."
    note = BASE_NOTE if "base" in metrics and pooling == "mean-words" else ""
    parts = [markdown_table(metrics), note, losses(metrics)]
    return "\n\n".join(part for part in parts if part)


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
