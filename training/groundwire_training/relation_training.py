"""Trains the relation head on text-only triples of frozen word embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from .predicates import Predicate, alias_index, build_predicates, canonical_predicate
from .relations import RelationHead, relation_losses
from .triples import Triple, TripleSplits, canonical_counts, without

# A predicate that no test ranks needs this many tokens: every operator costs 4 KB of the bundle.
MIN_COUNT = 25

Embed = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class RelationConfig:
    """`source_power`: a pair with n tokens weighs n to this power (0.5 is square-root sampling)."""

    epochs: int = 40
    batch: int = 1024
    rate: float = 2e-3
    weight_decay: float = 1e-3
    hidden: int = 512
    dropout: float = 0.4
    factual_power: float = 1.0
    vg150_power: float = 0.5
    pair_weight: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class PairTable:
    """Pairs of names with the distribution over predicates that they were seen in."""

    subjects_n: Tensor  # index into the names
    objects_n: Tensor
    targets_np: Tensor  # rows sum to 1
    weights_n: Tensor  # mean 1

    def __len__(self) -> int:
        return len(self.subjects_n)


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
        for predicate, count in seen.items():
            targets_np[row, predicate] = count
    totals_n = targets_np.sum(1)
    weights_n = totals_n**power
    ends = torch.tensor(list(pairs))
    return PairTable(ends[:, 0], ends[:, 1], targets_np / totals_n[:, None], weights_n / weights_n.mean())


def train_relations(
    embed: Embed, splits: TripleSplits, predicates: Sequence[Predicate], config: RelationConfig
) -> RelationHead:
    """Embeds every name once; the language stream does not learn here."""
    torch.manual_seed(config.seed)
    factual_counts, vg150_counts = training_triples(splits)
    names = sorted(
        {name for counts in (factual_counts, vg150_counts) for t in counts for name in (t[0], t[2])}
    )
    position = {name: i for i, name in enumerate(names)}
    factual = pair_table(factual_counts, position, predicates, config.factual_power)
    vg150 = pair_table(vg150_counts, position, predicates, config.vg150_power)
    embeddings_nd = torch.from_numpy(embed(names))
    head = RelationHead(
        embeddings_nd.shape[1], predicates, hidden=config.hidden, dropout=config.dropout
    ).train()
    # Annotators of the two sources name relations at different rates; FACTUAL's rates are the head's own.
    vg150_bias = nn.Parameter(torch.zeros(len(predicates)))
    optimizer = make_optimizer(head, vg150_bias, config)
    steps = config.epochs * -(-len(factual) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=steps, pct_start=0.1)
    batches = zip(cycle_batches(factual, config.batch), cycle_batches(vg150, config.batch), strict=False)
    for _ in tqdm(range(steps), desc="relations"):
        factual_rows, vg150_rows = next(batches)
        loss = source_loss(head, embeddings_nd, factual, factual_rows, 0.0, config.pair_weight)
        loss = loss + source_loss(head, embeddings_nd, vg150, vg150_rows, vg150_bias, config.pair_weight)
        if not torch.isfinite(loss):
            raise ValueError(f"relations: the loss is {loss.item()}")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return head.eval()


def make_optimizer(
    head: RelationHead, source_bias: nn.Parameter, config: RelationConfig
) -> torch.optim.Optimizer:
    """Weight decay only on the imagination's matrices: the operators' norms are fixed anyway."""
    matrices = [value for value in head.imagined.parameters() if value.ndim == 2]
    others = [value for value in head.imagined.parameters() if value.ndim != 2]
    others += [*head.relations.parameters(), source_bias]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.rate)


def cycle_batches(table: PairTable, size: int):
    """Endless shuffled batches of row numbers; every row once before any twice."""
    while True:
        yield from torch.randperm(len(table)).split(size)


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
    with torch.autocast("cpu", torch.bfloat16):
        scores_np = head(embeddings_nd[subjects], embeddings_nd[objects])
    scores_np = scores_np.float()
    targets_np, weights_n = table.targets_np[rows], table.weights_n[rows]
    log_np = nn.functional.log_softmax(scores_np + source_bias, 1)
    loss = ((targets_np * -log_np).sum(1) * weights_n).mean()
    if pair_weight:
        drawn_n = torch.multinomial(targets_np, 1)[:, 0]
        loss = loss + pair_weight * relation_losses(scores_np, drawn_n)[1]
    return loss
