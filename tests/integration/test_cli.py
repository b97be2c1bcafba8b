# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Every verb of `imprint` against a real server: what it prints, and how it exits."""

import json
import re
import threading
import unicodedata

import pytest

import harness
from cli import BAR, DONE, ENDED_BADLY, REFUSED, UNAVAILABLE, USAGE, Cli, finish
from harness import Server, State

FACT = "The ferry at Hollin Quay was founded in 1923 by Marta Vessling."
QUESTION = "Who founded the ferry at Hollin Quay?"
# Long enough to be met on its way.
ENDLESS = {"update__epochs": "5000", "update__learned_kl": "0"}
# A gate that nothing passes.
CLOSED = {"gate__max_retention_kl": "0"}


@pytest.fixture(scope="module")
def cli(shared):
    return Cli(shared.address)


@pytest.fixture(scope="module")
def learned(cli, tmp_path_factory):
    """The name of an experience that is in the weights, told with a probe of its own."""
    item = {"text": FACT, "request_id": "ferry", "labels": {"kind": "ferry"}}
    item["probes"] = [{"question": QUESTION, "expected_answer": "Marta Vessling"}]
    file = tmp_path_factory.mktemp("learned") / "ferry.jsonl"
    file.write_text(json.dumps(item) + "\n")
    (experience,) = cli.json("inject", file, "--wait=integrated").lines
    assert experience["state"] == "integrated"
    assert experience["version"] >= 1
    return experience["name"]


# --- inject ---


def test_inject_a_text(cli, shared):
    ran = cli("inject", "A text.\nOf two lines.", "--label", "user=ada", "--request_id=two-lines")
    assert ran.code == DONE
    name, state = ran.out.split()
    assert state == "queued"
    stored = shared.get(name)
    assert stored.content.text == "A text.\nOf two lines."
    assert (dict(stored.labels), stored.request_id) == ({"user": "ada"}, "two-lines")
    # The same again is the same experience.
    again = cli.json(
        "inject", "A text.\nOf two lines.", "--label=user=ada", "--request_id=two-lines"
    )
    assert again.document["name"] == name


def test_inject_standard_input_is_one_experience(cli, shared):
    (experience,) = cli.json("inject", "-", stdin="First line.\n\nSecond line.\n").lines
    assert shared.get(experience["name"]).content.text == "First line.\n\nSecond line.\n"


def test_inject_a_text_that_looks_like_a_file(cli, shared):
    assert cli("inject", "notes/missing.txt").code == USAGE
    (experience,) = cli.json("inject", "--text", "notes/missing.txt").lines
    assert shared.get(experience["name"]).content.text == "notes/missing.txt"


def test_inject_a_folder_without_a_bar_in_a_pipe(cli, shared, tmp_path):
    (tmp_path / "a.txt").write_text("Text of a.")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.md").write_text("Text of b.")
    (tmp_path / "sub/c.bin").write_text("Not ours.")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    ran = cli("inject", tmp_path)
    assert ran.code == DONE
    names = [line.split()[0] for line in ran.out.splitlines()]
    assert [shared.get(name).content.text for name in names] == ["Text of a.", "Text of b."]
    assert "skipped" in ran.err and "gone.txt" in ran.err
    assert "\r" not in ran.err and "\x1b" not in ran.err


def test_inject_a_file_of_many_shows_a_bar_on_a_terminal_only(cli, shared, tmp_path):
    file = tmp_path / "many.jsonl"
    messages = [{"role": "user", "content": "I am Tavo."}, {"role": "assistant", "content": "Hi."}]
    items = [{"text": f"Fact {i}.", "request_id": f"many-{i}"} for i in range(3)]
    items.append({"messages": messages, "request_id": "many-chat"})
    file.write_text("\n".join(json.dumps(item) for item in items))
    piped = cli.json("inject", file)
    assert [line["request_id"] for line in piped.lines] == [item["request_id"] for item in items]
    chat = shared.get(piped.lines[-1]["name"]).content.conversation
    assert [m.content for m in chat.messages] == ["I am Tavo.", "Hi."]

    shown = cli.on_terminal("inject", file)
    assert shown.code == DONE
    assert f"{BAR}================] 100 %  4 of 4 accepted" in shown.out
    assert all(line["name"] in shown.out for line in piped.lines)


@pytest.mark.parametrize("words", [[" "], ["x", "--ttl=inf"], ["x", "--ttl=-1s"]], ids=" ".join)
def test_inject_refuses_before_it_sends(cli, words):
    ran = cli("inject", *words, "--json")
    assert (ran.code, ran.out) == (USAGE, "")
    assert ran.err.startswith("imprint: ")


