# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The products that a training step cannot do without, in floating-point operations."""

from __future__ import annotations

from typing import Any


def first_layer(layers: int, upper_blocks: float) -> int:
    """The lowest block that is changed; as the server rounds it."""
    changed = int(upper_blocks * layers + 0.5)
    return layers - min(max(changed, 1), layers)


def training_flops(
    config: dict[str, Any], rank: int, lowest: int, tokens: int, target_tokens: int, passes: int
) -> float:
    """Forward and, with respect to inputs, back through the blocks from `lowest` on, whose
    adapters are also computed with and differentiated; forward through those below, which stay as
    they are, in one pass of so many; and the output head's two for each target token. `config` is
    a Hugging Face config.json."""
    width = config["hidden_size"]
    head = config.get("head_dim") or width // config["num_attention_heads"]
    q, kv = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    wide, layers = config["intermediate_size"], config["num_hidden_layers"]
    block = width * (2 * q + 2 * kv + 3 * wide)
    pairs = rank * (2 * (width + q) + 2 * (width + kv) + 3 * (width + wide))
    changed = layers - lowest
    per_token = 2 * block * lowest / passes + changed * (4 * block + 6 * pairs)
    return float(tokens * per_token + 4 * target_tokens * config["vocab_size"] * width)
