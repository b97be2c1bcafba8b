# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A Hugging Face folder of a Llama model as a GGUF file, so that llama.cpp computes with the
same weights, bit for bit: matrices in bf16, norms in f32."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_OTHER_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


class NotConvertibleError(Exception):
    """The folder has something that this converter does not know; the message says what."""


def gguf_name(name: str) -> str:
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    parts = name.removeprefix("model.layers.").split(".", 1)
    inner = parts[-1].removesuffix(".weight")
    if parts[0].isdigit() and inner in _BLOCK_NAMES:
        return f"blk.{parts[0]}.{_BLOCK_NAMES[inner]}.weight"
    raise NotConvertibleError(f"unexpected tensor {name}")


def permute_rope(weight: np.ndarray, heads: int) -> np.ndarray:
    """Hugging Face keeps the two halves of each head's rotary dimensions apart; GGUF
    interleaves them."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def f32_of_bf16(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def read_bf16(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Names and bit patterns (uint16) of a safetensors file."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    header_bytes = int(content[:8].view("<u8")[0])
    header = json.loads(bytes(content[8 : 8 + header_bytes]))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "BF16":
            raise NotConvertibleError(f"{name} is {entry['dtype']}; only bf16 is converted")
        begin, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
        yield name, content[begin:end].view("<u2").reshape(entry["shape"])


def merges_of(model: dict[str, Any]) -> list[str]:
    """As "left right", which tokenizer.json has in either of two ways."""
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]


def convert(folder: Path, path: Path) -> None:
    """Writes the GGUF of the model in `folder` to `path`, at once or not at all."""
    import gguf

    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] != "llama" or config.get("rope_scaling"):
        raise NotConvertibleError("only Llama models without rope scaling are converted")
    unfinished = path.with_suffix(".tmp")
    writer = gguf.GGUFWriter(unfinished, "llama")
    _write_config(writer, config)
    _write_tokenizer(writer, folder, config)
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for name, bits in read_bf16(folder / "model.safetensors"):
        if name == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        new_name = gguf_name(name)
        for part, count in heads.items():
            if f".{part}." in new_name:
                bits = permute_rope(bits, count)
        if bits.ndim == 1:
            writer.add_tensor(new_name, f32_of_bf16(bits))
        else:
            rows = np.ascontiguousarray(bits).view(np.uint8)
            writer.add_tensor(new_name, rows, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(path)


def _write_config(writer: Any, config: dict[str, Any]) -> None:
    import gguf

    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_vocab_size(config["vocab_size"])


def _write_tokenizer(writer: Any, folder: Path, config: dict[str, Any]) -> None:
    """Byte-level BPE that makes every digit a token ("smollm"); prompts are sent as ids, so that
    another way to split texts would only change what nobody reads."""
    import gguf

    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    if tokenizer["model"]["type"] != "BPE":
        raise NotConvertibleError("only byte-level BPE tokenizers are converted")
    tokens = [f"[PAD{i}]" for i in range(config["vocab_size"])]
    types = [gguf.TokenType.UNUSED] * len(tokens)
    for token, token_id in tokenizer["model"]["vocab"].items():
        tokens[token_id], types[token_id] = token, gguf.TokenType.NORMAL
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]], types[added["id"]] = added["content"], gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges_of(tokenizer["model"]))
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)
