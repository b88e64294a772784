# SPDX-License-Identifier: Apache-2.0
"""A terminal at the console: raw while it lasts, as before afterwards, whatever happens."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import wait_until


class Terminal:
    """guise with a terminal of its own."""

    def __init__(self, guise, *words):
        self.ours, self.theirs = pty.openpty()
        self.resize(100, 40)
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen([guise.program, *map(str, words)], env=guise.env,
                                        cwd=guise.folder, stdin=self.theirs, stdout=self.theirs,
                                        stderr=self.theirs, preexec_fn=self.take)
        self.seen = b""

    def take(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns, rows):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, data):
        os.write(self.ours, data)

    def expect(self, data, seconds=10):
        end = time.monotonic() + seconds
        while data not in self.seen:
            assert time.monotonic() < end, f"{data!r} did not come: {self.seen!r}"
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536)
        self.seen = self.seen[self.seen.index(data) + len(data):]

    def is_raw(self):
        return not termios.tcgetattr(self.theirs)[3] & termios.ICANON

    def end(self, seconds=10):
        status = self.process.wait(seconds)
        assert termios.tcgetattr(self.theirs) == self.before
        return status


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
