"""Caption -> scene graph: spans of objects and attributes are tagged, then linked, on the language stream.

Every word gets a tag (outside, or begin/inside of an object or attribute); every ordered pair of an object
span and another span gets a label: no link, `is` (the other span is its attribute), or a predicate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from .caption_align import Span, split_words
from .checkpoint import write_json
from .scene_graph import ATTRIBUTE_PREDICATE, SceneGraph

OUTSIDE, OBJECT, ATTRIBUTE = 0, 1, 3  # an object's or attribute's inside tag is its begin tag + 1
TAGS = 5
NO_LINK = 0
MAX_WORDS = 60  # captions are one sentence; what is longer is cut
BATCH = 64


@dataclass(frozen=True)
class WordBatch:
    """Captions as token ids with the position of each word's first token."""

    ids_bt: Tensor
    mask_bt: Tensor
    first_bw: Tensor
    word_mask_bw: Tensor


class CaptionParser(nn.Module):
    """`labels[0]` is no link, `labels[1]` the attribute link, the rest are FACTUAL's predicates."""

    def __init__(self, bert: BertModel, labels: Sequence[str], spellings: dict[str, str]) -> None:
        super().__init__()
        width = bert.config.hidden_size
        self.bert = bert
        self.labels = list(labels)
        self.spellings = spellings
        self.tag_head = nn.Linear(width, TAGS)
        self.plural_head = nn.Linear(width, 1)
        self.pair_hidden = nn.Linear(4 * width, width)
        self.pair_head = nn.Linear(width, len(self.labels))

    def words(self, batch: WordBatch) -> Tensor:
        """First token of each word, [B, W, D]."""
        tokens_btd = self.bert(input_ids=batch.ids_bt, attention_mask=batch.mask_bt).last_hidden_state
        index_bwd = batch.first_bw.unsqueeze(-1).expand(-1, -1, tokens_btd.shape[-1])
        return tokens_btd.gather(1, index_bwd)

    def spans(self, words_bwd: Tensor, rows_m: Tensor, spans_m2: Tensor) -> Tensor:
        """Mean of each span's words, zero where it is empty: [M, D]."""
        summed = torch.cat([torch.zeros_like(words_bwd[:, :1]), words_bwd.cumsum(1)], 1)
        lengths_m1 = (spans_m2[:, 1] - spans_m2[:, 0]).clamp(min=1).unsqueeze(1)
        return (summed[rows_m, spans_m2[:, 1]] - summed[rows_m, spans_m2[:, 0]]) / lengths_m1

    def pairs(self, words_bwd: Tensor, rows_n: Tensor, subject_n2: Tensor, value_n2: Tensor) -> Tensor:
        """Link scores of span pairs, from both spans and the words between them: [N, labels]."""
        words_bwd = words_bwd.float()
        subject_nd = self.spans(words_bwd, rows_n, subject_n2)
        value_nd = self.spans(words_bwd, rows_n, value_n2)
        between_n2 = torch.stack(
            [
                torch.minimum(subject_n2[:, 1], value_n2[:, 1]),
                torch.maximum(subject_n2[:, 0], value_n2[:, 0]),
            ],
            1,
        )
        between_nd = self.spans(words_bwd, rows_n, between_n2)
        joined = torch.cat([subject_nd, value_nd, subject_nd * value_nd, between_nd], 1)
        return self.pair_head(nn.functional.gelu(self.pair_hidden(joined)))


