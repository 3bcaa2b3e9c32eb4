"""The losses as plain loops over pairs: what the vectorized ones are measured against."""

from __future__ import annotations

import torch
from torch import Tensor


def loop_matchmap(grid_bpd: Tensor, tokens_tld: Tensor, mask_tl: Tensor) -> Tensor:
    """`losses.matchmap_similarity`, one photo and one text at a time."""
    lengths = mask_tl.sum(1).tolist()
    rows = []
    for grid_pd in grid_bpd:
        row = []
        for tokens_ld, length in zip(tokens_tld, lengths, strict=True):
            map_pl = grid_pd @ tokens_ld[: int(length)].T
            row.append(map_pl.max(dim=0).values.float().mean())
        rows.append(torch.stack(row))
    return torch.stack(rows)


def loop_symmetric_cross_entropy(scores_bb: Tensor) -> Tensor:
    """`losses.symmetric_cross_entropy`, one row and one column at a time."""
    losses = []
    for i in range(len(scores_bb)):
        losses.append(torch.logsumexp(scores_bb[i], 0) - scores_bb[i, i])
        losses.append(torch.logsumexp(scores_bb[:, i], 0) - scores_bb[i, i])
    return torch.stack(losses).mean()


def loop_relation_scores(operators_prr: Tensor, bias_p: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """`relations.BilinearRelations`, one pair and one unit operator at a time; `pairs` are [M, R] each."""
    rows = []
    for subject_r, object_r in zip(*pairs, strict=True):
        scores = [
            subject_r @ operator_rr @ object_r + bias
            for operator_rr, bias in zip(operators_prr, bias_p, strict=True)
        ]
        rows.append(torch.stack(scores))
    return torch.stack(rows)


def loop_relation_losses(scores_mp: Tensor, labels_m: Tensor) -> tuple[Tensor, Tensor]:
    """`relations.relation_losses`, one pair at a time."""
    labels = labels_m.tolist()
    given_pair, given_relation = [], []
    for m, label in enumerate(labels):
        given_pair.append(torch.logsumexp(scores_mp[m], 0) - scores_mp[m, label])
        rivals = [n for n, other in enumerate(labels) if n == m or other != label]
        given_relation.append(torch.logsumexp(scores_mp[rivals, label], 0) - scores_mp[m, label])
    return torch.stack(given_pair).mean(), torch.stack(given_relation).mean()


def loop_class_loss(scores_bnc: Tensor, classes_bn: Tensor, ignored: int) -> Tensor:
    """`relational.class_loss`, one object at a time."""
    losses = [
        torch.logsumexp(scores_c, 0) - scores_c[label]
        for scores_nc, labels in zip(scores_bnc, classes_bn.tolist(), strict=True)
        for scores_c, label in zip(scores_nc, labels, strict=True)
        if label != ignored
    ]
    return torch.stack(losses).mean()
