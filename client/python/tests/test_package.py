# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What is shipped: the wheel, the source distribution, and an environment of its own."""

import json
import pathlib
import re
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib import metadata

import pytest

import conftest
import imprint
import wheel


@pytest.fixture(scope="module")
def source_distribution(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    words = (sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder)
    wheel.run(*words, cwd=wheel.PACKAGE)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def files(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_tests_run_against_the_wheel():
    assert wheel.BUILD in pathlib.Path(imprint.__file__).parents
    assert imprint.__version__ == metadata.version("imprint-client")


def test_the_version_is_that_of_the_server():
    cmake = (wheel.ROOT / "CMakeLists.txt").read_text()
    assert re.search(r"project\(imprint VERSION (\S+)", cmake).group(1) == imprint.__version__


def test_the_wheel_holds_the_package_and_nothing_else():
    names = set(files(conftest.WHEEL))
    sources = {
        str(path.relative_to(wheel.PACKAGE / "src"))
        for path in (wheel.PACKAGE / "src").rglob("*")
        if path.suffix in (".py", ".pyi", ".typed") and path.is_file()
    }
    assert "imprint/py.typed" in names
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert "-py3-none-any.whl" in conftest.WHEEL.name


def test_the_source_distribution_makes_the_same_wheel(source_distribution, tmp_path):
    again = files(wheel.build_wheel(source_distribution, tmp_path))
    assert again == files(conftest.WHEEL)
    with tarfile.open(source_distribution) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for path in (wheel.ROOT / "proto/imprint").rglob("*.proto"):
        assert str(path.relative_to(wheel.ROOT)) in names
    assert {"generate_stubs", "examples/roll_back.py", "README.md"} <= names


def test_the_wheel_is_installed_into_a_fresh_environment(tmp_path):
    folder = tmp_path / "fresh"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    wheel.pip(f"--python={python}", "install", "--no-deps", "--no-index", conftest.WHEEL)
    # What it needs is taken from here: no registry is asked.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = (
        "import imprint, imprint.v1.admin_service_pb2_grpc, json;"
        "from importlib import metadata;"
        "print(json.dumps([imprint.__file__, imprint.__version__,"
        " metadata.requires('imprint-client')]))"
    )
    said = wheel.run(python, "-I", "-W", "error", "-c", program, cwd=tmp_path)
    file, version, requires = json.loads(said)
    assert file.startswith(str(folder))
    assert version == imprint.__version__
    assert sorted(re.match(r"[\w-]+", need).group() for need in requires) == [
        "googleapis-common-protos",
        "grpcio",
        "protobuf",
    ]
