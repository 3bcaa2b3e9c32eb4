"""Bilinear relations between objects, shared by imagined (text-only) and grounded (photo) objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .predicates import Predicate

SUBSPACE = 32


class ImaginedHead(nn.Module):
    """`g`: a description's embedding [N, D] -> the object imagined from it [N, R]."""

    def __init__(self, width: int, *, hidden: int, subspace: int = SUBSPACE, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, subspace)
        self.dropout = nn.Dropout(dropout)
        # Unit operators need long vectors: logits of a few units come from |r| of about 5.
        self.log_scale = nn.Parameter(torch.tensor(4.0).log())
        # A component near 1 lets an operator hold terms of the subject or the object alone.
        with torch.no_grad():
            self.out.bias[0] = 1.0

    def forward(self, embeddings_nd: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.hidden(self.dropout(self.norm(embeddings_nd))))
        return self.out(self.dropout(hidden)) * self.log_scale.exp()


class BilinearRelations(nn.Module):
    """`S_p = r_s R_p r_o + b_p`, every `R_p` [R, R] scaled to unit Frobenius norm (paper, section 2.3)."""

    def __init__(self, predicates: int, *, subspace: int = SUBSPACE) -> None:
        super().__init__()
        self.operators = nn.Parameter(torch.randn(predicates, subspace, subspace) / subspace)
        self.bias = nn.Parameter(torch.zeros(predicates))

    def unit_operators(self) -> Tensor:
        norms_p11 = self.operators.flatten(1).norm(dim=1)[:, None, None]
        return self.operators / norms_p11

    def forward(self, subjects_nr: Tensor, objects_nr: Tensor) -> Tensor:
        """Scores of N pairs under all P relations, [N, P]."""
        # r_s R_p r_o = <r_s (x) r_o, R_p>: one matrix product instead of P bilinear forms.
        outer_nr2 = (subjects_nr[:, :, None] * objects_nr[:, None, :]).flatten(1)
        return outer_nr2 @ self.unit_operators().flatten(1).T + self.bias


class RelationHead(nn.Module):
    """What is trained on text-only triples and exported: imagination and operators."""

    def __init__(
        self, width: int, predicates: Sequence[Predicate], *, hidden: int = 512, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.predicates = list(predicates)
        self.imagined = ImaginedHead(width, hidden=hidden, dropout=dropout)
        self.relations = BilinearRelations(len(predicates))

    def forward(self, subjects_nd: Tensor, objects_nd: Tensor) -> Tensor:
        imagined = self.imagined(torch.cat([subjects_nd, objects_nd]))
        return self.relations(*imagined.chunk(2))


def relation_losses(scores_np: Tensor, labels_n: Tensor) -> tuple[Tensor, Tensor]:
    """Relation given pair, and pair given relation, each a mean of cross-entropies (paper, section 2.3).

    Pair given relation: the true pair against the batch's pairs that stand in another relation; other pairs
    of the same relation are no negatives.
    """
    if scores_np.ndim != 2 or labels_n.shape != scores_np.shape[:1]:
        raise ValueError(f"labels: must be [{len(scores_np)}], got {list(labels_n.shape)}")
    relation_given_pair = nn.functional.cross_entropy(scores_np, labels_n)
    by_relation_nm = scores_np[:, labels_n].T
    same_nm = labels_n[:, None] == labels_n[None, :]
    same_nm = same_nm & ~torch.eye(len(labels_n), dtype=torch.bool, device=labels_n.device)
    by_relation_nm = by_relation_nm.masked_fill(same_nm, -torch.inf)
    targets_n = torch.arange(len(labels_n), device=labels_n.device)
    return relation_given_pair, nn.functional.cross_entropy(by_relation_nm, targets_n)


def save_relations(head: RelationHead, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in head.state_dict().items()},
        folder / "relations.safetensors",
    )
    write_predicates(head.predicates, folder / "predicates.json")


def load_relations(folder: Path) -> RelationHead:
    path = folder / "relations.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"relations: {path} is missing; stage 3 writes it")
    weights = load_file(path)
    hidden, width = weights["imagined.hidden.weight"].shape
    head = RelationHead(width, read_predicates(folder / "predicates.json"), hidden=hidden)
    head.load_state_dict(weights, strict=True)
    return head.eval()


def write_predicates(predicates: Sequence[Predicate], path: Path) -> None:
    rows = [
        json.dumps(predicate.to_json(), ensure_ascii=False, separators=(",", ":")) for predicate in predicates
    ]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def read_predicates(path: Path) -> list[Predicate]:
    return [Predicate.from_json(item) for item in json.loads(path.read_text(encoding="utf-8"))]
