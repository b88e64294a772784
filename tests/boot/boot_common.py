# SPDX-License-Identifier: Apache-2.0
"""What the boot tests share: where the guest's files are, and the words of a run."""
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import ROOT

GUEST = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest"))
IMAGE, INITRD = GUEST / "Image", GUEST / "initrd.cpio.gz"
PATIENCE = int(os.environ.get("GUISE_PATIENCE", "240"))
needs_guest = pytest.mark.skipif(not IMAGE.exists(), reason="no riscv64 kernel (tools/guest)")


def linux(command=None, append="console=ttyS0", **options):
    """The words of a run: options by their long names; a list repeats one, True is a flag."""
    words = []
    for name, value in options.items():
        for v in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}"] + ([] if v is True else [str(v)])
    if command:
        append += f' guise.run="{command}"'
    return [*words, "--initrd", INITRD, "--append", append, IMAGE]


SETUP_NET = "ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0"
WITH_PEER = "mkdir /peer; mount -t 9p -o trans=virtio,version=9p2000.L peer /peer; PATH=$PATH:/peer"


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    """A folder with the guest's program `peer` (peer.c), to be shared as /peer."""
    gcc = shutil.which("riscv64-linux-gnu-gcc")
    if not gcc:
        pytest.skip("no riscv64-linux-gnu-gcc")
    folder = tmp_path_factory.mktemp("peer")
    subprocess.run([gcc, "-O2", "-static", "-o", folder / "peer", ROOT / "tests/boot/peer.c"], check=True)
    return folder


def pattern(start, length):
    """What peer.c sends: bytes START to START+LENGTH of it."""
    piece = bytes(range(251)) * (length // 251 + 2)
    return piece[start % 251:start % 251 + length]


class HostPeer:
    """The host's end of streams with the guest's `peer`: serves connections on LISTENER, giving or
    taking BYTES; what it took, it has checked."""

    def __init__(self, listener, give, size):
        self.listener, self.give, self.size, self.taken = listener, give, size, 0
        listener.listen(1)
        self.port = listener.getsockname()[1] if listener.family != socket.AF_UNIX else None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        stream, _ = self.listener.accept()
        self.feed(stream) if self.give else self.take(stream)
        stream.close()

    def feed(self, stream):
        for at in range(0, self.size, 1 << 16):
            stream.sendall(pattern(at, min(1 << 16, self.size - at)))
        stream.recv(1)

    def take(self, stream):
        while data := stream.recv(1 << 16):
            assert data == pattern(self.taken, len(data))
            self.taken += len(data)


def tcp_listener(address="127.0.0.1"):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.bind((address, 0))
    return s
