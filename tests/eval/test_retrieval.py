# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
from imprint_eval.retrieval import PassageIndex

PASSAGES = [
    "The ferry at Hollin Quay was founded in 1923 by Marta Vessling.",
    "Orvane bread is baked with roasted chestnut flour.",
    "The lighthouse of Tarn Head has a green lamp, tended by Josun Pell.",
    "The lighthouse of Osk is dark.",
]


def test_the_passage_that_answers_comes_first():
    index = PassageIndex(PASSAGES)
    assert index.best("Who founded the ferry at Hollin Quay?") == PASSAGES[0]
    assert index.best("What FLOUR is Orvane bread baked with?") == PASSAGES[1]
    assert index.best("Who tends the lamp of the lighthouse?") == PASSAGES[2]


def test_all_are_ranked_and_equal_ones_keep_their_order():
    ranked = PassageIndex(PASSAGES).ranked("zebra")
    assert ranked == PASSAGES
