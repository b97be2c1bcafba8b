# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of Imprint beside its peers, in the same run; `run` beside this folder starts them."""
