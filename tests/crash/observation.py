# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what the checker compares from a running server and from its data folder."""

import hashlib
import json
import re
import struct
import time

import checker
import harness
from harness import PATIENCE_SECONDS, admin_service_pb2, imprint_service_pb2, message_pb2

SCORED = "The lantern of Olm is lit at nine. The bridge is closed, and the ferry waits."
ATTEMPTS = 200


def _seconds(timestamp):
    return timestamp.seconds + timestamp.nanos * 1e-9


def _number(name):
    return int(name.rsplit("/", 1)[1])


def _pages(call, request, field):
    """All items of a paged list."""
    items = []
    request.page_size = 1000
    while True:
        page = call(request, timeout=PATIENCE_SECONDS)
        items.extend(getattr(page, field))
        if not page.next_page_token:
            return items
        request.page_token = page.next_page_token


def _short(enum, value):
    """JOB_STATE_PLANNED -> PLANNED."""
    return re.sub(r"^(EXPERIENCE_STATE|JOB_STATE|JOB_KIND|JOB_TRIGGER)_", "", enum.Name(value))


def _experience(experience):
    state = _short(harness.State, experience.state)
    return checker.Experience(
        experience.sequence,
        experience.request_id,
        experience.content.text,
        "READY" if state == "TRAINING" else state,
    )


def _job(job):
    return checker.Job(
        job.name,
        _short(harness.Job, job.state),
        _short(admin_service_pb2.JobKind, job.kind),
        _short(admin_service_pb2.JobTrigger, job.trigger),
        job.parent_version,
        job.version,
        _seconds(job.update_time),
    )


def _version(version):
    return checker.Version(
        version.number,
        version.parent,
        version.job,
        [_number(name) for name in version.added_experiences],
        version.stored,
        _seconds(version.create_time),
    )


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wrong_in_version(directory):
    """What its manifest and its tensors' checksums say against it."""
    manifest_path = directory / "manifest.json"
    try:
        manifest = json.loads(manifest_path.read_text())
        wrong = []
        if manifest["number"] != int(directory.name):
            wrong.append(f"{manifest_path} is of version {manifest['number']}")
        listed = {delta["file"] for delta in manifest["deltas"]} | {manifest_path.name}
        there = {path.name for path in directory.iterdir()}
        if listed != there:
            wrong.append(f"{directory}: {sorted(there)}, its manifest lists {sorted(listed)}")
        for delta in manifest["deltas"]:
            if tensor_digests(directory / delta["file"]) != delta["tensors"]:
                wrong.append(f"{directory / delta['file']}: its checksums do not match")
        return wrong
    except (OSError, ValueError, KeyError, struct.error) as error:
        return [f"{directory}: {error!r}"]


def tensor_digests(path):
    """SHA-256 of each tensor of a safetensors file."""
    content = path.read_bytes()
    (header_bytes,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + header_bytes])
    begin = 8 + header_bytes
    return {
        name: hashlib.sha256(
            content[begin + tensor["data_offsets"][0] : begin + tensor["data_offsets"][1]]
        ).hexdigest()
        for name, tensor in header.items()
        if name != "__metadata__"
    }


def strays(data_dir):
    """Paths that are no part of a data folder at rest."""
    found = [
        path
        for path in data_dir.iterdir()
        if path.name not in ("db", "versions", "retention.cache")
    ]
    found += [path for path in data_dir.rglob("*.tmp") if path not in found]
    versions = data_dir / "versions"
    if versions.exists():
        found += [path for path in versions.iterdir() if path.name != "default"]
        found += [
            path
            for path in (versions / "default").iterdir()
            if not re.fullmatch(r"\d{8}(\.tmp)?", path.name)
        ]
    return [str(path.relative_to(data_dir)) for path in found]


def _read_versions(data_dir, known):
    """Digests of all files of versions, and what is wrong with those that are not `known`."""
    directories, broken = {}, []
    for directory in (data_dir / "versions/default").glob("*"):
        if not re.fullmatch(r"\d{8}", directory.name):
            continue
        number = int(directory.name)
        directories[number] = {path.name: digest(path) for path in sorted(directory.iterdir())}
        if known.get(number) != directories[number]:
            broken += wrong_in_version(directory)
    return directories, broken


def _remains(data_dir, words):
    """Those of the words that lie in a file."""
    found = set()
    for path in data_dir.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        found.update(word for word in words if word.encode() in content)
    return sorted(found)


def score(server):
    """The version that answers, and its log-probabilities."""
    request = imprint_service_pb2.ScoreRequest(
        text=SCORED, version=message_pb2.VersionSelector(latest=True)
    )
    response = server.imprint.Score(request, timeout=PATIENCE_SECONDS)
    return response.version, [token.log_probability for token in response.tokens]


def _read_once(server, record, quiet):
    begin = time.time()
    status = server.status()
    seen = checker.Observation(
        experiences=[
            _experience(e)
            for e in _pages(
                server.imprint.ListExperiences,
                imprint_service_pb2.ListExperiencesRequest(),
                "experiences",
            )
        ],
        jobs=[
            _job(j)
            for j in _pages(server.admin.ListJobs, admin_service_pb2.ListJobsRequest(), "jobs")
        ],
        versions=[
            _version(v)
            for v in _pages(
                server.admin.ListVersions, admin_service_pb2.ListVersionsRequest(), "versions"
            )
            if v.number > 0
        ],
        last_sequence=status.last_sequence,
        current=status.version,
        paused=status.updates_paused,
        begin=begin,
        end=begin,
        quiet=quiet,
    )
    try:
        seen.directories, seen.broken = _read_versions(server.data_dir, record.digests)
        seen.strays = strays(server.data_dir)
    except FileNotFoundError:
        return None  # a version was dropped under the reader
    seen.answered_by = server.query("What is lit?", max_tokens=2)[1].version
    scored_by, seen.scores = score(server)
    if quiet:
        forgotten = [told.text.split()[-1] for told in record.told.values() if told.forgotten]
        seen.remains = _remains(server.data_dir, forgotten)
    after = server.status()
    seen.end = time.time()
    jobs_after = [
        _job(j) for j in _pages(server.admin.ListJobs, admin_service_pb2.ListJobsRequest(), "jobs")
    ]
    steady = (
        (status.version, status.last_sequence) == (after.version, after.last_sequence)
        and scored_by == status.version
        and jobs_after == seen.jobs
        and after.integrated == status.integrated
    )
    return seen if steady else None


def observe(server, record, quiet=False):
    """One moment of a server of which nobody asks anything else; its own jobs may go on."""
    for _ in range(ATTEMPTS):
        seen = _read_once(server, record, quiet)
        if seen is not None:
            return seen
        time.sleep(0.05)
    raise AssertionError("the server did not hold still")
