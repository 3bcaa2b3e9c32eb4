"""Contrastive losses between photos and texts.

Shapes: B photos, T texts, P grid positions, L tokens, D width, W words. Every loss has a plain-loop twin
in the tests, equal forward and backward.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, embedding_bag, linear, normalize

GPU_ELEMENTS = 1 << 26  # of a tensor that a loss puts up at once
# Products of so many photos and tokens stay in a CPU's caches, and are large enough for oneDNN to be fast.
PRODUCT_PHOTOS, PRODUCT_TOKENS = 4, 1024
CACHED_PHOTOS = 32  # whose grids stay in a CPU's cache


def matchmap_similarity(grid_bpd: Tensor, tokens_tld: Tensor, mask_tl: Tensor) -> Tensor:
    """S[b, t] = mean over real tokens of max over positions of their inner product (paper, section 2.3)."""
    best_bn: Tensor = BestPosition.apply(grid_bpd, tokens_tld.flatten(0, 1))
    best_btl = best_bn.unflatten(1, tokens_tld.shape[:2]).float()
    mask = mask_tl.float()
    return (best_btl * mask).sum(-1) / mask.sum(-1)


class BestPosition(torch.autograd.Function):
    """best[b, n] = max over positions p of <grid[b, p], tokens[n]>, for N tokens.

    Only the best position of a photo learns from a token, so the backward pass sums B x N rows where
    differentiating the product would multiply B x P x N. The largest tensor is a few photos' [P, N].
    """

    @staticmethod
    def forward(ctx: Any, grid_bpd: Tensor, tokens_nd: Tensor) -> Tensor:
        ctx.at_once = photos_at_once(grid_bpd, len(tokens_nd))
        if uses_onednn(tokens_nd):
            blocks = best_by_onednn(grid_bpd.split(ctx.at_once), tokens_nd)
        else:
            blocks = [(part @ tokens_nd.T).max(1) for part in grid_bpd.split(ctx.at_once)]
        where_bn = torch.cat([where for _, where in blocks])
        ctx.save_for_backward(grid_bpd, tokens_nd, where_bn)
        return torch.cat([best for best, _ in blocks])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_bn: Tensor) -> tuple[Tensor, Tensor]:
        grid_bpd, tokens_nd, where_bn = ctx.saved_tensors
        # Sums of thousands of rows need float32 under autocast too.
        grid, tokens, slope = grid_bpd.float(), tokens_nd.float(), slope_bn.float()
        first_b1 = torch.arange(len(grid), device=grid.device).unsqueeze(1) * grid.shape[1]
        rows_bn = where_bn + first_b1
        at_once = CACHED_PHOTOS if grid.device.type == "cpu" else len(grid)
        tokens_slope = torch.zeros_like(tokens)
        for rows, slopes in zip(rows_bn.split(at_once), slope.split(at_once), strict=True):
            tokens_slope += embedding_bag(
                rows.T.contiguous(), grid.flatten(0, 1), mode="sum", per_sample_weights=slopes.T.contiguous()
            )
        grid_slope = torch.cat(
            [
                sum_by_row(where, slopes, tokens, positions=grid.shape[1])
                for where, slopes in zip(where_bn.split(ctx.at_once), slope.split(ctx.at_once), strict=True)
            ]
        )
        return grid_slope.to(grid_bpd.dtype), tokens_slope.to(tokens_nd.dtype)


def uses_onednn(tokens_nd: Tensor) -> bool:
    """PyTorch leaves float32 products to MKL, which is half as fast on processors that are not Intel's."""
    plain = tokens_nd.device.type == "cpu" and tokens_nd.dtype == torch.float32
    both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return plain and both and not torch.is_autocast_enabled("cpu")


