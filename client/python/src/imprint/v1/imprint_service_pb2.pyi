# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
from google.protobuf import duration_pb2 as _duration_pb2
from imprint.v1 import experience_pb2 as _experience_pb2
from imprint.v1 import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]

class ExperienceView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPERIENCE_VIEW_UNSPECIFIED: _ClassVar[ExperienceView]
    EXPERIENCE_VIEW_BASIC: _ClassVar[ExperienceView]
    EXPERIENCE_VIEW_FULL: _ClassVar[ExperienceView]
    EXPERIENCE_VIEW_STATE: _ClassVar[ExperienceView]
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_LENGTH: FinishReason
EXPERIENCE_VIEW_UNSPECIFIED: ExperienceView
EXPERIENCE_VIEW_BASIC: ExperienceView
EXPERIENCE_VIEW_FULL: ExperienceView
EXPERIENCE_VIEW_STATE: ExperienceView

class InjectContextRequest(_message.Message):
    __slots__ = ("content", "request_id", "labels", "targets", "probes", "ttl", "supersedes")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDES_FIELD_NUMBER: _ClassVar[int]
    content: _experience_pb2.ExperienceContent
    request_id: str
    labels: _containers.ScalarMap[str, str]
    targets: _containers.RepeatedCompositeFieldContainer[_experience_pb2.TargetSentence]
    probes: _containers.RepeatedCompositeFieldContainer[InjectProbe]
    ttl: _duration_pb2.Duration
    supersedes: str
    def __init__(self, content: _Optional[_Union[_experience_pb2.ExperienceContent, _Mapping]] = ..., request_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., targets: _Optional[_Iterable[_Union[_experience_pb2.TargetSentence, _Mapping]]] = ..., probes: _Optional[_Iterable[_Union[InjectProbe, _Mapping]]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., supersedes: _Optional[str] = ...) -> None: ...

class InjectProbe(_message.Message):
    __slots__ = ("question", "expected_answer")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ANSWER_FIELD_NUMBER: _ClassVar[int]
    question: str
    expected_answer: str
    def __init__(self, question: _Optional[str] = ..., expected_answer: _Optional[str] = ...) -> None: ...

class InjectContextResponse(_message.Message):
    __slots__ = ("experience",)
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    experience: _experience_pb2.Experience
    def __init__(self, experience: _Optional[_Union[_experience_pb2.Experience, _Mapping]] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("messages", "max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "version", "pending_context")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PENDING_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.ChatMessage]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    version: _message_pb2.VersionSelector
    pending_context: PendingContext
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.ChatMessage, _Mapping]]] = ..., max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., version: _Optional[_Union[_message_pb2.VersionSelector, _Mapping]] = ..., pending_context: _Optional[_Union[PendingContext, _Mapping]] = ...) -> None: ...

class PendingContext(_message.Message):
    __slots__ = ("enabled", "max_tokens", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    max_tokens: int
    labels: _containers.ScalarMap[str, str]
    def __init__(self, enabled: bool = ..., max_tokens: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("text", "version", "finish_reason", "usage")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    text: str
    version: int
    finish_reason: FinishReason
    usage: QueryUsage
    def __init__(self, text: _Optional[str] = ..., version: _Optional[int] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., usage: _Optional[_Union[QueryUsage, _Mapping]] = ...) -> None: ...

class QueryUsage(_message.Message):
    __slots__ = ("prompt_tokens", "output_tokens", "pending_experiences")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PENDING_EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    output_tokens: int
    pending_experiences: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, prompt_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., pending_experiences: _Optional[_Iterable[str]] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("messages", "answer", "text", "token_ids", "version", "top_k", "requested_ids", "context")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_IDS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.ChatMessage]
    answer: str
    text: str
    token_ids: TokenIds
    version: _message_pb2.VersionSelector
    top_k: int
    requested_ids: _containers.RepeatedCompositeFieldContainer[TokenIds]
    context: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.ChatMessage, _Mapping]]] = ..., answer: _Optional[str] = ..., text: _Optional[str] = ..., token_ids: _Optional[_Union[TokenIds, _Mapping]] = ..., version: _Optional[_Union[_message_pb2.VersionSelector, _Mapping]] = ..., top_k: _Optional[int] = ..., requested_ids: _Optional[_Iterable[_Union[TokenIds, _Mapping]]] = ..., context: _Optional[str] = ...) -> None: ...

class TokenIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("version", "tokens")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    version: int
    tokens: _containers.RepeatedCompositeFieldContainer[TokenScore]
    def __init__(self, version: _Optional[int] = ..., tokens: _Optional[_Iterable[_Union[TokenScore, _Mapping]]] = ...) -> None: ...

class TokenScore(_message.Message):
    __slots__ = ("id", "text", "log_probability", "top_ids", "top_log_probabilities", "rest_mass", "requested_log_probabilities")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    TOP_IDS_FIELD_NUMBER: _ClassVar[int]
    TOP_LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    REST_MASS_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    id: int
    text: str
    log_probability: float
    top_ids: _containers.RepeatedScalarFieldContainer[int]
    top_log_probabilities: _containers.RepeatedScalarFieldContainer[float]
    rest_mass: float
    requested_log_probabilities: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, id: _Optional[int] = ..., text: _Optional[str] = ..., log_probability: _Optional[float] = ..., top_ids: _Optional[_Iterable[int]] = ..., top_log_probabilities: _Optional[_Iterable[float]] = ..., rest_mass: _Optional[float] = ..., requested_log_probabilities: _Optional[_Iterable[float]] = ...) -> None: ...

class GetExperienceRequest(_message.Message):
    __slots__ = ("name", "view")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    name: str
    view: ExperienceView
    def __init__(self, name: _Optional[str] = ..., view: _Optional[_Union[ExperienceView, str]] = ...) -> None: ...

class GetExperienceResponse(_message.Message):
    __slots__ = ("experience",)
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    experience: _experience_pb2.Experience
    def __init__(self, experience: _Optional[_Union[_experience_pb2.Experience, _Mapping]] = ...) -> None: ...

class ForgetExperienceRequest(_message.Message):
    __slots__ = ("name", "request_id", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ForgetExperienceResponse(_message.Message):
    __slots__ = ("experiences", "rebuild_needed")
    EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    REBUILD_NEEDED_FIELD_NUMBER: _ClassVar[int]
    experiences: _containers.RepeatedScalarFieldContainer[str]
    rebuild_needed: bool
    def __init__(self, experiences: _Optional[_Iterable[str]] = ..., rebuild_needed: bool = ...) -> None: ...

class ListExperiencesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "state", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    state: _experience_pb2.ExperienceState
    labels: _containers.ScalarMap[str, str]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., state: _Optional[_Union[_experience_pb2.ExperienceState, str]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ListExperiencesResponse(_message.Message):
    __slots__ = ("experiences", "next_page_token")
    EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    experiences: _containers.RepeatedCompositeFieldContainer[_experience_pb2.Experience]
    next_page_token: str
    def __init__(self, experiences: _Optional[_Iterable[_Union[_experience_pb2.Experience, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
