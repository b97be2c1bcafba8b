# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Lets the tests import the driver and the harness of the integration tests."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
