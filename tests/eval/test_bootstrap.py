# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from imprint_eval.bootstrap import PairedBootstrap, mean_interval, ratio_interval


def noisy_scores(contexts=40, questions=5, seed=3):
    """A base, and a bound that is 0.3 above it on every question."""
    chance = np.random.default_rng(seed)
    base = [list(chance.uniform(0, 0.6, questions)) for _ in range(contexts)]
    bound = [[score + 0.3 for score in scores] for scores in base]
    half = [[score + 0.15 for score in scores] for scores in base]
    return {"base": base, "bound": bound, "half": half}


def test_interval_holds_the_mean():
    figure = PairedBootstrap(noisy_scores()).mean("base")
    assert figure.low < figure.mean < figure.high
    assert figure.high - figure.low < 0.2


def test_pairs_share_their_noise():
    draws = PairedBootstrap(noisy_scores())
    difference = draws.difference("bound", "base")
    assert math.isclose(difference.low, 0.3, abs_tol=1e-9)
    assert math.isclose(difference.high, 0.3, abs_tol=1e-9)
    fraction = draws.fraction("half", "base", "bound")
    assert math.isclose(fraction.low, 0.5, abs_tol=1e-9)
    assert math.isclose(fraction.high, 0.5, abs_tol=1e-9)


def test_clusters_are_drawn_whole():
    """Ten equal answers about each of two passages are two observations, not twenty."""
    draws = PairedBootstrap({"a": [[0.0] * 10, [1.0] * 10]})
    assert (draws.mean("a").low, draws.mean("a").high) == (0.0, 1.0)


def test_interval_covers_the_truth_as_often_as_it_says():
    chance = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        centres = chance.normal(0.5, 0.2, 40)
        scores = [list(centre + chance.normal(0, 0.1, 4)) for centre in centres]
        figure = PairedBootstrap({"a": scores}, seed=trial, resamples=400).mean("a")
        covered += figure.low <= 0.5 <= figure.high
    assert 0.89 <= covered / 200 <= 0.99


def test_no_fraction_of_a_bound_that_is_no_bound():
    scores = {"base": [[0.4], [0.4]], "bound": [[0.41], [0.41]], "ours": [[0.9], [0.9]]}
    fraction = PairedBootstrap(scores).fraction("ours", "base", "bound").as_json()
    assert fraction == {"mean": None, "low": None, "high": None}


def test_fraction_of_an_uncertain_bound_is_open():
    """Half of the contexts have a bound below the base: many draws have no bound."""
    scores = {
        "base": [[0.5]] * 4,
        "bound": [[1.0], [1.0], [0.2], [0.2]],
        "ours": [[0.9], [0.9], [0.4], [0.4]],
    }
    fraction = PairedBootstrap(scores).fraction("ours", "base", "bound").as_json()
    assert fraction["mean"] is not None
    assert fraction["low"] is None
    assert fraction["high"] is None


def test_same_seed_same_interval():
    scores = noisy_scores()
    one, same = PairedBootstrap(scores, seed=5), PairedBootstrap(scores, seed=5)
    assert one.mean("base") == same.mean("base")
    assert one.mean("base") != PairedBootstrap(scores, seed=6).mean("base")


def test_items_must_be_the_same():
    with pytest.raises(ValueError, match="of b are not"):
        PairedBootstrap({"a": [[1.0]], "b": [[1.0, 2.0]]})
    with pytest.raises(ValueError, match="nothing to score"):
        PairedBootstrap({"a": []})


def test_one_value_has_no_width():
    figure = mean_interval([0.7])
    assert (figure.mean, figure.low, figure.high) == (0.7, 0.7, 0.7)


def test_ratio_is_of_the_sums():
    assert ratio_interval([1.0, 3.0], [10.0, 10.0]).mean == 0.2
