"""Trains the caption parser on FACTUAL's graphs, and measures it by the F1 of exact tuples."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from tqdm import tqdm
from transformers import BertModel

from .caption_align import AlignedCaption, align
from .caption_parser import (
    ATTRIBUTE,
    MAX_WORDS,
    NO_LINK,
    OBJECT,
    CaptionParser,
    batch_words,
    candidate_pairs,
    load_parser,
    parse_captions,
)
from .scene_graph import ATTRIBUTE_PREDICATE, CaptionGraph, SceneGraph, load_factual

IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class ParserConfig:
    """Rates are peaks of a linear warm-up and decay; a predicate below `min_count` is not a label."""

    epochs: int = 4
    batch: int = 64
    bert_rate: float = 1e-4
    head_rate: float = 1e-3
    min_count: int = 2
    seed: int = 0


def train_parser(
    bert: BertModel, tokenizer: Tokenizer, graphs: Sequence[CaptionGraph], config: ParserConfig
) -> CaptionParser:
    """All layers of `bert` but the embeddings learn: pass a copy where the original is still needed."""
    torch.manual_seed(config.seed)
    aligned = [item for item in map(align, graphs) if item.objects and len(item.words) <= MAX_WORDS]
    if not aligned:
        raise ValueError(f"graphs: none of {len(graphs)} captions names an object of its graph")
    parser = CaptionParser(bert, link_labels(aligned, config.min_count), learned_spellings(aligned)).train()
    # Words that FACTUAL lacks must stay where the language model put them.
    bert.embeddings.requires_grad_(False)
    layers = list(bert.encoder.parameters())
    heads = [value for name, value in parser.named_parameters() if not name.startswith("bert.")]
    optimizer = torch.optim.AdamW(
        [{"params": layers, "lr": config.bert_rate}, {"params": heads, "lr": config.head_rate}], fused=True
    )
    steps = config.epochs * -(-len(aligned) // config.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.1 * steps), (steps - step) / (0.9 * steps))
    )
    order = torch.Generator().manual_seed(config.seed)
    with tqdm(total=steps, desc="parser") as bar:
        for _ in range(config.epochs):
            shuffled = torch.randperm(len(aligned), generator=order).tolist()
            for start in range(0, len(shuffled), config.batch):
                loss = parser_loss(
                    parser, tokenizer, [aligned[i] for i in shuffled[start : start + config.batch]]
                )
                if not torch.isfinite(loss):
                    raise ValueError(f"parser: the loss is {loss.item()} at step {bar.n}")
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parser.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                bar.update()
    return parser.eval()


def parser_loss(parser: CaptionParser, tokenizer: Tokenizer, items: Sequence[AlignedCaption]) -> Tensor:
    """Cross-entropy of tags and of links (summed over a caption's pairs), and of unspoken plurals."""
    batch = batch_words(tokenizer, [item.words for item in items])
    with torch.autocast("cpu", torch.bfloat16):
        words_bwd = parser.words(batch)
        tag_scores = parser.tag_head(words_bwd)
        objects = [
            (row, span, span in item.plural) for row, item in enumerate(items) for span in item.objects
        ]
        rows, spans, plural = (torch.tensor(column) for column in zip(*objects, strict=True))
        plural_scores = parser.plural_head(parser.spans(words_bwd.float(), rows, spans))[:, 0]
        pairs = labeled_pairs(parser, items)
        pair_loss = torch.zeros(())
        if pairs:
            rows, subjects, values, labels = (torch.tensor(column) for column in zip(*pairs, strict=True))
            scores_nl = parser.pairs(words_bwd, rows, subjects, values)
            pair_loss = nn.functional.cross_entropy(
                scores_nl.float(), labels, ignore_index=IGNORED, reduction="sum"
            )
    targets = tag_targets(items, batch.word_mask_bw)
    tag_loss = nn.functional.cross_entropy(
        tag_scores.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED
    )
    plural_loss = nn.functional.binary_cross_entropy_with_logits(plural_scores.float(), plural.float())
    return tag_loss + pair_loss / len(items) + plural_loss


def tag_targets(items: Sequence[AlignedCaption], word_mask_bw: Tensor) -> Tensor:
    targets_bw = torch.where(word_mask_bw, 0, IGNORED)
    for row, item in enumerate(items):
        for kind, spans in ((ATTRIBUTE, item.attributes), (OBJECT, item.objects)):
            for start, end in spans:
                targets_bw[row, start:end] = kind + 1
                targets_bw[row, start] = kind
    return targets_bw


def labeled_pairs(parser: CaptionParser, items: Sequence[AlignedCaption]) -> list[tuple]:
    """(row, subject span, value span, label) of all candidate pairs; a rare predicate is ignored."""
    index = {label: position for position, label in enumerate(parser.labels)}
    pairs = []
    for row, item in enumerate(items):
        linked = {(subject, value): index.get(predicate, IGNORED) for subject, predicate, value in item.links}
        for subject, value in candidate_pairs(item.objects, item.attributes):
            pairs.append((row, subject, value, linked.get((subject, value), NO_LINK)))
    return pairs


def link_labels(aligned: Sequence[AlignedCaption], min_count: int) -> list[str]:
    counts = Counter(predicate for item in aligned for _, predicate, _ in item.links)
    counts.pop(ATTRIBUTE_PREDICATE, None)
    kept = sorted(name for name, count in counts.items() if count >= min_count)
    return ["", ATTRIBUTE_PREDICATE, *kept]


def learned_spellings(aligned: Sequence[AlignedCaption]) -> dict[str, str]:
    """What the graphs mostly write for a span's words, where it is not the words themselves."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for item in aligned:
        for (start, end), name in item.names.items():
            seen[" ".join(item.words[start:end])][name] += 1
    likely = {text: names.most_common(1)[0][0] for text, names in seen.items()}
    return {text: name for text, name in sorted(likely.items()) if text != name}


@dataclass(frozen=True, kw_only=True)
class TupleScore:
    """Micro-averaged over captions: hits / predicted, hits / gold, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def tuple_score(predicted: Sequence[SceneGraph], gold: Sequence[SceneGraph]) -> TupleScore:
    """Exact match of (subject, predicate, object) and (object, `is`, attribute) as sets, caption by caption.

    Objects that stand in no tuple count for nothing.
    """
    hits = found = wanted = 0
    for guess, truth in zip(predicted, gold, strict=True):
        guessed, true = guess.tuples(), truth.tuples()
        hits, found, wanted = hits + len(guessed & true), found + len(guessed), wanted + len(true)
    precision, recall = hits / max(found, 1), hits / max(wanted, 1)
    return TupleScore(precision=precision, recall=recall, f1=2 * hits / max(found + wanted, 1))


def measure(parse: Callable[[list[str]], list[SceneGraph]], path: Path) -> TupleScore:
    graphs, _ = load_factual(path)
    return tuple_score(parse([item.caption for item in graphs]), [item.graph for item in graphs])


def evaluate_parser(folder: Path, data: Path, split: str = "test") -> float:
    """Tuple F1 of the parser saved in `folder` on FACTUAL's split; writes it beside the weights."""
    parser, tokenizer = load_parser(folder)
    path = data / "relations" / "factual" / f"{split}.csv"
    score = measure(lambda captions: parse_captions(parser, tokenizer, captions), path)
    (folder / f"score_{split}.json").write_text(json.dumps(asdict(score)), encoding="utf-8")
    return score.f1
