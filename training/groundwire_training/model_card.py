"""MODEL_CARD.md: what a bundle is, its data and licences, its measures, its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SUMMARY = {
    "base": "The ungrounded language model: all-MiniLM-L6-v2 as it was published. It has seen no photos.",
    "grounded": "all-MiniLM-L6-v2 after two-stream contrast with photos and their captions.",
    "relational": "all-MiniLM-L6-v2 after two-stream contrast and relational grounding.",
}


def write_model_card(folder: Path, manifest: dict[str, Any], lexicon_size: int) -> None:
    (folder / "MODEL_CARD.md").write_text(model_card(manifest, lexicon_size), "utf-8")


def model_card(manifest: dict[str, Any], lexicon_size: int) -> str:
    data = "\n".join(f"| {item['name']} | {item['licence']} |" for item in manifest["training"]["data"])
    return f"""# {manifest["name"]}

{SUMMARY[manifest["stage"]]}

| | |
|---|---|
| stage | `{manifest["stage"]}` |
| dimension | {manifest["dimension"]} |
| longest input | {manifest["maxTokens"]} tokens; longer texts are cut and flagged |
| pooling | `{manifest["pooling"]}`, not normalized |
| storage | int8 weights, one scale per block of 64; float32 arithmetic |
| lexicon | {lexicon_size} words and phrases, int8 rows |

## Data and licences

| source | licence |
|---|---|
{data}

Axes are named by, and read-outs fitted to, human norms: Brysbaert et al. 2014 (concreteness), SemCat
(categories), CSLB (feature types) and CoDa (colors). Only fitted weights and names are in this bundle, no rows
of the norms, and no norm has reached the language model.

## Measures

{measures_table(manifest["metrics"])}

## Limits

English only. Words and short phrases; not documents. A word has one vector, whatever its sense. The vectors carry
the biases of the texts{" and photos" if manifest["stage"] != "base" else ""} that the model was trained on.
"""


def measures_table(metrics: dict[str, Any]) -> str:
    """One row a measure, one column a model; nested measures are joined by dots."""
    columns = {name: flatten(values) for name, values in metrics.items()}
    if not columns:
        return "Not measured."
    names = list(dict.fromkeys(key for values in columns.values() for key in values))
    head = f"| measure | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n"
    rows = [
        f"| {name} | {' | '.join(shown(values.get(name)) for values in columns.values())} |" for name in names
    ]
    return head + "\n".join(rows)


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat


def shown(value: Any) -> str:
    if value is None:
        return "–"
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 1e-3
        else f"{value:.3f}"
        if isinstance(value, float)
        else str(value)
    )