def batch_words(tokenizer: Tokenizer, captions: Sequence[Sequence[str]]) -> WordBatch:
    """Tokenizes split captions; a word's score is read at its first token."""
    encodings = tokenizer.encode_batch([list(words[:MAX_WORDS]) for words in captions], is_pretokenized=True)
    width = max(len(encoding.ids) for encoding in encodings)
    words = max(len(caption[:MAX_WORDS]) for caption in captions)
    ids_bt = torch.zeros(len(captions), width, dtype=torch.long)
    mask_bt = torch.zeros_like(ids_bt)
    first_bw = torch.zeros(len(captions), words, dtype=torch.long)
    word_mask_bw = torch.zeros(len(captions), words, dtype=torch.bool)
    for row, encoding in enumerate(encodings):
        ids_bt[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
        mask_bt[row, : len(encoding.ids)] = 1
        for position, word in reversed(list(enumerate(encoding.word_ids))):
            if word is not None:
                first_bw[row, word] = position
                word_mask_bw[row, word] = True
    return WordBatch(ids_bt, mask_bt, first_bw, word_mask_bw)


@torch.inference_mode()
def parse_captions(parser: CaptionParser, tokenizer: Tokenizer, captions: Sequence[str]) -> list[SceneGraph]:
    """One graph a caption, in order. An empty caption is a `ValueError`."""
    split = [split_words(caption) for caption in captions]
    empty = next((i for i, words in enumerate(split) if not words), None)
    if empty is not None:
        raise ValueError(f"captions[{empty}]: must hold a visible character, got {captions[empty]!r}")
    parser.eval()
    graphs: list[SceneGraph | None] = [None] * len(split)
    order = sorted(range(len(split)), key=lambda i: len(split[i]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        for i, graph in zip(chosen, parse_batch(parser, tokenizer, [split[i] for i in chosen]), strict=True):
            graphs[i] = graph
    return [graph for graph in graphs if graph is not None]


def parse_batch(
    parser: CaptionParser, tokenizer: Tokenizer, captions: list[list[str]]
) -> Iterator[SceneGraph]:
    batch = batch_words(tokenizer, captions)
    words_bwd = parser.words(batch)
    tags = parser.tag_head(words_bwd).argmax(-1).masked_fill(~batch.word_mask_bw, OUTSIDE).tolist()
    spans = [decode_tags(row) for row in tags]
    pairs = [(row, s, v) for row, found in enumerate(spans) for s, v in candidate_pairs(*found)]
    scores: list[int] = []
    if pairs:
        rows, subjects, values = (torch.tensor(column) for column in zip(*pairs, strict=True))
        scores_nl = parser.pairs(words_bwd, rows, subjects, values)
        attribute_n = torch.tensor([v in spans[row][1] for row, _, v in pairs])
        # An attribute is only ever linked by `is`, an object never.
        scores_nl[attribute_n, ATTRIBUTE_LABEL + 1 :] = -torch.inf
        scores_nl[~attribute_n, ATTRIBUTE_LABEL] = -torch.inf
        scores = scores_nl.argmax(-1).tolist()
    for row, words in enumerate(captions):
        links = [(s, label, v) for (r, s, v), label in zip(pairs, scores, strict=True) if r == row]
        objects = spans[row][0]
        yield build_graph(parser, words, objects, links, plural_spans(parser, words_bwd, row, objects))


ATTRIBUTE_LABEL = 1


def plural_spans(parser: CaptionParser, words_bwd: Tensor, row: int, objects: list[Span]) -> set[Span]:
    if not objects:
        return set()
    rows = torch.full((len(objects),), row)
    reps = parser.spans(words_bwd.float(), rows, torch.tensor(objects))
    return {s for s, score in zip(objects, parser.plural_head(reps)[:, 0].tolist(), strict=True) if score > 0}


def decode_tags(tags: Sequence[int]) -> tuple[list[Span], list[Span]]:
    """Object and attribute spans; an inside tag without its begin tag opens a span."""
    found: dict[int, list[Span]] = {OBJECT: [], ATTRIBUTE: []}
    start, kind = 0, OUTSIDE
    for position, tag in enumerate([*tags, OUTSIDE]):
        if kind != OUTSIDE and tag != kind + 1:
            found[kind].append((start, position))
            kind = OUTSIDE
        if tag != OUTSIDE and kind == OUTSIDE:
            start, kind = position, tag if tag in found else tag - 1
    return found[OBJECT], found[ATTRIBUTE]


def candidate_pairs(objects: Sequence[Span], attributes: Sequence[Span]) -> list[tuple[Span, Span]]:
    return [(s, v) for s in objects for v in [*objects, *attributes] if s != v]


def build_graph(
    parser: CaptionParser,
    words: Sequence[str],
    objects: Sequence[Span],
    links: Sequence[tuple[Span, int, Span]],
    plural: set[Span],
) -> SceneGraph:
    def name(span: Span) -> str:
        text = " ".join(words[slice(*span)])
        return parser.spellings.get(text, text)

    tuples = [(name(s), parser.labels[label], name(v)) for s, label, v in links if label != NO_LINK]
    tuples += [(name(span), ATTRIBUTE_PREDICATE, "2") for span in objects if span in plural]
    return SceneGraph.from_tuples(dict.fromkeys(tuples), [name(span) for span in objects])


def save_parser(parser: CaptionParser, tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in parser.state_dict().items()},
        folder / "model.safetensors",
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    # Last and whole: where it is, the parser is taken for trained.
    config = {"bert": parser.bert.config.to_dict(), "labels": parser.labels, "spellings": parser.spellings}
    write_json(folder / "config.json", config)


def load_parser(folder: Path) -> tuple[CaptionParser, Tokenizer]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"parser: {path} is missing; the prepare stage writes it")
    config = json.loads(path.read_text(encoding="utf-8"))
    bert = BertModel(BertConfig.from_dict(config["bert"]), add_pooling_layer=False)
    parser = CaptionParser(bert, config["labels"], config["spellings"])
    parser.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return parser.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))
