# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What AdminService offers, as plans that both clients carry out."""

from __future__ import annotations

from collections.abc import Iterable

from imprint import _rpc
from imprint._caller import Caller, Listing
from imprint._convert import resource_name
from imprint._plan import Plan
from imprint._requests import run_probes_request
from imprint._updating import run_update, run_update_and_wait
from imprint._waiting import Wait, Waiter
from imprint.experience import Experience, ExperienceLike, to_experience
from imprint.job import Job, JobLike, Rebuild, to_job, to_rebuild
from imprint.probe import Probe, ProbeResult, to_probe, to_result
from imprint.status import Status, to_status
from imprint.update import UpdateRun
from imprint.v1 import admin_service_pb2 as admin
from imprint.version import Rollback, Version, VersionLike, to_rollback, to_version


class AdminOperations:
    """Plans of calls and of what goes with them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._waiter = Waiter(caller)

    def status(self, timeout: float | None) -> Plan[Status]:
        response = yield from self._caller.call(_rpc.GET_STATUS, admin.GetStatusRequest(), timeout)
        return to_status(response)

    def release(self, experience: ExperienceLike, timeout: float | None) -> Plan[Experience]:
        request = admin.ReleaseExperienceRequest(name=resource_name("experiences", experience))
        response = yield from self._caller.call(_rpc.RELEASE_EXPERIENCE, request, timeout)
        return to_experience(response.experience)

    # --- updates ---

    def run_update(
        self, wait: bool, wait_timeout: float | None, timeout: float | None
    ) -> Plan[UpdateRun]:
        if not wait:
            return run_update(self._caller, timeout)
        return run_update_and_wait(
            self._caller, self._waiter, Wait(self._caller, wait_timeout), timeout
        )

    def pause(self, timeout: float | None) -> Plan[None]:
        yield from self._caller.call(_rpc.PAUSE_UPDATES, admin.PauseUpdatesRequest(), timeout)

    def resume(self, timeout: float | None) -> Plan[None]:
        yield from self._caller.call(_rpc.RESUME_UPDATES, admin.ResumeUpdatesRequest(), timeout)

    def approve(self, job: JobLike, timeout: float | None) -> Plan[Job]:
        request = admin.ApproveJobRequest(name=resource_name("jobs", job))
        response = yield from self._caller.call(_rpc.APPROVE_JOB, request, timeout)
        return to_job(response.job)

    def drop(self, job: JobLike, timeout: float | None) -> Plan[Job]:
        request = admin.DropJobRequest(name=resource_name("jobs", job))
        response = yield from self._caller.call(_rpc.DROP_JOB, request, timeout)
        return to_job(response.job)

    def rebuild(
        self,
        anchor: VersionLike | None,
        dry_run: bool,
        wait: bool,
        wait_timeout: float | None,
        timeout: float | None,
    ) -> Plan[Rebuild]:
        name = None if anchor is None else resource_name("versions", anchor)
        request = admin.RebuildVersionRequest(anchor=name, dry_run=dry_run)
        response = yield from self._caller.call(_rpc.REBUILD_VERSION, request, timeout)
        rebuild = to_rebuild(response)
        if not wait or rebuild.job is None:
            return rebuild
        job = yield from self._waiter.wait_for_job(
            rebuild.job.name, Wait(self._caller, wait_timeout)
        )
        return Rebuild(rebuild.cost, job)

    # --- jobs ---

    def get_job(self, job: JobLike, timeout: float | None) -> Plan[Job]:
        request = admin.GetJobRequest(name=resource_name("jobs", job))
        response = yield from self._caller.call(_rpc.GET_JOB, request, timeout)
        return to_job(response.job)

    def list_jobs(self, page_size: int, timeout: float | None) -> Listing[Job]:
        request = admin.ListJobsRequest(page_size=page_size)
        return Listing(_rpc.LIST_JOBS, request, "jobs", to_job, timeout)

    def cancel_job(self, job: JobLike, timeout: float | None) -> Plan[Job]:
        request = admin.CancelJobRequest(name=resource_name("jobs", job))
        response = yield from self._caller.call(_rpc.CANCEL_JOB, request, timeout)
        return to_job(response.job)

    # --- versions ---

    def get_version(self, version: VersionLike, timeout: float | None) -> Plan[Version]:
        request = admin.GetVersionRequest(name=resource_name("versions", version))
        response = yield from self._caller.call(_rpc.GET_VERSION, request, timeout)
        return to_version(response.version)

    def list_versions(self, page_size: int, timeout: float | None) -> Listing[Version]:
        request = admin.ListVersionsRequest(page_size=page_size)
        return Listing(_rpc.LIST_VERSIONS, request, "versions", to_version, timeout)

    def rollback(self, version: VersionLike, timeout: float | None) -> Plan[Rollback]:
        request = admin.RollbackVersionRequest(name=resource_name("versions", version))
        response = yield from self._caller.call(_rpc.ROLLBACK_VERSION, request, timeout)
        return to_rollback(response)

    # --- probes ---

    def create_probe(
        self,
        question: str,
        expected_answer: str,
        experience: ExperienceLike | None,
        timeout: float | None,
    ) -> Plan[Probe]:
        request = admin.CreateProbeRequest(
            question=question,
            expected_answer=expected_answer,
            experience=None if experience is None else resource_name("experiences", experience),
        )
        response = yield from self._caller.call(_rpc.CREATE_PROBE, request, timeout)
        return to_probe(response.probe)

    def list_probes(
        self, experience: ExperienceLike | None, page_size: int, timeout: float | None
    ) -> Listing[Probe]:
        name = None if experience is None else resource_name("experiences", experience)
        request = admin.ListProbesRequest(experience=name, page_size=page_size)
        return Listing(_rpc.LIST_PROBES, request, "probes", to_probe, timeout)

    def delete_probe(self, probe: Probe | str | int, timeout: float | None) -> Plan[None]:
        request = admin.DeleteProbeRequest(name=resource_name("probes", probe))
        yield from self._caller.call(_rpc.DELETE_PROBE, request, timeout)

    def run_probes(
        self,
        version: int | Version | None,
        experiences: Iterable[ExperienceLike],
        timeout: float | None,
    ) -> Plan[tuple[ProbeResult, ...]]:
        request = run_probes_request(version, experiences)
        response = yield from self._caller.call(_rpc.RUN_PROBES, request, timeout)
        return tuple(to_result(result) for result in response.results)