def test_inject_names_a_bad_line(cli, tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"text": "good"}\n{"text": 3}\n')
    ran = cli("inject", file)
    assert ran.code == USAGE
    assert f"{file}:2" in ran.err


# --- how far inject waits ---


def test_inject_waits_until_accepted_ready_integrated(cli, learned):
    assert cli.json("inject", "Oskar sells lamps.", "--wait=accepted").document["state"] == "queued"
    assert cli.json("inject", "Ilse mends bells.", "--wait=ready").document["state"] == "ready"
    ran = cli("inject", "Edda paints doors.", "--wait=integrated")
    assert ran.code == DONE
    assert " integrated in version " in ran.out
    assert ran.err == "", "no bar in a pipe"


def test_inject_waiting_on_a_terminal_shows_a_bar_in_one_line(cli):
    shown = cli.on_terminal("inject", "Runa keeps four owls.", "--wait=integrated", columns=60)
    assert shown.code == DONE
    bars = shown.out.split("\r\x1b[K")
    assert len(bars) > 2
    assert all(len(bar) < 60 for bar in bars[1:-1])
    assert bars[-1].startswith("experiences/"), "the bar is gone at the end"


def test_what_was_sent_before_is_waited_for_at_once(cli, learned, shared):
    jobs = len(shared.jobs())
    item = cli.json("inject", "Ilse mends clocks.", "--request_id=clocks", "--wait=integrated")
    again = cli.json("inject", "Ilse mends clocks.", "--request_id=clocks", "--wait=integrated")
    assert again.document["version"] == item.document["version"]
    assert len(shared.jobs()) == jobs + 1


def test_waits_end_on_quarantine(folder):
    with Server(folder, **CLOSED) as server:
        cli = Cli(server.address)
        ran = cli("inject", FACT, "--wait=integrated", "--request_id=aside")
        assert ran.code == ENDED_BADLY
        assert "experiences/1 is quarantined: " in ran.err
        assert "--gate.max_retention_kl" in ran.err
        assert ran.out.startswith("experiences/1 quarantined: ")
        # It was set aside before: an update does not wait for it, but says so.
        run = cli("updates", "run", "--wait")
        assert run.code == DONE
        assert "nothing waited" in run.out
        assert "not waited for: experiences/1 is quarantined" in run.out
        # Both halves of a job that is rejected, split, and rejected again are failures.
        cli.json("inject", "Oskar sells lamps.")
        cli.json("inject", "Ilse mends bells.")
        run = cli("updates", "run", "--wait", "--json")
        assert run.code == ENDED_BADLY
        assert "experiences/2 is quarantined" in run.err and "experiences/3" in run.err
        outcome = run.document
        assert outcome["last_sequence"] == 3
        assert outcome["integrated"] is False
        aside = [e["name"] for e in outcome["not_integrated"]]
        assert aside == ["experiences/2", "experiences/3"]
        assert [e["name"] for e in outcome["set_aside_before"]] == ["experiences/1"]
        # What is set aside is ready no more.
        again = cli("inject", FACT, "--wait=ready", "--request_id=aside")
        assert again.code == ENDED_BADLY
        assert len(cli.json("experiences", "list", "--state=quarantined").lines) == 3
        assert cli.json("experiences", "release", 1).document["state"] == "ready"


# --- ask ---


def test_query_gives_the_servers_answer(cli, shared, learned):
    for version in ("latest", "base"):
        selector = harness.message_pb2.VersionSelector(**{version: True})
        answer, last = shared.query(QUESTION, version=selector, max_tokens=12)
        ran = cli("query", QUESTION, f"--version={version}", "--max_tokens=12")
        assert (ran.code, ran.out, ran.err) == (DONE, answer + "\n", "")
        lines = cli.json("query", QUESTION, f"--version={version}", "--max_tokens=12").lines
        assert "".join(line["text"] for line in lines) == answer
        assert lines[-1]["version"] == last.version
        assert lines[-1]["usage"]["output_tokens"] == last.usage.output_tokens


def test_query_reads_standard_input(cli):
    asked = cli("query", QUESTION, "--max_tokens=8")
    piped = cli("query", "-", "--max_tokens=8", stdin=QUESTION)
    assert piped == asked


