# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Asking a context's questions; what is kept are the answers, scores are made later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from imprint_eval.client import LATEST, Client
from imprint_eval.data import Context
from imprint_eval.prompts import FORMS, Form
from imprint_eval.stubs import message_pb2


def ask(
    client: Client,
    context: Context,
    version: message_pb2.VersionSelector = LATEST,
    before: Callable[[str], str] = lambda question: "",
    forms: Sequence[Form] = FORMS,
) -> list[dict[str, Any]]:
    """Each question with its expected answer and the model's, by form. `before(question)`:
    the context that stands before it."""
    asked = [(one, form) for one in context.questions for form in forms]
    answers = client.map(
        lambda pair: client.answer(pair[1], pair[0].question, before(pair[0].question), version),
        asked,
    )
    rows = [{"question": one.question, "expected": one.answer} for one in context.questions]
    for i, answer in enumerate(answers):
        rows[i // len(forms)][forms[i % len(forms)].name] = answer
    return rows
