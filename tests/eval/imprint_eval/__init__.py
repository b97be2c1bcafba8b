# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation: what the model learned, what it cost, and what was lost.

`tests/eval/run` starts it; README.md beside that script says what each number means.
"""
