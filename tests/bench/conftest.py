# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the modules of the benchmarks and of their peers importable."""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
for folder in (HERE, HERE.parent / "eval", HERE / "peers"):
    sys.path.insert(0, str(folder))
