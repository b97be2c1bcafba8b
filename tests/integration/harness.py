# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A real imprintd on the tiny model, and small words to talk to it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import grpc
from google.rpc import error_details_pb2, status_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN_DIR = pathlib.Path(os.environ.get("IMPRINT_BIN_DIR", ROOT / "build/release/bin"))
IMPRINTD = BIN_DIR / "imprintd"
TINY_CHAT = ROOT / "tests/golden/tiny-chat"
STUBS = ROOT / "build/test_stubs"

# Waits are for machines under load; nothing takes them on a quiet one.
PATIENCE_SECONDS = 60

# Small enough that a job takes a second; updates run on command only; the gate lets
# everything through: what the tiny model learns is not the point here.
SMALL = {
    "dtype": "f32",
    "threads": "1",
    "listen": "127.0.0.1:0",
    "metrics_listen": "127.0.0.1:0",
    "drain_deadline": "10s",
    "retention.train_texts": "6",
    "retention.heldout_texts": "3",
    "retention.text_tokens": "16",
    "generator.max_targets": "8",
    "generator.max_answer_tokens": "12",
    "update.epochs": "2",
    "update.batch_tokens": "256",
    "update.rank": "4",
    "update.min_batch": "1000",
    "update.min_tokens": "100000000",
    "update.max_age": "24h",
    "gate.min_efficacy": "-100",
    "gate.max_retention_kl": "100",
    "gate.max_earlier_loss": "100",
    "gate.max_probe_kl": "100",
}


def make_stubs():
    """Generates Python stubs of the API and makes them importable."""
    from grpc_tools import protoc

    STUBS.mkdir(parents=True, exist_ok=True)
    protos = sorted((ROOT / "proto/imprint/v1").glob("*.proto"))
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={STUBS}"]
    arguments += [f"--grpc_python_out={STUBS}", f"-I{_well_known_protos()}"]
    if protoc.main(arguments + [str(proto) for proto in protos]) != 0:
        raise RuntimeError("protoc could not read proto/imprint/v1")
    sys.path.insert(0, str(STUBS))


def _well_known_protos():
    import grpc_tools

    return pathlib.Path(grpc_tools.__file__).parent / "_proto"


make_stubs()

from imprint.v1 import (  # noqa: E402
    admin_service_pb2,
    admin_service_pb2_grpc,
    experience_pb2,
    imprint_service_pb2,
    imprint_service_pb2_grpc,
    message_pb2,
)

State = experience_pb2.ExperienceState
Job = admin_service_pb2.JobState


def flags(data_dir, model=TINY_CHAT, **changes):
    """The command line; `update__epochs=3` is --update.epochs=3, None drops a flag."""
    values = dict(SMALL, model=str(model), data_dir=str(data_dir))
    for name, value in changes.items():
        values[name.replace("__", ".")] = value
    return [str(IMPRINTD)] + [
        f"--{name}={value}" for name, value in values.items() if value is not None
    ]


