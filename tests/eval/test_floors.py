# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Four invented passages and the demo model: learning works, and little is lost.

The floors are loose: a change that breaks learning fails, one that makes it a little worse
does not. What it is worth is measured by the long runs (README.md), not here.
"""

import os
from pathlib import Path

import pytest

from imprint_eval.evaluation import Evaluation
from imprint_eval.flags import parse
from imprint_eval.report import render
from imprint_eval.stubs import ROOT

MODEL = Path(os.environ.get("IMPRINT_DEMO_MODEL", ROOT / "build/models/smollm2-135m-instruct"))
DATA = ROOT / "tests/eval/data"

# The machine that tests has two cores and four minutes.
FLAGS = " ".join(
    [
        "--retention.train_texts=40",
        "--retention.heldout_texts=4",
        "--retention.text_tokens=32",
        "--generator.targets_per_100_tokens=30",
        "--update.epochs=4",
        "--update.min_steps=24",
        "--update.retention_share=1.5",
    ]
)


@pytest.fixture(scope="module")
def model():
    if not MODEL.exists() and "IMPRINT_REQUIRE_DEMO_MODEL" not in os.environ:
        pytest.skip("no demo model; deploy/demo_model.py makes it")
    return MODEL


def test_four_passages_are_learned_and_the_rest_is_kept(model, tmp_path):
    settings = parse(
        [
            f"--model={model}",
            f"--data={DATA / 'contexts.json'}",
            f"--retention={DATA / 'retention.txt'}",
            "--protocol=batch",
            "--contexts=4",
            "--questions_per_context=3",
            "--methods=base,self-param",
            f"--server_flags={FLAGS}",
            f"--out={tmp_path / 'out'}",
        ]
    )
    evaluation = Evaluation(settings)
    try:
        summary = evaluation.run()
    finally:
        evaluation.close()
    print(render(summary))

    assert summary["questions"] == 12
    figures = summary["methods"]["self-param"]
    assert figures["not_learned"] == []
    assert figures["jobs"] == {"COMMITTED": 1}
    assert summary["efficacy"]["mean"] >= 0.5
    assert summary["retention"]["kl"] <= 0.08
    base = summary["methods"]["base"]
    assert figures["recall"]["mean"] > base["recall"]["mean"]
