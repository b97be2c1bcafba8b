# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""How the peer's update deals its sentences into batches, and its loss."""

import math
import random

import pytest
from batches import by_length, common_prefix, deal, drawn, length_of, padded_length


def sentences(*lengths):
    return [{"prompt": [1], "target": list(range(length))} for length in lengths]


def test_the_common_beginning_leaves_a_token_of_each():
    assert common_prefix([[1, 2, 3], [1, 2, 4]]) == [1, 2]
    assert common_prefix([[1, 2], [1, 2, 3]]) == [1]
    assert common_prefix([[1, 2, 3]]) == [1, 2]
    assert common_prefix([[1], [2]]) == []


def test_every_sentence_is_dealt_once_into_batches_of_about_as_many_tokens():
    dealt = deal(sentences(10, 10, 10, 10, 10, 10), 3)
    assert [len(batch) for batch in dealt] == [2, 2, 2]
    assert deal([], 2) == [[], []]
    assert sum(map(len, deal(sentences(50, 1, 1), 3))) == 3


def test_batches_have_sentences_of_about_the_same_length():
    dealt = by_length(sentences(*range(1, 41)), 8, random.Random(1))
    spans = [max(map(length_of, one)) - min(map(length_of, one)) for one in dealt if one]
    assert sum(map(len, dealt)) == 40
    assert max(spans) < 20
    padded, all_tokens = (
        sum(map(padded_length, dealt)),
        sum(map(length_of, sentences(*range(1, 41)))),
    )
    assert padded < 1.3 * all_tokens


def test_texts_come_again_only_after_all_others():
    texts, deck = sentences(4, 4, 4), []
    chance = random.Random(1)
    first = drawn(deck, texts, 12, chance)
    assert sorted(map(id, first)) == sorted(map(id, texts))
    assert len(drawn(deck, texts, 5, chance)) == 2
    assert drawn(deck, [], 5, chance) == []


def test_the_loss_is_the_kl_where_all_tokens_are_named():
    torch = pytest.importorskip("torch")
    pytest.importorskip("peft")
    from update import top_k_kl

    logits = torch.tensor([[0.0, 1.0, 2.0]])
    teacher = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    student = torch.log_softmax(logits, -1)
    expected = (teacher.exp() * (teacher - student)).sum().item()
    found = top_k_kl(logits, torch.tensor([[0, 1, 2]]), teacher).item()
    assert math.isclose(found, expected, abs_tol=1e-4)
    # Two named, the third in the bucket: the same, since the bucket is that one token.
    found = top_k_kl(logits, torch.tensor([[1, 2]]), teacher[:, 1:]).item()
    assert math.isclose(found, expected, abs_tol=1e-4)
