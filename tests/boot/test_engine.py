# SPDX-License-Identifier: Apache-2.0
"""A running machine changes its engine, again and again, and its work comes out right."""
import json
import re
import time

import pytest

from boot_common import PATIENCE, linux, needs_guest

pytestmark = needs_guest

WORK = ("for i in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/urandom >/tmp/a; gzip -c /tmp/a >/tmp/b; "
        "gzip -dc /tmp/b | cmp - /tmp/a && echo same $i; done")


@pytest.mark.parametrize("cpus", [1, 2])
def test_engines_change(guise, cpus):
    guise("run", "-d", "--name", "box", *linux(WORK, cpus=cpus, engine="interp"))
    for i in range(10):
        time.sleep(0.3)
        guise("engine", "box", ["jit", "interp"][i % 2])
        assert json.loads(guise("inspect", "box"))[0]["state"]["engine"] == ["jit", "interp"][i % 2]
    guise("engine", "box", "jit")
    guise("pause", "box")
    guise("engine", "box", "interp")  # paused it stays
    assert "paused" in guise("ps", "--filter", "name=box")
    guise("engine", "box", "jit")
    guise("resume", "box")
    guise("wait", "box", timeout=PATIENCE)
    log = guise("logs", "box")
    assert re.findall(r"^same (\d)\r?$", log, re.M) == list("12345678"), log[-3000:]
    assert guise.run("engine", "box", "interp").returncode == 1  # it has ended


def test_no_such_engine(guise):
    guise("run", "-d", "--name", "box", *linux("sleep 30"))
    done = guise.run("engine", "box", "steam")
    assert done.returncode == 1 and "has no engine 'steam'; it has: jit, interp" in done.stderr
    assert guise.run("engine", "box").returncode == 125
    guise("rm", "-f", "box")