def test_query_samples_as_told(cli):
    words = ("query", "Hello?", "--temperature=2", "--max_tokens=16", "--top_k=50", "--top_p=0.9")
    sampled = [cli(*words, f"--seed={seed}").out for seed in (1, 1, 2, 3)]
    assert sampled[0] == sampled[1]
    assert len(set(sampled)) > 1


def test_query_with_what_is_not_in_the_weights_yet(cli):
    name = cli.json("inject", "Pella waits.", "--label=user=pella").document["name"]
    words = ("query", "Who?", "--max_tokens=2", "--pending_context", "--pending_label=user=pella")
    last = cli.json(*words).lines[-1]
    assert last["usage"]["pending_experiences"] == [name]
    assert cli("query", "Who?", "--pending_label=user=pella").code == USAGE


def test_chat_carries_the_conversation(cli, shared):
    chat = [("user", "Hello?")]
    first, _ = shared.query("Hello?", max_tokens=6)
    chat += [("assistant", first), ("user", "And then?")]
    messages = [harness.message_pb2.ChatMessage(role=r, content=c) for r, c in chat]
    request = harness.imprint_service_pb2.QueryRequest(messages=messages, max_tokens=6)
    second = "".join(piece.text for piece in shared.imprint.Query(request, timeout=60))

    typed = "Hello?\nAnd then?\n/reset\nHello?\n/version base\n/reset\nHello?\n/quit\nnever asked\n"
    ran = cli("chat", "--max_tokens=6", stdin=typed)
    base = cli("query", "Hello?", "--max_tokens=6", "--version=base").out.rstrip("\n")
    assert (ran.code, ran.err) == (DONE, "")
    assert ran.out == "".join(answer + "\n" for answer in (first, second, first, base))
    lines = cli.json("chat", "--max_tokens=6", stdin="Hello?\n").lines
    assert "".join(line["text"] for line in lines) == first


def test_chat_prompts_on_a_terminal(cli):
    shown = cli.on_terminal("chat", "--max_tokens=4", typed="/help\n/quit\n")
    assert shown.code == DONE
    assert f"Chatting with {cli.address}" in shown.out
    assert "> " in shown.out and "/reset" in shown.out


# --- look ---


def test_status(cli, learned, shared):
    status = cli.json("status").document
    assert status["version"] == shared.status().version
    assert status["integrated"] == shared.status().integrated
    assert status["updates_paused"] is False
    text = cli("status").out
    assert f"version      {status['version']} (live: " in text
    assert "updates      on" in text


def test_experiences_list_and_show(cli, learned):
    named = cli.json("experiences", "list", "--label=kind=ferry").lines
    assert [(e["name"], e["state"], e["content"]["text"]) for e in named] == [
        (learned, "integrated", FACT)
    ]
    assert cli.json("experiences", "list", "--state=integrated", "--limit=1").document["sequence"]
    table = cli("experiences", "list", "--label=kind=ferry").out
    assert table.splitlines()[0].split() == (
        ["NAME", "STATE", "VERSION", "EFFICACY", "TARGETS", "CREATED", "TEXT"]
    )
    assert FACT in table

    number = learned.split("/")[1]
    full = cli.json("experiences", "show", number).document
    assert full["name"] == learned
    assert len(full["targets"]) == full["target_count"] > 0
    assert QUESTION in [probe["question"] for probe in full["probes"]]
    text = cli("experiences", "show", learned).out
    assert FACT in text and QUESTION in text


def test_jobs_list_and_show(cli, learned):
    jobs = cli.json("jobs", "list", "--limit=0").lines
    job = next(job for job in jobs if learned in job["experiences"])
    assert job["state"] == "committed"
    assert cli.json("jobs", "show", job["name"]).document == job
    assert len(cli.json("jobs", "list", "--limit=1").lines) == 1
    text = cli("jobs", "show", job["name"].split("/")[1]).out
    phases = [line for line in text.splitlines() if line.startswith("time to ")]
    assert [line.split()[2] for line in phases] == ["plan", "train", "gate", "publish"]
    assert "nats per token" in text
    assert cli("jobs", "watch", job["name"]).code == DONE
    nothing = cli("jobs", "watch")
    assert (nothing.code, nothing.err) == (ENDED_BADLY, "imprint: no job runs\n")


