# SPDX-License-Identifier: Apache-2.0
"""A terminal at the console: raw while it lasts, as before afterwards, whatever happens."""
import signal
import time

import pytest

from conftest import wait_until
from terminal import Terminal


def test_raw_and_restored(echo, script):
    t = Terminal(echo, "run", "-it", script("print up"))
    t.expect(b"up")
    t.expect(b"size 100 40")
    assert t.is_raw()
    t.type(b"\x03\x1a hello\r")  # neither interrupts nor stops guise: it is the machine's
    t.expect(b"\x03\x1a hello")
    t.resize(132, 50)
    t.process.send_signal(signal.SIGWINCH)
    t.expect(b"size 132 50")
    t.type(b"exit 9\r")
    t.expect(b"status 9")
    assert t.end() == 9


def test_detach_and_attach_again(echo, script):
    t = Terminal(echo, "run", "-it", "--name", "box", script("print up"))
    t.expect(b"up")
    t.type(b"\x10x\x10\x10\r")  # ctrl-p, but not ctrl-q behind it: passed on
    t.expect(b"\x10x\x10\x10")
    t.type(b"\x10")
    time.sleep(0.1)
    t.type(b"\x11")
    t.expect(b"detached from box")
    assert t.end() == 0
    assert echo.life("box") == "running"
    t = Terminal(echo, "attach", "--detach-keys", "ctrl-a,d", "box")
    wait_until(t.is_raw)
    t.type(b"again\r")
    t.expect(b"again")
    t.type(b"\x01d")
    assert t.end() == 0
    t = Terminal(echo, "attach", "--replay", "box")
    t.expect(b"up")
    t.type(b"exit 0\r")
    assert t.end() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end(echo, script, sig):
    t = Terminal(echo, "run", "-it", "--name", "box", script("print up"))
    t.expect(b"up")
    t.process.send_signal(sig)
    assert t.end() == 0
    assert echo.record("box")["exitWhy"] == "asked to stop"


def test_hangup_leaves_what_was_only_attached(echo, script):
    echo("run", "-dt", "--name", "box", script("print up"))
    t = Terminal(echo, "attach", "--replay", "box")
    t.expect(b"up")
    t.process.send_signal(signal.SIGHUP)
    assert t.end() == 128 + signal.SIGHUP
    assert echo.life("box") == "running"


def test_monitor_killed_under_a_terminal(echo, script):
    t = Terminal(echo, "run", "-it", "--name", "box", script("print up"))
    t.expect(b"up")
    echo.kill_monitor("box")
    t.expect(b"monitor killed")
    assert t.end() == 137


def test_interrupt_without_a_terminal(echo, script):
    """The first asks the machine to stop, the second kills it."""
    process = echo.popen("run", "--name", "soft", script("print up"))
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    process = echo.popen("run", "--name", "hard", script("stubborn", "print up"))
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 137


def test_t_needs_a_terminal(echo, script):
    done = echo.run("run", "-it", script("exit 0"), input="")
    assert done.returncode == 125 and "terminal" in done.stderr
    assert echo("run", "-t", script("exit 0")) == ""
