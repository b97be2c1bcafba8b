# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0

import pytest

from imprint_eval import methods
from imprint_eval.flags import parse
from imprint_eval.learning import probed_efficacies
from imprint_eval.methods import TRAINING
from imprint_eval.server import parse_server_flags
from imprint_eval.stubs import TINY_CHAT, experience_pb2


def given(*changes):
    return [f"--model={TINY_CHAT}", f"--data={TINY_CHAT / 'config.json'}", "--out=o", *changes]


def refused(capsys, *arguments):
    with pytest.raises(SystemExit):
        parse(list(arguments))
    return capsys.readouterr().err


def test_methods_are_put_in_the_order_of_work():
    assert parse(given("--methods=self-param,bm25,base")).methods == ["base", "bm25", "self-param"]


def test_what_is_missing_is_said(capsys):
    assert "--data=FILE" in refused(capsys, "--out=o", f"--model={TINY_CHAT}")
    assert "--model=DIR" in refused(capsys, "--out=o", f"--data={TINY_CHAT}")
    recommendation = "--protocol=conversational-recommendation"
    assert "--inspired=DIR" in refused(capsys, *given(recommendation))
    assert "bm52 is no method" in refused(capsys, *given("--methods=bm52"))
    assert "does not exist" in refused(capsys, *given("--facts=/nowhere/facts.json"))
    assert "1 or more" in refused(capsys, *given("--contexts=0"))


def test_server_flags_are_names_and_values(capsys):
    flags = parse_server_flags("--update.rank=4 --retention.corpus=a=b.txt")
    assert flags == {"update.rank": "4", "retention.corpus": "a=b.txt"}
    assert "is not --name=value" in refused(capsys, *given("--server_flags=update.rank=4"))
    both = ("--server=localhost:1", "--server_flags=--update.rank=4")
    assert "is for servers that are started here" in refused(capsys, *given(*both))


def test_methods_may_be_added_to_a_run_and_nothing_else_changed():
    settings = parse(given())
    assert settings.of_the_run() == parse(given("--methods=bm25", "--resume")).of_the_run()
    assert settings.of_the_run() != parse(given("--seed=2")).of_the_run()


def test_the_command_names_no_folder():
    command = parse(given("--server_flags=--update.rank=4 --dtype=f32")).command()
    assert command.startswith("tests/eval/run --model=tiny-chat --data=config.json")
    assert "'--server_flags=--update.rank=4 --dtype=f32'" in command
    assert str(TINY_CHAT.parent) not in command


def test_baselines_take_as_many_steps_as_ours():
    user = {"update.rank": "4", "update.epochs": "3"}
    assert TRAINING[methods.SELF_PARAM].server_flags(user, 40, "--update.max_steps") == user
    flags = TRAINING["ft-context"].server_flags(user, 40, help_text="")
    assert flags["update.objective"] == "next_token"
    assert flags["generator.kinds"] == "passage"
    assert (flags["update.min_steps"], flags["update.epochs"]) == ("40", "1")
    assert flags["update.rank"] == "4"
    assert "update.max_steps" not in flags
    flags = TRAINING["ft-context"].server_flags(user, 40, "  --update.max_steps COUNT")
    assert flags["update.max_steps"] == "40"
    # Where self-param was not run there is nothing to be equal to.
    assert TRAINING["ft-targets"].server_flags(user, None, "")["update.epochs"] == "3"


def test_a_server_without_the_flags_is_told_by_its_help():
    help_text = "  --update.epochs COUNT\n  --update.objective TEXT\n"
    assert TRAINING["ft-context"].unknown_flags(help_text) == ["generator.kinds"]
    assert TRAINING["ft-targets"].unknown_flags(help_text) == []


def test_efficacy_is_of_sums_and_unmeasurable_where_the_context_says_little():
    def result(experience, student, base, tokens=10):
        probe = experience_pb2.Probe(experience=experience)
        return experience_pb2.ProbeResult(
            probe=probe, kl_student=student, kl_base=base, token_count=tokens
        )

    results = [
        result("experiences/1", 1.0, 9.0),
        result("experiences/1", 1.0, 1.0),
        result("experiences/2", 0.1, 0.4),
        result("experiences/3", 8.0, 4.0),
    ]
    assert probed_efficacies(results) == {
        "experiences/1": 0.8,
        "experiences/2": None,
        "experiences/3": -1.0,
    }