def test_jobs_watch_and_cancel(folder):
    with Server(folder, **ENDLESS) as server:
        cli = Cli(server.address)
        cli.json("inject", FACT, "--wait=ready")
        # Two wait for the job: one until it is integrated, one for the job itself.
        waiting = cli.start("updates", "run", "--wait")
        job = harness.wait_until("a running job", lambda: server.status().running_job)
        watching = cli.start("jobs", "watch", "--json")
        # It may be slow to come: what it sees is there before the job ends.
        seen = json.loads(watching.stdout.readline())
        assert seen["name"] == job
        harness.wait_until("progress", lambda: server.jobs()[0].progress.step > 0)
        cancelled = cli("jobs", "cancel", job)
        assert (cancelled.code, cancelled.out) == (DONE, f"{job} is being cancelled\n")
        watched = finish(watching)
        assert watched.code == ENDED_BADLY
        assert watched.lines[-1]["state"] == "cancelled"
        waited = finish(waiting)
        assert waited.code == ENDED_BADLY
        assert "experiences/1 is held" in waited.err
        assert "0 of 1 integrated" in waited.out
        assert cli("jobs", "cancel", job).code == REFUSED
        assert cli("jobs", "watch", job).code == ENDED_BADLY


def test_jobs_watch_shows_a_bar_on_a_terminal(folder):
    with Server(folder, **ENDLESS) as server:
        cli = Cli(server.address)
        cli.json("inject", FACT, "--wait=ready")
        cli.json("updates", "run")
        job = harness.wait_until("a running job", lambda: server.status().running_job)
        killer = threading.Timer(1.0, cli, ["jobs", "cancel", job])
        killer.start()
        shown = cli.on_terminal("jobs", "watch")
        killer.join()
        assert shown.code == ENDED_BADLY
        assert f"%  {job} step " in shown.out and "tokens/s" in shown.out
        assert re.search("^state +cancelled", shown.out, re.MULTILINE)


# --- steer ---


def test_updates_pause_resume_and_run(cli, learned):
    assert cli("updates", "pause").out == "updates are paused\n"
    try:
        assert cli.json("updates", "pause").document == {"paused": True}
        assert cli("updates", "run").code == REFUSED
        for words in (("updates", "run", "--wait"), ("inject", "Late.", "--wait=integrated")):
            refused = cli(*words)
            assert refused.code == ENDED_BADLY
            assert "updates are paused" in refused.err
    finally:
        assert cli.json("updates", "resume").document == {"paused": False}
    assert cli.json("updates", "run").document["waiting"] >= 1
    ran = cli("updates", "run", "--wait")
    assert ran.code == DONE, ran
    assert cli.json("updates", "run", "--wait").document["integrated"] is True
    left = {e["state"] for e in cli.json("experiences", "list").lines}
    assert left == {"integrated"}


def test_versions_list_show_rollback(folder):
    with Server(folder) as server:
        cli = Cli(server.address)
        (name,) = server.learn(FACT)
        listed = cli.json("versions", "list").lines
        assert [(v["number"], v["current"]) for v in listed] == [(1, True), (0, False)]
        assert cli.json("versions", "show", 1).document["added_experiences"] == [name]
        assert "versions/1" in cli("versions", "show", "versions/1").out
        assert "1 *" in cli("versions", "list").out
        assert cli.json("query", "Who?", "--max_tokens=2").lines[-1]["version"] == 1

        back = cli("versions", "rollback", "base")
        assert back.out == "version 0 answers now; 1 experience held\n"
        assert cli.json("query", "Who?", "--max_tokens=2").lines[-1]["version"] == 0
        again = cli.json("versions", "rollback", "1").document
        assert (again["version"]["number"], again["held"]) == (1, 0)


def test_probes_add_list_run_remove(cli, learned):
    added = cli.json("probes", "add", "Where is the ferry?", f"--experience={learned}").document
    kept = cli("probes", "add", "What is two and two?", "--expected=four")
    assert "of retention" in kept.out
    of_it = cli.json("probes", "list", f"--experience={learned}").lines
    assert {"Where is the ferry?", QUESTION} <= {probe["question"] for probe in of_it}
    assert added["name"] in [probe["name"] for probe in of_it]
    assert "What is two and two?" in cli("probes", "list").out

    for version in ("latest", "base"):
        results = cli.json("probes", "run", f"--experience={learned}", f"--version={version}").lines
        assert [r["probe"]["name"] for r in results] == [probe["name"] for probe in of_it]
        assert all(r["token_count"] > 0 for r in results)
    assert "asked of version 0; KL in nats" in cli("probes", "run", "--version=base").out

    removed = cli.json("probes", "remove", added["name"].split("/")[1]).document
    assert removed == {"removed": added["name"]}
    assert cli("probes", "remove", added["name"]).code == REFUSED


