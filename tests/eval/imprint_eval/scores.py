# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Scores of one answer against the expected one.

Both are SQuAD's and LongBench's: lower case, without punctuation and articles, word by
word. F1 punishes an answer for every word too many; recall, the share of the expected
words that the answer has, does not: small models answer in whole sentences.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _common(answer: list[str], expected: list[str]) -> int:
    return sum((Counter(answer) & Counter(expected)).values())


def f1(answer: str, expected: str) -> float:
    """Harmonic mean of precision and recall over words; 0 to 1."""
    answer_words, expected_words = normalised_words(answer), normalised_words(expected)
    if not answer_words or not expected_words:
        return float(answer_words == expected_words)
    common = _common(answer_words, expected_words)
    return 2 * common / (len(answer_words) + len(expected_words))


def recall(answer: str, expected: str) -> float:
    """Share of the expected answer's words that the answer has; 0 to 1."""
    answer_words, expected_words = normalised_words(answer), normalised_words(expected)
    if not expected_words:
        return float(not answer_words)
    return _common(answer_words, expected_words) / len(expected_words)
