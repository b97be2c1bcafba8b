# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart.sh in a tree of its own: a real imprintd on the tiny model; what it
installs, builds and downloads is there already, and the demo ends as the test says."""

import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess

import pytest

import harness

NOTHING_TO_DO = "#!/bin/sh\nexit 0\n"
# Stands for sleep: the first 600 times nothing is waited for, then the server may go on.
IMPATIENT = """#!/bin/sh
echo >>"$0.calls"
calls=$(wc -l <"$0.calls")
[ "$calls" -gt 600 ] && exec {sleep} "$@"
[ "$calls" -lt 600 ] || kill -CONT {pid}
"""
# Stands for Python, which runs the download of the model and the demo.
DEMO = '#!/bin/sh\ncase "$1" in *demo/run.py) echo the demo; exit "$DEMO_EXIT" ;; esac\n'


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Tree:
    """A checkout in which everything is built; run in a `with`, ends its server."""

    def __init__(self, root):
        self.root = root
        self.data_dir = root / "state" / "data"
        write_program(root / "deploy/quickstart.sh", source("deploy/quickstart.sh"))
        write_program(root / "deploy/install_deps.sh", NOTHING_TO_DO)
        write_program(root / "path/cmake", NOTHING_TO_DO)
        write_program(root / "build/deps/venv/bin/python", DEMO)
        (root / "build/release/bin").mkdir(parents=True)
        (root / "build/models").mkdir(parents=True)
        # A program is known by its path, so that a link would not do.
        shutil.copy2(harness.IMPRINTD, root / "build/release/bin/imprintd")
        (root / "build/models/smollm2-135m-instruct").symlink_to(harness.TINY_CHAT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.data_dir.exists():
            self.quickstart("--stop")

    def quickstart(self, *flags, demo_exit=0, data_dir=None):
        path = f"{self.root / 'path'}:{os.environ['PATH']}"
        done = subprocess.run(
            [self.root / "deploy/quickstart.sh", f"--data_dir={data_dir or self.data_dir}", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(os.environ, PATH=path, DEMO_EXIT=str(demo_exit)),
            timeout=2 * harness.PATIENCE_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout

    def start(self, *flags, **changes):
        """On free ports."""
        ports = (f"--port={free_port()}", f"--metrics_port={free_port()}")
        return self.quickstart(*ports, *flags, **changes)

    def mode(self):
        return stat.S_IMODE(self.data_dir.stat().st_mode)


def source(path):
    return (harness.ROOT / path).read_text()


def free_port():
    """The quickstart takes no port 0: it prints the port before the server has one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def tree(tmp_path):
    with Tree(tmp_path / "tree") as tree:
        yield tree


def test_starts_again_and_stops(tree):
    code, out = tree.start()
    assert code == 0, out
    assert "the demo" in out and "The server is running." in out
    port = re.search(r"--server=127\.0\.0\.1:(\d+) chat", out).group(1)
    assert tree.mode() == 0o700

    # A running one is left as it is, and is where it says.
    code, again = tree.start("--no_demo")
    assert code == 0, again
    assert "the server runs already" in again and "the demo" not in again
    assert f"--server=127.0.0.1:{port} chat" in again

    assert tree.quickstart("--stop") == (0, "stopped\n")
    code, out = tree.quickstart("--stop")
    assert (code, "no server" in out) == (0, True)


def test_stopping_waits_for_a_server_that_drains_longer_than_its_deadline(tree):
    code, out = tree.start("--no_demo")
    assert code == 0, out
    pid = int((tree.data_dir / "imprintd.pid").read_text())
    os.kill(pid, signal.SIGSTOP)  # a server that takes a minute, by the clock of the script
    sleep = tree.root / "path/sleep"
    write_program(sleep, IMPATIENT.format(sleep=shutil.which("sleep"), pid=pid))
    try:
        assert tree.quickstart("--stop") == (0, "stopped\n")
    finally:
        sleep.unlink()
        if pathlib.Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGCONT)


def test_a_demo_that_failed_still_tells_how_to_talk_to_the_server(tree):
    code, out = tree.start(demo_exit=1)
    assert "The server is running." in out
    assert "the demo could not be run" in out
    assert code == 1
    # The next run is none the worse for it.
    code, out = tree.start()
    assert code == 0, out


def test_a_folder_of_an_earlier_quickstart_is_closed_to_others(tree):
    tree.data_dir.mkdir(parents=True, mode=0o755)
    tree.data_dir.chmod(0o755)
    (tree.data_dir / "imprintd.log").touch()
    code, out = tree.start("--no_demo")
    assert code == 0, out
    assert tree.mode() == 0o700


def test_stopping_a_mistyped_folder_makes_none(tree):
    mistyped = tree.root / "state" / "dada"
    code, out = tree.quickstart("--stop", data_dir=mistyped)
    assert code == 1
    assert f"there is no folder {mistyped}" in out
    assert not mistyped.exists()


def test_a_model_that_cannot_be_loaded_fails(tree):
    model = pathlib.Path(tree.root / "build/models/smollm2-135m-instruct")
    model.unlink()
    model.mkdir()
    code, out = tree.start()
    assert code == 1
    assert "the server did not start" in out
    assert "The server is running." not in out
