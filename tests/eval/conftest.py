# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the evaluation's modules importable."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
