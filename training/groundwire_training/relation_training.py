"""Text-only triples as tables of pairs, and the relation head's training on them over frozen word vectors."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from .predicates import Predicate, alias_index, build_predicates, canonical_predicate
from .relations import RelationHead, relation_losses
from .triples import Triple, TripleSplits, canonical_counts, without

# A predicate that no test ranks needs this many tokens: every operator costs 4 KB of the bundle.
MIN_COUNT = 25


@dataclass(frozen=True, kw_only=True)
class RelationConfig:
    """A pair with n tokens weighs n to its source's power (0.5 is square-root sampling)."""

    epochs: int = 30
    batch: int = 1024
    rate: float = 2e-3
    weight_decay: float = 1e-3
    dropout: float = 0.4
    pair_weight: float = 0.1
    average: float = 0.995  # decay of the running average of the weights, which is what is kept
    seed: int = 0  # of the first trial
    trials: int = 4  # the one that ranks FACTUAL's development split best is kept
    operators: bool = True  # learn too; if not, the imagination alone does


# source -> (power, weight of its loss). FACTUAL's annotators name relations as the product should.
SOURCES = {"factual": (1.0, 1.0), "vg150": (0.5, 0.5), "captions": (0.5, 0.5)}


@dataclass(frozen=True)
class PairTable:
    """Pairs of names with the distribution over predicates that they were seen in."""

    subjects_n: Tensor  # index into the names
    objects_n: Tensor
    targets_np: Tensor  # rows sum to 1
    weights_n: Tensor  # mean 1

    def __len__(self) -> int:
        return len(self.subjects_n)

    def to(self, device: torch.device) -> PairTable:
        return PairTable(**{name: value.to(device) for name, value in vars(self).items()})


def build_vocabulary(splits: TripleSplits, surface: Counter[str]) -> list[Predicate]:
    """Predicates of both training sources: all of VG150's, and FACTUAL's that its test ranks."""
    counts: Counter[str] = Counter()
    for source in (splits.factual_train, splits.vg150_train):
        for (_, predicate, _), count in source.items():
            counts[predicate] += count
    keep = {canonical_predicate(triple[1]) for triple in splits.vg150_train}
    keep |= {canonical_predicate(predicate) for predicate in splits.factual_predicates()}
    return build_predicates(counts, surface, keep=keep, min_count=MIN_COUNT)


def training_triples(splits: TripleSplits) -> tuple[Counter[Triple], Counter[Triple]]:
    """FACTUAL's and VG150's tokens, less every triple that a test counts as unseen."""
    factual_unseen = [t for held in (splits.factual_dev, splits.factual_test) for t in held]
    factual_unseen = [triple for triple in factual_unseen if triple not in splits.factual_train]
    return (
        without(splits.factual_train, splits.vg150_zero_shot),
        without(splits.vg150_train, factual_unseen),
    )


def pair_table(
    counts: Counter[Triple], names: dict[str, int], predicates: Sequence[Predicate], power: float
) -> PairTable:
    index = alias_index(list(predicates))
    pairs: dict[tuple[int, int], Counter[int]] = {}
    for (subject, predicate, object_), count in canonical_counts(counts).items():
        if predicate in index:
            pairs.setdefault((names[subject], names[object_]), Counter())[index[predicate]] += count
    if not pairs:
        raise ValueError(f"triples: none of {len(counts)} has a predicate of the vocabulary")
    targets_np = torch.zeros(len(pairs), len(predicates))
    for row, seen in enumerate(pairs.values()):
        for column, count in seen.items():
            targets_np[row, column] = count
    totals_n = targets_np.sum(1)
    weights_n = totals_n**power
    ends = torch.tensor(list(pairs))
    return PairTable(ends[:, 0], ends[:, 1], targets_np / totals_n[:, None], weights_n / weights_n.mean())


