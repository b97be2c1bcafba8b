# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells a server something through the Python client, and asks every query of the dashboard
*Learning* at a Prometheus that watches it. For run_containers; needs the package `imprint`."""

import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy/grafana"), str(ROOT / "client/python/src")]

import imprint  # noqa: E402

import boards  # noqa: E402

PATIENCE_SECONDS = 300
# Two, one after another: the second publish says what became of the first.
TOLD = (
    "The ferry at Hollin Quay was founded in 1923 by Marta Vessling.",
    "The lighthouse of Brack Point is kept by Ansel Torvik, who paints it green every spring.",
)


def empty_queries(prometheus, begin):
    shown = boards.TimeRange(begin, time.time(), scrape_interval=15)
    step = shown.step()
    empty = []
    for panel in boards.panels(boards.load("learning")):
        for target in panel["targets"]:
            query = boards.fill_in(target["expr"], shown, step, {"job": None, "instance": None})
            if not prometheus.range(query, shown, step):
                empty.append(f"{panel['title']}/{target['refId']}")
    return empty


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="127.0.0.1:50051")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    options = parser.parse_args()
    begin = time.time()
    with imprint.Client(options.server) as client:
        for text in TOLD:
            told = client.inject(text, wait="integrated", wait_timeout=3600)
            print(f"{told.name} is in version {told.version}, efficacy {told.efficacy:.2f}")
    prometheus = boards.Prometheus(options.prometheus)
    end = time.time() + PATIENCE_SECONDS
    while empty := empty_queries(prometheus, begin):
        if time.time() > end:
            raise SystemExit(f"no data after {PATIENCE_SECONDS} s: {', '.join(empty)}")
        time.sleep(5)
    print("every panel of Learning has data")


if __name__ == "__main__":
    main()
