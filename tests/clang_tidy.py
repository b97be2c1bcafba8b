# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over our own sources, only where something changed.

A file is checked again when it, one of our headers that it includes, or
.clang-tidy differs from when it was last found clean; what is clean is kept in
BUILD_DIR/clang_tidy. What the last commit or the working tree changed comes
first; what does not fit into --budget_seconds is left for the next run.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLANG_TIDY = "clang-tidy-19"

# gcc's precompiled header means nothing to clang, which reads the text instead.
GCC_ONLY = {"-fpch-preprocess", "-Winvalid-pch", "-Werror"}


def our_commands(build_dir):
    """Compile commands of the sources in the repository, as clang takes them."""
    for entry in json.loads((build_dir / "compile_commands.json").read_text()):
        source = Path(entry["file"])
        if not source.is_relative_to(ROOT) or source.is_relative_to(ROOT / "build"):
            continue
        arguments = [a for a in shlex.split(entry["command"]) if a not in GCC_ONLY]
        # Without the compiler's launcher (cmake -E env ... ccache).
        compiler = next(i for i, a in enumerate(arguments) if Path(a).name in ("c++", "g++"))
        arguments = ["clang++", *arguments[compiler + 1 :]]
        yield {"file": str(source), "directory": entry["directory"], "arguments": arguments}


def included_headers(build_dir):
    """Our headers that each object was compiled from, as ninja knows them."""
    output = subprocess.run(
        ["ninja", "-C", build_dir, "-t", "deps"], capture_output=True, text=True, check=True
    ).stdout
    headers, current = {}, None
    for line in output.splitlines():
        if not line.startswith(" "):
            current = headers.setdefault(line.split(":")[0], set())
            continue
        path = (build_dir / line.strip()).resolve()
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
            current.add(path)
    return headers


def checksum(command, headers):
    digest = hashlib.sha256()
    digest.update((ROOT / ".clang-tidy").read_bytes())
    digest.update("\0".join(command["arguments"]).encode())
    for path in sorted({Path(command["file"]), *headers}):
        if path.exists():
            digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def check(command, database_dir):
    result = subprocess.run(
        [CLANG_TIDY, "--quiet", "-p", str(database_dir), command["file"]],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode == 0, result.stdout + result.stderr


def recently_changed():
    """Files that the last commit or the working tree changed; none without git."""
    changed = set()
    for words in (["diff", "--name-only", "HEAD"], ["show", "--name-only", "--format=", "HEAD"]):
        result = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        changed.update(str(ROOT / line) for line in result.stdout.splitlines() if line)
    return changed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build_dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--budget_seconds", type=float, default=300)
    parser.add_argument("paths", nargs="*", help="only sources below these")
    options = parser.parse_args()
    build_dir = options.build_dir.resolve()

    commands = list(our_commands(build_dir))
    state_dir = build_dir / "clang_tidy"
    state_dir.mkdir(exist_ok=True)
    (state_dir / "compile_commands.json").write_text(json.dumps(commands))

    only = [Path(path).resolve() for path in options.paths]
    headers = included_headers(build_dir)
    waiting = []
    for command in commands:
        if only and not any(Path(command["file"]).is_relative_to(path) for path in only):
            continue
        output = command["arguments"][command["arguments"].index("-o") + 1]
        key = checksum(command, headers.get(output, set()))
        if not (state_dir / key).exists():
            waiting.append((command, key))

    changed = recently_changed()
    waiting.sort(key=lambda item: item[0]["file"] not in changed)

    deadline = time.monotonic() + options.budget_seconds

    def check_in_time(command):
        return check(command, state_dir) if time.monotonic() < deadline else None

    failed, left = 0, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(check_in_time, command): (command, key) for command, key in waiting}
        for future in concurrent.futures.as_completed(running):
            command, key = running[future]
            if future.result() is None:
                left += 1
                continue
            clean, output = future.result()
            if clean:
                (state_dir / key).touch()
            else:
                failed += 1
                print(f"{command['file']}\n{output}")
    print(
        f"clang-tidy: {len(waiting) - left} files checked, {failed} with findings; "
        f"{len(commands) - len(waiting)} clean before, {left} left for the next run"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
