# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes models as the Hugging Face folders that are found in the wild."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import PreTrainedModel


def save_model(
    model: PreTrainedModel, folder: Path, *, shard_size: str = "1GB", classic: bool = True
) -> None:
    """Writes config.json and the weights.

    With `classic`, the config has the keys of transformers 4 (rope_theta, rope_scaling,
    torch_dtype), as nearly every published folder has; else those of transformers 5
    (rope_parameters, dtype, layer_types).
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, max_shard_size=shard_size)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if classic:
        scaling = config.pop("rope_parameters")
        config["rope_theta"] = scaling.pop("rope_theta")
        config["rope_scaling"] = None if scaling["rope_type"] == "default" else scaling
        config.pop("layer_types", None)
        config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
