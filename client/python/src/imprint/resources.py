# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What a Client offers by kind of thing: `client.experiences`, `client.versions`, ..."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from imprint._admin_operations import AdminOperations
from imprint._caller import Caller
from imprint._operations import Operations
from imprint._transport import Transport
from imprint.experience import Experience, ExperienceLike, Forgotten, State
from imprint.job import Job, JobLike, Rebuild
from imprint.probe import Probe, ProbeResult
from imprint.update import UpdateRun
from imprint.version import Rollback, Version, VersionLike


class Experiences:
    """What the model was told."""

    def __init__(
        self,
        transport: Transport,
        caller: Caller,
        operations: Operations,
        admin: AdminOperations,
    ) -> None:
        self._transport = transport
        self._caller = caller
        self._operations = operations
        self._admin = admin

    def get(
        self, experience: ExperienceLike, *, full: bool = False, timeout: float | None = None
    ) -> Experience:
        """By name or number; `full`: with its target sentences and probes. NotFoundError."""
        return self._transport.run(self._operations.get_experience(experience, full, timeout))

    def list(
        self,
        *,
        state: State | str | None = None,
        labels: Mapping[str, str] | None = None,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Iterator[Experience]:
        """Those in one state and with all of the labels, in the order of the log.

        Asks for a page when the iterator comes to it: `page_size` experiences (0: the server's
        default), `timeout` each.
        """
        listing = self._operations.list_experiences(state, labels, page_size, timeout)
        return self._transport.iterate(self._caller, listing)

    def forget(
        self,
        experience: ExperienceLike | None = None,
        *,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = False,
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> Forgotten:
        """Forgets what fits all that is given; cannot be undone.

        When it returns, nobody is given its text any more. `wait`: return when it is out of
        the weights and of the server's files as well. NotFoundError: there is none of that
        name or request_id; labels that nothing carries forget nothing.
        """
        return self._transport.run(
            self._operations.forget(experience, request_id, labels, wait, wait_timeout, timeout)
        )

    def release(self, experience: ExperienceLike, *, timeout: float | None = None) -> Experience:
        """Lets a held or quarantined one be trained again."""
        return self._transport.run(self._admin.release(experience, timeout))


class Updates:
    """When the weights are updated."""

    def __init__(self, transport: Transport, admin: AdminOperations) -> None:
        self._transport = transport
        self._admin = admin

    def run(
        self,
        *,
        wait: bool = False,
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> UpdateRun:
        """Updates with all that is accepted by now, without waiting for count or age.

        Without `wait`: FailedPreconditionError while updates are paused or stand still. With
        `wait`: returns when all of it is in the weights or set aside; asks again while updates
        stand still for a moment, and raises UpdatesStoppedError when that lasts.
        """
        return self._transport.run(self._admin.run_update(wait, wait_timeout, timeout))

    def pause(self, *, timeout: float | None = None) -> None:
        """No job starts until resumed; the running one ends as planned."""
        self._transport.run(self._admin.pause(timeout))

    def resume(self, *, timeout: float | None = None) -> None:
        """Goes on, and tries at once what stands still."""
        self._transport.run(self._admin.resume(timeout))

    def approve(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """Publishes what a job made, where the server waits for that; its version is current.

        FailedPreconditionError: the job does not await approval (--publish.approval=manual).
        """
        return self._transport.run(self._admin.approve(job, timeout))

    def drop(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """Does not publish it: the job is rejected, its experiences are held until released."""
        return self._transport.run(self._admin.drop(job, timeout))

    def rebuild(
        self,
        anchor: VersionLike | None = None,
        *,
        dry_run: bool = False,
        wait: bool = False,
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> Rebuild:
        """Makes the current version again from an older one, against drift.

        `anchor`: the version to start from; None: the newest that carries little drift.
        `dry_run` only says what it costs. `wait` returns the job when it is committed, and
        raises JobFailedError when it ends otherwise.
        """
        return self._transport.run(
            self._admin.rebuild(anchor, dry_run, wait, wait_timeout, timeout)
        )


class Jobs:
    """Update jobs."""

    def __init__(self, transport: Transport, caller: Caller, admin: AdminOperations) -> None:
        self._transport = transport
        self._caller = caller
        self._admin = admin

    def get(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """By name or number. NotFoundError."""
        return self._transport.run(self._admin.get_job(job, timeout))

    def list(self, *, page_size: int = 0, timeout: float | None = None) -> Iterator[Job]:
        """Newest first, by pages as `experiences.list`."""
        return self._transport.iterate(self._caller, self._admin.list_jobs(page_size, timeout))

    def cancel(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """Stops it at its next step; its experiences become HELD."""
        return self._transport.run(self._admin.cancel_job(job, timeout))


class Versions:
    """The sets of weights."""

    def __init__(self, transport: Transport, caller: Caller, admin: AdminOperations) -> None:
        self._transport = transport
        self._caller = caller
        self._admin = admin

    def get(self, version: VersionLike, *, timeout: float | None = None) -> Version:
        """By name or number; 0 is the base model. NotFoundError."""
        return self._transport.run(self._admin.get_version(version, timeout))

    def list(self, *, page_size: int = 0, timeout: float | None = None) -> Iterator[Version]:
        """Newest first, the base last, by pages as `experiences.list`."""
        return self._transport.iterate(self._caller, self._admin.list_versions(page_size, timeout))

    def rollback(self, version: VersionLike, *, timeout: float | None = None) -> Rollback:
        """Makes an earlier (or later) version the current one, durably.

        Experiences that it does not contain become HELD. FailedPreconditionError: its files
        are not kept.
        """
        return self._transport.run(self._admin.rollback(version, timeout))


class Probes:
    """Questions that every candidate version is asked."""

    def __init__(self, transport: Transport, caller: Caller, admin: AdminOperations) -> None:
        self._transport = transport
        self._caller = caller
        self._admin = admin

    def create(
        self,
        question: str,
        *,
        expected_answer: str = "",
        experience: ExperienceLike | None = None,
        timeout: float | None = None,
    ) -> Probe:
        """One that measures `experience`; without, a retention probe: what must not be lost."""
        return self._transport.run(
            self._admin.create_probe(question, expected_answer, experience, timeout)
        )

    def list(
        self,
        *,
        experience: ExperienceLike | None = None,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Iterator[Probe]:
        """Those of one experience, or all, by pages as `experiences.list`."""
        return self._transport.iterate(
            self._caller, self._admin.list_probes(experience, page_size, timeout)
        )

    def delete(self, probe: Probe | str | int, *, timeout: float | None = None) -> None:
        """NotFoundError: there is none of that name."""
        self._transport.run(self._admin.delete_probe(probe, timeout))

    def run(
        self,
        *,
        version: int | Version | None = None,
        experiences: Iterable[ExperienceLike] = (),
        timeout: float | None = None,
    ) -> tuple[ProbeResult, ...]:
        """Asks the probes of these experiences, or all, of one version (None: the current)."""
        return self._transport.run(self._admin.run_probes(version, experiences, timeout))
