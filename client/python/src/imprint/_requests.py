# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Requests of the API, from what callers give."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from imprint._convert import number_of, resource_name, to_duration
from imprint.chat import Prompt, to_messages
from imprint.experience import Experience, ExperienceLike, State
from imprint.v1 import admin_service_pb2, experience_pb2, message_pb2
from imprint.v1 import imprint_service_pb2 as service
from imprint.version import Version, VersionChoice

# A question and its answer; or a text, which as a probe is a question.
Sentence = Union[str, tuple[str, str]]


def inject_request(
    content: Prompt,
    request_id: str | None,
    labels: Mapping[str, str] | None,
    targets: Iterable[Sentence],
    probes: Iterable[Sentence],
    ttl: float | datetime.timedelta | None,
    supersedes: Experience | str | None,
) -> service.InjectContextRequest:
    """A text is a document, everything else a conversation. Makes a request_id if there is none."""
    if isinstance(content, str):
        said = experience_pb2.ExperienceContent(text=content)
    else:
        conversation = experience_pb2.Conversation(messages=to_messages(content))
        said = experience_pb2.ExperienceContent(conversation=conversation)
    return service.InjectContextRequest(
        content=said,
        request_id=request_id or uuid.uuid4().hex,
        labels=labels or {},
        targets=[_target(target) for target in targets],
        probes=[_probe(probe) for probe in probes],
        ttl=None if ttl is None else to_duration(ttl),
        supersedes=supersedes.name if isinstance(supersedes, Experience) else supersedes,
    )


def query_request(
    prompt: Prompt,
    max_tokens: int,
    temperature: float,
    top_p: float,
    top_k: int,
    stop: Sequence[str],
    seed: int | None,
    version: VersionChoice,
    pending_context: bool,
    pending_max_tokens: int,
    pending_labels: Mapping[str, str] | None,
) -> service.QueryRequest:
    """ValueError: limits on pending context without asking for it."""
    if not pending_context and (pending_labels or pending_max_tokens):
        raise ValueError("pending_labels and pending_max_tokens go with pending_context=True")
    request = service.QueryRequest(
        messages=to_messages(prompt),
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        stop=[stop] if isinstance(stop, str) else stop,
        seed=seed,
        version=_version(version),
    )
    if pending_context:
        request.pending_context.enabled = True
        request.pending_context.max_tokens = pending_max_tokens
        request.pending_context.labels.update(pending_labels or {})
    return request


def score_request(
    prompt: Prompt,
    answer: str | Sequence[int],
    context: str,
    version: VersionChoice,
    top_k: int,
) -> service.ScoreRequest:
    """`answer` as text, or as token ids."""
    target: dict[str, Any] = (
        {"answer": answer}
        if isinstance(answer, str)
        else {"token_ids": service.TokenIds(ids=answer)}
    )
    return service.ScoreRequest(
        messages=to_messages(prompt),
        context=context,
        version=_version(version),
        top_k=top_k,
        **target,
    )


def score_text_request(text: str, version: VersionChoice, top_k: int) -> service.ScoreRequest:
    return service.ScoreRequest(text=text, version=_version(version), top_k=top_k)


def get_experience_request(
    experience: ExperienceLike, view: str = "EXPERIENCE_VIEW_BASIC"
) -> service.GetExperienceRequest:
    return service.GetExperienceRequest(name=resource_name("experiences", experience), view=view)


def list_experiences_request(
    state: State | str | None, labels: Mapping[str, str] | None, page_size: int
) -> service.ListExperiencesRequest:
    """ValueError: no such state."""
    number: Any = number_of(State(state or "unspecified"), experience_pb2.ExperienceState)
    return service.ListExperiencesRequest(state=number, labels=labels or {}, page_size=page_size)


def forget_request(
    experience: ExperienceLike | None,
    request_id: str | None,
    labels: Mapping[str, str] | None,
) -> service.ForgetExperienceRequest:
    name = None if experience is None else resource_name("experiences", experience)
    return service.ForgetExperienceRequest(name=name, request_id=request_id, labels=labels or {})


def run_probes_request(
    version: int | Version | None, experiences: Iterable[ExperienceLike]
) -> admin_service_pb2.RunProbesRequest:
    return admin_service_pb2.RunProbesRequest(
        version=version.number if isinstance(version, Version) else version,
        experiences=[resource_name("experiences", experience) for experience in experiences],
    )


def _target(target: Sentence) -> experience_pb2.TargetSentence:
    if isinstance(target, str):
        return experience_pb2.TargetSentence(text=target)
    question, answer = target
    return experience_pb2.TargetSentence(
        question_answer=experience_pb2.QuestionAnswer(question=question, answer=answer)
    )


def _probe(probe: Sentence) -> service.InjectProbe:
    question, expected = (probe, "") if isinstance(probe, str) else probe
    return service.InjectProbe(question=question, expected_answer=expected)


def _version(choice: VersionChoice) -> message_pb2.VersionSelector:
    """ValueError: a word that is neither "latest" nor "base"."""
    if isinstance(choice, Version):
        return message_pb2.VersionSelector(number=choice.number)
    if isinstance(choice, int):
        return message_pb2.VersionSelector(number=choice)
    if choice == "base":
        return message_pb2.VersionSelector(base=True)
    if choice == "latest":
        return message_pb2.VersionSelector(latest=True)
    raise ValueError(f'version is "latest", "base" or a number, not {choice!r}')
