# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Forgetting, superseding and making versions again, over a real server."""

import secrets
import subprocess
import threading

import grpc
import pytest
from google.protobuf import duration_pb2

import harness
from harness import Job, Server, State, admin_service_pb2

IMPRINT = harness.BIN_DIR / "imprint"
REBUILD = admin_service_pb2.JOB_KIND_REBUILD


def fact(word):
    return f"The lantern of {word} is lit by Oda Brenn at nine in the evening."


def secret():
    """A word that no compression shortens and no other text holds."""
    return "Zq" + secrets.token_hex(16)


def files_with(folder, text):
    """Files of the folder that hold the text."""
    return [
        path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()
    ]


def weights(server):
    """The bytes of the current version's deltas."""
    directory = server.data_dir / f"versions/default/{server.status().version:08d}"
    return [path.read_bytes() for path in sorted(directory.glob("*.safetensors"))]


def cli(server, *words):
    return subprocess.run(
        [str(IMPRINT), f"--server={server.address}", *words],
        capture_output=True,
        text=True,
        timeout=harness.PATIENCE_SECONDS,
        check=False,
    )


def test_forgotten_text_is_in_no_file(folder):
    word, other = secret(), secret()
    with Server(folder) as server:
        (kept,) = server.learn(fact(other))
        request_id = "mine"
        name = server.inject(fact(word), request_id=request_id, labels={"user": "ada"}).name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        assert files_with(server.data_dir, word)

        answer = server.forget(name=name)

        assert (list(answer.experiences), answer.rebuild_needed) == ([name], True)
        server.wait_forgotten()
        assert files_with(server.data_dir, word) == []
        assert files_with(server.data_dir, other)
        tombstone = server.get(name, full=True)
        assert tombstone.state == State.EXPERIENCE_STATE_FORGOTTEN
        assert not tombstone.HasField("content")
        assert (len(tombstone.targets), len(tombstone.probes), len(tombstone.labels)) == (0, 0, 0)
        # A late retry gets the tombstone.
        again = server.inject(fact(word), request_id=request_id, labels={"user": "ada"})
        assert (again.name, again.state) == (name, State.EXPERIENCE_STATE_FORGOTTEN)
        job = server.jobs()[0]
        assert (job.kind, job.trigger) == (REBUILD, admin_service_pb2.JOB_TRIGGER_FORGET)
        current = next(v for v in server.versions() if v.current)
        assert (current.parent, current.experience_count) == (1, 1)
        assert [v.number for v in server.versions() if v.stored] == [current.number, 1, 0]
        error = harness.refused(lambda: server.rollback(2))
        assert error.code == grpc.StatusCode.FAILED_PRECONDITION
        assert "forgotten" in error.message
        assert server.query("What is lit?", max_tokens=4)[1].version == current.number
        assert server.stop() == 0
        assert files_with(server.data_dir, word) == []
    with Server(folder) as server:
        assert server.status().forgotten == 1
        assert server.get(kept).state == State.EXPERIENCE_STATE_INTEGRATED
        assert server.get(name).state == State.EXPERIENCE_STATE_FORGOTTEN
        assert files_with(server.data_dir, word) == []


def test_what_is_left_is_what_the_stored_targets_give(folder):
    """Byte for byte: where the weights never held it, the same comes out."""
    with Server(folder) as server:
        names = server.learn(fact("Arvo"), fact("Belm"), fact("Dask"), fact("Corin"))
        held = weights(server)
        server.forget(name=names[2])
        server.wait_forgotten()
        forgotten = weights(server)
        assert forgotten != held
        job = server.rebuild(anchor="versions/0").job.name
        harness.wait_until(
            "the rebuild",
            lambda: [j for j in server.jobs() if j.name == job][0].state == Job.JOB_STATE_COMMITTED,
        )
        assert server.status().version == 3
        assert weights(server) == forgotten


def test_forgotten_before_it_is_learned(folder):
    word = secret()
    with Server(folder) as server:
        name = server.inject(fact(word)).name
        answer = server.forget(name=name)
        assert not answer.rebuild_needed
        server.wait_forgotten()
        assert files_with(server.data_dir, word) == []
        (other,) = server.learn(fact("Velm"))
        # The generator that was at it has not brought it back.
        assert server.get(name).state == State.EXPERIENCE_STATE_FORGOTTEN
        assert files_with(server.data_dir, word) == []
        assert server.get(other).version == 1


