# SPDX-License-Identifier: Apache-2.0
"""The command over a real machine: a bare-metal RISC-V program on the board."""
import json

import pytest

from conftest import wait_until

pytestmark = pytest.mark.usefixtures("bare")
NONE = ("--firmware", "none", "-m", "16m")


def test_output_and_status(guise, bare):
    done = guise.run("run", "-i", *NONE, bare, input="ab7")
    assert (done.stdout, done.returncode) == ("bare metal here\nab7", 7)
    assert guise("run", "-i", *NONE, bare, input="0") == "bare metal here\n0"


def test_explain(guise, bare, tmp_path):
    answer = json.loads(guise("run", "--explain", "--json", bare))
    assert (answer["kind"], answer["engine"]) == ("machine", "jit")
    done = guise.run("run", "--engine", "steam", bare)
    assert done.returncode == 125 and "interp" in done.stderr and "jit" in done.stderr
    (tmp_path / "text").write_text("no kernel")
    assert guise.run("run", tmp_path / "text").returncode == 126


def test_pause_stops_it(guise, bare):
    guise("run", "-d", "--name", "box", *NONE, bare)
    wait_until(lambda: "here" in guise("logs", "box"))

    def instructions():
        rows = json.loads(guise("stats", "--no-stream", "--json", "box"))["stats"]
        return next(r["value"] for r in rows if r["name"] == "cpu0.instructions")
    guise("pause", "box")
    first = instructions()
    assert instructions() == first
    guise("resume", "box")
    assert instructions() > first
    guise("stop", "-t", "1", "box")
    assert guise.life("box") == "stopped"


def test_snapshot_goes_on_where_it_was(guise, bare):
    guise("run", "-d", "--name", "box", *NONE, bare)
    typing = guise.popen("attach", "box")
    typing.stdin.write(b"abc")
    typing.stdin.flush()
    seen = b""
    while not seen.endswith(b"abc3"):
        seen += typing.stdout.read(1)
    guise("snapshot", "box", "snap")
    guise("kill", "box")
    typing.communicate()
    assert guise("restore", "-i", "snap", input="xc5", status=5) == "xc55"
    # What the machine had zeroed is zero again, whatever the image has there.
    assert guise("restore", "-i", "snap", input="z1", status=1) == "zY1"


def test_killed_monitor(guise, bare):
    guise("run", "-d", "--name", "box", *NONE, bare)
    guise.kill_monitor("box")
    assert guise.record("box")["exitWhy"] == "monitor killed"
    guise("start", "box")
    assert guise.life("box") == "running"