def text_only_tables(splits: TripleSplits, head: RelationHead) -> tuple[dict[str, PairTable], list[str]]:
    """FACTUAL's and VG150's training pairs, and the names that they index."""
    factual, vg150 = training_triples(splits)
    names = sorted(
        {name for counts in (factual, vg150) for triple in counts for name in (triple[0], triple[2])}
    )
    position = {name: i for i, name in enumerate(names)}
    tables = {
        "factual": pair_table(factual, position, head.predicates, 1.0),
        "vg150": pair_table(vg150, position, head.predicates, 0.5),
    }
    return tables, names


def refine_relations(
    head: RelationHead, embeddings_nd: Tensor, tables: dict[str, PairTable], config: RelationConfig
) -> RelationHead:
    """A head that goes on learning from text-only pairs of frozen word vectors; stage 3 ends with it.

    `tables` must hold `factual`. Learns on the head's device. Returns the running average of the weights.
    """
    torch.manual_seed(config.seed)
    device = head.relations.bias.device
    embeddings_nd = embeddings_nd.to(device)
    tables = {name: table.to(device) for name, table in tables.items()}
    head = copy.deepcopy(head).train()
    head.imagined.dropout.p = config.dropout
    if not config.operators:
        # Grounded objects are scaled by the imagination's factor: it belongs to the operators.
        head.relations.requires_grad_(False)
        head.imagined.log_scale.requires_grad_(False)
    averaged = copy.deepcopy(head).eval()
    # Annotators of the sources name relations at different rates; FACTUAL's rates are the head's own.
    biases = nn.ParameterDict(
        {name: nn.Parameter(torch.zeros_like(head.relations.bias)) for name in tables if name != "factual"}
    )
    optimizer = make_optimizer(head, biases, config)
    steps = config.epochs * -(-len(tables["factual"]) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=steps, pct_start=0.1)
    batches = {
        name: cycle_batches(len(table), config.batch if name == "factual" else config.batch // 2, device)
        for name, table in tables.items()
    }
    for step in tqdm(range(steps), desc="relations", mininterval=5):
        losses = [
            SOURCES[name][1]
            * source_loss(
                head, embeddings_nd, table, next(batches[name]), biases.get(name, 0.0), config.pair_weight
            )
            for name, table in tables.items()
        ]
        loss = torch.stack(losses).sum()
        if not torch.isfinite(loss):
            raise ValueError(f"relations: the loss is {loss.item()} at step {step + 1}")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(averaged, head, min(config.average, (step + 1) / (step + 10)))
    return averaged


@torch.no_grad()
def update_average(averaged: nn.Module, current: nn.Module, decay: float) -> None:
    for mean, value in zip(averaged.parameters(), current.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def make_optimizer(
    head: RelationHead, biases: nn.ParameterDict, config: RelationConfig
) -> torch.optim.Optimizer:
    """Weight decay only on the imagination's matrices: the operators' norms are fixed anyway."""
    matrices = [value for value in head.imagined.parameters() if value.ndim == 2]
    others = [value for value in head.imagined.parameters() if value.ndim != 2]
    others += [*head.relations.parameters(), *biases.values()]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.rate)


def cycle_batches(rows: int, size: int, device: torch.device):
    """Endless shuffled batches of row numbers; every row once before any twice."""
    while True:
        yield from torch.randperm(rows).to(device).split(size)


def source_loss(
    head: RelationHead,
    embeddings_nd: Tensor,
    table: PairTable,
    rows: Tensor,
    source_bias: Tensor | float,
    pair_weight: float,
) -> Tensor:
    """Cross-entropy to the pairs' distributions, and pair given one relation drawn from each."""
    subjects, objects = table.subjects_n[rows], table.objects_n[rows]
    with torch.autocast(embeddings_nd.device.type, torch.bfloat16):
        scores_np = head(embeddings_nd[subjects], embeddings_nd[objects])
    scores_np = scores_np.float()
    targets_np, weights_n = table.targets_np[rows], table.weights_n[rows]
    log_np = nn.functional.log_softmax(scores_np + source_bias, 1)
    loss = ((targets_np * -log_np).sum(1) * weights_n).mean()
    if pair_weight:
        drawn_n = torch.multinomial(targets_np, 1)[:, 0]
        loss = loss + pair_weight * relation_losses(scores_np, drawn_n)[1]
    return loss
