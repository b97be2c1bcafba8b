# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Kills a server again and again, and checks after each restart that it kept its word.

A round: the server starts, what it shows is compared with the record, callers ask it for
everything at once, it is killed. A life: some rounds over one data folder, and at the end the
server must still learn all that is left. What is chosen comes from the seed; what the threads
make of it does not.
"""

import argparse
import collections
import ctypes
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import grpc  # noqa: E402

import checker  # noqa: E402
import harness  # noqa: E402
import observation  # noqa: E402
import workload  # noqa: E402
from record import Record  # noqa: E402

IMPRINTD = harness.BIN_DIR / "imprintd_failpoints"
IMPRINT = harness.BIN_DIR / "imprint"
ROUNDS_OF_A_LIFE = 20
# Every so many rounds all work is let come to rest before the check.
QUIET_EVERY = 4
# How long a point is waited for before the server is killed all the same.
POINT_SECONDS = 8
START_SECONDS = 60
REST_SECONDS = 120

# A job takes less than a second, and old versions go soon.
FLAGS = {
    "generator__max_targets": "4",
    "generator__max_answer_tokens": "8",
    "retention__train_texts": "3",
    "retention__heldout_texts": "2",
    "update__epochs": "1",
    "update__min_steps": "2",
    "update__max_steps": "6",
    "gate__earlier_sample": "4",
    "update__min_replay": "4",
    "version__keep": "2",
}
# Points that are reached many times a second.
FREQUENT = ("store.write", "append", "directory.fsync", "train.step")
# Points that calm callers seldom come to.
NEEDS_A_STORM = ("rollback", "forget", "purge", "job.end", "backup")


def points():
    """Each point with what can be done there, as the program lists them."""
    listing = subprocess.run(
        [str(IMPRINTD)],
        env={**os.environ, "IMPRINT_FAILPOINTS": "list"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {line.split()[0]: line.split()[1].split(",") for line in listing.splitlines()}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a round ends."""

    kind: str  # "point", "time", "error" or "delay"
    failpoints: str  # as in the environment
    point: str
    seconds: float  # until the kill: from the start for "time", else from the first call
    weights: dict  # of what the callers ask


def make_plan(dice, known_points):
    names = list(known_points)
    kind = dice.choices(["point", "time", "error", "delay"], weights=[60, 22, 10, 8])[0]
    weights = workload.STORMY if dice.random() < 0.3 else workload.CALM
    if kind == "time":
        return Plan(kind, "", "", dice.uniform(0, 6), weights)
    if kind == "error":
        names = [name for name in names if "error" in known_points[name]]
    point = dice.choice(names)
    if point.startswith(NEEDS_A_STORM):
        weights = workload.STORMY
    mean = 12 if point.startswith(FREQUENT) else 1.5
    time_of_point = 1 + int(dice.expovariate(1 / mean))
    if kind == "point" and point == "store.probe.written":
        # The disk is tried out only after a write that failed.
        failpoints = f"store.write.before=error@{4 + time_of_point};{point}=crash"
        return Plan(kind, failpoints, point, POINT_SECONDS, weights)
    if kind == "point":
        return Plan(kind, f"{point}=crash@{time_of_point}", point, POINT_SECONDS, weights)
    seconds = dice.uniform(0.5, 5)
    if kind == "error":
        code = dice.choice(["UNAVAILABLE", "RESOURCE_EXHAUSTED", "UNKNOWN"])
        return Plan(kind, f"{point}=error:{code}@{time_of_point}", point, seconds, weights)
    return Plan(kind, f"{point}=delay:{dice.randrange(20, 300)}", point, seconds, weights)


