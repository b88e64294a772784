# SPDX-License-Identifier: Apache-2.0
"""guise on a terminal of its own, for tests."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


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
