# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What an AsyncClient offers by kind of thing; the contracts are in `resources`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from imprint._admin_operations import AdminOperations
from imprint._async_transport import AsyncTransport
from imprint._caller import Caller
from imprint._operations import Operations
from imprint.experience import Experience, ExperienceLike, Forgotten, State
from imprint.job import Job, JobLike, Rebuild
from imprint.probe import Probe, ProbeResult
from imprint.update import UpdateRun
from imprint.version import Rollback, Version, VersionLike


class AsyncExperiences:
    """As Experiences, with `await`."""

    def __init__(
        self,
        transport: AsyncTransport,
        caller: Caller,
        operations: Operations,
        admin: AdminOperations,
    ) -> None:
        self._transport = transport
        self._caller = caller
        self._operations = operations
        self._admin = admin

    async def get(
        self, experience: ExperienceLike, *, full: bool = False, timeout: float | None = None
    ) -> Experience:
        """See Experiences.get."""
        return await self._transport.run(self._operations.get_experience(experience, full, timeout))

    def list(
        self,
        *,
        state: State | str | None = None,
        labels: Mapping[str, str] | None = None,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> AsyncIterator[Experience]:
        """See Experiences.list."""
        listing = self._operations.list_experiences(state, labels, page_size, timeout)
        return self._transport.iterate(self._caller, listing)

    async def forget(
        self,
        experience: ExperienceLike | None = None,
        *,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        wait: bool = False,
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> Forgotten:
        """See Experiences.forget."""
        return await self._transport.run(
            self._operations.forget(experience, request_id, labels, wait, wait_timeout, timeout)
        )

    async def release(
        self, experience: ExperienceLike, *, timeout: float | None = None
    ) -> Experience:
        """See Experiences.release."""
        return await self._transport.run(self._admin.release(experience, timeout))


class AsyncUpdates:
    """As Updates, with `await`."""

    def __init__(self, transport: AsyncTransport, admin: AdminOperations) -> None:
        self._transport = transport
        self._admin = admin

    async def run(
        self,
        *,
        wait: bool = False,
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> UpdateRun:
        """See Updates.run."""
        return await self._transport.run(self._admin.run_update(wait, wait_timeout, timeout))

    async def pause(self, *, timeout: float | None = None) -> None:
        """See Updates.pause."""
        await self._transport.run(self._admin.pause(timeout))

    async def resume(self, *, timeout: float | None = None) -> None:
        """See Updates.resume."""
        await self._transport.run(self._admin.resume(timeout))

    async def approve(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """See Updates.approve."""
        return await self._transport.run(self._admin.approve(job, timeout))

    async def drop(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """See Updates.drop."""
        return await self._transport.run(self._admin.drop(job, timeout))

    async def rebuild(
        self,
        anchor: VersionLike | None = None,
        *,
        dry_run: bool = False,
        wait: bool = False,
        wait_timeout: float | None = None,
        timeout: float | None = None,
    ) -> Rebuild:
        """See Updates.rebuild."""
        return await self._transport.run(
            self._admin.rebuild(anchor, dry_run, wait, wait_timeout, timeout)
        )


class AsyncJobs:
    """As Jobs, with `await`."""

    def __init__(self, transport: AsyncTransport, caller: Caller, admin: AdminOperations) -> None:
        self._transport = transport
        self._caller = caller
        self._admin = admin

    async def get(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """See Jobs.get."""
        return await self._transport.run(self._admin.get_job(job, timeout))

    def list(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncIterator[Job]:
        """See Jobs.list."""
        return self._transport.iterate(self._caller, self._admin.list_jobs(page_size, timeout))

    async def cancel(self, job: JobLike, *, timeout: float | None = None) -> Job:
        """See Jobs.cancel."""
        return await self._transport.run(self._admin.cancel_job(job, timeout))


class AsyncVersions:
    """As Versions, with `await`."""

    def __init__(self, transport: AsyncTransport, caller: Caller, admin: AdminOperations) -> None:
        self._transport = transport
        self._caller = caller
        self._admin = admin

    async def get(self, version: VersionLike, *, timeout: float | None = None) -> Version:
        """See Versions.get."""
        return await self._transport.run(self._admin.get_version(version, timeout))

    def list(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncIterator[Version]:
        """See Versions.list."""
        return self._transport.iterate(self._caller, self._admin.list_versions(page_size, timeout))

    async def rollback(self, version: VersionLike, *, timeout: float | None = None) -> Rollback:
        """See Versions.rollback."""
        return await self._transport.run(self._admin.rollback(version, timeout))


class AsyncProbes:
    """As Probes, with `await`."""

    def __init__(self, transport: AsyncTransport, caller: Caller, admin: AdminOperations) -> None:
        self._transport = transport
        self._caller = caller
        self._admin = admin

    async def create(
        self,
        question: str,
        *,
        expected_answer: str = "",
        experience: ExperienceLike | None = None,
        timeout: float | None = None,
    ) -> Probe:
        """See Probes.create."""
        return await self._transport.run(
            self._admin.create_probe(question, expected_answer, experience, timeout)
        )

    def list(
        self,
        *,
        experience: ExperienceLike | None = None,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> AsyncIterator[Probe]:
        """See Probes.list."""
        return self._transport.iterate(
            self._caller, self._admin.list_probes(experience, page_size, timeout)
        )

    async def delete(self, probe: Probe | str | int, *, timeout: float | None = None) -> None:
        """See Probes.delete."""
        await self._transport.run(self._admin.delete_probe(probe, timeout))

    async def run(
        self,
        *,
        version: int | Version | None = None,
        experiences: Iterable[ExperienceLike] = (),
        timeout: float | None = None,
    ) -> tuple[ProbeResult, ...]:
        """See Probes.run."""
        return await self._transport.run(self._admin.run_probes(version, experiences, timeout))
