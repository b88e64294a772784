# SPDX-License-Identifier: Apache-2.0
"""A snapshot in the middle of work: disks, network and a shared folder are busy when it is taken,
and again when the restored machine is saved in turn."""
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import threading

import pytest

from boot_common import PATIENCE, SETUP_NET, linux, needs_guest
from conftest import ROOT, wait_until

pytestmark = needs_guest

# Each worker says "ok NAME COUNT" for each round whose data came back right, else "BAD NAME".
SCRIPT = r"""
modprobe ext4; mount -t ext4 /dev/vda /mnt
echo 4 >/proc/sys/vm/drop_caches # from then on the kernel does not say that it does
mkdir /data; mount -t 9p -o trans=virtio,version=9p2000.L,cache=none data /data
%(net)s
work() {
    name=$1 i=0
    while [ ! -e /data/stop ]; do
        i=$((i + 1))
        if $name $i; then echo "ok $name $i"; else echo "BAD $name $i"; fi
    done
}
files() { # on ext4: written, synced, read again from the disk
    head -c 1000000 /dev/urandom >/tmp/f && cp /tmp/f /mnt/f$(($1 %% 5)) && sync &&
        echo 1 >/proc/sys/vm/drop_caches && cmp /tmp/f /mnt/f$(($1 %% 5))
}
blocks() { # the disk itself, around the cache; many requests at once
    head -c 1048576 /dev/urandom >/tmp/b
    for k in 0 1 2 3; do
        dd if=/tmp/b of=/dev/vdb bs=64k count=4 skip=$((4 * k)) seek=$((($1 + k * 7) %% 200 * 4)) oflag=direct \
            2>/dev/null &
    done
    wait %%1 && wait %%2 && wait %%3 && wait %%4
    for k in 0 1 2 3; do
        dd if=/dev/vdb bs=64k count=4 skip=$((($1 + k * 7) %% 200 * 4)) iflag=direct 2>/dev/null
    done | cmp - /tmp/b
}
share() { [ "$(md5sum </data/big)" = "%(sum)s  -" ] && echo "$1" >/data/count && [ "$(cat /data/count)" = "$1" ]; }
fetch() { # a connection does not outlive its machine: asks again
    until wget -q -T 5 -O /tmp/got http://10.0.2.2:%(port)d/big; do :; done
    [ "$(md5sum </tmp/got)" = "%(sum)s  -" ]
}
work files & work blocks & work share & work fetch &
wait
umount /mnt
echo all done
"""


class Big(http.server.BaseHTTPRequestHandler):
    data = os.urandom(3 << 20)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))  # an end too early is an error
        self.end_headers()
        try:
            self.wfile.write(self.data)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def rounds(guise, name):
    """How far each worker of this machine has come."""
    return {k: int(n) for k, n in re.findall(r"^ok (\w+) (\d+)\r?$", guise("logs", name), re.M)}


def works(guise, name, since):
    now = rounds(guise, name)
    return all(now.get(k, 0) > since.get(k, 0) + 1 for k in ("files", "blocks", "share", "fetch"))


@pytest.mark.parametrize("cpus", [1, 2])
def test_snapshot_in_flight(guise, tmp_path, cpus):
    for tool in "mke2fs", "e2fsck", "qemu-img", "gcc":
        if not shutil.which(tool):
            pytest.skip(f"no {tool}")
    slow = tmp_path / "slow.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", slow, ROOT / "tests/boot/slow.c"], check=True)
    guise.env["LD_PRELOAD"] = str(slow)
    raw, qcow2, shared = tmp_path / "files.raw", tmp_path / "blocks.qcow2", tmp_path / "shared"
    subprocess.run(["truncate", "-s", "64M", raw], check=True)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", raw], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", qcow2, "64M"], check=True)
    shared.mkdir()
    (shared / "big").write_bytes(Big.data)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Big)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (shared / "script").write_text(SCRIPT % {
        "net": SETUP_NET, "sum": hashlib.md5(Big.data).hexdigest(), "port": server.server_port})

    start = "mkdir /s; mount -t 9p -o trans=virtio,version=9p2000.L data /s; cp /s/script /tmp/s; umount /s; sh /tmp/s"
    guise("run", "-d", "--name", "box0", *linux(start, cpus=cpus, disk=[raw, qcow2], volume=f"{shared}:/data"))
    seen = {}
    for i in range(4):
        name = f"box{i}"
        wait_until(lambda: works(guise, name, seen), seconds=PATIENCE)
        guise("pause", name, timeout=60)
        seen = rounds(guise, name)
        guise("snapshot", name, f"snap{i}", timeout=60)
        guise("kill", name)
        guise("wait", name, status=None)
        guise("restore", "-d", "--name", f"box{i + 1}", f"snap{i}", timeout=60)
    wait_until(lambda: works(guise, "box4", seen), seconds=PATIENCE)
    (shared / "stop").touch()
    guise("wait", "box4", timeout=PATIENCE)
    server.shutdown()

    logs = "".join(guise("logs", f"box{i}") for i in range(5))
    assert "all done" in logs
    for bad in "BAD", "I/O error", "EXT4-fs error", "blocked for more", "Call Trace":
        assert bad not in logs, logs[-6000:]
    subprocess.run(["e2fsck", "-fn", raw], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["qemu-img", "check", "-q", qcow2], check=True)
