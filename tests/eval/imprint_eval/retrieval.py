# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Retrieval for the bm25 method: the passage that fits a question best."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rank_bm25 import BM25Okapi


def _terms(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class PassageIndex:
    """BM25 (Okapi) over passages."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = list(passages)
        self._index = BM25Okapi([_terms(passage) for passage in self._passages])

    def best(self, query: str) -> str:
        """The first passage of the highest score."""
        return self.ranked(query)[0]

    def ranked(self, query: str) -> list[str]:
        """All, best first; equal ones in their own order."""
        scores = self._index.get_scores(_terms(query))
        order = (-scores).argsort(kind="stable")
        return [self._passages[i] for i in order]
