# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a server that the tests of one file share, and one of a test's own."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all tests of a file; they must not depend on each other's traces."""
    with harness.Server(tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    """Where a server of the test's own lives; it may be started again there."""
    return tmp_path / "server"
