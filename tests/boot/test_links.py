# SPDX-License-Identifier: Apache-2.0
"""Streams between Debian's kernel and the host: sockets of AF_VSOCK, and a tap interface."""
import ctypes
import os
import shutil
import socket
import subprocess
import threading

import pytest

from boot_common import PATIENCE, WITH_PEER, HostPeer, linux, needs_guest, pattern, peer  # noqa: F401
from conftest import wait_until

pytestmark = needs_guest
SIZE = 8 << 20


class Unix:
    """The instance's folder, as short names for sockets in it."""

    def __init__(self, guise, name):
        [folder] = (p.parent for p in guise.state.glob("**/vsock.sock")
                    if p.parent.name == guise.record(name)["id"])
        self.fd = os.open(folder, os.O_PATH)

    def path(self, name):
        return f"/proc/self/fd/{self.fd}/{name}"

    def listener(self, port):
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.path(f"vsock_{port}.sock"))
        return s

    def connect(self, port):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(self.path("vsock.sock"))
        s.sendall(f"CONNECT {port}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            byte = s.recv(1)
            if not byte:
                break
            answer += byte
        return s, answer


def test_vsock_guest_to_host(guise, peer):  # noqa: F811
    script = f"{WITH_PEER}; peer get vsock 2 5000 {SIZE} && peer put vsock 2 5001 {SIZE}; peer put vsock 2 5002 1"
    guise("create", "--name", "box", *linux(script, volume=f"{peer}:/peer"))
    unix = Unix(guise, "box")
    HostPeer(unix.listener(5000), True, SIZE)
    taker = HostPeer(unix.listener(5001), False, SIZE)
    guise("start", "box")
    guise("wait", "box", timeout=PATIENCE)
    log = guise("logs", "box")
    assert f"get {SIZE} bytes" in log and f"put {SIZE} bytes" in log, log
    assert "connect: Connection reset by peer" in log  # nobody listens on 5002
    assert taker.taken == SIZE


def test_vsock_host_to_guest(guise, peer):  # noqa: F811
    script = f"{WITH_PEER}; peer echo vsock - 77 0; peer echo vsock - 77 0"
    guise("run", "-d", "--name", "box", *linux(script, volume=f"{peer}:/peer"))
    unix = Unix(guise, "box")
    wait_until(lambda: "listening" in guise("logs", "box"), seconds=PATIENCE)
    assert unix.connect(78)[1] == b""  # nobody listens there in the guest
    for n in (1, 2):
        wait_until(lambda: guise("logs", "box").count("listening") == n, seconds=60)
        s, answer = unix.connect(77)
        assert answer.startswith(b"OK "), answer

        def send():
            for at in range(0, SIZE, 1 << 16):
                s.sendall(pattern(at, 1 << 16))
            s.shutdown(socket.SHUT_WR)
        threading.Thread(target=send, daemon=True).start()
        got = 0
        while data := s.recv(1 << 16):
            assert data == pattern(got, len(data))
            got += len(data)
        assert got == SIZE
        s.close()
    guise("wait", "box", timeout=PATIENCE)
    assert guise("logs", "box").count(f"echo {SIZE} bytes") == 2


@pytest.fixture
def netns():
    """A network namespace with a tap interface, 10.9.0.1 on the host's side."""
    name = f"guise-test-{os.getpid()}"
    if not shutil.which("ip") or os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        pytest.skip("needs ip, root and /dev/net/tun")
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        pytest.skip("may not make a network namespace")
    for words in ("tuntap add dev tap0 mode tap", "addr add 10.9.0.1/24 dev tap0",
                  "link set tap0 up", "link set lo up"):
        subprocess.run(["ip", "-n", name, *words.split()], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def listener_in(netns):
    """A socket that listens in the namespace: sockets stay in that of the thread that made them."""
    made = []

    def make():
        with open(f"/run/netns/{netns}") as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0):
                return
        s = socket.socket()
        s.bind(("10.9.0.1", 0))
        made.append(s)
    t = threading.Thread(target=make)
    t.start()
    t.join()
    assert made, "setns failed"
    return made[0]


@pytest.mark.parametrize("offloads", ["on", "off"])
def test_tap(guise, netns, peer, offloads):  # noqa: F811
    giver, taker = HostPeer(listener_in(netns), True, SIZE), HostPeer(listener_in(netns), False, SIZE)
    mode = "virtio_net.csum=0 virtio_net.gso=0" if offloads == "off" else ""
    script = (f"{WITH_PEER}; ip link set eth0 up; ip addr add 10.9.0.2/24 dev eth0; ping -c 3 10.9.0.1; "
              f"ping -c 1 -s 4000 10.9.0.1; peer get tcp 10.9.0.1 {giver.port} {SIZE} && "
              f"peer put tcp 10.9.0.1 {taker.port} {SIZE}")
    words = linux(script, f"console=ttyS0 {mode}", volume=f"{peer}:/peer", net="tap,ifname=tap0")
    done = subprocess.run(["ip", "netns", "exec", netns, guise.program, "run", *map(str, words)], env=guise.env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    out = done.stdout
    assert "3 packets received" in out and "1 packets received" in out, out + done.stderr
    assert f"get {SIZE} bytes" in out and f"put {SIZE} bytes" in out, out
    assert taker.taken == SIZE
