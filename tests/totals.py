# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Adds up the cases of a test run: `totals.py FOLDER`.

Reads what tests/run.sh left in the folder: ctest.xml (JUnit) with one JSON of
GoogleTest per program, cargo.txt, pytest*.xml (JUnit), and NAME.step with "passed"
or "failed". Names what failed and ends with "N passed, N failed, N skipped";
the exit status is 1 when something failed, or when there is nothing. A report that
holds no case is a failure: its tests were not run.
"""

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree


class Totals:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = 0

    def count(self):
        return self.passed + len(self.failed) + self.skipped

    def add_report(self, path, add):
        """Adds the cases of one report, of which there is at least one."""
        before = self.count()
        try:
            add(path)
        except ElementTree.ParseError:
            self.failed.append(f"{path.name}: the report cannot be read")
        if self.count() == before:
            self.failed.append(f"{path.name}: the report holds no case")

    def add_googletest(self, program, report):
        for suite in report["testsuites"]:
            for case in suite["testsuite"]:
                if case.get("failures"):
                    self.failed.append(f"{program}: {suite['name']}.{case['name']}")
                elif case.get("result") in ("SKIPPED", "SUPPRESSED"):
                    self.skipped += 1
                else:
                    self.passed += 1

    def add_ctest(self, path):
        """Programs, by their own reports; one that died before its report is one failure."""
        for entry in ElementTree.parse(path).getroot().iter("testcase"):
            program = entry.get("name")
            report = path.parent / f"{program}.json"
            failures_before = len(self.failed)
            if report.exists():
                try:
                    self.add_googletest(program, json.loads(report.read_text()))
                except (json.JSONDecodeError, KeyError):
                    self.failed.append(f"{program}: its report cannot be read")
            failed = entry.get("status") not in ("run", "disabled")
            if failed and len(self.failed) == failures_before:
                self.failed.append(f"{program}: ended without a report of what failed")
            elif not report.exists() and not failed:
                self.passed += 1

    def add_cargo(self, path):
        text = path.read_text()
        for passed, failed, ignored in re.findall(
            r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", text
        ):
            self.passed += int(passed)
            self.failed += ["a Rust test"] * int(failed)
            self.skipped += int(ignored)

    def add_pytest(self, path):
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            outcomes = {child.tag for child in case}
            if outcomes & {"failure", "error"}:
                self.failed.append(f"{case.get('classname')}.{case.get('name')}")
            elif "skipped" in outcomes:
                self.skipped += 1
            else:
                self.passed += 1


def main():
    folder = Path(sys.argv[1])
    totals = Totals()
    for pattern, add in (
        ("ctest.xml", totals.add_ctest),
        ("cargo.txt", totals.add_cargo),
        ("pytest*.xml", totals.add_pytest),
    ):
        for report in sorted(folder.glob(pattern)):
            totals.add_report(report, add)
    for step in sorted(folder.glob("*.step")):
        if step.read_text().strip() == "passed":
            totals.passed += 1
        else:
            totals.failed.append(step.stem)

    for name in totals.failed:
        print(f"FAILED  {name}")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {totals.skipped} skipped")
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    sys.exit(main())
