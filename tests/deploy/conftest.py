# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one server that did every kind of work under the eyes of one Prometheus."""

import pathlib
import sys
import time
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/deploy", "tests/integration", "deploy/grafana"):
    sys.path.insert(0, str(ROOT / folder))

import boards  # noqa: E402
import harness  # noqa: E402
import observed  # noqa: E402


@pytest.fixture(scope="session")
def seen(tmp_path_factory):
    """What is left of that life: `fresh` and `exposition` (texts), `prometheus`, `time_range`."""
    folder = tmp_path_factory.mktemp("seen")
    with harness.Server(folder / "server", backup__dir=str(folder / "backups")) as server:
        fresh = server.metrics()
        prometheus = observed.Prometheus(folder / "prometheus", server.ports["metrics_listen"])
        try:
            begin = time.time()
            observed.work(server, prometheus)
            yield types.SimpleNamespace(
                fresh=fresh,
                exposition=server.metrics(),
                prometheus=prometheus.api,
                instance=f"127.0.0.1:{server.ports['metrics_listen']}",
                time_range=boards.TimeRange(begin, time.time(), scrape_interval=1),
            )
        finally:
            prometheus.stop()


@pytest.fixture
def folder(tmp_path):
    """Where a server of the test's own lives; it may be started again there."""
    return tmp_path / "server"
