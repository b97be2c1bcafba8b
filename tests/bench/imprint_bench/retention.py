# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The retention text that a server has sampled, for a peer to train on the same."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imprint_bench.settings import ROOT


def split_delimited(payload: bytes, count: int) -> list[bytes]:
    """The first `count` messages, each after its length as a varint."""
    messages, place = [], 0
    for _ in range(count):
        length = shift = 0
        while True:
            byte = payload[place]
            place += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if place + length > len(payload):
            raise ValueError("a message is cut off")
        messages.append(payload[place : place + length])
        place += length
    return messages


def _record_parser() -> Callable[[bytes], Any]:
    from grpc_tools import protoc

    folder = tempfile.mkdtemp(prefix="imprint-bench-stubs-")
    source = ROOT / "server/store/records.proto"
    if protoc.main(["protoc", f"-I{source.parent}", f"--python_out={folder}", str(source)]) != 0:
        raise RuntimeError(f"protoc could not read {source}")
    sys.path.insert(0, folder)
    import records_pb2

    return records_pb2.TargetRecord.FromString


def read(path: Path) -> list[dict[str, list[int]]]:
    """Prompt and target of each text that is trained on, as ids."""
    header, _, payload = path.read_bytes().partition(b"\n")
    parse = _record_parser()
    records = map(parse, split_delimited(payload, json.loads(header)["train"]))
    return [
        {"prompt": list(one.student_prompt_ids), "target": list(one.target_ids)} for one in records
    ]
