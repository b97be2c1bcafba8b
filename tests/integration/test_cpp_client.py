# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` leaves: the programs run, and a project of its own builds with it."""

import re
import shutil

import pytest

import harness
from harness import Server, State, run_to_end

EXAMPLES = harness.ROOT / "client/examples"
# Two files with gRPC's headers, on a machine under load.
COMPILER_PATIENCE_SECONDS = 300


def run(*words, timeout=harness.PATIENCE_SECONDS):
    code, said = run_to_end([str(word) for word in words], timeout=timeout)
    assert code == 0, said
    return said


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed in one place and moved to another: nothing in it knows where it was."""
    folder = tmp_path_factory.mktemp("install")
    run("cmake", "--install", harness.BIN_DIR.parent, "--prefix", folder / "first")
    (folder / "first").rename(folder / "second")
    return folder / "second"


@pytest.fixture(scope="module")
def examples(prefix, tmp_path_factory):
    """The examples, built outside the tree against what was installed."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES, folder / "source")
    configure = ["cmake", "-G", "Ninja", "-S", folder / "source", "-B", folder / "build"]
    configure += [f"-DCMAKE_PREFIX_PATH={prefix}"]
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    run(*configure)
    run("cmake", "--build", folder / "build", timeout=COMPILER_PATIENCE_SECONDS)
    return folder / "build"


@pytest.fixture(scope="module")
def server(prefix, tmp_path_factory):
    """The installed server."""
    folder = tmp_path_factory.mktemp("server")
    arguments = harness.flags(folder / "data", update__min_batch="1")
    arguments[0] = str(prefix / "bin/imprintd")
    with Server(folder, arguments) as server:
        yield server


def test_programs_are_installed(prefix):
    assert run(prefix / "bin/imprintd", "--version").startswith("imprintd ")
    assert "usage" in run(prefix / "bin/imprint", "--help").lower()


def test_the_package_wants_no_libtorch(prefix):
    package = prefix / "lib"
    text = "".join(file.read_text() for file in package.rglob("imprint/*.cmake"))
    assert "imprint::client" in text
    assert "torch" not in text
    assert str(harness.ROOT) not in text


def test_remember_conversation(examples, server):
    said = run(examples / "remember_conversation", server.address, "runa")
    name, version = re.search(r"(experiences/\d+) is in version (\d+)", said).groups()
    experience = server.get(name)
    assert experience.state == State.EXPERIENCE_STATE_INTEGRATED
    assert experience.labels == {"user": "runa"}
    roles = [message.role for message in experience.content.conversation.messages]
    assert roles == ["system"] + ["user", "assistant"] * 2
    assert f"\nversion {version}: " in said
    assert "\nwithout what it learned: " in said


def test_wait_for_integration(examples, server):
    said = run(examples / "wait_for_integration", server.address)
    name, version = re.search(r"(experiences/\d+) is in version (\d+)", said).groups()
    assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED
    assert f"\nfrom the weights of version {version}: " in said


def test_a_failure_says_what_to_do(examples):
    code, said = run_to_end([str(examples / "wait_for_integration"), "127.0.0.1:1"])
    assert code == 1
    assert "no server answers at 127.0.0.1:1" in said