def run_to_end(arguments, timeout=PATIENCE_SECONDS):
    """Runs a program that ends by itself; gives its exit code and all that it wrote."""
    done = subprocess.run(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout


def make_certificate(folder, bits=2048):
    """A certificate of localhost that signs itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = f"openssl req -x509 -newkey rsa:{bits} -nodes -days 1 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost"
    code, output = run_to_end([*command.split(), "-keyout", str(key), "-out", str(certificate)])
    assert code == 0, output
    return certificate, key


def wait_until(what, condition, seconds=PATIENCE_SECONDS):
    """The first true value of `condition()`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


class Server:
    """One running imprintd. Use as a context manager; ends killed if nobody ended it."""

    def __init__(self, folder, arguments=None, **changes):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.folder / "data"
        self.port_file = self.folder / "ports.json"
        self.log_file = self.folder / "log.txt"
        self.port_file.unlink(missing_ok=True)
        command = arguments or flags(self.data_dir, **changes)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command + [f"--port_file={self.port_file}"], stdout=log, stderr=subprocess.STDOUT
            )
        self._await_listening()
        self.channel = grpc.insecure_channel(self.address)
        self.imprint = imprint_service_pb2_grpc.ImprintServiceStub(self.channel)
        self.admin = admin_service_pb2_grpc.AdminServiceStub(self.channel)

    def _await_listening(self):
        def listening_or_dead():
            return self.port_file.exists() or self.process.poll() is not None

        try:
            wait_until("the server to listen", listening_or_dead)
        except AssertionError:
            self.process.kill()
            raise
        assert self.process.poll() is None, f"imprintd ended: {self.log()}"
        self.ports = json.loads(self.port_file.read_text())
        self.address = f"127.0.0.1:{self.ports['listen']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def log(self):
        return self.log_file.read_text(errors="replace")

    def kill(self):
        """kill -9: what a crash leaves is what is on disk."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.channel.close() if hasattr(self, "channel") else None

    def stop(self):
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self.channel.close()
        return code

    # --- words ---

    def inject(self, text=None, **fields):
        if text is not None:
            fields["content"] = experience_pb2.ExperienceContent(text=text)
        request = imprint_service_pb2.InjectContextRequest(**fields)
        return self.imprint.InjectContext(request, timeout=PATIENCE_SECONDS).experience

    def get(self, name, full=False):
        view = (
            imprint_service_pb2.EXPERIENCE_VIEW_FULL
            if full
            else imprint_service_pb2.EXPERIENCE_VIEW_BASIC
        )
        request = imprint_service_pb2.GetExperienceRequest(name=name, view=view)
        return self.imprint.GetExperience(request, timeout=PATIENCE_SECONDS).experience

    def list(self, **fields):
        """All pages."""
        experiences = []
        while True:
            request = imprint_service_pb2.ListExperiencesRequest(**fields)
            page = self.imprint.ListExperiences(request, timeout=PATIENCE_SECONDS)
            experiences.extend(page.experiences)
            if not page.next_page_token:
                return experiences
            fields["page_token"] = page.next_page_token

    def start_query(self, question, timeout=PATIENCE_SECONDS, **fields):
        message = message_pb2.ChatMessage(role="user", content=question)
        request = imprint_service_pb2.QueryRequest(messages=[message], **fields)
        return self.imprint.Query(request, timeout=timeout)

    def query(self, question, **fields):
        """The whole answer, and the last message."""
        text = ""
        last = None
        for last in self.start_query(question, **fields):
            text += last.text
        return text, last

    def status(self):
        return self.admin.GetStatus(admin_service_pb2.GetStatusRequest(), timeout=PATIENCE_SECONDS)

    def jobs(self):
        return list(
            self.admin.ListJobs(admin_service_pb2.ListJobsRequest(), timeout=PATIENCE_SECONDS).jobs
        )

    def versions(self):
        request = admin_service_pb2.ListVersionsRequest()
        return list(self.admin.ListVersions(request, timeout=PATIENCE_SECONDS).versions)

    def run_update(self):
        """Asks for an update, again while the server is not ready for one."""

        def asked():
            try:
                return self.admin.RunUpdate(
                    admin_service_pb2.RunUpdateRequest(), timeout=PATIENCE_SECONDS
                )
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                    raise
                return None

        return wait_until("updates to be possible", asked)

    def rollback(self, number):
        request = admin_service_pb2.RollbackVersionRequest(name=f"versions/{number}")
        return self.admin.RollbackVersion(request, timeout=PATIENCE_SECONDS)

    def release(self, name):
        request = admin_service_pb2.ReleaseExperienceRequest(name=name)
        return self.admin.ReleaseExperience(request, timeout=PATIENCE_SECONDS).experience

    def forget(self, **selector):
        request = imprint_service_pb2.ForgetExperienceRequest(**selector)
        return self.imprint.ForgetExperience(request, timeout=PATIENCE_SECONDS)

    def rebuild(self, **fields):
        request = admin_service_pb2.RebuildVersionRequest(**fields)
        return self.admin.RebuildVersion(request, timeout=PATIENCE_SECONDS)

    def wait_forgotten(self):
        """Until nothing that was forgotten is in the weights or in files."""

        def forgotten():
            status = self.status()
            return status.forgotten_in_weights == 0 and not status.forgotten_in_files

        wait_until("what was forgotten to be gone", forgotten)

    def wait_state(self, name, *states):
        """Until the experience is in one of the states."""

        def arrived():
            experience = self.get(name)
            return experience if experience.state in states else None

        return wait_until(f"{name} to become {[State.Name(state) for state in states]}", arrived)

    def learn(self, *texts):
        """Injects, updates, and waits until all is integrated; gives the names."""
        names = [self.inject(text).name for text in texts]
        for name in names:
            self.wait_state(name, State.EXPERIENCE_STATE_READY)
        self.run_update()
        for name in names:
            self.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        return names

    def metrics(self):
        url = f"http://127.0.0.1:{self.ports['metrics_listen']}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return answer.read().decode()

    def metric(self, name):
        """The value of `name`, labels included as they are written."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.metrics(), re.MULTILINE)
        assert found, f"no metric {name}"
        return float(found.group(1))

    def events(self):
        """Collects events in a thread from now on; see EventWatch."""
        return EventWatch(self)


class EventWatch:
    """StreamEvents, read by a thread of its own."""

    def __init__(self, server):
        self.events = []
        self.error = None
        self._on_event = None
        self._stream = server.admin.StreamEvents(admin_service_pb2.StreamEventsRequest())
        self._stream.initial_metadata()  # it hears from here on
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for response in self._stream:
                self.events.append(response.event)
                if self._on_event is not None:
                    self._on_event(response.event)
        except grpc.RpcError as error:
            self.error = error

    def call(self, on_event):
        self._on_event = on_event

    def join(self):
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def cancel(self):
        self._stream.cancel()
        self.join()


class Refused:
    """What came back instead of an answer: `with refused(...) as error`."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.details = {}
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                rich = status_pb2.Status.FromString(value)
                for detail in rich.details:
                    for kind in (
                        error_details_pb2.ErrorInfo,
                        error_details_pb2.BadRequest,
                        error_details_pb2.RetryInfo,
                    ):
                        if detail.Is(kind.DESCRIPTOR):
                            message = kind()
                            detail.Unpack(message)
                            self.details[kind.DESCRIPTOR.name] = message

    @property
    def reason(self):
        return self.details["ErrorInfo"].reason

    @property
    def fields(self):
        return [violation.field for violation in self.details["BadRequest"].field_violations]


def refused(call):
    """Runs a call that must fail; gives its error, decoded."""
    try:
        result = call()
        if hasattr(result, "__iter__") and not isinstance(result, str | bytes):
            list(result)
    except grpc.RpcError as error:
        found = Refused(error)
        assert found.details["ErrorInfo"].domain == "imprint"
        return found
    raise AssertionError("the call was not refused")
