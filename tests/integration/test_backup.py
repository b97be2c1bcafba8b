# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Backups of a server that goes on, data folders made of them, and damaged ones looked at."""

import secrets
import shutil
import signal
import threading

import grpc
import pytest

import harness
from cli import DONE, ENDED_BADLY, REFUSED, USAGE, Cli
from harness import Server, State, admin_service_pb2, refused

BACKUP = admin_service_pb2.CreateBackupRequest


def fact(word):
    return f"The ferry of {word} leaves at seven from the pier of Asker."


def weights(data_dir, number):
    directory = data_dir / f"versions/default/{number:08d}"
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def flip(path, offset):
    contents = bytearray(path.read_bytes())
    contents[offset] ^= 0x40
    path.write_bytes(contents)


def largest_table(data_dir):
    return max((data_dir / "db").glob("*.sst"), key=lambda path: path.stat().st_size)


@pytest.fixture
def offline():
    return Cli("127.0.0.1:1")


def test_a_backup_becomes_a_server_again(folder, offline):
    backups = folder / "backups"
    with Server(folder, backup__dir=str(backups)) as server:
        cli = Cli(server.address)
        (name,) = server.learn(fact("Lund"))
        made = cli.json("backup", "create").document
        assert (made["name"], made["version"], made["last_sequence"]) == ("backups/1", 1, 1)
        at_backup = weights(server.data_dir, 1)
        answer = server.query("When does the ferry leave?", max_tokens=8)
        later = server.inject(fact("Skien")).name
        assert cli.json("backup", "create").document["name"] == "backups/2"
        listed = cli.json("backup", "list").lines
        assert [backup["name"] for backup in listed] == ["backups/2", "backups/1"]
        assert "backups/2" in cli("backup", "list").out
        server.kill()

    assert offline.json("backup", "list", f"--backups={backups}").lines == listed
    assert "every file is whole" in offline("backup", "verify", f"--backups={backups}").out

    again = folder / "again"
    ran = offline("restore", f"--backups={backups}", f"--data_dir={again / 'data'}", "1")
    assert ran.code == DONE, ran
    assert weights(again / "data", 1) == at_backup
    with Server(again, backup__dir=str(backups)) as server:
        assert server.status().version == 1
        assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED
        assert refused(lambda: server.get(later)).code == grpc.StatusCode.NOT_FOUND
        assert server.query("When does the ferry leave?", max_tokens=8) == answer
        # It learns on, and goes on in the same folder of backups.
        server.learn(fact("Molde"))
        assert Cli(server.address).json("backup", "create").document["name"] == "backups/3"


def test_backups_while_everything_goes_on(folder, offline):
    backups = folder / "backups"
    acknowledged = []
    with Server(folder, backup__dir=str(backups), backup__keep="0") as server:
        stop = threading.Event()

        def inject():
            while not stop.is_set():
                acknowledged.append(server.inject(fact(f"Town{len(acknowledged)}")).name)

        callers = threading.Thread(target=inject)
        callers.start()
        counts = []
        for _ in range(4):
            before = len(acknowledged)
            server.admin.CreateBackup(BACKUP(), timeout=harness.PATIENCE_SECONDS)
            counts.append((before, len(acknowledged)))
            server.run_update()
        stop.set()
        callers.join()
    for number, (least, most) in enumerate(counts, start=1):
        again = folder / f"again{number}"
        ran = offline("restore", f"--backups={backups}", f"--data_dir={again / 'data'}", number)
        assert ran.code == DONE, ran
        # It opens without a hole, and has what was acknowledged before the backup began.
        with Server(again, update__max_age="1h") as server:
            assert least <= server.status().last_sequence <= most + 1


def test_without_a_folder_there_are_no_backups(folder):
    with Server(folder) as server:
        cli = Cli(server.address)
        for words in [("create",), ("list",), ("delete", "1")]:
            ran = cli("backup", *words)
            assert ran.code == REFUSED
            assert "--backup.dir" in ran.err


def test_what_is_wrong_with_a_backup_is_said(folder, offline):
    backups = folder / "backups"
    with Server(folder, backup__dir=str(backups)) as server:
        cli = Cli(server.address)
        ran = cli("backup", "delete", "7")
        assert (ran.code, "no backups/7" in ran.err) == (REFUSED, True)
        assert cli("backup", "delete", "seven").code == USAGE
        cli.json("backup", "create")
        # Another server with the same folder does not start.
        code, output = harness.run_to_end(
            harness.flags(folder / "other", backup__dir=str(backups), listen="127.0.0.1:0")
        )
        assert code != 0
        assert "--backup.dir" in output and "LOCK" in output
        assert cli.json("backup", "delete", "1").document == {"deleted": "backups/1"}
        assert cli("backup", "list").out.splitlines()[1:] == []
    ran = offline("restore", f"--backups={backups}", f"--data_dir={folder / 'x'}")
    assert (ran.code, "there is no backup" in ran.err) == (USAGE, True)
    ran = offline("restore", f"--backups={folder / 'none'}", f"--data_dir={folder / 'x'}")
    assert ran.code == USAGE


def test_a_half_restored_folder_does_not_start(folder):
    (folder / "data" / "db.restoring").mkdir(parents=True)
    code, output = harness.run_to_end(harness.flags(folder / "data", listen="127.0.0.1:0"))
    assert code != 0
    assert "half restored" in output


def test_forgotten_text_leaves_the_files_after_a_backup(folder):
    word = "Zq" + secrets.token_hex(16)
    backups = folder / "backups"
    with Server(folder, backup__dir=str(backups)) as server:
        name = server.inject(fact(word)).name
        server.admin.CreateBackup(BACKUP(), timeout=harness.PATIENCE_SECONDS)
        server.forget(name=name)
        server.admin.CreateBackup(BACKUP(), timeout=harness.PATIENCE_SECONDS)
        server.wait_forgotten()
        found = [
            path
            for path in server.data_dir.rglob("*")
            if path.is_file() and word.encode() in path.read_bytes()
        ]
        assert found == []


def test_repair_saves_what_can_be_read(folder, offline):
    with Server(folder) as server:
        server.learn(fact("Lund"))
        for i in range(60):
            server.inject(fact(f"Town{i}") + " And so on." * 50)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(harness.PATIENCE_SECONDS)
    with Server(folder, update__max_age="1h") as server:  # starting writes tables
        assert server.status().last_sequence == 61
        ran = offline("repair", f"--data_dir={server.data_dir}")
        assert (ran.code, "in use" in ran.err) == (USAGE, True)
        server.stop()
    assert offline.json("repair", f"--data_dir={folder / 'data'}").document["losses"] == []
    shutil.copytree(folder / "data", folder / "copy" / "data")

    flip(largest_table(folder / "data"), 100)
    (folder / "data" / "db" / "CURRENT").unlink()
    code, output = harness.run_to_end(harness.flags(folder / "data", listen="127.0.0.1:0"))
    assert code != 0
    assert "imprint repair" in output

    looked = offline("repair", f"--data_dir={folder / 'data'}")
    assert looked.code == ENDED_BADLY
    assert "nothing was changed" in looked.out
    repaired = offline("repair", f"--data_dir={folder / 'data'}", "--write")
    assert repaired.code == DONE, repaired
    assert "the store is made anew" in repaired.out
    with Server(folder) as server:
        status = server.status()
        assert (status.last_sequence, status.version) == (61, 1)
        server.learn(fact("Molde"))
    assert len(list((folder / "data").glob("db.damaged-*"))) == 1