def test_selectors(folder):
    with Server(folder) as server:
        ada = [server.inject(fact(str(i)), labels={"user": "ada"}).name for i in range(2)]
        bob = server.inject(fact("bob"), labels={"user": "bob"}, request_id="bobs").name
        assert list(server.forget(labels={"user": "ada"}).experiences) == ada
        assert list(server.forget(labels={"user": "ada"}).experiences) == []
        assert list(server.forget(request_id="bobs").experiences) == [bob]
        error = harness.refused(server.forget)
        assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["name"])
        for selector in ({"name": "experiences/99"}, {"request_id": "nobody's"}):
            error = harness.refused(lambda selector=selector: server.forget(**selector))
            assert (error.code, error.reason) == (
                grpc.StatusCode.NOT_FOUND,
                "EXPERIENCE_NOT_FOUND",
            )


def test_superseded_one_goes_when_its_successor_comes(folder):
    with Server(folder) as server:
        (kept,) = server.learn(fact("Velm"))
        older = server.inject("Ada Holm lives in Bergen.", request_id="home").name
        server.wait_state(older, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(older, State.EXPERIENCE_STATE_INTEGRATED)

        newer = server.inject("Ada Holm moved to Oslo.", supersedes="home")

        assert newer.supersedes == older
        server.wait_state(newer.name, State.EXPERIENCE_STATE_READY)
        assert server.get(older).state == State.EXPERIENCE_STATE_INTEGRATED
        server.run_update()
        server.wait_state(newer.name, State.EXPERIENCE_STATE_INTEGRATED)
        assert server.get(older).state == State.EXPERIENCE_STATE_FORGOTTEN
        job = server.jobs()[0]
        assert (job.kind, job.trigger) == (REBUILD, admin_service_pb2.JOB_TRIGGER_SUPERSEDE)
        assert list(job.experiences) == [newer.name]
        server.wait_forgotten()
        assert files_with(server.data_dir, "Bergen") == []
        assert server.get(kept).state == State.EXPERIENCE_STATE_INTEGRATED
        error = harness.refused(lambda: server.inject(fact("x"), supersedes="nothing"))
        assert error.code == grpc.StatusCode.NOT_FOUND


def test_superseded_one_is_not_pending(folder):
    with Server(folder) as server:
        pending = harness.imprint_service_pb2.PendingContext(enabled=True)
        older = server.inject("Ada Holm lives in Bergen.").name
        newer = server.inject("Ada Holm moved to Oslo.", supersedes=older).name
        last = server.query("Where?", max_tokens=2, pending_context=pending)[1]
        assert list(last.usage.pending_experiences) == [newer]


def test_time_to_live(folder):
    word = secret()
    with Server(folder) as server:
        name = server.inject(fact(word), ttl=duration_pb2.Duration(seconds=3)).name
        assert server.get(name).HasField("expire_time")
        server.kill()
    with Server(folder) as server:
        server.wait_state(name, State.EXPERIENCE_STATE_FORGOTTEN)
        server.wait_forgotten()
        assert files_with(server.data_dir, word) == []
        error = harness.refused(
            lambda: server.inject(fact(word), ttl=duration_pb2.Duration(seconds=-1))
        )
        assert error.fields == ["ttl"]


def test_rebuild_on_command(folder):
    with Server(folder) as server:
        for word in ("Arvo", "Belm"):
            server.learn(fact(word))
        before = {e.name: e.state for e in server.list()}

        cost = server.rebuild(anchor="versions/0", dry_run=True)

        assert not cost.HasField("job")
        assert (cost.cost.anchor, cost.cost.experiences) == (0, 2)
        assert cost.cost.target_tokens > 0
        assert cost.cost.steps > 0
        assert cost.cost.seconds > 0
        assert len(server.jobs()) == 2
        done = cli(server, "updates", "rebuild", "--anchor=0", "--wait")
        assert done.returncode == 0, done.stderr
        assert "versions/0" in done.stdout
        current = next(v for v in server.versions() if v.current)
        assert (current.number, current.parent, current.experience_count) == (3, 0, 2)
        assert {e.name: e.state for e in server.list()} == before
        error = harness.refused(lambda: server.rebuild(anchor="versions/9"))
        assert error.code == grpc.StatusCode.NOT_FOUND


def test_queries_and_injects_go_on_during_a_rebuild(folder):
    with Server(folder) as server:
        server.learn(fact("Arvo"))
        server.learn(fact("Belm"))
        server.stop()
    with Server(folder, update__epochs="5000", update__learned_kl="0") as server:
        name = server.rebuild(anchor="versions/0").job.name
        harness.wait_until("steps", lambda: any(j.progress.step > 1 for j in server.jobs()))
        assert server.query("What is lit?", max_tokens=4)[1].version == 2
        injected = server.inject(fact("Corin")).name
        server.wait_state(injected, State.EXPERIENCE_STATE_READY)
        # A rollback interrupts it as any job.
        server.rollback(1)
        assert server.status().version == 1
        assert name in [j.name for j in server.jobs()]


@pytest.mark.parametrize("yes", [False, True])
def test_cli_forgets(folder, yes):
    with Server(folder) as server:
        (name,) = server.learn(fact("Velm"))
        words = ["experiences", "forget", name, "--wait"] + (["--yes"] if yes else [])
        done = cli(server, *words)
        if not yes:
            assert done.returncode == 2
            assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED
            return
        assert done.returncode == 0, done.stderr
        assert f"{name} is forgotten" in done.stdout
        assert server.get(name).state == State.EXPERIENCE_STATE_FORGOTTEN
        assert server.status().forgotten_in_weights == 0
        listed = cli(server, "experiences", "list", "--state=forgotten")
        assert name in listed.stdout


def test_cli_supersedes_and_ttl(folder):
    with Server(folder) as server:
        assert cli(server, "inject", "Ada lives in Bergen.", "--request_id=a").returncode == 0
        done = cli(server, "inject", "Ada moved to Oslo.", "--supersedes=a", "--ttl=24h")
        assert done.returncode == 0, done.stderr
        newer = server.get("experiences/2")
        assert newer.supersedes == "experiences/1"
        assert newer.expire_time.seconds - newer.create_time.seconds == 24 * 3600
        assert cli(server, "inject", "x", "--ttl=soon").returncode == 2


# --- kill -9 ---


def learned_three(folder):
    with Server(folder) as server:
        word = secret()
        names = server.learn(fact("Arvo")) + server.learn(fact(word)) + server.learn(fact("Belm"))
        server.stop()
    return names, word


def check_gone(folder, names, word):
    """The next start finishes what the crash left, once."""
    with Server(folder) as server:
        server.wait_forgotten()
        assert server.get(names[1]).state == State.EXPERIENCE_STATE_FORGOTTEN
        for name in (names[0], names[2]):
            assert server.get(name).state == State.EXPERIENCE_STATE_INTEGRATED
        assert files_with(server.data_dir, word) == []
        rebuilds = [j for j in server.jobs() if j.kind == REBUILD]
        assert [j.state for j in rebuilds] == [Job.JOB_STATE_COMMITTED]
        current = next(v for v in server.versions() if v.current)
        assert (current.number, current.parent, current.experience_count) == (4, 1, 2)
        directories = {p.name for p in (server.data_dir / "versions/default").glob("*")}
        assert directories == {f"{v.number:08d}" for v in server.versions() if v.stored} - {
            "00000000"
        }
        assert directories == {"00000001", "00000004"}


def test_killed_right_after_forgetting(folder):
    names, word = learned_three(folder)
    with Server(folder) as server:
        server.forget(name=names[1])
        server.kill()
    check_gone(folder, names, word)


@pytest.mark.parametrize(
    "state",
    [
        "JOB_STATE_PLANNED",
        "JOB_STATE_TRAINING",
        "JOB_STATE_GATING",
        "JOB_STATE_PUBLISHING",
        "JOB_STATE_COMMITTED",
    ],
)
def test_killed_in_the_rebuild(folder, state):
    names, word = learned_three(folder)
    with Server(folder) as server:
        killed = threading.Event()

        def on_event(event):
            if event.WhichOneof("kind") == "job" and event.job.state == Job.Value(state):
                server.process.kill()
                killed.set()

        watch = server.events()
        watch.call(on_event)
        server.forget(name=names[1])
        assert killed.wait(60)
        watch.join()
        server.kill()
    check_gone(folder, names, word)


def test_killed_while_versions_are_dropped(folder):
    """The version is told of when its row says that it is dropped."""
    names, word = learned_three(folder)
    with Server(folder) as server:
        killed = threading.Event()

        def on_event(event):
            if event.WhichOneof("kind") == "version" and not event.version.stored:
                server.process.kill()
                killed.set()

        watch = server.events()
        watch.call(on_event)
        server.forget(name=names[1])
        assert killed.wait(60)
        watch.join()
        server.kill()
    check_gone(folder, names, word)
