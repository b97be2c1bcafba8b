# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What the server was asked and what it acknowledged, kept outside of it.

A line of JSON for each event, written before the call and after its answer; so what was asked
without an answer is known as such, also after the tester itself was stopped.
"""

import dataclasses
import json
import threading


@dataclasses.dataclass
class Told:
    """One injection."""

    request_id: str
    text: str
    sequence: int | None = None  # None: not acknowledged
    forget_asked: bool = False
    forgotten: bool = False


@dataclasses.dataclass
class Switch:
    """A change of the current version: at some time within [begin, end], or, uncertain, never."""

    target: int
    begin: float
    end: float | None  # None: no answer yet
    certain: bool


class Record:
    """Thread-safe. Without a path it is only in memory."""

    def __init__(self, path=None):
        self.told = {}  # by request_id
        self.by_sequence = {}
        self.switches = []
        self.paused = {False}  # what may be true
        self.rows_seen = set()  # numbers of versions
        self.last_seen = 0.0  # when they were
        self.commits = {}  # version of each job that was seen as committed
        self.digests = {}  # of the files of each version
        self.scores = {}  # log-probabilities that each version gave
        self.kills = 0
        self.rounds = 0
        self.backups = {}  # acknowledged ones: ids that were acknowledged before, by name
        self.pausing = threading.Lock()  # held over a call that changes `paused`
        self._lock = threading.Lock()
        self._rollbacks = {}  # open ones
        self._file = None
        if path is not None:
            if path.exists():
                for line in path.read_text().splitlines():
                    self._apply(json.loads(line))
            self._file = path.open("a")

    def close(self):
        if self._file is not None:
            self._file.close()

    def add(self, event, **fields):
        fields["event"] = event
        with self._lock:
            if self._file is not None:
                self._file.write(json.dumps(fields) + "\n")
                self._file.flush()
            self._apply(fields)

    @property
    def acknowledged(self):
        return sum(told.sequence is not None for told in self.told.values())

    def acknowledged_ones(self):
        """Those that may be asked for again or forgotten, in order."""
        with self._lock:
            return [self.by_sequence[sequence] for sequence in sorted(self.by_sequence)]

    def _apply(self, fields):
        getattr(self, "_on_" + fields["event"])(fields)

    def _on_inject(self, e):
        self.told.setdefault(e["id"], Told(e["id"], e["text"]))

    def _on_injected(self, e):
        told = self.told[e["id"]]
        if told.sequence is None:
            told.sequence = e["sequence"]
            self.by_sequence[e["sequence"]] = told

    def _on_forget(self, e):
        self.told[e["id"]].forget_asked = True

    def _on_forgotten(self, e):
        self.told[e["id"]].forgotten = True

    def _on_rollback(self, e):
        switch = Switch(e["target"], e["time"], None, certain=False)
        self.switches.append(switch)
        self._rollbacks[e["key"]] = switch

    def _on_rolled_back(self, e):
        switch = self._rollbacks.pop(e["key"])
        switch.end, switch.certain = e["time"], True

    def _on_rollback_refused(self, e):
        self.switches.remove(self._rollbacks.pop(e["key"]))

    def _on_rollback_unknown(self, e):
        self._rollbacks.pop(e["key"]).end = e["time"]

    def _on_pause(self, e):
        self.paused.add(e["value"])

    def _on_pause_done(self, e):
        self.paused = {e["value"]}

    def _on_backed_up(self, e):
        self.backups[e["name"]] = e["ids"]

    def _on_round(self, e):
        """A round is over; no call of it is under way any more."""
        self.rounds += 1
        self.kills += e["kills"]
        for switch in self._rollbacks.values():
            switch.end = e["time"]
        self._rollbacks.clear()

    def _on_seen(self, e):
        """What a check found, after it found nothing wrong."""
        self.switches = [Switch(e["current"], e["begin"], e["begin"], certain=True)]
        self.rows_seen.update(e["versions"])
        self.last_seen = e["end"]
        self.paused = {e["paused"]}
        self.commits.update(e["commits"])
        self.digests.update({int(number): files for number, files in e["digests"].items()})
        self.scores.update({int(number): scores for number, scores in e["scores"].items()})
        # What was asked without an answer came to be or did not; from here on it stays so.
        for request_id, sequence in e["found"].items():
            self._on_injected({"id": request_id, "sequence": sequence})
        for request_id in e["found_forgotten"]:
            self.told[request_id].forgotten = True
