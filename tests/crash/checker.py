# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Compares what a server shows with the record of what it acknowledged. Asks nobody."""

import collections
import dataclasses
import math

# Log-probabilities of the same weights: batches of another shape add up in another order.
SCORE_TOLERANCE = 1e-3


@dataclasses.dataclass
class Experience:
    sequence: int
    request_id: str
    text: str  # empty for a forgotten one
    state: str  # QUEUED, READY, ...


@dataclasses.dataclass
class Job:
    name: str
    state: str
    kind: str
    trigger: str
    parent: int
    version: int
    update_time: float


@dataclasses.dataclass
class Version:
    number: int
    parent: int
    job: str
    added: list  # sequences
    stored: bool
    create_time: float


@dataclasses.dataclass
class Observation:
    """A server and its folder at one moment."""

    experiences: list
    jobs: list
    versions: list  # without the base
    last_sequence: int
    current: int
    paused: bool
    begin: float
    end: float
    # Files of each directory of a version, with their SHA-256.
    directories: dict = dataclasses.field(default_factory=dict)
    # What is wrong within them: manifests, checksums of tensors.
    broken: list = dataclasses.field(default_factory=list)
    # Paths that belong to nothing.
    strays: list = dataclasses.field(default_factory=list)
    # Texts of forgotten experiences that lie in a file. Only looked for when `quiet`.
    remains: list = dataclasses.field(default_factory=list)
    answered_by: int = 0
    scores: list = dataclasses.field(default_factory=list)
    # No job runs, and nothing that was forgotten is left to be cleaned up.
    quiet: bool = False


@dataclasses.dataclass(frozen=True)
class Finding:
    # lost, doubled, double_commit, or other
    kind: str
    message: str

    def __str__(self):
        return f"{self.kind}: {self.message}"


def check(record, seen):
    """All that is wrong."""
    findings = []
    for part in (
        _check_sequences,
        _check_told,
        _check_jobs,
        _check_membership,
        _check_current,
        _check_files,
        _check_answers,
    ):
        findings += part(record, seen)
    return findings


def check_backup(record, name, seen):
    """A server of a backup against what was acknowledged before the backup began."""
    findings = _check_sequences(record, seen)
    by_request = {e.request_id: e for e in seen.experiences}
    for request_id in record.backups[name]:
        told = record.told[request_id]
        found = by_request.get(request_id)
        if found is None:
            findings.append(Finding("lost", f"{request_id} is not in {name}"))
        elif found.state == "FORGOTTEN":
            if not told.forget_asked:
                findings.append(Finding("lost", f"{request_id} is forgotten in {name}"))
        elif (found.sequence, found.text) != (told.sequence, told.text):
            findings.append(Finding("lost", f"{request_id} says something else in {name}"))
    findings += [_other(f"in {name}: {what}") for what in seen.broken]
    stored = {version.number for version in seen.versions if version.stored}
    gone = sorted(stored - set(seen.directories))
    if gone:
        findings.append(_other(f"{name} lacks the files of versions {gone}"))
    return findings


def _other(message):
    return Finding("other", message)


def _check_sequences(record, seen):
    sequences = [e.sequence for e in seen.experiences]
    if sequences == list(range(1, seen.last_sequence + 1)):
        return []
    missing = sorted(set(range(1, seen.last_sequence + 1)) - set(sequences))
    return [_other(f"the log has not 1 to {seen.last_sequence}; missing are {missing[:10]}")]


def _check_told(record, seen):
    findings = []
    by_request = collections.defaultdict(list)
    by_text = collections.Counter(e.text for e in seen.experiences if e.text)
    for experience in seen.experiences:
        by_request[experience.request_id].append(experience)
        if experience.request_id not in record.told:
            findings.append(_other(f"experiences/{experience.sequence} was never sent"))
    for text, count in by_text.items():
        if count > 1:
            findings.append(Finding("doubled", f"{count} experiences say {text!r}"))
    for request_id, told in record.told.items():
        found = by_request[request_id]
        if len(found) > 1:
            places = [e.sequence for e in found]
            findings.append(Finding("doubled", f"{request_id} is there as {places}"))
        if told.sequence is None and not found:
            continue
        if not found:
            findings.append(
                Finding("lost", f"{request_id}, acknowledged as experiences/{told.sequence}")
            )
            continue
        findings += _check_one(told, found[0])
    return findings


def _check_one(told, found):
    name = f"experiences/{found.sequence}"
    if told.sequence not in (None, found.sequence):
        return [
            Finding("lost", f"{told.request_id} was experiences/{told.sequence}, now it is {name}")
        ]
    if found.state == "FORGOTTEN":
        if not told.forget_asked:
            return [Finding("lost", f"{name} is forgotten, which nobody asked for")]
        return [_other(f"{name} is forgotten, and says something")] if found.text else []
    if told.forgotten:
        return [_other(f"{name} is {found.state}; that it is forgotten was acknowledged")]
    if found.text != told.text:
        return [Finding("lost", f"{name} says {found.text!r}, not {told.text!r}")]
    return []


