# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from imprint.v1 import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExperienceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPERIENCE_STATE_UNSPECIFIED: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_QUEUED: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_READY: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_TRAINING: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_INTEGRATED: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_HELD: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_QUARANTINED: _ClassVar[ExperienceState]
    EXPERIENCE_STATE_FORGOTTEN: _ClassVar[ExperienceState]
EXPERIENCE_STATE_UNSPECIFIED: ExperienceState
EXPERIENCE_STATE_QUEUED: ExperienceState
EXPERIENCE_STATE_READY: ExperienceState
EXPERIENCE_STATE_TRAINING: ExperienceState
EXPERIENCE_STATE_INTEGRATED: ExperienceState
EXPERIENCE_STATE_HELD: ExperienceState
EXPERIENCE_STATE_QUARANTINED: ExperienceState
EXPERIENCE_STATE_FORGOTTEN: ExperienceState

class Experience(_message.Message):
    __slots__ = ("name", "sequence", "state", "state_reason", "content", "labels", "request_id", "create_time", "update_time", "version", "target_count", "probe_count", "efficacy", "targets", "probes", "expire_time", "supersedes")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TARGET_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROBE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EFFICACY_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDES_FIELD_NUMBER: _ClassVar[int]
    name: str
    sequence: int
    state: ExperienceState
    state_reason: str
    content: ExperienceContent
    labels: _containers.ScalarMap[str, str]
    request_id: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    version: int
    target_count: int
    probe_count: int
    efficacy: float
    targets: _containers.RepeatedCompositeFieldContainer[StoredTarget]
    probes: _containers.RepeatedCompositeFieldContainer[Probe]
    expire_time: _timestamp_pb2.Timestamp
    supersedes: str
    def __init__(self, name: _Optional[str] = ..., sequence: _Optional[int] = ..., state: _Optional[_Union[ExperienceState, str]] = ..., state_reason: _Optional[str] = ..., content: _Optional[_Union[ExperienceContent, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., target_count: _Optional[int] = ..., probe_count: _Optional[int] = ..., efficacy: _Optional[float] = ..., targets: _Optional[_Iterable[_Union[StoredTarget, _Mapping]]] = ..., probes: _Optional[_Iterable[_Union[Probe, _Mapping]]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., supersedes: _Optional[str] = ...) -> None: ...

class ExperienceContent(_message.Message):
    __slots__ = ("text", "conversation")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    text: str
    conversation: Conversation
    def __init__(self, text: _Optional[str] = ..., conversation: _Optional[_Union[Conversation, _Mapping]] = ...) -> None: ...

class Conversation(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.ChatMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.ChatMessage, _Mapping]]] = ...) -> None: ...

class TargetSentence(_message.Message):
    __slots__ = ("question_answer", "text")
    QUESTION_ANSWER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    question_answer: QuestionAnswer
    text: str
    def __init__(self, question_answer: _Optional[_Union[QuestionAnswer, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class QuestionAnswer(_message.Message):
    __slots__ = ("question", "answer")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    question: str
    answer: str
    def __init__(self, question: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class StoredTarget(_message.Message):
    __slots__ = ("kind", "prompt", "text", "token_count")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    prompt: str
    text: str
    token_count: int
    def __init__(self, kind: _Optional[str] = ..., prompt: _Optional[str] = ..., text: _Optional[str] = ..., token_count: _Optional[int] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("name", "experience", "question", "expected_answer", "teacher_answer", "origin")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ANSWER_FIELD_NUMBER: _ClassVar[int]
    TEACHER_ANSWER_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    experience: str
    question: str
    expected_answer: str
    teacher_answer: str
    origin: str
    def __init__(self, name: _Optional[str] = ..., experience: _Optional[str] = ..., question: _Optional[str] = ..., expected_answer: _Optional[str] = ..., teacher_answer: _Optional[str] = ..., origin: _Optional[str] = ...) -> None: ...

class ProbeResult(_message.Message):
    __slots__ = ("probe", "version", "answer", "kl_student", "kl_base", "token_count", "efficacy")
    PROBE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    KL_STUDENT_FIELD_NUMBER: _ClassVar[int]
    KL_BASE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    EFFICACY_FIELD_NUMBER: _ClassVar[int]
    probe: Probe
    version: int
    answer: str
    kl_student: float
    kl_base: float
    token_count: int
    efficacy: float
    def __init__(self, probe: _Optional[_Union[Probe, _Mapping]] = ..., version: _Optional[int] = ..., answer: _Optional[str] = ..., kl_student: _Optional[float] = ..., kl_base: _Optional[float] = ..., token_count: _Optional[int] = ..., efficacy: _Optional[float] = ...) -> None: ...
