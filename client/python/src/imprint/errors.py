# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What this package raises.

ImprintError
  CallError               a call that failed; one subclass a status code
  WaitError               a wait that came to no good end
    SetAsideError         held, quarantined or forgotten: it goes no further by itself
    UpdatesStoppedError   updates are paused, or stand still for long
    WaitTimeoutError      not there in time; a TimeoutError too
    JobFailedError        the job was rejected, failed or was cancelled
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import grpc

from imprint.experience import Experience
from imprint.job import Job


class ImprintError(Exception):
    """Everything that this package raises on purpose, wrong arguments (ValueError) aside."""


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request, named as in the API ("content.text"), and what is wrong."""

    field: str
    description: str


class CallError(ImprintError):
    """A call that failed.

    `code` is gRPC's. `reason` is the server's word for programs ("REQUEST_ID_CONFLICT"), with
    `metadata` beside it; both are empty where the error is gRPC's own: no server answered, or
    not in time. `field_violations` says what is wrong with the request. `retry_delay`: seconds
    after which trying again helps; None where the server does not say so. `method`: the call,
    as "InjectContext".
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode,
        method: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Iterable[FieldViolation] = (),
        retry_delay: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.method = method
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.field_violations = tuple(field_violations)
        self.retry_delay = retry_delay

    def __str__(self) -> str:
        lines = [f"{self.method}: {self.message} ({self.reason or self.code.name})"]
        for violation in self.field_violations:
            line = f"{violation.field}: {violation.description}"
            if line not in self.message:
                lines.append(line)
        return "\n  ".join(lines)


class InvalidArgumentError(CallError):
    """The request is wrong, whatever the server's state; see `field_violations`."""


class NotFoundError(CallError):
    """There is no experience, job, probe or version of that name."""


class AlreadyExistsError(CallError):
    """The request_id was used before, for another body."""


class FailedPreconditionError(CallError):
    """The server's state does not allow it: a version not live, updates paused, ..."""


class AbortedError(CallError):
    """Ended by the server on the way: the version of the answer was drained, ..."""


class OutOfRangeError(CallError):
    """What was asked for is not kept any more."""


class ResourceExhaustedError(CallError):
    """A queue or the disk is full, or the reader of a stream was too slow."""


class UnavailableError(CallError):
    """No server answers, or it is shutting down."""


class DeadlineExceededError(CallError, TimeoutError):
    """No answer within `timeout`. Whether the call was carried out is unknown."""


class UnauthenticatedError(CallError):
    """The server wants to know who calls."""


class PermissionDeniedError(CallError):
    """The caller may not do this."""


class UnimplementedError(CallError):
    """The server has no such call at this address; AdminService may listen elsewhere."""


class WaitError(ImprintError):
    """A wait that came to no good end; `experiences`: those that did not arrive.

    What was injected is durable all the same.
    """

    def __init__(self, message: str, experiences: Iterable[Experience] = ()) -> None:
        super().__init__(message)
        self.experiences = tuple(experiences)


class SetAsideError(WaitError):
    """Held, quarantined or forgotten. `experiences.release` lets the first two be trained again."""


class UpdatesStoppedError(WaitError):
    """Updates are paused, or stand still for long, so that waiting is of no use."""


class WaitTimeoutError(WaitError, TimeoutError):
    """Not there within the time given; it may get there later."""


class JobFailedError(WaitError):
    """The job is over and made no version; `job.state_reason` says why."""

    def __init__(self, message: str, job: Job) -> None:
        super().__init__(message)
        self.job = job