def _die_with_the_tester():
    """A server that outlived it would hold the folder of the one that goes on."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Server(harness.Server):
    """imprintd_failpoints, which may die at any time."""

    def __init__(self, folder, failpoints=""):
        self.folder = folder
        self.data_dir = folder / "data"
        self.port_file = folder / "ports.json"
        self.log_file = folder / "log.txt"
        folder.mkdir(parents=True, exist_ok=True)
        self.port_file.unlink(missing_ok=True)
        self.started = time.monotonic()
        backups = {"backup__dir": str(folder / "backups"), "backup__keep": "8"}
        command = [str(IMPRINTD), *harness.flags(self.data_dir, **FLAGS, **backups)[1:]]
        with self.log_file.open("ab") as log:
            log.write(f"--- {failpoints or 'start'}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [*command, f"--port_file={self.port_file}"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "IMPRINT_FAILPOINTS": failpoints},
                preexec_fn=_die_with_the_tester,
            )

    def listens(self, until=START_SECONDS):
        """Whether it came so far, alive, within seconds from its start."""
        while self.process.poll() is None and time.monotonic() - self.started < until:
            if self.port_file.exists():
                self.ports = json.loads(self.port_file.read_text())
                self.address = f"127.0.0.1:{self.ports['listen']}"
                self.channel = grpc.insecure_channel(self.address)
                self.imprint = harness.imprint_service_pb2_grpc.ImprintServiceStub(self.channel)
                self.admin = harness.admin_service_pb2_grpc.AdminServiceStub(self.channel)
                return True
            time.sleep(0.01)
        return False

    def log_tail(self):
        return "\n".join(self.log().splitlines()[-25:])


@dataclasses.dataclass
class Totals:
    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    double_commits: int = 0
    failed_starts: int = 0
    other: int = 0
    # Where it goes on.
    life: int = 0
    seconds: float = 0
    checks: int = 0
    quiet_checks: int = 0
    backups: int = 0  # of those that were restored and looked at
    # [died there, tried] by point; "at a random time" beside them
    points: dict = dataclasses.field(default_factory=dict)

    @property
    def wrong(self):
        return self.lost + self.doubled + self.double_commits + self.failed_starts + self.other

    def count(self, finding):
        fields = {"lost": "lost", "doubled": "doubled", "double_commit": "double_commits",
                  "failed_start": "failed_starts"}  # fmt: skip
        field = fields.get(finding.kind, "other")
        setattr(self, field, getattr(self, field) + 1)

    def tried(self, name, died):
        entry = self.points.setdefault(name, [0, 0])
        entry[0] += died
        entry[1] += 1


class Broken(Exception):
    """A life that cannot go on; its findings are counted."""


class Tester:
    def __init__(self, data_dir, seed, say=print):
        self._data_dir = data_dir
        self._seed = seed
        self._say = say
        self._points = points()
        self._state = data_dir / "totals.json"
        self.totals = Totals()
        if self._state.exists():
            saved = json.loads(self._state.read_text())
            if saved.pop("seed") != seed:
                raise SystemExit(f"{data_dir} was begun with another seed")
            self.totals = Totals(**saved)

    def run(self, kills, until=None):
        """Goes on to `kills` kills, or until the monotonic time `until`."""
        begun, before = time.monotonic(), self.totals.seconds

        def is_over():
            self.totals.seconds = round(before + time.monotonic() - begun, 1)
            self._save()
            return self.totals.kills >= kills or (until is not None and time.monotonic() > until)

        while not is_over():
            self._run_life(is_over)

    def _save(self):
        state = json.dumps({"seed": self._seed, **dataclasses.asdict(self.totals)})
        temporary = self._state.with_suffix(".new")
        temporary.write_text(state)
        temporary.rename(self._state)

    def _run_life(self, is_over):
        folder = self._data_dir / f"life-{self.totals.life}"
        folder.mkdir(exist_ok=True)
        record = Record(folder / "record.jsonl")
        try:
            while record.rounds < ROUNDS_OF_A_LIFE and not is_over():
                self._run_round(folder, record)
            self._end_life(folder, record)
            shutil.rmtree(folder)
        except Broken:
            self._say(f"life {self.totals.life} is kept in {folder}")
        finally:
            record.close()
            self.totals.acknowledged += record.acknowledged
        self.totals.life += 1

    def _run_round(self, folder, record):
        name = f"{self._seed}/{self.totals.life}/{record.rounds}"
        dice = random.Random(name)
        plan = make_plan(dice, self._points)
        quiet = record.rounds % QUIET_EVERY == QUIET_EVERY - 1
        server = Server(folder, plan.failpoints)
        work = None
        try:
            until = plan.seconds if plan.kind == "time" else START_SECONDS
            if server.listens(until):
                try:
                    self._check(server, record, quiet)
                    work = workload.Workload(server, record, name, plan.weights)
                except grpc.RpcError:
                    if server.process.poll() is None:
                        time.sleep(0.5)  # a reset connection is told before the end of its cause
                    if server.process.poll() is None and plan.kind in ("time", "point"):
                        raise
                self._await_end(server, plan)
            elif plan.kind != "time" and server.process.poll() is None:
                self._fail(server, "failed_start", f"it did not listen in {START_SECONDS} s")
            died = self._kill(server, plan)
        finally:
            server.process.kill()
            if work is not None:
                work.stop()
            server.kill()
        self.totals.tried(plan.point if plan.kind == "point" else f"({plan.kind})", died)
        killed = server.process.returncode == -signal.SIGKILL
        self.totals.kills += killed
        record.add("round", kills=int(killed), time=time.time())
        if work is not None and work.wrong:
            self._report([checker.Finding("other", what) for what in work.wrong], server)

    def _await_end(self, server, plan):
        begin = server.started if plan.kind == "time" else time.monotonic()
        while server.process.poll() is None and time.monotonic() - begin < plan.seconds:
            time.sleep(0.005)

    def _kill(self, server, plan):
        """Whether it died where it was to die."""
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            return plan.kind != "point"
        if server.process.returncode == -signal.SIGKILL:
            return True
        # With an error at its start it may refuse to start, and say so, even where the error came
        # after the file with its ports had its name; by itself it must never end.
        if plan.kind == "error" and (
            not server.port_file.exists() or "cannot start: failpoint" in server.log_tail()
        ):
            return True
        kind = "other" if server.port_file.exists() else "failed_start"
        self._fail(server, kind, f"it ended by itself with {server.process.returncode}")
        return False

    def _check(self, server, record, quiet):
        if quiet:
            self._rest(server, record)
        try:
            seen = observation.observe(server, record, quiet)
        except AssertionError as error:
            self._fail(server, "other", str(error))
        findings = checker.check(record, seen)
        self._report(findings, server)
        self.totals.checks += 1
        self.totals.quiet_checks += quiet
        told = {e.request_id: e for e in seen.experiences}
        record.add(
            "seen",
            current=seen.current,
            begin=seen.begin,
            end=seen.end,
            paused=seen.paused,
            versions=[v.number for v in seen.versions],
            commits={j.name: j.version for j in seen.jobs if j.state == "COMMITTED"},
            digests={
                v.number: seen.directories[v.number]
                for v in seen.versions
                if v.stored and record.digests.get(v.number) != seen.directories[v.number]
            },
            scores={seen.current: seen.scores},
            found={
                request_id: e.sequence
                for request_id, e in told.items()
                if record.told[request_id].sequence is None
            },
            found_forgotten=[
                request_id
                for request_id, e in told.items()
                if e.state == "FORGOTTEN" and not record.told[request_id].forgotten
            ],
        )

    def _rest(self, server, record):
        """Until no job runs and what was forgotten has left the files."""
        workload.set_paused(server, record, True)
        rest = 0
        end = time.monotonic() + REST_SECONDS
        while rest < 3:
            if time.monotonic() > end:
                self._fail(server, "other", f"it did not come to rest in {REST_SECONDS} s")
            status = server.status()
            busy = status.running_job or status.forgotten_in_files or status.updates_stopped_reason
            rest = 0 if busy else rest + 1
            time.sleep(0.05)

    def _end_life(self, folder, record):
        """Without another fault: it starts, comes to rest, and learns what is left."""
        server = Server(folder)
        try:
            if not server.listens():
                self._fail(server, "failed_start", "it did not start after the last kill")
            self._check(server, record, quiet=True)
            workload.set_paused(server, record, False)
            self._learn_all(server)
            self._rest(server, record)
            self._check(server, record, quiet=True)
            server.process.send_signal(signal.SIGTERM)
            if server.process.wait(START_SECONDS) != 0:
                self._fail(server, "other", f"SIGTERM: exit code {server.process.returncode}")
        finally:
            server.kill()
        self._check_last_backup(folder, record)

    def _check_last_backup(self, folder, record):
        """A server starts from the last backup that was acknowledged, and has what it must."""
        if not record.backups:
            return
        name = list(record.backups)[-1]
        restored = folder / "restored"
        command = [str(IMPRINT), "restore", f"--backups={folder / 'backups'}"]
        command += [f"--data_dir={restored / 'data'}", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self._say(f"WRONG  {name} cannot be restored: {done.stderr}")
            self.totals.other += 1
            raise Broken
        server = Server(restored)
        try:
            if not server.listens():
                self._fail(server, "failed_start", f"it did not start from {name}")
            seen = observation.observe(server, record, quiet=False)
            self._report(checker.check_backup(record, name, seen), server)
            self.totals.backups += 1
        finally:
            server.kill()

    def _learn_all(self, server):
        end = time.monotonic() + REST_SECONDS
        while True:
            status = server.status()
            if not (
                status.queued
                or status.ready
                or status.training
                or status.running_job
                or status.forgotten_in_weights
            ):
                return
            if time.monotonic() > end:
                self._fail(server, "other", f"it does not learn any more: {status}")
            try:
                server.run_update()
            except AssertionError:
                self._fail(server, "other", f"it takes no update any more: {status}")
            time.sleep(0.1)

    def _report(self, findings, server):
        if not findings:
            return
        for finding in findings:
            self.totals.count(finding)
            self._say(f"WRONG  {finding}")
        self._say(server.log_tail())
        raise Broken

    def _fail(self, server, kind, message):
        self._report([checker.Finding(kind, message)], server)


def table(totals):
    """What was done to it, and how often that happened."""
    lines = [f"{'killed at':<28}{'died there':>12}{'tried':>8}"]
    for name, (died, tried) in sorted(totals.points.items()):
        lines.append(f"{name:<28}{died:>12}{tried:>8}")
    counts = collections.OrderedDict(summary(totals, None))
    counts.pop("seed")
    width = max(len(name) for name in counts)
    lines += ["", *(f"{name:<{width}}  {value}" for name, value in counts.items())]
    return "\n".join(lines)


def summary(totals, seed):
    return {
        "seed": seed,
        "kills": totals.kills,
        "acknowledged": totals.acknowledged,
        "lost": totals.lost,
        "doubled": totals.doubled,
        "double_commits": totals.double_commits,
        "failed_starts": totals.failed_starts,
        "other": totals.other,
        "checks": totals.checks,
        "backups": totals.backups,
        "seconds": round(totals.seconds),
    }


def main():
    parser = argparse.ArgumentParser(prog="tests/crash/run", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is chosen (1)")
    parser.add_argument("--seconds", type=float, help="end then, with what there is")
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--data_dir", type=pathlib.Path, help="where to work; kept")
    parser.add_argument(
        "--resume", action="store_true", help="go on with what is in --data_dir, to --kills in all"
    )
    parser.add_argument("--points", action="store_true", help="list the failpoints")
    options = parser.parse_args()
    if options.points:
        os.execve(str(IMPRINTD), [str(IMPRINTD)], {**os.environ, "IMPRINT_FAILPOINTS": "list"})
    if options.resume and options.data_dir is None:
        parser.error("--resume needs --data_dir")
    data_dir = options.data_dir or pathlib.Path(tempfile.mkdtemp(prefix="imprint-crash-"))
    data_dir.mkdir(parents=True, exist_ok=True)
    if any(data_dir.iterdir()) and not options.resume:
        parser.error(f"{data_dir} is not empty; --resume goes on with it")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    say = (lambda *_: None) if options.json else (lambda *words: print(*words, flush=True))
    tester = Tester(data_dir, options.seed, say)
    until = None if options.seconds is None else time.monotonic() + options.seconds
    tester.run(options.kills, until)
    say(table(tester.totals))
    print(json.dumps(summary(tester.totals, options.seed)))
    if options.data_dir is None and not tester.totals.wrong:
        shutil.rmtree(data_dir)
    return 1 if tester.totals.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
