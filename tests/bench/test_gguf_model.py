# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The converter for llama.cpp: the same bits under other names."""

import json

import gguf
import numpy as np
import pytest

from imprint_bench import gguf_model

CONFIG = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 1,
    "max_position_embeddings": 16,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "vocab_size": 5,
    "bos_token_id": 3,
    "eos_token_id": 3,
    "tie_word_embeddings": True,
}
TOKENIZER = {
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]},
    "added_tokens": [{"id": 3, "content": "<end>"}],
}


def write_folder(folder, tensors, config=CONFIG):
    """A Hugging Face folder with bf16 bit patterns."""
    header, data = {}, b""
    for name, bits in tensors.items():
        begin = len(data)
        data += bits.tobytes()
        header[name] = {
            "dtype": "BF16",
            "shape": list(bits.shape),
            "data_offsets": [begin, len(data)],
        }
    text = json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))


def bits(*shape):
    count = int(np.prod(shape))
    return (np.arange(count, dtype=np.uint16) + 0x3F80).reshape(shape)


def test_rotary_halves_are_interleaved_head_by_head():
    weight = np.arange(8).reshape(8, 1)
    permuted = gguf_model.permute_rope(weight, heads=2)
    assert permuted.ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_names_are_those_of_llama_cpp():
    assert gguf_model.gguf_name("model.layers.7.mlp.down_proj.weight") == "blk.7.ffn_down.weight"
    assert gguf_model.gguf_name("model.norm.weight") == "output_norm.weight"
    with pytest.raises(gguf_model.NotConvertibleError):
        gguf_model.gguf_name("model.layers.7.self_attn.q_proj.bias")


def test_merges_are_read_in_either_shape():
    assert gguf_model.merges_of({"merges": ["a b", ["c", "d"]]}) == ["a b", "c d"]


def test_matrices_keep_their_bits_and_norms_become_f32(tmp_path):
    tensors = {
        "model.embed_tokens.weight": bits(5, 8),
        "model.norm.weight": bits(8),
        "model.layers.0.self_attn.q_proj.weight": bits(8, 8),
        "lm_head.weight": bits(5, 8),
    }
    write_folder(tmp_path, tensors)
    gguf_model.convert(tmp_path, tmp_path / "model.gguf")

    read = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    assert set(read) == {"token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight"}
    embedding = read["token_embd.weight"].data.view(np.uint16)
    assert (embedding == tensors["model.embed_tokens.weight"]).all()
    query = read["blk.0.attn_q.weight"].data.view(np.uint16)
    expected = gguf_model.permute_rope(tensors["model.layers.0.self_attn.q_proj.weight"], 2)
    assert (query == expected).all()
    norm = read["output_norm.weight"].data
    assert (norm == gguf_model.f32_of_bf16(tensors["model.norm.weight"])).all()


def test_other_families_are_refused(tmp_path):
    write_folder(tmp_path, {}, {**CONFIG, "model_type": "qwen3"})
    with pytest.raises(gguf_model.NotConvertibleError, match="only Llama"):
        gguf_model.convert(tmp_path, tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()