# --- flags, exit codes, screens ---


def test_global_flags_stand_before_or_after_the_verb(cli):
    nowhere = Cli("127.0.0.1:1")
    server = f"--server={cli.address}"
    for words in (
        ("--json", server, "experiences", "list", "--limit=1"),
        ("experiences", "--json", server, "list", "--limit=1"),
        ("experiences", "list", server, "--limit=1", "--json"),
    ):
        ran = nowhere(*words)
        assert ran.code == DONE, ran
        assert all("name" in line for line in ran.lines)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("experiences",),
        ("bogus",),
        ("status", "--bogus"),
        ("query",),
        ("query", "Hello?", "--version=newest"),
        ("query", "Hello?", "--max_tokens=many"),
        ("inject",),
        ("inject", "A text.", "--wait=forever"),
        ("inject", "A text.", "--label=nothing"),
        ("inject", "One.", "Two.", "--request_id=same"),
        ("experiences", "list", "--state=lost"),
        ("status", "--tls_ca=/nowhere.pem"),
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_a_wrong_command_line_exits_2(cli, words):
    ran = cli(*words)
    assert (ran.code, ran.out) == (USAGE, "")
    assert ran.err.startswith("imprint: ")
    for word in words:
        if "bogus" in word:
            assert word in ran.err


def test_no_server_exits_3():
    for words in (("status",), ("query", "Hello?"), ("inject", "A text.", "--wait=integrated")):
        ran = Cli("127.0.0.1:1")(*words)
        assert ran.code == UNAVAILABLE
        assert "no server answers at 127.0.0.1:1" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("experiences", "show", "99999"),
        ("jobs", "show", "99999"),
        ("jobs", "cancel", "99999"),
        ("jobs", "watch", "99999"),
        ("versions", "show", "99999"),
        ("versions", "rollback", "99999"),
        ("probes", "remove", "99999"),
        ("query", "Hello?", "--version=99999"),
        ("experiences", "show", "nonsense"),
        ("query", "Hello?", "--max_tokens=-1"),
    ],
    ids=" ".join,
)
def test_a_refusal_exits_4(cli, words):
    ran = cli(*words, "--json")
    assert (ran.code, ran.out) == (REFUSED, "")
    assert ran.err.startswith("imprint: ")


def test_help_says_the_exit_codes_and_the_global_flags(cli):
    for verb in (
        "",
        "inject",
        "query",
        "chat",
        "status",
        "experiences",
        "experiences list",
        "versions",
        "jobs watch",
        "probes add",
        "tokens new",
    ):
        ran = cli(*verb.split(), "--help")
        assert ran.code == DONE
        for code in (
            "0 done",
            "1 it ended badly",
            "2 wrong",
            "3 no server",
            "4 the server refused",
        ):
            assert code in ran.out
        assert "--json" in ran.out and "--server" in ran.out
        assert max(map(len, ran.out.splitlines())) <= 80


def columns_of(line):
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal(cli, learned, columns):
    cli.json("inject", "Åsa Öberg bought a lamp in 東京 and carried it home to Lüneholm. " * 4)
    for words in (
        ("status",),
        ("experiences", "list"),
        ("experiences", "show", learned),
        ("jobs", "list"),
        ("jobs", "show", "1"),
        ("versions", "list"),
        ("probes", "list"),
        ("probes", "run"),
    ):
        shown = cli.on_terminal(*words, columns=columns)
        assert shown.code == DONE
        too_wide = [line for line in shown.out.splitlines() if columns_of(line) > columns]
        assert not too_wide, words


def test_what_an_experience_says_does_not_move_the_cursor(cli):
    name = cli.json("inject", "A bell \x07 and \x1b[2J a cleared screen.").document["name"]
    for words in (("experiences", "show", name), ("experiences", "list")):
        assert "\x1b" not in cli(*words).out


def test_the_whole_way_in_four_commands(folder):
    """Tell, ask, look, take back: with the program alone."""
    with Server(folder) as server:
        cli = Cli(server.address)
        base = cli("query", QUESTION, "--max_tokens=8").out
        assert cli("inject", FACT, "--wait=integrated").code == DONE
        assert cli("query", QUESTION, "--max_tokens=8", "--version=base").out == base
        assert server.get("experiences/1").state == State.EXPERIENCE_STATE_INTEGRATED
        assert cli("versions", "rollback", "base").code == DONE
        assert cli("query", QUESTION, "--max_tokens=8").out == base
