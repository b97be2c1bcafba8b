# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Callers that ask a server for everything at once, until it is gone.

Each has its own dice: what it asks next depends on them and on what was acknowledged before.
What it asks and what comes back is in the record.
"""

import random
import threading
import time

import grpc

from harness import State, admin_service_pb2, imprint_service_pb2

CALLERS = 3
# Experiences of one life of a store: a rebuild trains all of them.
MOST_EXPERIENCES = 60
TIMEOUT_SECONDS = 20

# Refusals after which it is certain that nothing has happened.
CERTAIN = {
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.ALREADY_EXISTS,
}

# What a caller asks next. In a calm round jobs come to their end; in a stormy one they are
# interrupted all the time.
CALM = {
    "inject": 24,
    "inject_twice": 4,
    "repeat": 8,
    "repeat_with_another_body": 3,
    "query": 30,
    "run_update": 16,
    "rollback": 0.7,
    "forget": 2,
    "pause": 0.5,
    "resume": 5,
    "rebuild": 1,
    "release": 5,
    "cancel": 0.3,
    "backup": 1.5,
}
STORMY = CALM | {"query": 12, "rollback": 8, "forget": 7, "pause": 2, "rebuild": 3, "cancel": 2,
                 "backup": 4}  # fmt: skip


class Wrong(Exception):
    """The server answered what it must not."""


class Caller:
    def __init__(self, server, record, name, weights):
        self._server = server
        self._record = record
        self._name = name
        self._weights = weights
        self._dice = random.Random(name)
        self._calls = 0

    def step(self):
        weights = self._weights
        (choice,) = self._dice.choices(list(weights), weights=list(weights.values()))
        self._calls += 1
        getattr(self, "_" + choice)()

    def _inject(self):
        if len(self._record.told) >= MOST_EXPERIENCES:
            return self._repeat()
        request_id, text = self._new()
        self._send(request_id, text)

    def _inject_twice(self):
        """The same one by two callers at once: it has one place."""
        if len(self._record.told) >= MOST_EXPERIENCES:
            return
        request_id, text = self._new()
        self._record.add("inject", id=request_id, text=text)
        request = self._request(request_id, text)
        inject = self._server.imprint.InjectContext
        calls = [inject.future(request, timeout=TIMEOUT_SECONDS) for _ in range(2)]
        for call in calls:
            if call.exception() is None:
                self._acknowledged(request_id, call.result().experience)

    def _repeat(self):
        told = self._any_told()
        if told is not None:
            self._send(told.request_id, told.text)

    def _repeat_with_another_body(self):
        told = self._any_told()
        if told is None:
            return
        request = self._request(told.request_id, told.text + " No.")
        try:
            answer = self._server.imprint.InjectContext(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.ALREADY_EXISTS:
                return
            raise
        # Of a forgotten one nothing is left that a body could be compared with.
        if answer.experience.state != State.EXPERIENCE_STATE_FORGOTTEN:
            raise Wrong(f"{told.request_id} was taken with another body")

    def _query(self):
        self._server.query("What is lit?", timeout=TIMEOUT_SECONDS, max_tokens=4)

    def _run_update(self):
        self._admin("RunUpdate")

    def _rollback(self):
        stored = [v.number for v in self._server.versions() if v.stored]
        target = self._dice.choice(sorted(stored, reverse=True)[:4])
        key = f"{self._name}-{self._calls}"
        self._record.add("rollback", key=key, target=target, time=time.time())
        try:
            self._admin("RollbackVersion", name=f"versions/{target}")
        except grpc.RpcError as error:
            certain = error.code() in CERTAIN
            event = "rollback_refused" if certain else "rollback_unknown"
            self._record.add(event, key=key, time=time.time())
            raise
        self._record.add("rolled_back", key=key, time=time.time())

    def _forget(self):
        told = self._any_told()
        if told is None:
            return
        self._record.add("forget", id=told.request_id)
        request = imprint_service_pb2.ForgetExperienceRequest(request_id=told.request_id)
        self._server.imprint.ForgetExperience(request, timeout=TIMEOUT_SECONDS)
        self._record.add("forgotten", id=told.request_id)

    def _pause(self):
        self._set_paused(True)

    def _resume(self):
        self._set_paused(False)

    def _set_paused(self, value):
        set_paused(self._server, self._record, value)

    def _rebuild(self):
        self._admin("RebuildVersion")

    def _release(self):
        request = imprint_service_pb2.ListExperiencesRequest(
            state=State.EXPERIENCE_STATE_HELD, page_size=5
        )
        held = self._server.imprint.ListExperiences(request, timeout=TIMEOUT_SECONDS).experiences
        for experience in held:
            self._admin("ReleaseExperience", name=experience.name)

    def _cancel(self):
        running = self._server.status().running_job
        if running:
            self._admin("CancelJob", name=running)

    def _backup(self):
        """One at a time is refused by the server; what came before it must be in it."""
        before = [told.request_id for told in self._record.acknowledged_ones()]
        backup = self._admin("CreateBackup").backup
        self._record.add("backed_up", name=backup.name, ids=before)

    def _admin(self, method, **fields):
        request = getattr(admin_service_pb2, method + "Request")(**fields)
        return getattr(self._server.admin, method)(request, timeout=TIMEOUT_SECONDS)

    def _new(self):
        word = f"Zq{self._dice.getrandbits(128):032x}"
        return f"{self._name}-{self._calls}", f"The lantern of Olm is lit by {word}"

    def _any_told(self):
        told = self._record.acknowledged_ones()
        return self._dice.choice(told) if told else None

    def _request(self, request_id, text):
        return imprint_service_pb2.InjectContextRequest(
            request_id=request_id, content={"text": text}
        )

    def _send(self, request_id, text):
        self._record.add("inject", id=request_id, text=text)
        request = self._request(request_id, text)
        answer = self._server.imprint.InjectContext(request, timeout=TIMEOUT_SECONDS)
        self._acknowledged(request_id, answer.experience)

    def _acknowledged(self, request_id, experience):
        before = self._record.told[request_id].sequence
        if before not in (None, experience.sequence):
            raise Wrong(f"{request_id} is acknowledged as {before} and as {experience.sequence}")
        self._record.add("injected", id=request_id, sequence=experience.sequence)


def set_paused(server, record, value):
    """One at a time: whose answer came last would not tell else which was last."""
    with record.pausing:
        record.add("pause", value=value)
        if value:
            server.admin.PauseUpdates(
                admin_service_pb2.PauseUpdatesRequest(), timeout=TIMEOUT_SECONDS
            )
        else:
            server.admin.ResumeUpdates(
                admin_service_pb2.ResumeUpdatesRequest(), timeout=TIMEOUT_SECONDS
            )
        record.add("pause_done", value=value)


class Workload:
    """The callers at work."""

    def __init__(self, server, record, seed, weights):
        self.wrong = []
        self._server = server
        self._stop = threading.Event()
        self._threads = []
        for number in range(CALLERS):
            name = f"{seed}/{number}"
            caller = Caller(server, record, name, weights)
            thread = threading.Thread(target=self._run, args=(caller, random.Random(name + "/w")))
            thread.start()
            self._threads.append(thread)

    def _run(self, caller, dice):
        while not self._stop.is_set() and self._server.process.poll() is None:
            try:
                caller.step()
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    self.wrong.append(f"no answer in {TIMEOUT_SECONDS} s")
                # All else is a refusal, or the end of the server.
            except Wrong as error:
                self.wrong.append(str(error))
            self._stop.wait(dice.uniform(0, 0.1))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