def _check_jobs(record, seen):
    findings = []
    made = collections.defaultdict(list)  # versions by job
    for version in seen.versions:
        made[version.job].append(version.number)
    committed = {job.name: job for job in seen.jobs if job.state == "COMMITTED"}
    for name, numbers in made.items():
        if len(numbers) > 1:
            findings.append(Finding("double_commit", f"{name} committed versions {numbers}"))
        if name not in committed:
            findings.append(_other(f"version {numbers} is of {name or 'no job'}: not COMMITTED"))
    for name, job in committed.items():
        if job.version not in made[name]:
            findings.append(_other(f"{name} is COMMITTED, but its version {job.version} is not"))
        earlier = record.commits.get(name)
        if earlier not in (None, job.version):
            findings.append(
                Finding("double_commit", f"{name} committed {earlier}, later {job.version}")
            )
    numbers = {version.number for version in seen.versions}
    gone = sorted(record.rows_seen - numbers)
    if gone:
        findings.append(_other(f"the rows of versions {gone} are gone"))
    if len(numbers) < len(seen.versions):
        findings.append(Finding("double_commit", "two versions have one number"))
    return findings


def _chain(seen):
    """The current version and its ancestors, newest first."""
    rows = {version.number: version for version in seen.versions}
    chain, number = [], seen.current
    while number in rows and rows[number] not in chain:
        chain.append(rows[number])
        number = rows[number].parent
    return chain


def _check_membership(record, seen):
    findings = []
    added = [sequence for version in _chain(seen) for sequence in version.added]
    twice = sorted(s for s, count in collections.Counter(added).items() if count > 1)
    if twice:
        findings.append(Finding("doubled", f"trained twice into the current version: {twice}"))
    state = {e.sequence: e.state for e in seen.experiences}
    integrated = {sequence for sequence in state if state[sequence] == "INTEGRATED"}
    contained = {sequence for sequence in added if state.get(sequence) != "FORGOTTEN"}
    if integrated != contained:
        findings.append(
            _other(
                f"INTEGRATED, but not in version {seen.current}: {sorted(integrated - contained)}; "
                f"the other way round: {sorted(contained - integrated)}"
            )
        )
    forgotten = sorted(set(added) - contained)
    if seen.quiet and not seen.paused and forgotten:
        findings.append(_other(f"version {seen.current} contains what was forgotten: {forgotten}"))
    return findings


def allowed_currents(record, seen):
    """Versions that the last change may have made current."""
    switches = [(s.begin, math.inf if s.end is None else s.end, s.target, s.certain)
                for s in record.switches] or [(-math.inf, -math.inf, 0, True)]  # fmt: skip
    for version in seen.versions:
        if version.number in record.rows_seen:
            continue
        # Its time is of the beginning of the transaction.
        time = max(version.create_time, record.last_seen)
        switches.append((time, time, version.number, True))
    for job in seen.jobs:
        # A rebuild that cannot be published: its anchor answers instead.
        if job.trigger == "FORGET" and job.state in ("FAILED", "REJECTED"):
            switches.append((job.update_time, job.update_time, job.parent, False))
    latest = max(begin for begin, _, _, certain in switches if certain)
    return {target for _, end, target, _ in switches if end >= latest}


def _check_current(record, seen):
    findings = []
    allowed = allowed_currents(record, seen)
    if seen.current not in allowed:
        findings.append(
            _other(f"version {seen.current} is current; it should be one of {sorted(allowed)}")
        )
    if seen.current != 0 and seen.current not in {v.number for v in seen.versions}:
        findings.append(_other(f"version {seen.current} is current and has no row"))
    if seen.paused not in record.paused:
        findings.append(_other(f"updates_paused is {seen.paused}, against what was acknowledged"))
    return findings


def _check_files(record, seen):
    findings = [_other(what) for what in seen.broken]
    stored = {version.number for version in seen.versions if version.stored}
    for number in sorted(stored - set(seen.directories)):
        findings.append(_other(f"version {number} is stored, but its folder is gone"))
    orphans = sorted(set(seen.directories) - stored)
    # A job at work may have stored a version that it has not committed yet.
    if orphans and (seen.quiet or len(orphans) > 1):
        findings.append(_other(f"folders of versions that are not stored: {orphans}"))
    if seen.quiet:
        findings += [_other(f"{path} belongs to nothing") for path in seen.strays]
        findings += [_other(f"{what} was forgotten and is in a file") for what in seen.remains]
    for number, files in seen.directories.items():
        if record.digests.get(number, files) != files:
            findings.append(_other(f"the files of version {number} have changed"))
    return findings


def _check_answers(record, seen):
    findings = []
    if seen.answered_by != seen.current:
        findings.append(_other(f"version {seen.answered_by} answered, not {seen.current}"))
    before = record.scores.get(seen.current)
    if before is not None and not (
        len(before) == len(seen.scores)
        and all(abs(a - b) <= SCORE_TOLERANCE for a, b in zip(before, seen.scores, strict=True))
    ):
        findings.append(_other(f"version {seen.current} gives other logits than before"))
    return findings
