# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Between the API's messages and Python: times, enums, resource names."""

from __future__ import annotations

import datetime
from enum import Enum
from typing import Any, TypeVar

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message

Word = TypeVar("Word", bound=Enum)


def time_of(message: Message, field: str) -> datetime.datetime | None:
    """A timestamp in UTC; None where the field is absent."""
    if not message.HasField(field):
        return None
    stamp: timestamp_pb2.Timestamp = getattr(message, field)
    return stamp.ToDatetime(tzinfo=datetime.timezone.utc)


def seconds_of(message: Message, field: str) -> float | None:
    """A duration in seconds; None where the field is absent."""
    if not message.HasField(field):
        return None
    duration: duration_pb2.Duration = getattr(message, field)
    return duration.seconds + duration.nanos * 1e-9


def optional_of(message: Message, field: str) -> Any | None:
    """The value of an `optional` field; None where it is absent."""
    return getattr(message, field) if message.HasField(field) else None


def to_duration(span: float | datetime.timedelta) -> duration_pb2.Duration:
    """`span` in seconds where it is a number."""
    if not isinstance(span, datetime.timedelta):
        span = datetime.timedelta(seconds=span)
    duration = duration_pb2.Duration()
    duration.FromTimedelta(span)
    return duration


def word_of(words: type[Word], enum: Any, number: int) -> Word:
    """The member for `EXPERIENCE_STATE_READY` is `State.READY`, its value "ready".

    A number that is not known here, from a newer server, is UNSPECIFIED.
    """
    names = enum.DESCRIPTOR.values_by_number
    if number not in names:
        return words["UNSPECIFIED"]
    prefix = len(names[0].name) - len("UNSPECIFIED")
    member = names[number].name[prefix:]
    return words[member] if member in words.__members__ else words["UNSPECIFIED"]


def number_of(word: Enum, enum: Any) -> int:
    """The number in the API of what `word_of` gives."""
    values = enum.DESCRIPTOR.values_by_number
    prefix = values[0].name[: -len("UNSPECIFIED")]
    number: int = enum.Value(prefix + word.name)
    return number


def resource_name(collection: str, resource: Any) -> str:
    """`7`, `"7"`, `"experiences/7"` and an object with that name are all "experiences/7".

    What is none of these goes to the server as it is, which says what is wrong with it.
    """
    name = getattr(resource, "name", resource)
    if isinstance(name, int) or (isinstance(name, str) and name.isdigit()):
        return f"{collection}/{name}"
    return str(name)
