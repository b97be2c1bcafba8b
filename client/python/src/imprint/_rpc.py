# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The calls of the API, and which of them may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from imprint.v1 import admin_service_pb2 as admin
from imprint.v1 import imprint_service_pb2 as service

Req = TypeVar("Req", bound=Message)
Resp = TypeVar("Resp", bound=Message)

_IMPRINT = "imprint.v1.ImprintService"
_ADMIN = "imprint.v1.AdminService"


@dataclass(frozen=True)
class Rpc(Generic[Req, Resp]):
    """One call. `repeatable`: done twice, it does no more than done once.

    `computes`: the model works for it, so that it takes long.
    """

    service: str
    name: str
    request: type[Req]
    response: type[Resp]
    repeatable: bool = False
    computes: bool = False
    streams: bool = False

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def is_admin(self) -> bool:
        return self.service == _ADMIN


# The client gives each injection a request_id.
INJECT = Rpc(
    _IMPRINT,
    "InjectContext",
    service.InjectContextRequest,
    service.InjectContextResponse,
    repeatable=True,
)
QUERY = Rpc(
    _IMPRINT,
    "Query",
    service.QueryRequest,
    service.QueryResponse,
    repeatable=True,
    computes=True,
    streams=True,
)
SCORE = Rpc(
    _IMPRINT,
    "Score",
    service.ScoreRequest,
    service.ScoreResponse,
    repeatable=True,
    computes=True,
)
GET_EXPERIENCE = Rpc(
    _IMPRINT,
    "GetExperience",
    service.GetExperienceRequest,
    service.GetExperienceResponse,
    repeatable=True,
)
LIST_EXPERIENCES = Rpc(
    _IMPRINT,
    "ListExperiences",
    service.ListExperiencesRequest,
    service.ListExperiencesResponse,
    repeatable=True,
)
FORGET = Rpc(
    _IMPRINT,
    "ForgetExperience",
    service.ForgetExperienceRequest,
    service.ForgetExperienceResponse,
    repeatable=True,
)
GET_STATUS = Rpc(
    _ADMIN, "GetStatus", admin.GetStatusRequest, admin.GetStatusResponse, repeatable=True
)
LIST_JOBS = Rpc(_ADMIN, "ListJobs", admin.ListJobsRequest, admin.ListJobsResponse, repeatable=True)
GET_JOB = Rpc(_ADMIN, "GetJob", admin.GetJobRequest, admin.GetJobResponse, repeatable=True)
CANCEL_JOB = Rpc(_ADMIN, "CancelJob", admin.CancelJobRequest, admin.CancelJobResponse)
APPROVE_JOB = Rpc(_ADMIN, "ApproveJob", admin.ApproveJobRequest, admin.ApproveJobResponse)
DROP_JOB = Rpc(_ADMIN, "DropJob", admin.DropJobRequest, admin.DropJobResponse)
PAUSE_UPDATES = Rpc(
    _ADMIN, "PauseUpdates", admin.PauseUpdatesRequest, admin.PauseUpdatesResponse, repeatable=True
)
RESUME_UPDATES = Rpc(
    _ADMIN,
    "ResumeUpdates",
    admin.ResumeUpdatesRequest,
    admin.ResumeUpdatesResponse,
    repeatable=True,
)
RUN_UPDATE = Rpc(
    _ADMIN, "RunUpdate", admin.RunUpdateRequest, admin.RunUpdateResponse, repeatable=True
)
REBUILD_VERSION = Rpc(
    _ADMIN, "RebuildVersion", admin.RebuildVersionRequest, admin.RebuildVersionResponse
)
LIST_VERSIONS = Rpc(
    _ADMIN, "ListVersions", admin.ListVersionsRequest, admin.ListVersionsResponse, repeatable=True
)
GET_VERSION = Rpc(
    _ADMIN, "GetVersion", admin.GetVersionRequest, admin.GetVersionResponse, repeatable=True
)
# Between two of them a job may have made another version current.
ROLLBACK_VERSION = Rpc(
    _ADMIN, "RollbackVersion", admin.RollbackVersionRequest, admin.RollbackVersionResponse
)
CREATE_PROBE = Rpc(
    _ADMIN, "CreateProbe", admin.CreateProbeRequest, admin.CreateProbeResponse, computes=True
)
LIST_PROBES = Rpc(
    _ADMIN, "ListProbes", admin.ListProbesRequest, admin.ListProbesResponse, repeatable=True
)
DELETE_PROBE = Rpc(_ADMIN, "DeleteProbe", admin.DeleteProbeRequest, admin.DeleteProbeResponse)
RUN_PROBES = Rpc(
    _ADMIN,
    "RunProbes",
    admin.RunProbesRequest,
    admin.RunProbesResponse,
    repeatable=True,
    computes=True,
)
RELEASE_EXPERIENCE = Rpc(
    _ADMIN, "ReleaseExperience", admin.ReleaseExperienceRequest, admin.ReleaseExperienceResponse
)
