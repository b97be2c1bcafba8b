# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The server's metrics, and the alerts on them."""

import re

import pytest
import yaml

import harness
from observed import CONFIG, FACTS, ROOT, promtool

ALERTS = yaml.safe_load((CONFIG / "alerts.yml").read_text())["groups"][0]["rules"]
RULE_TESTS = yaml.safe_load((CONFIG / "alerts_test.yml").read_text())["tests"]


def names_in(text):
    """Names of the server's metrics in a query."""
    return set(re.findall(r"\bimprint_[a-z0-9_]+", text))


def samples_of(exposition):
    """Names as they are written in samples: histograms have three."""
    return set(re.findall(r"^([a-z_0-9]+)[{ ]", exposition, re.MULTILINE))


def value_of(exposition, sample):
    return float(re.search(rf"^{re.escape(sample)} (\S+)$", exposition, re.MULTILINE).group(1))


# --- metrics ---


def test_the_exposition_passes_the_lint(seen):
    for exposition in (seen.fresh, seen.exposition):
        lint = promtool("check", "metrics", input=exposition)
        assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


def test_the_lint_finds_what_is_wrong():
    lint = promtool("check", "metrics", input="# TYPE imprint_ms_total gauge\nimprint_ms_total 1\n")
    assert lint.returncode != 0
    assert "no help text" in lint.stderr


def test_every_metric_is_there_before_anything_happened(seen):
    assert names_in("\n".join(samples_of(seen.fresh))) == names_in(
        "\n".join(samples_of(seen.exposition))
    )


def test_values_after_work_are_true(seen):
    def value(sample):
        return value_of(seen.exposition, sample)

    assert 0 < value("imprint_data_free_bytes") < value("imprint_data_size_bytes")
    assert value("imprint_limit_retention_kl_nats") == 100  # the harness' flag
    assert value("imprint_limit_kv_tokens") == 65536
    assert value("imprint_limit_queries_running") == 32
    assert value('imprint_jobs_total{result="committed"}') == 2
    assert value("imprint_jobs_failed_in_a_row") == 0
    assert value("imprint_rocksdb_write_stopped") == 0
    # It is of the version that was rolled back to, and version 1 has no earlier ones.
    assert value("imprint_live_version") == 1
    assert value("imprint_publish_earlier_efficacy_ratio") != value(
        "imprint_publish_earlier_efficacy_ratio"
    )


def test_earlier_efficacy_is_the_current_versions(folder):
    name = "imprint_publish_earlier_efficacy_ratio"
    with harness.Server(folder) as server:
        server.learn(FACTS[0])
        server.learn(FACTS[1])
        measured = server.metric(name)
        # The exposition has 16 digits of a number, the report all of them.
        assert measured == pytest.approx(server.jobs()[0].report.earlier_efficacy, rel=1e-14)
        server.stop()
    with harness.Server(folder) as server:
        assert server.metric(name) == measured


# --- alerts ---


def test_configuration_and_rules_pass_the_check():
    config = promtool("check", "config", "--lint=all", CONFIG / "prometheus.yml")
    assert config.returncode == 0, config.stderr
    rules = promtool("check", "rules", "--lint=all", "--lint-fatal", CONFIG / "alerts.yml")
    assert rules.returncode == 0, rules.stderr


def test_every_alert_fires_and_stays_silent_as_written_down():
    done = promtool("test", "rules", CONFIG / "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_is_complete(alert, seen):
    name = alert["alert"]
    cases = [
        case for one in RULE_TESTS for case in one["alert_rule_test"] if case["alertname"] == name
    ]
    assert any(case["exp_alerts"] for case in cases), "no test in which it fires"
    assert any(not case["exp_alerts"] for case in cases), "no test in which it is silent"

    assert names_in(alert["expr"]) <= samples_of(seen.exposition)
    assert names_in(alert["expr"]) or "up{" in alert["expr"]

    assert alert["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "description", "runbook_url"} == set(alert["annotations"])
    file, section = alert["annotations"]["runbook_url"].split("#")
    assert section == name.lower()
    text = (ROOT / file).read_text()
    (body,) = re.findall(rf"^## {name}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    for part in ("**It means**", "**Look at**", "**Do**"):
        assert part in body


def test_the_runbook_links_to_its_own_sections():
    text = (CONFIG / "RUNBOOK.md").read_text()
    sections = {title.lower() for title in re.findall(r"^## (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= sections
    assert sections == {alert["alert"].lower() for alert in ALERTS}


def test_the_rules_are_loaded_by_the_real_prometheus(seen):
    (group,) = seen.prometheus.get("rules")["groups"]
    assert [rule["name"] for rule in group["rules"]] == [alert["alert"] for alert in ALERTS]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
