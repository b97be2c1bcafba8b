# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What is made of a load's answers, and that a load ends."""

import threading

import pytest

from imprint_bench.interference import gaps_across, gaps_within, swap_pause, tokens_within
from imprint_bench.load import (
    Answer,
    LoadError,
    decode_rate,
    run_streams,
    seconds_to_first,
    throughput,
)


def two_streams():
    return [
        Answer(sent=0.0, times=[1.0, 2.0, 3.0, 4.0], tokens=[1, 1, 1, 1]),
        Answer(sent=0.0, times=[2.0, 3.0, 4.0, 5.0], tokens=[1, 1, 2, 1]),
    ]


def test_decoding_counts_while_all_streams_do():
    # From 2, when the second has its first token, until 4, when the first has its last.
    assert decode_rate(two_streams()) == (2 + 3) / 2


def test_streams_that_never_decode_together_have_no_rate():
    apart = [Answer(0.0, [1.0, 2.0], [1, 1]), Answer(0.0, [3.0, 4.0], [1, 1])]
    assert decode_rate(apart) is None
    assert decode_rate([Answer(0.0)]) is None
    assert decode_rate([]) is None


def test_throughput_counts_all_tokens_from_the_first_request_on():
    assert throughput(two_streams()) == 9 / 5
    assert throughput([Answer(0.0)]) is None


def test_the_first_token_is_counted_from_the_request():
    assert seconds_to_first(two_streams()) == 1.5


def test_gaps_and_tokens_count_where_they_end():
    answers = two_streams()
    assert gaps_within(answers, 2.0, 4.0) == [1.0, 1.0, 1.0, 1.0]
    assert tokens_within(answers, 4.0, 9.0) == 1


def test_a_gap_lies_across_a_time_that_it_has_a_part_of():
    answers = [Answer(0.0, [1.0, 2.0, 5.0], [1, 1, 1])]
    assert gaps_across(answers, begin=2.5, end=3.5) == [3.0]
    assert gaps_across(answers, begin=1.7, end=2.7) == [1.0, 3.0]
    assert gaps_across(answers, begin=8.5, end=9.5) == []


def test_a_pause_is_what_a_gap_has_beyond_an_ordinary_one():
    assert swap_pause({"idle": [0.02, 0.03, 0.04], "swap": 0.05}) == pytest.approx(0.02)
    assert swap_pause({"idle": [0.03], "swap": 0.01}) == 0
    assert swap_pause({"idle": [0.03], "swap": None}) is None


def test_each_stream_sends_its_requests_one_after_another():
    answers = run_streams([[lambda: iter([1, 1])] * 3, [lambda: iter([1])]], limit_seconds=60)
    assert sorted(sum(answer.tokens) for answer in answers) == [1, 2, 2, 2]


def test_a_load_goes_on_until_it_is_stopped():
    stop = threading.Event()
    seen = []

    def ask():
        seen.append(1)
        if len(seen) == 5:
            stop.set()
        return iter([1])

    assert len(run_streams([[ask]], limit_seconds=60, stop=stop)) == 5


def test_an_error_of_a_stream_ends_the_load():
    def broken():
        raise OSError("refused")

    with pytest.raises(LoadError, match="refused"):
        run_streams([[broken]], limit_seconds=60)
    with pytest.raises(LoadError, match="not over"):
        run_streams([[lambda: iter([1])]], limit_seconds=-1)
