"""A tiny random BERT, a bundle of it and synthetic norm files in the formats of the real ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from groundwire_training.embedder import torch_embedder
from groundwire_training.metrics_colors import COLORS

NOUNS = [f"{a}{b}" for a in ("ba", "do", "ki", "lu", "mo", "ne") for b in ("ra", "ti", "so", "ven")]
WORDS = [*NOUNS, *COLORS, "zebra", "striped", "horse", "idea", "truth", "hope"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_tokenizer() -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate([*SPECIALS, *sorted(set(WORDS))])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def tiny_bert(seed: int = 0) -> BertModel:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(SPECIALS) + len(set(WORDS)),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        initializer_range=0.5,
    )
    return BertModel(config, add_pooling_layer=False).eval()


class LanguageGraph(torch.nn.Module):
    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
        return (tokens * weights).sum(1) / weights.sum(1), tokens


def write_bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    bert, tokenizer = tiny_bert(), tiny_tokenizer()
    example = torch.tensor([[2, 7, 3], [2, 9, 3]])
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        LanguageGraph(bert),
        (example, torch.ones_like(example)),
        str(folder / "language.onnx"),
        input_names=["input_ids", "attention_mask"],
        output_names=["embedding", "tokens"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "embedding": {0: "batch"}, "tokens": axes},
        dynamo=False,
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "lexicon.txt").write_text("\n".join([*WORDS, "striped horse"]) + "\n", encoding="utf-8")
    fingerprint = hashlib.sha256((folder / "language.onnx").read_bytes()).hexdigest()
    manifest = {"name": folder.name, "maxTokens": 128, "dimension": 32, "fingerprint": fingerprint}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    texts = ["zebra", "striped horse", "the idea of a red zebra"]
    vectors = torch_embedder(bert, tokenizer)(texts)
    items = [
        {"text": text, "ids": tokenizer.encode(text).ids, "vector": vector.tolist()}
        for text, vector in zip(texts, vectors, strict=True)
    ]
    (folder / "golden.json").write_text(json.dumps({"items": items}), encoding="utf-8")
    return folder


def write_base(folder: Path) -> Path:
    """A BERT folder as `--base` takes it."""
    tiny_bert().save_pretrained(folder)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def write_norms(data: Path) -> Path:
    random = np.random.default_rng(3)
    norms = data / "norms"
    (norms / "verbphysics").mkdir(parents=True)
    semcat = [(f"category{i % 4}", word, f"{1 + 4 * random.random():.2f}") for i, word in enumerate(NOUNS)]
    write_tsv(
        norms / "semcat.tsv", ["category", "word", "concreteness"], [*semcat, ("category0", "idea", "")]
    )
    rated = [(word, f"{1 + 4 * random.random():.2f}", "0") for word in WORDS]
    write_tsv(norms / "concreteness.tsv", ["word", "mean", "is_bigram"], rated)
    kinds = ["visual perceptual", "functional", "taxonomic"]
    cslb = [
        ("living", kinds[f], word, f"feature {f}", "9")
        for f in range(3)
        for word in random.permutation(NOUNS)[: 6 + f]
    ]
    write_tsv(norms / "cslb.tsv", ["domain", "feature type", "concept", "feature", "pf"], cslb)
    pairs = [(*random.permutation(WORDS)[:2], f"{random.random():.3f}") for _ in range(20)]
    write_tsv(norms / "simlex999.tsv", ["word1", "word2", "SimLex999"], pairs)
    write_tsv(norms / "bird.tsv", ["term1", "term2", "relatedness score"], pairs)
    write_coda(norms, random)
    for split in ("train", "dev", "test"):
        rows = [f"{i},{a},{b},{(-1) ** i}" for i, (a, b, _) in enumerate(pairs)]
        text = "\n".join([",obj1,obj2,size-maj", *rows]) + "\n"
        (norms / "verbphysics" / f"{split}.csv").write_text(text, encoding="utf-8")
    return data


def write_coda(norms: Path, random: np.random.Generator) -> None:
    objects = [
        {"class_id": f"/m/{i}", "object_s": word, "object_pl": word + "s"} for i, word in enumerate(NOUNS)
    ]
    votes = [
        {
            "class_id": row["class_id"],
            "display_name": row["object_s"],
            "included": True,
            **{c: int(random.integers(0, 6)) for c in COLORS},
        }
        for row in objects
    ]
    for name, rows in (("coda_objects", objects), ("coda_annotations", votes)):
        text = "\n".join(json.dumps(row) for row in rows) + "\n"
        (norms / f"{name}.jsonl").write_text(text, encoding="utf-8")


def write_tsv(path: Path, header: list[str], rows: list[tuple]) -> None:
    path.write_text("\n".join("\t".join(map(str, row)) for row in [header, *rows]) + "\n", encoding="utf-8")
