# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The package as it is shipped: built here, and unpacked where the tests import it from."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
BUILD = ROOT / "build/python_client"


def run(*words, cwd=None):
    """Runs a program that must end well; gives what it wrote."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def pip(*words):
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *words)


def build_wheel(source, folder):
    """Builds `source`, a folder or a source distribution, as pip does; asks no registry."""
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    pip("wheel", *options, f"--wheel-dir={folder}", source)
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    return wheel


def install():
    """Builds the wheel and puts what is in it on the path; gives the wheel."""
    shutil.rmtree(BUILD, ignore_errors=True)
    wheel = build_wheel(PACKAGE, BUILD / "dist")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(BUILD / "site")
    sys.path.insert(0, str(BUILD / "site"))
    return wheel
