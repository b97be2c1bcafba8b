# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator looks at and takes away: top, report, diff, health, exports."""

import json
import os
import re
import shutil
import struct
import subprocess

import pytest

import harness
from cli import DONE, IMPRINT, REFUSED, UNAVAILABLE, USAGE, Cli
from harness import Server, wait_until

FACT = "The ferry at Hollin Quay was founded in 1923 by Marta Vessling."
QUESTION = "Who founded the ferry at Hollin Quay?"


@pytest.fixture(scope="module")
def cli(shared):
    return Cli(shared.address)


@pytest.fixture(scope="module")
def learned(cli, tmp_path_factory):
    """The name of an experience that is in the weights, with a probe of the caller's."""
    item = {"text": FACT, "request_id": "ferry", "labels": {"kind": "ferry"}}
    item["targets"] = [{"question": "When was it founded?", "answer": "In 1923."}]
    item["probes"] = [{"question": QUESTION, "expected_answer": "Marta Vessling"}]
    file = tmp_path_factory.mktemp("learned") / "ferry.jsonl"
    file.write_text(json.dumps(item) + "\n")
    (experience,) = cli.json("inject", file, "--wait=integrated").lines
    return experience["name"]


def read_safetensors(path):
    """The header, and the bytes of each tensor by name."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    assert metadata["format"] == "pt"
    data = raw[8 + length :]
    tensors = {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}
    assert sum(map(len, tensors.values())) == len(data), "no holes"
    return header, tensors


# --- health ---


def test_health_is_an_exit_code(cli):
    healthy = cli("health")
    assert (healthy.code, healthy.out) == (DONE, "serving\n")
    assert cli("health", "--service=imprint.v1.ImprintService").code == DONE
    assert cli("health", "--service=no.such.Service").code == REFUSED
    assert Cli("127.0.0.1:1")("health").code == UNAVAILABLE


# --- top ---


def test_top_in_a_pipe_is_one_look(cli, learned, shared):
    cli("query", "Who?", "--max_tokens=4")
    ran = cli("top")
    assert ran.code == DONE
    assert "1 integrated of" in ran.out
    assert "\x1b" not in ran.out
    look = cli.json("top").document
    assert look["status"]["version"] == shared.status().version
    assert look["status"]["output_tokens"] > 0 and look["status"]["prompt_tokens"] > 0
    assert look["output_tokens_per_second"] >= 0 and look["prompt_tokens_per_second"] >= 0
    assert learned in look["jobs"][0]["experiences"]
    assert look["versions"][-1]["number"] == 0


def test_top_on_a_terminal_ends_with_q_and_leaves_it_as_it_was(cli, learned):
    shown = cli.on_terminal("top", "--every=0.2", typed="q")
    assert shown.code == DONE
    assert "\x1b[?1049h" in shown.out and shown.out.endswith("\x1b[?1049l")
    assert "\x1b[?25h" in shown.out, "the cursor is back"
    assert "q quits" in shown.out


def test_events_are_lines_of_what_happened(cli, shared):
    watch = shared.events()
    for text in ("The gull of Hollin Quay is called Pip.", "The cat there is called Mo."):
        shared.inject(text)
    wait_until("two events", lambda: len(watch.events) >= 2)
    watch.cancel()
    first, second = watch.events[:2]
    kind = second.WhichOneof("kind")
    name = getattr(second, kind).name
    ran = cli("events", f"--after={first.id}", "--count=1")
    assert ran.code == DONE
    assert f"  {second.id}  {name} is " in ran.out
    event = cli.json("events", f"--after={first.id}", "--count=1").document
    assert event["id"] == second.id and event[kind]["name"] == name
    late = cli("events", "--after=1000000")
    assert late.code == REFUSED


def test_no_color_is_heeded(cli, learned):
    os.environ["NO_COLOR"] = "1"
    try:
        plain = Cli(cli.address).on_terminal("top", "--once")
    finally:
        del os.environ["NO_COLOR"]
    assert "\x1b[3" in cli.on_terminal("top", "--once").out
    assert "\x1b[3" not in plain.out and "\x1b[2m" not in plain.out


# --- versions diff, experiences show, report ---


def test_versions_diff_shows_answers_beside_each_other(cli, learned):
    ran = cli("versions", "diff", "base", "latest", "--all")
    assert ran.code == DONE
    assert QUESTION in ran.out
    assert "[base]" in ran.out and "[version 1]" in ran.out
    assert ran.out.splitlines()[-1].endswith(tuple("0123456789-"))
    lines = cli.json("versions", "diff", "base", "latest", "--all").lines
    assert QUESTION in [line["before"]["probe"]["question"] for line in lines]
    assert {line["before"]["version"] for line in lines} == {0}
    same = cli("versions", "diff", "latest", "latest")
    assert same.out.startswith("0 of ")
    assert cli("versions", "diff", "nonsense").code == USAGE
    assert cli("versions", "diff", "99").code == REFUSED


def test_experiences_show_says_how_well_it_was_known(cli, learned):
    version = cli.json("experiences", "show", learned).document["version"]
    shown = cli("experiences", "show", learned).out
    _, curve = shown.split("How well it was known where it was asked for:\n")
    # A curve read after it was freed named versions that never were.
    assert re.fullmatch(rf"VERSION +EFFICACY *\n{version} +-?[0-9.]+ *\n", curve), curve


def test_report_is_one_page_that_needs_nothing_else(cli, learned, tmp_path):
    page = tmp_path / "report.html"
    ran = cli("report", f"--out={page}")
    assert (ran.code, ran.out) == (DONE, f"{page}\n")
    html = page.read_text()
    assert QUESTION in html and "<svg" in html and "nothing yet" in html  # no forgetting curve yet
    assert "src=" not in html and "http" not in html
    assert cli("report", "--out=/nowhere/report.html").code == USAGE


# --- experiences as JSON lines ---


def test_what_was_exported_is_injected_elsewhere(cli, learned, folder):
    cli.json("inject", "Soon forgotten.", "--ttl=720h", "--label=kind=ferry")
    exported = cli("experiences", "export", "--label=kind=ferry")
    assert exported.code == DONE
    file = folder.parent / "all.jsonl"
    file.write_text(exported.out)
    first, second = map(json.loads, exported.out.splitlines())
    assert (first["text"], first["request_id"]) == (FACT, "ferry")
    assert first["targets"] == [{"question": "When was it founded?", "answer": "In 1923."}]
    assert first["probes"] == [{"question": QUESTION, "expected_answer": "Marta Vessling"}]
    assert 0 < second["ttl_seconds"] <= 720 * 3600
    with Server(folder) as other:
        there = Cli(other.address)
        there.json("inject", file, "--wait=ready")
        again = there("experiences", "export").out.splitlines()
    assert json.loads(again[0]) == first
    assert json.loads(again[1])["text"] == "Soon forgotten."


# --- export ---


def test_an_exported_version_answers_as_the_server_does(cli, learned, shared, tmp_path):
    told = cli("query", QUESTION, "--max_tokens=24").out
    ran = cli("export", "latest", tmp_path / "model")
    assert ran.code == DONE, ran
    base_header, base = read_safetensors(harness.TINY_CHAT / "model.safetensors")
    header, tensors = read_safetensors(tmp_path / "model/model.safetensors")
    assert header.keys() == base_header.keys()
    assert {name: entry["shape"] for name, entry in header.items()} == {
        name: entry["shape"] for name, entry in base_header.items()
    }
    assert (tmp_path / "model/tokenizer.json").read_bytes() == (
        harness.TINY_CHAT / "tokenizer.json"
    ).read_bytes()
    with Server(tmp_path / "served", harness.flags(tmp_path / "data", tmp_path / "model")) as copy:
        there = Cli(copy.address)
        assert there.json("status").document["version"] == 0
        assert there("query", QUESTION, "--max_tokens=24").out == told


def test_the_exported_base_is_the_base(cli, learned, tmp_path):
    cli("export", "base", tmp_path / "base")
    base_header, base = read_safetensors(harness.TINY_CHAT / "model.safetensors")
    header, tensors = read_safetensors(tmp_path / "base/model.safetensors")
    if {entry["dtype"] for entry in base_header.values()} == {
        entry["dtype"] for entry in header.values()
    }:
        assert tensors == base
    refused = cli("export", "base", tmp_path / "adapter", "--peft")
    assert refused.code == REFUSED and "no adapter" in refused.err
    assert not list(tmp_path.glob("adapter*"))


def test_a_peft_adapter_has_what_was_learned(cli, learned, tmp_path):
    assert cli("export", "1", tmp_path / "adapter", "--peft").code == DONE
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    header, tensors = read_safetensors(tmp_path / "adapter/adapter_model.safetensors")
    layers = json.loads((harness.TINY_CHAT / "config.json").read_text())["num_hidden_layers"]
    assert config["peft_type"] == "LORA"
    assert config["layers_to_transform"][-1] == layers - 1
    maps = len(config["target_modules"])
    assert maps == 7
    assert len(header) == 2 * maps * len(config["layers_to_transform"])
    for name, entry in header.items():
        rank = entry["shape"][0 if ".lora_A." in name else 1]
        assert rank == config["r"] == config["lora_alpha"], name
    learned_b = [bytes_ for name, bytes_ in tensors.items() if ".lora_B." in name]
    assert any(any(bytes_) for bytes_ in learned_b)


def test_an_export_does_not_write_over_things(cli, learned, tmp_path):
    (tmp_path / "new.part").mkdir()
    (tmp_path / "new.part/thing").write_text("mine")
    assert cli("export", "latest", tmp_path / "new").code == DONE
    assert (tmp_path / "new.part/thing").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "new.part"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thing").write_text("mine")
    ran = cli("export", "latest", tmp_path / "full")
    assert ran.code == USAGE and "not empty" in ran.err
    assert (tmp_path / "full/thing").read_text() == "mine"
    assert cli("export", "99", tmp_path / "none").code == REFUSED
    assert not (tmp_path / "none").exists()


# --- completion, configuration ---


def complete(words):
    """What bash would offer for the last of `words`."""
    script = subprocess.run(
        [str(IMPRINT), "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    script += f"COMP_WORDS=({' '.join(words)} '')\nCOMP_CWORD={len(words)}\n_imprint\n"
    script += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_verbs_and_flags():
    assert {"inject", "query", "jobs", "top", "--server"} <= set(complete(["imprint"]))
    assert {"list", "show", "watch", "cancel"} <= set(complete(["imprint", "jobs"]))
    assert "--limit" in complete(["imprint", "--json", "jobs", "list"])


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_their_scripts(shell):
    script = subprocess.run(
        [str(IMPRINT), "completion", shell], capture_output=True, text=True, check=True
    ).stdout
    assert "jobs" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_a_config_file_has_values_of_flags(cli, tmp_path):
    config = tmp_path / "imprint.toml"
    config.write_text(f'server = "{cli.address}"\n')
    nowhere = Cli("127.0.0.1:1")
    assert nowhere("status").code == UNAVAILABLE
    environment = dict(os.environ)
    environment.pop("IMPRINT_SERVER", None)
    for words, extra in (
        (["--config", str(config)], {}),
        ([], {"IMPRINT_CONFIG": str(config)}),
        ([], {"XDG_CONFIG_HOME": str(tmp_path)}),
    ):
        done = subprocess.run(
            [str(IMPRINT), "health", *words],
            capture_output=True,
            text=True,
            env={**environment, **extra},
            check=False,
        )
        assert (done.returncode, done.stdout) == (DONE, "serving\n"), done.stderr
    # The environment and the command line say more than the file.
    config.write_text('server = "127.0.0.1:1"\n')
    assert cli("health", "--config", config).code == DONE
    for wrong in ('servre = "x"\n', "= =\n"):
        config.write_text(wrong)
        ran = cli("health", f"--config={config}")
        assert ran.code == USAGE and str(config) in ran.err
    assert cli("health", "--config", tmp_path / "none.toml").code == USAGE
