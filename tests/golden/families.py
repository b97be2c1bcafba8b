# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny random-weight models of every supported family, with the logits transformers gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from folders import save_model

VOCABULARY = 96
WINDOW = 8
LENGTHS = (1, 7, 12, 28)
PADDED = (1, 2)  # the sequences, by index in LENGTHS, that the padded batch is made of
PAD_ID = 0

SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "pad_token_id": PAD_ID,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": True,
    "attn_implementation": "eager",
}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
# With heads of 16 the frequencies fall into all three of llama3's bands.
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


@dataclass(frozen=True)
class Family:
    """One golden folder: what is special about it, and how it is stored."""

    name: str
    model: type[PreTrainedModel]
    config: type[PretrainedConfig]
    changes: dict[str, Any]
    dtype: torch.dtype = torch.float32
    shard_size: str = "1GB"
    classic: bool = True
    # The first position whose token the last one of the longest sequence can see.
    reach: int = 0


FAMILIES = (
    Family("llama", LlamaForCausalLM, LlamaConfig, {}),
    Family(
        "llama3-rope",
        LlamaForCausalLM,
        LlamaConfig,
        {"rope_parameters": LLAMA3_ROPE, "head_dim": 16, "num_attention_heads": 2},
        dtype=torch.bfloat16,
    ),
    Family(
        "llama-sharded",
        LlamaForCausalLM,
        LlamaConfig,
        {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True},
        dtype=torch.bfloat16,
        shard_size="20KB",
        classic=False,
    ),
    Family(
        "mistral",
        MistralForCausalLM,
        MistralConfig,
        {"sliding_window": WINDOW},
        dtype=torch.bfloat16,
        reach=LENGTHS[-1] - 1 - 2 * (WINDOW - 1),
    ),
    Family("qwen2", Qwen2ForCausalLM, Qwen2Config, {}, dtype=torch.bfloat16),
    Family(
        "qwen2-window",
        Qwen2ForCausalLM,
        Qwen2Config,
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
        dtype=torch.bfloat16,
    ),
    Family("qwen3", Qwen3ForCausalLM, Qwen3Config, {"head_dim": 16}, dtype=torch.bfloat16),
)


def build(family: Family) -> PreTrainedModel:
    """A model whose weights are large enough that attention, norms and biases all matter."""
    torch.manual_seed(FAMILIES.index(family))
    settings = {"rope_parameters": dict(ROPE), **SHAPE, **family.changes}
    model = family.model(family.config(**settings)).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name:
            values = 0.5 + torch.rand_like(parameter)
        elif "embed" in name:
            values = torch.randn_like(parameter)
        elif "lm_head" in name:
            values = torch.randn_like(parameter) * 0.3
        else:
            values = torch.randn_like(parameter) * 0.2
        # Rounded to what is stored, so that the logits are those of the stored weights.
        parameter.data = values.to(family.dtype).to(torch.float32)
    return model


@torch.no_grad()
def goldens(family: Family, model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """ids.N [tokens] and logits.N [tokens, vocabulary]; padded.{ids,mask,logits} for the batch."""
    result: dict[str, torch.Tensor] = {}
    for index, length in enumerate(LENGTHS):
        ids = torch.randint(3, VOCABULARY, (length,))
        result[f"ids.{index}"] = ids
        result[f"logits.{index}"] = model(ids[None]).logits[0]

    width = max(LENGTHS[index] for index in PADDED)
    ids = torch.full((len(PADDED), width), PAD_ID)
    mask = torch.zeros_like(ids)
    for row, index in enumerate(PADDED):
        ids[row, width - LENGTHS[index] :] = result[f"ids.{index}"]
        mask[row, width - LENGTHS[index] :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    logits = model(ids, attention_mask=mask, position_ids=positions).logits
    logits[mask == 0] = 0.0  # What a padding position gives means nothing.
    result |= {"padded.ids": ids, "padded.mask": mask, "padded.logits": logits}
    check(family, model, result)
    return result


def check(family: Family, model: PreTrainedModel, result: dict[str, torch.Tensor]) -> None:
    """Raises if the golden could not tell a wrong model from a right one."""
    for row, index in enumerate(PADDED):
        alone = result[f"logits.{index}"]
        in_batch = result["padded.logits"][row, -len(alone) :]
        torch.testing.assert_close(in_batch, alone, rtol=1e-5, atol=5e-5)

    last = len(LENGTHS) - 1
    ids, logits = result[f"ids.{last}"], result[f"logits.{last}"]
    for position in {0, family.reach}:
        changed = ids.clone()
        changed[position] = 3 + (ids[position] - 2) % (VOCABULARY - 3)
        moved = (model(changed[None]).logits[0, -1] - logits[-1]).abs().max().item()
        if (moved > 0.01) != (position >= family.reach):
            raise AssertionError(f"{family.name}: token {position} moves the last logits {moved}")
    deviation = logits.std(-1).mean().item()
    if not 0.5 < deviation < 20:
        raise AssertionError(f"{family.name}: logits have a standard deviation of {deviation}")


def make(root: Path) -> None:
    for family in FAMILIES:
        model = build(family)
        result = goldens(family, model)
        folder = root / family.name
        save_model(
            model.to(family.dtype), folder, shard_size=family.shard_size, classic=family.classic
        )
        save_file(result, folder / "golden.safetensors")
        (folder / "golden.safetensors").chmod(0o644)
        print(f"{family.name}: {len(result)} tensors")
