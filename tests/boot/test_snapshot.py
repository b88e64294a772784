# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel is saved while it works, and goes on in another process."""
import os
import re
import select
import signal
from pathlib import Path

import pytest

from conftest import ROOT, wait_until

GUEST = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest"))
IMAGE, INITRD = GUEST / "Image", GUEST / "initrd.cpio.gz"
pytestmark = pytest.mark.skipif(not IMAGE.exists(), reason="no riscv64 kernel (tools/guest)")


class Shell:
    """The guest's shell, over attach."""

    def __init__(self, guise, name):
        self.process = guise.popen("attach", name)
        self.n = 0

    def __call__(self, command):
        self.n += 1
        self.process.stdin.write(f'{command}; echo do""ne-{self.n}\n'.encode())
        self.process.stdin.flush()
        seen = b""
        while f"done-{self.n}\r\n".encode() not in seen:
            assert select.select([self.process.stdout], [], [], 60)[0], seen
            part = os.read(self.process.stdout.fileno(), 4096)
            assert part, seen
            seen += part
        return seen.decode(errors="replace")

    def leave(self):
        self.process.send_signal(signal.SIGHUP)
        self.process.communicate(timeout=10)


@pytest.mark.parametrize("cpus,console,tty", [(1, "uart", "ttyS0"), (2, "uart", "ttyS0"), (1, "virtio", "hvc0")])
def test_goes_on(guise, cpus, console, tty):
    guise("run", "-d", "--name", "first", "--cpus", cpus, "-m", "256m", "--console", console, "--initrd", INITRD,
          "--append", f"console={tty} quiet", IMAGE)
    wait_until(lambda: "/ #" in guise("logs", "first"), 120)
    shell = Shell(guise, "first")
    shell("X=forty; head -c 3000000 /dev/urandom >/tmp/data; S=$(md5sum </tmp/data)")
    shell("(while sleep 1; do echo tick >>/tmp/ticks; done) & true")
    shell.leave()
    guise("snapshot", "first", "snap")
    assert guise.life("first") == "running"
    guise("kill", "first")

    for name in "second", "third":  # one file, many lives
        guise("restore", "-d", "--name", name, "snap")
        shell = Shell(guise, name)
        assert "got forty" in shell("echo got $X")
        assert "same" in shell('[ "$S" = "$(md5sum </tmp/data)" ] && echo sa""me')
        ticks = shell("A=$(wc -l </tmp/ticks); sleep 4; echo $(($(wc -l </tmp/ticks) - A)) new")
        assert int(re.search(r"^(\d+) new", ticks, re.M)[1]) >= 2
        shell.process.stdin.write(b"poweroff -f\n")
        shell.process.stdin.flush()
        shell.process.communicate(timeout=60)
        assert guise.record(name)["exitStatus"] == 0
