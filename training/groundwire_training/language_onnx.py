"""The language stream as an ONNX graph, float32; `weights_onnx` then makes its storage small."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from transformers import BertModel
from transformers.models.bert.modeling_bert import BertSelfAttention

from .graph_onnx import Graph
from .pooling import pool


class LanguageGraph(nn.Module):
    """BERT with the pooling of a bundle: `embedding` [B, D] and `tokens` [B, T, D], zero at the padding.

    Layers see the batch's N real tokens as rows [N, D]; only attention sees [B, T]. So texts of all lengths travel
    together, and padding costs next to nothing.
    """

    def __init__(self, bert: BertModel, pooling: str):
        super().__init__()
        self.bert = bert
        self.pooling = pooling
        for layer in bert.encoder.layer:
            layer.attention.self = UnpaddedAttention(layer.attention.self)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        flat = attention_mask.flatten()
        real = flat.nonzero().squeeze(1)  # [N], where the rows are in [B * T]
        row_of = (flat.cumsum(0) - 1).clamp(min=0)  # [B * T], any row at the padding
        positions = torch.arange(input_ids.shape[1]).expand_as(input_ids).flatten()[real]
        ids = input_ids.flatten()[real]
        rows = self.bert.embeddings(
            input_ids=ids[None], position_ids=positions[None], token_type_ids=torch.zeros_like(ids)[None]
        )[0]
        mask = attention_mask.to(rows.dtype)
        hidden = (1 - mask[:, None, None]) * torch.finfo(rows.dtype).min
        rows = self.bert.encoder(rows, real=real, row_of=row_of, hidden=hidden).last_hidden_state
        tokens = rows[row_of].view(*input_ids.shape, -1) * mask[..., None]
        return pool(tokens, attention_mask, self.pooling), tokens


class UnpaddedAttention(nn.Module):
    """BERT's self-attention, with its weights and its place in the model, over rows [N, D]."""

    def __init__(self, attention: BertSelfAttention):
        super().__init__()
        self.query, self.key, self.value = attention.query, attention.key, attention.value
        self.heads, self.scaling = attention.num_attention_heads, attention.scaling

    def forward(
        self, rows: Tensor, *, real: Tensor, row_of: Tensor, hidden: Tensor, **_: object
    ) -> tuple[Tensor, None]:
        """`hidden` [B, 1, 1, T] is 0 at real tokens and the lowest number at padding."""
        batch, length = hidden.shape[0], hidden.shape[-1]

        def pad(projected: Tensor) -> Tensor:  # [N, D] -> [B, heads, T, D / heads]
            return projected[row_of].view(batch, length, self.heads, -1).transpose(1, 2)

        query, key, value = pad(self.query(rows) * self.scaling), pad(self.key(rows)), pad(self.value(rows))
        weights = torch.softmax(query @ key.transpose(2, 3) + hidden, -1)
        return (weights @ value).transpose(1, 2).flatten(2).flatten(0, 1)[real], None


def language_graph(bert: BertModel, pooling: str, max_tokens: int) -> Graph:
    """`input_ids`, `attention_mask` int64 [B, T] -> `embedding` [B, D], `tokens` [B, T, D]."""

    def example(batch: int, length: int) -> tuple[Tensor, ...]:
        ids = torch.randint(bert.config.vocab_size, (batch, length))
        mask = torch.ones_like(ids)
        # Every second row is shorter: padding must reach neither the tokens nor the mean.
        mask[1::2, max(3, length // 2) :] = 0
        return ids, mask

    def reference(input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        tokens = bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return pool(tokens, attention_mask, pooling), tokens * attention_mask[..., None]

    axes = {0: "batch", 1: "length"}
    return Graph(
        module=LanguageGraph(trim_positions(bert, max_tokens), pooling).eval(),
        inputs={"input_ids": axes, "attention_mask": axes},
        outputs={"embedding": {0: "batch"}, "tokens": axes},
        example=example,
        reference=reference,
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
