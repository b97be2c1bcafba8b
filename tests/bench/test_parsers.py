# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks read from programs and files."""

import json

import pytest

from imprint_bench.flops import first_layer, training_flops
from imprint_bench.llama import LlamaError, events_of, links_of, new_tokens, program
from imprint_bench.machine import cpu_facts
from imprint_bench.micro import PAIRS, nanoseconds, ratios
from imprint_bench.report import Report
from imprint_bench.retention import split_delimited
from imprint_bench.settings import parse


def test_events_end_with_done_and_comments_are_passed_over():
    lines = [b'data: {"content":"a"}\n', b"\n", b": hello\n", b"data: [DONE]\n", b"data: {}\n"]
    assert list(events_of(iter(lines))) == [{"content": "a"}]


def test_an_error_event_is_an_error():
    with pytest.raises(LlamaError, match="too long"):
        list(events_of(iter([b'error: {"message":"too long"}\n'])))


def test_tokens_are_counted_where_they_arrive():
    counts = [{"tokens_predicted": 0}, {"tokens_predicted": 1}, {"tokens_predicted": 3}, {}]
    assert list(new_tokens(iter([*counts, {"stop": True, "tokens_predicted": 3}]))) == [1, 2]


def test_links_of_a_wheel_are_made_beside_its_libraries(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/libllama.so.0").write_text("")
    (tmp_path / "bin/_symlinks.json").write_text(json.dumps({"libllama.so": "libllama.so.0"}))
    server = tmp_path / "bin/llama-server"
    server.write_text("")
    server.chmod(0o755)
    assert program(tmp_path) == server
    assert (tmp_path / "bin/libllama.so").exists()
    assert links_of([["a", "b"]]) == {"a": "b"}


def test_a_package_without_the_program_is_an_error(tmp_path):
    with pytest.raises(LlamaError, match="no llama-server"):
        program(tmp_path)


def test_of_a_processor_name_and_fast_instructions_are_told():
    info = "processor: 0\nmodel name\t: A CPU\nflags\t\t: sse avx2 amx_bf16\n\nmodel name: other\n"
    assert cpu_facts(info) == ("A CPU", ["avx2", "amx_bf16"])


def test_messages_are_split_by_their_lengths():
    payload = bytes([3]) + b"abc" + bytes([0x80, 0x01]) + b"x" * 128 + b"rest"
    assert split_delimited(payload, 2) == [b"abc", b"x" * 128]
    with pytest.raises(ValueError, match="cut off"):
        split_delimited(bytes([5]) + b"abc", 1)


def test_times_are_those_of_the_repetitions():
    rows = [
        {"run_name": "A", "run_type": "iteration", "real_time": 2, "time_unit": "us"},
        {"run_name": "A", "run_type": "iteration", "real_time": 4, "time_unit": "us"},
        {"run_name": "A", "run_type": "aggregate", "real_time": 3, "time_unit": "us"},
    ]
    assert nanoseconds(json.dumps({"benchmarks": rows})) == {"A": [2000.0, 4000.0]}


def test_each_side_of_a_pair_has_its_better_thread_count():
    ours, plain = PAIRS["loss_256"]
    found = {1: {ours: [20.0], plain: [30.0]}, 2: {ours: [10.0], plain: [50.0]}}
    given = ratios(found)
    assert given["loss_256_vs_plain"] == 3.0
    assert given["sampling_top_p_16_vs_plain"] is None


CONFIG = {
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 8,
    "num_hidden_layers": 3,
    "vocab_size": 10,
}


def test_the_changed_blocks_are_the_upper_ones():
    assert first_layer(30, 0.67) == 10
    assert first_layer(30, 1) == 0
    assert first_layer(30, 0) == 29


def test_frozen_lower_blocks_cost_one_forward_pass_only():
    block = 4 * (2 * 4 + 2 * 2 + 3 * 8)
    pairs = 2 * (2 * (4 + 4) + 2 * (4 + 2) + 3 * (4 + 8))
    everything = training_flops(CONFIG, 2, 0, tokens=1, target_tokens=0, passes=4)
    assert everything == 3 * (4 * block + 6 * pairs)
    assert training_flops(CONFIG, 2, 2, tokens=4, target_tokens=0, passes=4) == (
        2 * 2 * block + 4 * (4 * block + 6 * pairs)
    )
    assert training_flops(CONFIG, 2, 2, tokens=0, target_tokens=5, passes=4) == 4 * 5 * 10 * 4


def test_the_last_line_is_json_with_the_ratios(capsys):
    report = Report("log", "log --json", say=False)
    report.facts(cpu="A CPU")
    report.rows("appends", ["callers"], [[1], [16]])
    report.finish({"appends_64_over_1": 5.0})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert found["ratios"] == {"appends_64_over_1": 5.0}
    assert found["appends"] == [{"callers": 1}, {"callers": 16}]
    assert found["facts"] == {"cpu": "A CPU"}


def test_the_command_line_refuses_what_is_no_benchmark(capsys):
    assert parse(["serve", "--streams=1,16"]).streams == [1, 16]
    for wrong in (["nothing"], ["serve", "--streams=0"], ["serve", "--server_flags=x"]):
        with pytest.raises(SystemExit):
            parse(wrong)
    capsys.readouterr()
