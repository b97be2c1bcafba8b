# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""From gRPC's errors, with their google.rpc details, to this package's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from imprint import errors

_DETAILS_KEY = "grpc-status-details-bin"

_CLASSES: Mapping[grpc.StatusCode, type[errors.CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPreconditionError,
    grpc.StatusCode.ABORTED: errors.AbortedError,
    grpc.StatusCode.OUT_OF_RANGE: errors.OutOfRangeError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhaustedError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceededError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.UNIMPLEMENTED: errors.UnimplementedError,
}


def to_call_error(error: grpc.RpcError, method: str, address: str) -> errors.CallError:
    """`error` is what a call raised, so that it is a grpc.Call (or its asyncio twin) as well."""
    call: Any = error
    code: grpc.StatusCode = call.code()
    status = _rich_status(call)
    # gRPC's copy of the server's message is lost where a stream is removed at its deadline.
    message = status.message or call.details() or ""
    fields: dict[str, Any] = {}
    if not status.details:  # gRPC's own error, not the server's
        message = _own_message(code, message, address)
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            fields["reason"] = info.reason
            fields["metadata"] = dict(info.metadata)
        elif detail.Unpack(bad_request):
            fields["field_violations"] = [
                errors.FieldViolation(violation.field, violation.description)
                for violation in bad_request.field_violations
            ]
        elif detail.Unpack(retry):
            fields["retry_delay"] = retry.retry_delay.seconds + retry.retry_delay.nanos * 1e-9
    kind = _CLASSES.get(code, errors.CallError)
    return kind(message, code=code, method=method, **fields)


def _rich_status(call: Any) -> status_pb2.Status:
    """What the server says beside the code; empty where the error is gRPC's own."""
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return status_pb2.Status.FromString(value)
    return status_pb2.Status()


def _own_message(code: grpc.StatusCode, message: str, address: str) -> str:
    if code is grpc.StatusCode.UNAVAILABLE:
        return f"no server answers at {address}: {message}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the server at {address} gave no answer in time"
    return message
