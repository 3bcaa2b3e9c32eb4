"""golden.json: texts with the ids and vectors that PyTorch gives, for the gateway's self-test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Encode = Callable[[str], list[int]]

WORDS = "zebra dog cat idea run a I Paris".split()
PHRASES = [
    "striped horse", "a man riding a horse", "cup on the table", "wheel of a car", "brown dog", "red wine",
    "The quick brown fox jumps over the lazy dog.", "two children play soccer in the park", "state of the art",
    "rock'n'roll", "mother-in-law", "e-mail@example.org", "https://example.org/a?b=c", "3.14159", "$1,000.00",
    "C++ & C#", "ALL CAPS TEXT", "MiXeD cAsE", "tab\tand\nnewline", "  spaces   around  ", "...", "?!", "(", "-",
]  # fmt: skip
WORLD = [
    "café", "naïve façade", "Ångström", "Škoda", "ÇA VA", "e\u0301clair", "İstanbul", "straße", "ﬁre", "Ωμέγα",
    "Привет мир", "здравствуйте", "שלום", "مرحبا بالعالم", "نص\u061dعربي", "नमस्ते", "สวัสดีชาวโลก", "ไทย",
    "你好世界", "日本語のテキスト", "ひらがな", "カタカナ", "한국어", "\U00020000\U0002a6d5", "漢\U00020001字",
    "😀", "👩‍👩‍👧‍👦 family", "🇫🇷 flag", "☃️", "a\u200bb", "soft\u00adhyphen", "\u00a0non breaking\u00a0", "½ ² ①",
    "zero\u0000width", "\ufeffbom", "x" * 150, "naïve " * 20,
]  # fmt: skip


def golden_texts(max_tokens: int) -> list[str]:
    """At least 64 texts, among them one of exactly `max_tokens` tokens, one longer and one much longer."""
    exact = " ".join(["dog"] * (max_tokens - 2))
    return [*WORDS, *PHRASES, *WORLD, exact, exact + " cat", " ".join(["horse grass"] * max_tokens)]


def build_golden(
    encode: Encode, embed_ids: Callable[[list[int]], np.ndarray], max_tokens: int
) -> dict[str, Any]:
    """The content of golden.json. `encode` must not truncate; `embed_ids` is PyTorch in float32."""
    items = []
    for text in golden_texts(max_tokens):
        full = encode(text)
        truncated = len(full) > max_tokens
        ids = [*full[: max_tokens - 1], full[-1]] if truncated else full
        vector = [round(float(value), 4) for value in embed_ids(ids)]
        items.append(
            {"text": text, "ids": ids, "vector": vector, "truncated": truncated, "tokenCount": len(full)}
        )
    return {"items": items}
