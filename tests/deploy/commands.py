# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What the files under deploy start imprintd with, shown to the real imprintd."""

import pathlib
import re

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]


def with_model(arguments, model):
    return [re.sub(r"^(--model=).*", rf"\1{model}", argument) for argument in arguments]


def assert_understood(arguments, tmp_path):
    """Flags are read before the model: a missing model is exit code 1, a bad flag 2."""
    arguments = with_model(arguments, tmp_path / "none")
    code, output = harness.run_to_end([str(harness.IMPRINTD), *arguments])
    assert (code, "cannot start" in output) == (1, True), output


def project_version():
    return re.search(r"project\(imprint VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
