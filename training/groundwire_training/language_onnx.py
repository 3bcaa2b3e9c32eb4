"""The language stream as an ONNX graph, float32; `weights_onnx` then makes its storage small."""

from __future__ import annotations

import copy

import torch
from torch import nn
from transformers import BertModel

from .graph_onnx import Graph
from .pooling import pool


class LanguageGraph(nn.Module):
    """BERT with the pooling of a bundle: `embedding` [B, D] and `tokens` [B, T, D]."""

    def __init__(self, bert: nn.Module, pooling: str):
        super().__init__()
        self.bert = bert
        self.pooling = pooling

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        tokens = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=torch.zeros_like(input_ids)
        ).last_hidden_state
        return pool(tokens, attention_mask, self.pooling), tokens


def language_graph(bert: BertModel, pooling: str, max_tokens: int) -> Graph:
    """`input_ids`, `attention_mask` int64 [B, T] -> `embedding` [B, D], `tokens` [B, T, D]."""

    def example(batch: int, length: int) -> tuple[torch.Tensor, ...]:
        ids = torch.randint(bert.config.vocab_size, (batch, length))
        mask = torch.ones_like(ids)
        # Every second row is shorter: padding must reach neither the tokens nor the mean.
        mask[1::2, max(3, length // 2) :] = 0
        return ids, mask

    axes = {0: "batch", 1: "length"}
    return Graph(
        module=LanguageGraph(trim_positions(bert, max_tokens), pooling).eval(),
        inputs={"input_ids": axes, "attention_mask": axes},
        outputs={"embedding": {0: "batch"}, "tokens": axes},
        example=example,
        # A word needs [CLS], itself and [SEP].
        sizes=[(batch, length) for batch in (1, 33) for length in (3, max_tokens)],
    )


def trim_positions(bert: BertModel, max_tokens: int) -> BertModel:
    """A copy without the position embeddings that no text of `max_tokens` reaches."""
    trimmed = copy.deepcopy(bert)
    table = trimmed.embeddings.position_embeddings
    if max_tokens > table.num_embeddings:
        raise ValueError(f"--max-tokens: must be at most {table.num_embeddings}, got {max_tokens}")
    trimmed.embeddings.position_embeddings = nn.Embedding.from_pretrained(table.weight[:max_tokens].detach())
    return trimmed
