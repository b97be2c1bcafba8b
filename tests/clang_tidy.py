# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over our own sources, only where something changed.

A file is checked again when it, one of our headers that it includes, or
.clang-tidy differs from when it was last found clean; what is clean is kept in
BUILD_DIR/clang_tidy.

Nearly all of the time of clang-tidy goes into other people's headers. They are
compiled once, and sources that can stand in one file are checked as one: those
that define the same name go into different ones. So a source is checked as if it
included all of those headers: gcc is who notices a missing include.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLANG = "clang++-22"
CLANG_TIDY = "clang-tidy-22"

# A group takes the time of one file and a little for each: few make idle cores at the end.
GROUP_SIZE = 24

# Other people's headers, and those generated from .proto files.
FOREIGN_INCLUDE = re.compile(r'^#include (<[^>]+>|"absl/[^"]+"|"[^"]+\.pb\.h")', re.MULTILINE)


def compile_entries(build_dir):
    """Entries of the compile database for the sources in the repository."""
    return [
        entry
        for entry in json.loads((build_dir / "compile_commands.json").read_text())
        if Path(entry["file"]).is_relative_to(ROOT)
        and not Path(entry["file"]).is_relative_to(ROOT / "build")
    ]


def common_arguments(entries):
    """What says how a source is read, of all the entries together."""
    arguments = {"-std=c++20": None}
    for entry in entries:
        words = iter(shlex.split(entry["command"]))
        for word in words:
            if word == "-isystem":
                arguments["-isystem" + next(words)] = None
            elif word.startswith(("-D", "-I")):
                arguments[word] = None
    return list(arguments)


def precompile(arguments, state_dir):
    """Compiles the headers that are not ours into one file; returns its path."""
    includes = set()
    for room in ("common", "server", "client", "tests"):
        for path in [*(ROOT / room).rglob("*.h"), *(ROOT / room).rglob("*.cc")]:
            includes.update(FOREIGN_INCLUDE.findall(path.read_text()))
    header = state_dir / "foreign.h"
    header.write_text(
        "".join(f"#if __has_include({i})\n#include {i}\n#endif\n" for i in sorted(includes))
    )
    output = state_dir / "foreign.pch"
    options = ["-fpch-instantiate-templates", "-x", "c++-header"]
    subprocess.run([CLANG, *arguments, *options, header, "-o", output], check=True)
    return output


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


def checksum(arguments, source, headers):
    digest = hashlib.sha256()
    digest.update((ROOT / ".clang-tidy").read_bytes())
    digest.update("\0".join(arguments).encode())
    for path in sorted({source, *headers}):
        if path.exists():
            digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def write_unity(sources, path):
    path.write_text("".join(f'#include "{source}"\n' for source in sources))
    return path


def sources_at_fault(sources, flags, state_dir):
    """Those of the sources that do not compile behind the others in one file."""
    unity = write_unity(sources, state_dir / "unity.cc")
    command = [CLANG, "-fsyntax-only", "-ferror-limit=0", "-w", *flags, unity]
    errors = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    named = set(re.findall(r"^(/[^:]+):\d+:\d+: (?:fatal )?error: ", errors, re.MULTILINE))
    return [source for source in sources if str(source) in named]


def groups(sources, flags, state_dir):
    """Yields lists of sources that can stand in one file together."""
    while sources:
        together, rest = sources, []
        while len(together) > 1 and (at_fault := sources_at_fault(together, flags, state_dir)):
            rest += at_fault
            together = [source for source in together if source not in at_fault]
        together = together or [rest.pop(0)]
        for begin in range(0, len(together), GROUP_SIZE):
            yield together[begin : begin + GROUP_SIZE]
        sources = rest


def check(number, sources, flags, state_dir):
    """Whether the sources are clean, and what clang-tidy says about them."""
    unity = write_unity(sources, state_dir / f"unity_{number}.cc")
    command = [CLANG_TIDY, "--quiet", f"--config-file={ROOT}/.clang-tidy", unity, "--", *flags]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode == 0, result.stdout + result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build_dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("paths", nargs="*", help="only sources below these")
    options = parser.parse_args()
    build_dir = options.build_dir.resolve()

    entries = compile_entries(build_dir)
    arguments = common_arguments(entries)
    state_dir = build_dir / "clang_tidy"
    state_dir.mkdir(exist_ok=True)

    only = [Path(path).resolve() for path in options.paths]
    headers = included_headers(build_dir)
    keys, clean_before = {}, 0
    for entry in entries:
        source = Path(entry["file"])
        if only and not any(source.is_relative_to(path) for path in only):
            continue
        words = shlex.split(entry["command"])
        object_file = words[words.index("-o") + 1]
        key = checksum(arguments, source, headers.get(object_file, set()))
        if (state_dir / key).exists():
            clean_before += 1
        else:
            keys[source] = key

    if not keys:
        print(f"clang-tidy: nothing to check; {clean_before} files clean before")
        return 0

    failed = 0
    flags = [*arguments, "-include-pch", precompile(arguments, state_dir)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {
            pool.submit(check, number, group, flags, state_dir): group
            for number, group in enumerate(groups(list(keys), flags, state_dir))
        }
        for future in concurrent.futures.as_completed(running):
            clean, output = future.result()
            if clean:
                for source in running[future]:
                    (state_dir / keys[source]).touch()
            else:
                failed += 1
                print(output)
    print(
        f"clang-tidy: {len(keys)} files checked in {len(running)} groups, "
        f"{failed} with findings; {clean_before} files clean before"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
