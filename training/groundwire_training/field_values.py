"""Values of a configuration's fields: read from `--set`, and checked where a configuration is made."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from typing import Any

AT_LEAST_ONE = frozenset(
    """
    accumulation batch_size captions_per_photo epochs halve_every heads hidden imagined_hidden matchmap_rows
    max_caption_tokens max_objects max_photos max_tokens min_class_count patience photos_per_class plain_words
    pooling_heads subspace validate_every validation_words views workers
    """.split()
)
ABOVE_ZERO = frozenset(("clip_norm", "property_sigma", "sigma"))
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null"}


def parse_value(name: str, text: str, kind: Any) -> Any:
    """The value of a field whose annotation is `kind`. Raises `ValueError` naming field, rule and value."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    alternatives = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for alternative in alternatives:
        if fits(value, alternative):
            return converted(value, alternative)
    rule = " or ".join(map(described, alternatives))
    raise ValueError(f"--set {name}: must be {rule}, got {text!r}")


def fits(value: Any, kind: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        return isinstance(value, list) and len(value) == len(parts) and all(map(fits, value, parts))
    # To Python, true and false are whole numbers.
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def converted(value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) is tuple:
        return tuple(map(converted, value, typing.get_args(kind)))
    return float(value) if kind is float else value


def described(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"{len(typing.get_args(kind))} numbers such as [0.1, 0.9]"
    return KINDS[kind]


def check_ranges(config: Any) -> None:
    """Raises `ValueError` naming the first field of a dataclass whose number no run could make sense of."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                continue
            rule = broken_rule(field.name, number)
            if rule is not None:
                raise ValueError(f"{field.name}: must be {rule}, got {value}")


def broken_rule(name: str, number: float) -> str | None:
    if not math.isfinite(number):
        return "finite"
    if name in AT_LEAST_ONE and number < 1:
        return "at least 1"
    if name in ABOVE_ZERO and number <= 0:
        return "above 0"
    return "at least 0" if number < 0 else None