def best_by_onednn(parts_bpd: Sequence[Tensor], tokens_nd: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of each part's photos, the largest products [b, N] over their positions, and where they are."""
    packed = [part_nd.to_mkldnn() for part_nd in tokens_nd.split(PRODUCT_TOKENS)]
    threads = torch.get_num_threads()
    # A thread takes whole photos: threads that share a product wait for each other at its beginning and its end.
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        blocks = list(pool.map(partial(best_of_photos, packed), parts_bpd))
    torch.set_num_threads(threads)  # What a thread sets for itself is also what later threads begin with.
    return blocks


@torch.no_grad()
def best_of_photos(packed: list[Tensor], photos_bpd: Tensor) -> tuple[Tensor, Tensor]:
    packed_photos = photos_bpd.flatten(0, 1).to_mkldnn()
    blocks = []
    for packed_nd in packed:
        products_nbp = linear(packed_nd, packed_photos).to_dense().unflatten(1, photos_bpd.shape[:2])
        # NumPy finds a row's largest number with vector instructions, PyTorch without: four times as long.
        where_nb1 = torch.from_numpy(products_nbp.numpy().argmax(2, keepdims=True))
        blocks.append((products_nbp.gather(2, where_nb1), where_nb1))
    best_nb1, where_nb1 = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    return best_nb1.squeeze(2).T, where_nb1.squeeze(2).T


def sum_by_row(where_bn: Tensor, slope_bn: Tensor, tokens_nd: Tensor, *, positions: int) -> Tensor:
    """[b, P, D]: at each position of each photo the sum of the tokens that were best there, times their slopes."""
    photos, count = where_bn.shape
    first_b1 = torch.arange(photos, device=where_bn.device).unsqueeze(1) * positions
    rows = (where_bn + first_b1).flatten()
    order = stable_order(rows, photos * positions)
    tokens_at = torch.bincount(rows, minlength=photos * positions)
    sums = embedding_bag(
        order % count,
        tokens_nd,
        tokens_at.cumsum(0) - tokens_at,
        mode="sum",
        per_sample_weights=slope_bn.flatten()[order],
    )
    return sums.unflatten(0, (photos, positions))


def stable_order(rows: Tensor, count: int) -> Tensor:
    """Sorts integers below `count`. NumPy sorts small ones by radix, in a fifteenth of PyTorch's time."""
    if rows.device.type != "cpu":
        return rows.argsort(stable=True)
    return torch.from_numpy(rows.numpy().astype(np.min_scalar_type(count - 1)).argsort(kind="stable"))


def photos_at_once(grid_bpd: Tensor, tokens: int) -> int:
    """A few on a CPU, whose caches then hold the products, if all threads get some; on a GPU, which waits for
    launches, what fits."""
    photos, positions, width = grid_bpd.shape
    if grid_bpd.device.type == "cpu":
        return max(1, min(PRODUCT_PHOTOS, photos // torch.get_num_threads()))
    return max(1, min(photos, GPU_ELEMENTS // (tokens * max(positions, width))))


def symmetric_cross_entropy(scores_bb: Tensor, offset: int = 0) -> Tensor:
    """Mean of rows' and columns' cross-entropies, the diagonal (shifted by `offset`) as target."""
    target = torch.arange(len(scores_bb), device=scores_bb.device) + offset
    return (cross_entropy(scores_bb, target) + cross_entropy(scores_bb.T, target)) / 2


def grouped_cross_entropy(scores_bt: Tensor) -> Tensor:
    """Both directions between B photos and their T = B * K texts, photo by photo.

    A photo's other texts are no negatives of the one that is its target. With one text a photo this is
    `symmetric_cross_entropy`.
    """
    photos, texts = scores_bt.shape
    owner_t = torch.arange(photos, device=scores_bt.device).repeat_interleave(texts // photos)
    text_to_photo = cross_entropy(scores_bt.T, owner_t)
    own_bt = owner_t == torch.arange(photos, device=scores_bt.device).unsqueeze(1)
    others_b1 = scores_bt.masked_fill(own_bt, float("-inf")).logsumexp(1, keepdim=True)
    own_bk = scores_bt[own_bt].view(photos, -1)
    photo_to_text = (torch.logaddexp(own_bk, others_b1) - own_bk).mean()
    return (photo_to_text + text_to_photo) / 2


def multi_positive_cross_entropy(scores: Tensor, positive: Tensor) -> Tensor:
    """-log of the share of a row's softmax that falls on its positives; rows without one do not count.

    `scores` and `positive` (bool) are [N, M].
    """
    masked = scores.masked_fill(~positive, float("-inf"))
    counted = positive.any(dim=1)
    if not counted.any():
        return scores.sum() * 0.0
    share = torch.logsumexp(masked[counted], dim=1) - torch.logsumexp(scores[counted], dim=1)
    return -share.mean()


def word_contrast(scores_bw: Tensor, positive_bw: Tensor) -> Tensor:
    """Photos against single words, both ways.

    A word in the captions of several photos of the batch is a positive of each. Words that belong to no
    photo of the batch (text-only negatives) are columns of the photo->word direction alone: that pushes
    words that nobody says of a photo away from every photo.
    """
    photo_to_word = multi_positive_cross_entropy(scores_bw, positive_bw)
    word_to_photo = multi_positive_cross_entropy(scores_bw.T, positive_bw.T)
    return (photo_to_word + word_to_photo) / 2


def cosine_matrix(vectors_wd: Tensor) -> Tensor:
    """Cosine similarities [W, W]."""
    unit_wd = normalize(vectors_wd.float(), dim=1)
    return unit_wd @ unit_wd.T


def relational_distillation(student_wd: Tensor, target_ww: Tensor) -> Tensor:
    """Mean squared difference of the student's cosine similarities among W texts from their targets."""
    return ((cosine_matrix(student_wd) - target_ww) ** 2).mean()


def lexical_loss(words_wd: Tensor, targets_wd: Tensor) -> Tensor:
    """Mean of 1 - cosine between words and their targets."""
    return 1 - (normalize(words_wd.float(), dim=1) * normalize(targets_wd.float(), dim=1)).sum(1).mean()


def held_loss(vectors_nd: Tensor, before_nd: Tensor) -> Tensor:
    """Mean squared distance of vectors from where they were, in their mean squared length."""
    moved = (vectors_nd.float() - before_nd.float()).square().sum(-1).mean()
    return moved / before_nd.float().square().sum(-1).mean()


def property_contrast(
    objects_od: Tensor,
    phrases_ovd: Tensor,
    shares_ov: Tensor,
    *,
    sigma: float,
    log_prior_v: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of an object's V properties ("yellow banana") to their shares, by cosine / sigma.

    With the log of the properties' shares among all objects, it need not be in the vectors (logit adjustment, Menon et
    al. 2021): what is left to them is what sets an object apart.
    """
    objects = normalize(objects_od.float(), dim=1)
    phrases = normalize(phrases_ovd.float(), dim=2)
    scores_ov = torch.einsum("od,ovd->ov", objects, phrases) / sigma
    if log_prior_v is not None:
        scores_ov = scores_ov + log_prior_v
    return -(shares_ov * scores_ov.log_softmax(1)).sum(1).mean()


def pooled_contrast(photo_bd: Tensor, text_bd: Tensor, *, sigma: float) -> Tensor:
    """Stage 4: symmetric cross-entropy of cosine similarity / sigma (paper, section 2.5)."""
    scores = normalize(photo_bd.float(), dim=1) @ normalize(text_bd.float(), dim=1).T
    return symmetric_cross_entropy(scores / sigma)
