"""Random Unicode texts with the ids of the Python tokenizer: `python -m groundwire_training.parity --help`."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

# (first, last) code points; what a text is drawn from is chosen range by range.
RANGES = [
    (0x20, 0x7E), (0x41, 0x5A), (0x61, 0x7A), (0x00, 0x1F), (0x7F, 0xA0), (0xA1, 0x17F), (0x180, 0x24F),
    (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x58A), (0x591, 0x5F4), (0x600, 0x6FF), (0x900, 0x97F),
    (0xE01, 0xE5B), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x20A0, 0x20BF),
    (0x2100, 0x214F), (0x2190, 0x21FF), (0x2600, 0x27BF), (0x3000, 0x30FF), (0x3400, 0x3500), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFB06), (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0xE000, 0xE010),
    (0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF), (0x20000, 0x2A6D6),
    (0x2A700, 0x2CEB0), (0x2F800, 0x2FA1F), (0x10000, 0x100FF),
]  # fmt: skip
SPECIAL = [
    "\u061d",
    "\u200d",
    "\ufeff",
    "\ufffd",
    "\u0345",
    "İ",
    "ß",
    "ς",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "##a",
    "\u2028",
]
WORDS = "zebra Horse STRIPED naïve running unbelievable x1 don't 10,000 http://a.b/c".split()


def random_text(rng: random.Random) -> str:
    return "".join(piece(rng) for _ in range(rng.randint(1, 12)))


def piece(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(WORDS)
    if kind < 0.3:
        return rng.choice(SPECIAL)
    if kind < 0.45:
        return " "
    first, last = rng.choice(RANGES)
    return "".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 4)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of a bundle")
    parser.add_argument("--count", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines {text, ids}")
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    rng = random.Random(args.seed)
    texts = [random_text(rng) for _ in range(args.count)]
    with open(args.out, "w", encoding="utf-8") as lines:
        for text, encoding in zip(texts, tokenizer.encode_batch(texts), strict=True):
            lines.write(json.dumps({"text": text, "ids": encoding.ids}) + "\n")
    print(f"wrote {args.count} texts to {args.out}")


if __name__ == "__main__":
    main()
