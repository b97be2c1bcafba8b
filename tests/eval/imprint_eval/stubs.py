# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The Python stubs of the API, made the way the integration tests make them."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))

# Importing the harness generates the stubs and makes them importable.
from harness import (  # noqa: E402
    IMPRINTD,
    TINY_CHAT,
    admin_service_pb2,
    admin_service_pb2_grpc,
    experience_pb2,
    imprint_service_pb2,
    imprint_service_pb2_grpc,
    message_pb2,
)

__all__ = [
    "IMPRINTD",
    "ROOT",
    "TINY_CHAT",
    "admin_service_pb2",
    "admin_service_pb2_grpc",
    "experience_pb2",
    "imprint_service_pb2",
    "imprint_service_pb2_grpc",
    "message_pb2",
]
