# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from imprint.v1 import experience_pb2 as _experience_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_PLANNED: _ClassVar[JobState]
    JOB_STATE_TRAINING: _ClassVar[JobState]
    JOB_STATE_GATING: _ClassVar[JobState]
    JOB_STATE_PUBLISHING: _ClassVar[JobState]
    JOB_STATE_COMMITTED: _ClassVar[JobState]
    JOB_STATE_REJECTED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
    JOB_STATE_AWAITING_APPROVAL: _ClassVar[JobState]

class JobKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_KIND_UNSPECIFIED: _ClassVar[JobKind]
    JOB_KIND_UPDATE: _ClassVar[JobKind]
    JOB_KIND_REBUILD: _ClassVar[JobKind]

class JobTrigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_TRIGGER_UNSPECIFIED: _ClassVar[JobTrigger]
    JOB_TRIGGER_COMMAND: _ClassVar[JobTrigger]
    JOB_TRIGGER_FORGET: _ClassVar[JobTrigger]
    JOB_TRIGGER_SUPERSEDE: _ClassVar[JobTrigger]
    JOB_TRIGGER_RETENTION: _ClassVar[JobTrigger]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_HUGGING_FACE: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PEFT: _ClassVar[ExportFormat]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_PLANNED: JobState
JOB_STATE_TRAINING: JobState
JOB_STATE_GATING: JobState
JOB_STATE_PUBLISHING: JobState
JOB_STATE_COMMITTED: JobState
JOB_STATE_REJECTED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState
JOB_STATE_AWAITING_APPROVAL: JobState
JOB_KIND_UNSPECIFIED: JobKind
JOB_KIND_UPDATE: JobKind
JOB_KIND_REBUILD: JobKind
JOB_TRIGGER_UNSPECIFIED: JobTrigger
JOB_TRIGGER_COMMAND: JobTrigger
JOB_TRIGGER_FORGET: JobTrigger
JOB_TRIGGER_SUPERSEDE: JobTrigger
JOB_TRIGGER_RETENTION: JobTrigger
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_HUGGING_FACE: ExportFormat
EXPORT_FORMAT_PEFT: ExportFormat

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "live_versions", "updates_paused", "updates_stopped_reason", "running_job", "queued", "ready", "training", "held", "quarantined", "integrated", "last_sequence", "oldest_waiting_age", "running_queries", "waiting_queries", "model", "device", "dtype", "server_version", "start_time", "forgotten", "forgotten_in_weights", "forgotten_in_files", "prompt_tokens", "output_tokens", "job_awaiting_approval")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIVE_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_PAUSED_FIELD_NUMBER: _ClassVar[int]
    UPDATES_STOPPED_REASON_FIELD_NUMBER: _ClassVar[int]
    RUNNING_JOB_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    INTEGRATED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_WAITING_AGE_FIELD_NUMBER: _ClassVar[int]
    RUNNING_QUERIES_FIELD_NUMBER: _ClassVar[int]
    WAITING_QUERIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_IN_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_IN_FILES_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    JOB_AWAITING_APPROVAL_FIELD_NUMBER: _ClassVar[int]
    version: int
    live_versions: _containers.RepeatedScalarFieldContainer[int]
    updates_paused: bool
    updates_stopped_reason: str
    running_job: str
    queued: int
    ready: int
    training: int
    held: int
    quarantined: int
    integrated: int
    last_sequence: int
    oldest_waiting_age: _duration_pb2.Duration
    running_queries: int
    waiting_queries: int
    model: str
    device: str
    dtype: str
    server_version: str
    start_time: _timestamp_pb2.Timestamp
    forgotten: int
    forgotten_in_weights: int
    forgotten_in_files: bool
    prompt_tokens: int
    output_tokens: int
    job_awaiting_approval: str
    def __init__(self, version: _Optional[int] = ..., live_versions: _Optional[_Iterable[int]] = ..., updates_paused: bool = ..., updates_stopped_reason: _Optional[str] = ..., running_job: _Optional[str] = ..., queued: _Optional[int] = ..., ready: _Optional[int] = ..., training: _Optional[int] = ..., held: _Optional[int] = ..., quarantined: _Optional[int] = ..., integrated: _Optional[int] = ..., last_sequence: _Optional[int] = ..., oldest_waiting_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., running_queries: _Optional[int] = ..., waiting_queries: _Optional[int] = ..., model: _Optional[str] = ..., device: _Optional[str] = ..., dtype: _Optional[str] = ..., server_version: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., forgotten: _Optional[int] = ..., forgotten_in_weights: _Optional[int] = ..., forgotten_in_files: bool = ..., prompt_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., job_awaiting_approval: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("name", "state", "state_reason", "parent_version", "version", "experiences", "create_time", "update_time", "attempt", "progress", "report", "kind", "trigger", "rebuilt_experiences", "experience_count", "rebuilt_experience_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    PARENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    REBUILT_EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REBUILT_EXPERIENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: JobState
    state_reason: str
    parent_version: int
    version: int
    experiences: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    attempt: int
    progress: JobProgress
    report: JobReport
    kind: JobKind
    trigger: JobTrigger
    rebuilt_experiences: _containers.RepeatedScalarFieldContainer[str]
    experience_count: int
    rebuilt_experience_count: int
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., state_reason: _Optional[str] = ..., parent_version: _Optional[int] = ..., version: _Optional[int] = ..., experiences: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., report: _Optional[_Union[JobReport, _Mapping]] = ..., kind: _Optional[_Union[JobKind, str]] = ..., trigger: _Optional[_Union[JobTrigger, str]] = ..., rebuilt_experiences: _Optional[_Iterable[str]] = ..., experience_count: _Optional[int] = ..., rebuilt_experience_count: _Optional[int] = ...) -> None: ...

class JobProgress(_message.Message):
    __slots__ = ("step", "total_steps", "loss", "retention_loss", "tokens_per_second", "time_left")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_LOSS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_FIELD_NUMBER: _ClassVar[int]
    step: int
    total_steps: int
    loss: float
    retention_loss: float
    tokens_per_second: int
    time_left: _duration_pb2.Duration
    def __init__(self, step: _Optional[int] = ..., total_steps: _Optional[int] = ..., loss: _Optional[float] = ..., retention_loss: _Optional[float] = ..., tokens_per_second: _Optional[int] = ..., time_left: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class JobReport(_message.Message):
    __slots__ = ("efficacy", "unmeasurable_experiences", "earlier_efficacy", "retention_kl", "retention_perplexity_ratio", "steps", "trained_tokens", "phase_seconds", "experience_efficacies", "forgotten_efficacy", "earlier_experience_efficacies", "retention_probe_kl")
    class PhaseSecondsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    EFFICACY_FIELD_NUMBER: _ClassVar[int]
    UNMEASURABLE_EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    EARLIER_EFFICACY_FIELD_NUMBER: _ClassVar[int]
    RETENTION_KL_FIELD_NUMBER: _ClassVar[int]
    RETENTION_PERPLEXITY_RATIO_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TRAINED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PHASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_EFFICACIES_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_EFFICACY_FIELD_NUMBER: _ClassVar[int]
    EARLIER_EXPERIENCE_EFFICACIES_FIELD_NUMBER: _ClassVar[int]
    RETENTION_PROBE_KL_FIELD_NUMBER: _ClassVar[int]
    efficacy: float
    unmeasurable_experiences: int
    earlier_efficacy: float
    retention_kl: float
    retention_perplexity_ratio: float
    steps: int
    trained_tokens: int
    phase_seconds: _containers.ScalarMap[str, float]
    experience_efficacies: _containers.RepeatedCompositeFieldContainer[ExperienceEfficacy]
    forgotten_efficacy: float
    earlier_experience_efficacies: _containers.RepeatedCompositeFieldContainer[ExperienceEfficacy]
    retention_probe_kl: float
    def __init__(self, efficacy: _Optional[float] = ..., unmeasurable_experiences: _Optional[int] = ..., earlier_efficacy: _Optional[float] = ..., retention_kl: _Optional[float] = ..., retention_perplexity_ratio: _Optional[float] = ..., steps: _Optional[int] = ..., trained_tokens: _Optional[int] = ..., phase_seconds: _Optional[_Mapping[str, float]] = ..., experience_efficacies: _Optional[_Iterable[_Union[ExperienceEfficacy, _Mapping]]] = ..., forgotten_efficacy: _Optional[float] = ..., earlier_experience_efficacies: _Optional[_Iterable[_Union[ExperienceEfficacy, _Mapping]]] = ..., retention_probe_kl: _Optional[float] = ...) -> None: ...

class ExperienceEfficacy(_message.Message):
    __slots__ = ("experience", "efficacy")
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    EFFICACY_FIELD_NUMBER: _ClassVar[int]
    experience: str
    efficacy: float
    def __init__(self, experience: _Optional[str] = ..., efficacy: _Optional[float] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("name", "number", "parent", "job", "create_time", "current", "live", "stored", "added_experiences", "experience_count", "efficacy", "retention_kl", "retention_perplexity_ratio", "size_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    ADDED_EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EFFICACY_FIELD_NUMBER: _ClassVar[int]
    RETENTION_KL_FIELD_NUMBER: _ClassVar[int]
    RETENTION_PERPLEXITY_RATIO_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: int
    parent: int
    job: str
    create_time: _timestamp_pb2.Timestamp
    current: bool
    live: bool
    stored: bool
    added_experiences: _containers.RepeatedScalarFieldContainer[str]
    experience_count: int
    efficacy: float
    retention_kl: float
    retention_perplexity_ratio: float
    size_bytes: int
    def __init__(self, name: _Optional[str] = ..., number: _Optional[int] = ..., parent: _Optional[int] = ..., job: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., current: bool = ..., live: bool = ..., stored: bool = ..., added_experiences: _Optional[_Iterable[str]] = ..., experience_count: _Optional[int] = ..., efficacy: _Optional[float] = ..., retention_kl: _Optional[float] = ..., retention_perplexity_ratio: _Optional[float] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ApproveJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ApproveJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class DropJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DropJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class PauseUpdatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PauseUpdatesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeUpdatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeUpdatesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunUpdateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunUpdateResponse(_message.Message):
    __slots__ = ("last_sequence", "waiting")
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    last_sequence: int
    waiting: int
    def __init__(self, last_sequence: _Optional[int] = ..., waiting: _Optional[int] = ...) -> None: ...

class RebuildVersionRequest(_message.Message):
    __slots__ = ("anchor", "dry_run")
    ANCHOR_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    anchor: str
    dry_run: bool
    def __init__(self, anchor: _Optional[str] = ..., dry_run: bool = ...) -> None: ...

class RebuildVersionResponse(_message.Message):
    __slots__ = ("cost", "job")
    COST_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    cost: RebuildCost
    job: Job
    def __init__(self, cost: _Optional[_Union[RebuildCost, _Mapping]] = ..., job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class RebuildCost(_message.Message):
    __slots__ = ("anchor", "experiences", "target_tokens", "steps", "trained_tokens", "seconds")
    ANCHOR_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    TARGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TRAINED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    anchor: int
    experiences: int
    target_tokens: int
    steps: int
    trained_tokens: int
    seconds: float
    def __init__(self, anchor: _Optional[int] = ..., experiences: _Optional[int] = ..., target_tokens: _Optional[int] = ..., steps: _Optional[int] = ..., trained_tokens: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: Version
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...

class ExportVersionRequest(_message.Message):
    __slots__ = ("name", "format")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    format: ExportFormat
    def __init__(self, name: _Optional[str] = ..., format: _Optional[_Union[ExportFormat, str]] = ...) -> None: ...

class ExportVersionResponse(_message.Message):
    __slots__ = ("file", "data")
    FILE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    file: str
    data: bytes
    def __init__(self, file: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class RollbackVersionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RollbackVersionResponse(_message.Message):
    __slots__ = ("version", "held")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    version: Version
    held: int
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., held: _Optional[int] = ...) -> None: ...

class CreateProbeRequest(_message.Message):
    __slots__ = ("experience", "question", "expected_answer")
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ANSWER_FIELD_NUMBER: _ClassVar[int]
    experience: str
    question: str
    expected_answer: str
    def __init__(self, experience: _Optional[str] = ..., question: _Optional[str] = ..., expected_answer: _Optional[str] = ...) -> None: ...

class CreateProbeResponse(_message.Message):
    __slots__ = ("probe",)
    PROBE_FIELD_NUMBER: _ClassVar[int]
    probe: _experience_pb2.Probe
    def __init__(self, probe: _Optional[_Union[_experience_pb2.Probe, _Mapping]] = ...) -> None: ...

class ListProbesRequest(_message.Message):
    __slots__ = ("experience", "page_size", "page_token")
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    experience: str
    page_size: int
    page_token: str
    def __init__(self, experience: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListProbesResponse(_message.Message):
    __slots__ = ("probes", "next_page_token")
    PROBES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    probes: _containers.RepeatedCompositeFieldContainer[_experience_pb2.Probe]
    next_page_token: str
    def __init__(self, probes: _Optional[_Iterable[_Union[_experience_pb2.Probe, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteProbeRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteProbeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunProbesRequest(_message.Message):
    __slots__ = ("version", "experiences")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    version: int
    experiences: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., experiences: _Optional[_Iterable[str]] = ...) -> None: ...

class RunProbesResponse(_message.Message):
    __slots__ = ("version", "results")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    version: int
    results: _containers.RepeatedCompositeFieldContainer[_experience_pb2.ProbeResult]
    def __init__(self, version: _Optional[int] = ..., results: _Optional[_Iterable[_Union[_experience_pb2.ProbeResult, _Mapping]]] = ...) -> None: ...

class ReleaseExperienceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ReleaseExperienceResponse(_message.Message):
    __slots__ = ("experience",)
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    experience: _experience_pb2.Experience
    def __init__(self, experience: _Optional[_Union[_experience_pb2.Experience, _Mapping]] = ...) -> None: ...

class Backup(_message.Message):
    __slots__ = ("name", "create_time", "version", "last_sequence", "size_bytes", "damage")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    create_time: _timestamp_pb2.Timestamp
    version: int
    last_sequence: int
    size_bytes: int
    damage: str
    def __init__(self, name: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., last_sequence: _Optional[int] = ..., size_bytes: _Optional[int] = ..., damage: _Optional[str] = ...) -> None: ...

class CreateBackupRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateBackupResponse(_message.Message):
    __slots__ = ("backup",)
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    backup: Backup
    def __init__(self, backup: _Optional[_Union[Backup, _Mapping]] = ...) -> None: ...

class ListBackupsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBackupsResponse(_message.Message):
    __slots__ = ("backups", "next_page_token")
    BACKUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    backups: _containers.RepeatedCompositeFieldContainer[Backup]
    next_page_token: str
    def __init__(self, backups: _Optional[_Iterable[_Union[Backup, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteBackupRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteBackupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StreamEventsRequest(_message.Message):
    __slots__ = ("after_id",)
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    after_id: int
    def __init__(self, after_id: _Optional[int] = ...) -> None: ...

class StreamEventsResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: Event
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("id", "time", "experience", "job", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: int
    time: _timestamp_pb2.Timestamp
    experience: _experience_pb2.Experience
    job: Job
    version: Version
    def __init__(self, id: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., experience: _Optional[_Union[_experience_pb2.Experience, _Mapping]] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., version: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...
