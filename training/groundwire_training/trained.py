"""What a run has trained: parts of its stages, from their best checkpoints, in evaluation mode."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from .checkpoint import checkpoint_folder, load_module
from .config import Stage2Config, load_config
from .cross_attention import CrossAttention
from .relations import RelationHead, load_relations
from .retrieval import Retrieval
from .stage2 import NAME as STAGE2
from .stage2 import load_language
from .stage3_config import Stage3Config
from .stage4_config import Stage4Config
from .two_stream import SharedHeads
from .visual_stream import VisualStream, make_visual

STAGE3, STAGE4 = "stage3", "stage4"


def stage2_config(run_dir: Path) -> Stage2Config:
    return load_config(Stage2Config, run_dir / STAGE2 / "config.json")


def width_of(run_dir: Path) -> int:
    return load_language(run_dir, STAGE2).config.hidden_size


def load_visual(run_dir: Path, stage: str, *, dropout: float = 0.0) -> VisualStream:
    """The visual stream after stage 2 or 3; `dropout` is for who trains it on."""
    config = stage2_config(run_dir)
    visual = make_visual(
        config.trunk,
        width=width_of(run_dir),
        heads=config.heads,
        dropout=dropout,
        position=config.position,
    )
    load_module(visual, checkpoint_folder(run_dir / stage) / "visual.safetensors")
    return visual.eval()


def load_cross_attention(run_dir: Path) -> CrossAttention:
    heads = load_config(Stage3Config, run_dir / STAGE3 / "config.json").heads
    attention = CrossAttention(width=width_of(run_dir), heads=heads, dropout=0.0)
    load_module(attention, checkpoint_folder(run_dir / STAGE3) / "cross_attention.safetensors")
    return attention.eval()


def load_match_heads(run_dir: Path, stage: str) -> SharedHeads:
    """The matchmap's linear heads, as stage 2 trained or stage 4 refitted them."""
    heads = SharedHeads(width_of(run_dir), stage2_config(run_dir))
    name = "heads" if stage == STAGE2 else "match"
    load_module(heads, checkpoint_folder(run_dir / stage) / f"{name}.safetensors")
    return heads.eval()


def load_retrieval(run_dir: Path) -> Retrieval:
    """Stage 4's heads on both sides."""
    config = load_config(Stage4Config, run_dir / STAGE4 / "config.json")
    attention = load_cross_attention(run_dir)
    match = load_match_heads(run_dir, STAGE4)
    model = Retrieval(attention.query, attention.key, match, config)
    folder = checkpoint_folder(run_dir / STAGE4)
    load_module(model.text, folder / "text.safetensors")
    load_module(model.photo, folder / "photo.safetensors")
    return model.eval()


def load_grounding(run_dir: Path) -> tuple[RelationHead, nn.LayerNorm, nn.Linear]:
    """Stage 3's relation head, and the norm and the map into the relation subspace of grounded objects."""
    head = load_relations(run_dir / STAGE3 / "relations")
    weights = load_file(run_dir / STAGE3 / "relations" / "grounding.safetensors")
    subspace, width = weights["subspace.weight"].shape
    norm, map_to_subspace = nn.LayerNorm(width), nn.Linear(width, subspace)
    kept = {name: value for name, value in weights.items() if not name.startswith("classes.")}
    nn.ModuleDict({"norm": norm, "subspace": map_to_subspace}).load_state_dict(kept, strict=True)
    return head, norm, map_to_subspace
