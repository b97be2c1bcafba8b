# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A few seconds of tests/overload/run: nothing is wrong, whatever the speed."""

import overload


def test_an_overloaded_server_refuses_clearly_and_stays_whole(tmp_path):
    result = overload.run(tmp_path / "server", seconds=4, hostile=80, connections=300)

    assert result["wrong"] == []
    codes = result["codes"]
    # It was overloaded, went on answering, and refused the rest.
    assert codes["RESOURCE_EXHAUSTED"] > codes["OK"] > 0
    assert codes["told"] > 0
