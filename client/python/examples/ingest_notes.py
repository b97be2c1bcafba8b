# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells the model a folder of notes, and again what has changed when it is run again.

usage: ingest_notes.py FOLDER [--server ADDR] [--wait_timeout SECONDS]

Each .md and .txt file is one experience, and its label says which note it is of. An unchanged
note is stored once; a changed one supersedes its older text, which is forgotten when the new
one is learned.
"""

import argparse
import asyncio
import hashlib
import pathlib
import sys

from imprint import AsyncClient, SetAsideError, WaitError

AT_ONCE = 16  # the server writes many injections with one sync


def notes(folder):
    """Path below the folder, and text, of every note that is not empty."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".md", ".txt") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if text.strip():
                yield path.relative_to(folder).as_posix(), text


def short_hash(*words):
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


async def ingest(client, note, text):
    """The note's experience: as it is stored already, or a new one."""
    label = {"note": short_hash(note)}  # a value has at most 256 bytes
    older = []
    async for stored in client.experiences.list(labels=label):
        if stored.text == text:
            return stored
        older.append(stored.name)
    # One text may supersede one other: what that one was to supersede goes now.
    for stale in older[:-1]:
        await client.experiences.forget(stale)
    # The same when this program is run again; another one when a note goes back to a text
    # that was forgotten meanwhile.
    request_id = "note-" + short_hash(note, text, *older[-1:])
    return await client.inject(
        text, request_id=request_id, labels=label, supersedes=older[-1] if older else None
    )


async def run(folder, server, wait_timeout):
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(client, note, text):
        async with limit:
            experience = await ingest(client, note, text)
            print(f"{note}: {experience.name} {experience.state.value}")
            return experience

    async with AsyncClient(server) as client:
        experiences = await asyncio.gather(
            *(one(client, note, text) for note, text in notes(folder))
        )
        print(f"{len(experiences)} notes are accepted; learning ...")
        try:
            learned = await client.wait_for_all(
                experiences, "integrated", timeout=wait_timeout, run_update=True
            )
        except SetAsideError as error:
            print(f"not learned: {error}", file=sys.stderr)  # the others are
            return 1
        except WaitError as error:
            print(f"not learned yet: {error}", file=sys.stderr)
            return 1
        status = await client.status()
        print(f"{len(learned)} notes are in version {status.version}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--server", help="host:port; without: IMPRINT_SERVER, or 127.0.0.1:50051")
    parser.add_argument("--wait_timeout", type=float, default=3600.0, metavar="SECONDS")
    arguments = parser.parse_args()
    return asyncio.run(run(arguments.folder, arguments.server, arguments.wait_timeout))


if __name__ == "__main__":
    sys.exit(main())
