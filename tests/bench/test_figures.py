# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Spreads, percentiles, ratios, tables."""

import pytest

from imprint_bench.figures import better, median, percentile, ratio, spread
from imprint_bench.table import cell, table


def test_a_spread_leaves_out_what_was_not_measured():
    assert spread([3.0, None, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0, "repeats": 3}
    assert spread([None]) is None
    assert median([]) is None


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 2.0), (95, 4.0), (99, 4.0), (25, 1.0), (0, 1.0)]
)
def test_a_percentile_is_one_of_the_values(percent, expected):
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == expected


def test_there_is_no_percentile_of_nothing():
    assert percentile([], 95) is None


def test_a_ratio_is_unknown_where_a_side_is():
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(None, 2.0) is None
    assert ratio(3.0, None) is None
    assert ratio(3.0, 0.0) is None


def test_of_equal_thread_counts_the_lower_is_better():
    assert better({1: 5.0, 2: 5.0}) == 1
    assert better({1: 5.0, 2: 6.0}) == 2


def test_a_cell_shows_a_spread_only_where_there_is_one():
    assert cell(spread([10.0, 20.0, 30.0])) == "20 (10 to 30)"
    assert cell(spread([10.0])) == "10"
    assert cell(None) == "-"
    assert cell(123456.7) == "123,457"


def test_figures_stand_to_the_right_and_words_to_the_left():
    assert table(["name", "n"], [["a", 1], ["bcdef", 1000]]) == (
        "name       n\n-----  -----\na          1\nbcdef  1,000"
    )
