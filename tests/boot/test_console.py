# SPDX-License-Identifier: Apache-2.0
"""A person at the guest's console: hvc0 of Debian's kernel, with the size of the terminal."""
import signal
import time

import pytest

from boot_common import PATIENCE, linux, needs_guest
from terminal import Terminal

pytestmark = needs_guest


def say(terminal, command, answer):
    terminal.type(command.encode() + b"\r")
    terminal.expect(b"\n" + answer + b"\r", seconds=60)


def test_shell_on_virtio_console(guise):
    t = Terminal(guise, "run", "-it", "--console", "virtio", *linux(append="console=hvc0 quiet"))
    t.expect(b"/ # ", seconds=PATIENCE)
    say(t, "tty", b"/dev/hvc0")
    say(t, "stty size", b"40 100")
    t.resize(132, 50)
    t.process.send_signal(signal.SIGWINCH)
    say(t, "until stty size | grep 132; do :; done", b"50 132")
    text = b"0123456789" * 300  # more than a ring of small buffers, as fast as it goes
    say(t, 'echo sta""rt; wc -c', b"start")
    time.sleep(0.5)  # the shell has left the terminal alone before
    for i in range(0, 3000, 500):
        t.type(text[i:i + 500] + b"\r")
    t.type(b"\x04")
    t.expect(b"\n3006\r", seconds=60)
    t.type(b"poweroff -f\r")
    assert t.end(60) == 0


def test_unknown_console(guise):
    done = guise.run("run", "--console", "vt", *linux())
    assert done.returncode == 125 and "vt" in done.stderr
