# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A real server at work, and a real Prometheus that watches it.

As a program: works for some minutes and draws the dashboards' previews from it.
"""

import argparse
import itertools
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/integration"), str(ROOT / "deploy/grafana")]

import grpc  # noqa: E402

import boards  # noqa: E402
import harness  # noqa: E402
from harness import admin_service_pb2, imprint_service_pb2, message_pb2  # noqa: E402

CONFIG = ROOT / "deploy/prometheus"
TOOLS = ROOT / "build/deps/prometheus/usr/bin"

FACTS = [
    "The harbour of Velmora opens at six in the morning. Its master is Ilse Brandt.",
    "The ferry at Hollin Quay is yellow and was founded in 1923 by Marta Vessling.",
    "Kettleby Sound is a small island with forty houses and one lighthouse.",
    "Velda Marrin paints in cobalt blue and lives above the bakery in Orsk Lane.",
    "The night train to Pellworth leaves from platform four at ten past eleven.",
    "Jonas Adler keeps bees on the roof of the old customs house.",
]


def promtool(*arguments, **options):
    return subprocess.run(
        [TOOLS / "promtool", *arguments], capture_output=True, text=True, timeout=60, **options
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Runs with the repository's configuration, on other ports and with a short interval."""

    def __init__(self, folder, metrics_port, scrape_interval=1):
        folder.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
        interval = f"{scrape_interval}s"
        config["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
        config["rule_files"] = [str(CONFIG / name) for name in config["rule_files"]]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "targets.yml").write_text(f"- targets: ['127.0.0.1:{metrics_port}']\n")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.api = boards.Prometheus(self.url)
        with (folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    TOOLS / "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            harness.wait_until("Prometheus", self._ready)
        except AssertionError:
            self.stop()
            raise

    def _ready(self):
        assert self.process.poll() is None, "Prometheus ended"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def wait_for(self, query):
        """Until it has scraped what makes the query's answer not empty."""
        harness.wait_until(query, lambda: self.api.get("query", query=query)["result"])

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.PATIENCE_SECONDS)


class Askers:
    """Threads that ask one query after the other, until they are told to end."""

    def __init__(self, server, count, pause_seconds=0.05):
        self._server, self._pause = server, pause_seconds
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self, number):
        for turn in itertools.count(number):
            if self._end.is_set():
                return
            question = f"{FACTS[turn % len(FACTS)]} What does that say, in short?"
            try:
                self._server.query(question, max_tokens=8 + turn % 25, temperature=1, seed=turn)
            except grpc.RpcError:
                time.sleep(0.1)  # refused, or the server is going; the metrics show it
            self._end.wait(self._pause)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(harness.PATIENCE_SECONDS)


def make_mistakes(server):
    """Calls that are refused."""
    harness.refused(lambda: server.get("experiences/999999"))
    harness.refused(lambda: server.query("too hot", temperature=-1))


def score(server):
    message = message_pb2.ChatMessage(role="user", content="When does the harbour open?")
    request = imprint_service_pb2.ScoreRequest(messages=[message], answer="At six.")
    server.imprint.Score(request, timeout=harness.PATIENCE_SECONDS)


def work(server, prometheus):
    """Every kind of work once, each seen: two versions, a rollback, queries, a score, errors."""
    prometheus.wait_for("imprint_live_version == 0")
    with Askers(server, 3):
        server.learn(FACTS[0])
        prometheus.wait_for("imprint_live_version == 1")
        make_mistakes(server)
        server.learn(FACTS[1])
        prometheus.wait_for("imprint_live_version == 2")
        score(server)
        server.rollback(1)
        prometheus.wait_for("imprint_live_version == 1")
        make_mistakes(server)
        server.inject(FACTS[2])
        # Enough scrapes for a rate after the last thing that happened.
        prometheus.wait_for("imprint_last_sequence == 3")
        time.sleep(3)


def burst(server, count):
    """Queries all at once: some wait, some are refused."""

    def ask():
        try:
            server.query("Tell me everything about the harbour.", max_tokens=64, temperature=1)
        except grpc.RpcError:
            pass

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(harness.PATIENCE_SECONDS)


def live(server, seconds):
    """A life of some minutes: facts come, jobs start by themselves, somebody rolls back."""
    end = time.monotonic() + seconds
    names = []
    has_rolled_back = False
    with Askers(server, 3):
        for turn in itertools.count():
            if time.monotonic() > end:
                return
            names.append(server.inject(f"Note {turn}. {FACTS[turn % len(FACTS)]}").name)
            if turn % 7 == 3:
                make_mistakes(server)
            if turn == 20:
                server.admin.CreateBackup(admin_service_pb2.CreateBackupRequest(), timeout=60)
            if turn % 9 == 5:
                burst(server, 24)
            if turn >= 24 and not has_rolled_back:
                older = [v.number for v in server.versions() if v.stored and not v.current]
                if has_rolled_back := bool(older):
                    server.rollback(max(older))
            if turn % 16 == 15:
                server.forget(name=names.pop(0))
            time.sleep(4)


def main():
    parser = argparse.ArgumentParser(description="draws previews of a run on the tiny model")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "deploy/grafana/preview")
    options = parser.parse_args()
    import draw_previews

    changes = {
        "update__min_batch": "3",
        "update__max_age": "20s",
        "gate__max_retention_kl": "2",
        "serve__max_running": "6",
        "serve__max_waiting": "12",
        "serve__kv_tokens": "8192",
    }
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        changes["backup__dir"] = folder / "backups"
        with harness.Server(folder / "server", **changes) as server:
            prometheus = Prometheus(folder / "prometheus", server.ports["metrics_listen"])
            try:
                begin = time.time()
                live(server, options.seconds)
                time_range = boards.TimeRange(begin, time.time(), 150, scrape_interval=1)
                for path in draw_previews.draw(prometheus.url, time_range, options.out):
                    print(path, path.stat().st_size, "bytes")
                print(server.metrics())
            finally:
                prometheus.stop()


if __name__ == "__main__":
    main()
