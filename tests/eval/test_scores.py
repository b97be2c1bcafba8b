# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from imprint_eval.scores import f1, normalised_words, recall


def test_words_are_normalised_as_squad_does():
    assert normalised_words("The  Nobel-Prize, an award!") == ["nobelprize", "award"]


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("Nobel Prize", "the Nobel Prize", 1.0),
        ("It was the Nobel Prize.", "Nobel Prize", 2 * 2 / (4 + 2)),
        ("Chopin", "Nobel Prize", 0.0),
        ("", "Nobel Prize", 0.0),
        ("the", "", 1.0),
        ("something", "the", 0.0),
    ],
)
def test_f1(answer, expected, score):
    assert math.isclose(f1(answer, expected), score)


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("He was seven, I think, months old.", "seven months old", 1.0),
        ("seven years", "seven months old", 1 / 3),
        ("one", "one one", 0.5),
        ("", "1745", 0.0),
        ("1745", "", 0.0),
        ("", "", 1.0),
    ],
)
def test_recall(answer, expected, score):
    assert math.isclose(recall(answer, expected), score)
