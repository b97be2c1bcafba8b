# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Client of Imprint, the server that writes what it is told into a model's weights.

>>> from imprint import Client
>>> with Client("127.0.0.1:50051") as client:  # doctest: +SKIP
...     client.inject("The ferry at Hollin Quay is yellow.", wait="integrated")
...     print(client.query("Which colour is the ferry at Hollin Quay?"))

Client and AsyncClient offer the same. Names without an underscore are the API; so is
`imprint.v1`, the messages as protoc makes them.
"""

from imprint._settings import package_version
from imprint.answer import Answer, FinishReason
from imprint.async_client import AsyncClient
from imprint.async_stream import AsyncStream
from imprint.chat import Chat, Message
from imprint.client import Client
from imprint.errors import (
    AbortedError,
    AlreadyExistsError,
    CallError,
    DeadlineExceededError,
    FailedPreconditionError,
    FieldViolation,
    ImprintError,
    InvalidArgumentError,
    JobFailedError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SetAsideError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UpdatesStoppedError,
    WaitError,
    WaitTimeoutError,
)
from imprint.experience import Experience, Forgotten, QuestionAnswer, State, StoredTarget
from imprint.job import (
    Job,
    JobKind,
    JobProgress,
    JobReport,
    JobState,
    JobTrigger,
    Rebuild,
    RebuildCost,
)
from imprint.probe import Probe, ProbeResult
from imprint.retry import RetryPolicy
from imprint.score import Score, TokenScore
from imprint.status import Status
from imprint.stream import Stream
from imprint.tls import Tls
from imprint.update import UpdateRun
from imprint.version import Rollback, Version

__version__ = package_version()

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "Answer",
    "AsyncClient",
    "AsyncStream",
    "CallError",
    "Chat",
    "Client",
    "DeadlineExceededError",
    "Experience",
    "FailedPreconditionError",
    "FieldViolation",
    "FinishReason",
    "Forgotten",
    "ImprintError",
    "InvalidArgumentError",
    "Job",
    "JobFailedError",
    "JobKind",
    "JobProgress",
    "JobReport",
    "JobState",
    "JobTrigger",
    "Message",
    "NotFoundError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "Probe",
    "ProbeResult",
    "QuestionAnswer",
    "Rebuild",
    "RebuildCost",
    "ResourceExhaustedError",
    "RetryPolicy",
    "Rollback",
    "Score",
    "SetAsideError",
    "State",
    "Status",
    "StoredTarget",
    "Stream",
    "Tls",
    "TokenScore",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UpdateRun",
    "UpdatesStoppedError",
    "Version",
    "WaitError",
    "WaitTimeoutError",
]
