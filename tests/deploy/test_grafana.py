# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboards: well-formed, and every query of every panel has an answer."""

import itertools
import re

import pytest
import yaml

import boards
import draw_previews
from observed import ROOT
from test_prometheus import ALERTS, names_in, samples_of

BOARDS = {name: boards.load(name) for name in boards.NAMES}
PANELS = [
    pytest.param(panel, id=f"{name}/{panel['title']}")
    for name, board in BOARDS.items()
    for panel in boards.panels(board)
]
UNITS = {"none", "short", "s", "bytes", "percentunit", "reqps"}

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
each_panel = pytest.mark.parametrize("panel", PANELS)


def numbers(text):
    return {float(number) for number in re.findall(r"(?<![\w.$])\d+(?:\.\d+)?(?![\w.])", text)}


def test_each_file_is_a_dashboard_that_is_checked():
    assert {path.stem for path in boards.FOLDER.glob("*")} == set(boards.NAMES)
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


# --- form ---


@each_board
def test_panels_have_places_and_ids_of_their_own(board):
    listed = list(board["panels"])
    ids = [panel["id"] for panel in listed]
    assert len(set(ids)) == len(ids)
    for panel in listed:
        grid = panel["gridPos"]
        assert grid["x"] >= 0 and grid["y"] >= 0 and grid["w"] > 0 and grid["h"] > 0
        assert grid["x"] + grid["w"] <= 24
    for one, other in itertools.combinations((panel["gridPos"] for panel in listed), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert listed[0]["type"] == "row", "a board begins with what is seen first"


@each_board
def test_board_has_its_variables_and_shows_swaps(board):
    variables = {v["name"]: v for v in board["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance"]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("job", "instance"):
        assert variables[name]["datasource"]["uid"] == "${datasource}"
        assert variables[name]["multi"] and variables[name]["includeAll"]
    (swaps,) = [a for a in board["annotations"]["list"] if a["name"] == "Swaps"]
    assert swaps["enable"] and "changes(imprint_live_version{" in swaps["expr"]
    # Boards link to each other, and keep what was chosen.
    assert {link["url"] for link in board["links"]} == {
        f"/d/{other['uid']}" for other in BOARDS.values() if other is not board
    }
    assert all(link["keepTime"] and link["includeVars"] for link in board["links"])


@each_panel
def test_panel_is_complete(panel):
    assert panel["description"].endswith(".")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    assert unit in UNITS or unit.startswith("suffix: ")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        # The chosen servers only, in each selector.
        selectors = re.findall(r"\b(?:imprint_\w+|up)\{[^}]*\}", target["expr"])
        assert selectors
        assert all('{job=~"$job",instance=~"$instance"' in selector for selector in selectors)
        assert len(selectors) == len(re.findall(r"\bimprint_\w+|\bup\b", target["expr"]))


@each_panel
def test_one_value_is_that_of_now(panel):
    """The last one of a range may be hours old, and green all the same."""
    is_now = panel["type"] == "stat"
    for target in panel["targets"]:
        assert target.get("instant", False) == is_now and target.get("range", False) != is_now
    if is_now:
        assert panel["options"]["graphMode"] == "none"
        assert panel["fieldConfig"]["defaults"]["noValue"]


@each_panel
def test_threshold_is_an_alerts(panel):
    """A panel that turns red names the alert that fires there, and is red at its value."""
    defaults = panel["fieldConfig"]["defaults"]
    values = {s["value"] for s in defaults["thresholds"]["steps"] if s["value"] is not None}
    named = [alert for alert in ALERTS if alert["alert"] in panel["description"]]
    if values and not defaults["mappings"]:
        assert named, "a threshold without an alert"
    for alert in named:
        assert values <= numbers(alert["expr"])
        assert values or numbers(alert["expr"]) & set.union(
            *(numbers(target["expr"]) for target in panel["targets"])
        )


def test_every_alert_is_on_a_dashboard():
    described = " ".join(p.values[0]["description"] for p in PANELS)
    assert all(alert["alert"] in described for alert in ALERTS)


# --- data ---


def queries_of(board):
    for panel in boards.panels(board):
        for target in panel["targets"]:
            yield f"{panel['title']}/{target['refId']}", target["expr"]


def answers(seen, query, **variables):
    step = seen.time_range.scrape_interval
    filled = boards.fill_in(
        query, seen.time_range, step, {"job": None, "instance": None, **variables}
    )
    return seen.prometheus.range(filled, seen.time_range, step)


@each_board
def test_every_metric_exists(board, seen):
    for name, query in queries_of(board):
        assert names_in(query) <= samples_of(seen.exposition), name


@each_board
def test_every_query_has_an_answer(board, seen):
    empty = [name for name, query in queries_of(board) if not answers(seen, query)]
    assert not empty


@each_board
def test_variables_choose_servers(board, seen):
    chosen = {"job": ["imprint"], "instance": [seen.instance, "other.example:9464"]}
    for name, query in queries_of(board):
        assert answers(seen, query, **chosen), name
    for name, query in queries_of(board):
        found = answers(seen, query, job=["imprint"], instance=["127x0.0.1:9"])
        assert not found, f"{name} answers for a server that is not there"


@each_board
def test_variables_list_what_is_there(board, seen):
    listed = {}
    for variable in board["templating"]["list"][1:]:
        match, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
        assert variable["query"]["query"] == variable["definition"]
        match = boards.fill_in(match, seen.time_range, 1, {"job": None})
        listed[variable["name"]] = seen.prometheus.get(
            f"label/{label}/values", **{"match[]": match}
        )
    assert listed == {"job": ["imprint"], "instance": [seen.instance]}


@each_board
def test_annotations_mark_each_swap(board, seen):
    (swaps,) = [a for a in board["annotations"]["list"] if a["name"] == "Swaps"]
    found = answers(seen, swaps["expr"])
    assert {labels["version"] for labels, _ in found} == {"1", "2"}
    assert sum(labels["version"] == "1" for labels, _ in found) == 1


# --- provisioning ---


def test_provisioning_names_data_source_and_folder():
    folder = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((folder / "dashboards/imprint.yml").read_text())["providers"]
    assert provider["type"] == "file" and provider["options"]["path"]


# --- previews ---


def test_previews_can_be_drawn(seen, tmp_path):
    paths = draw_previews.draw(seen.prometheus.url, seen.time_range, tmp_path)
    assert [path.stem for path in paths] == list(boards.NAMES)
    for path in (*paths, *(ROOT / "deploy/grafana/preview").glob("*.png")):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 200_000
