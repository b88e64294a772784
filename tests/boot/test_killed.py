# SPDX-License-Identifier: Apache-2.0
"""The monitor is killed while Debian's kernel writes to a qcow2 image: the image is whole, and all
that the guest has synced is there when the next machine boots from it."""
import random
import re
import shutil
import subprocess
import time

import pytest

from boot_common import PATIENCE, linux, needs_guest
from conftest import wait_until

pytestmark = needs_guest
ROUNDS = 3

# Files are numbered on from what is there; what was synced is said.
SCRIPT = r"""
modprobe ext4; mount -t ext4 -o discard /dev/vda /mnt
i=1
while [ -e /mnt/f$i ]; do
    seq $i $((i + 3000)) | cmp -s - /mnt/f$i && echo "good $i" || echo "spoiled $i"
    i=$((i + 1))
done
while :; do
    seq $i $((i + 3000)) >/mnt/f$i && head -c 200000 /dev/urandom >/mnt/other && sync && echo "synced $i"
    rm /mnt/other
    i=$((i + 1))
done
"""


def said(guise, name, word):
    return [int(n) for n in re.findall(rf"^{word} (\d+)\r?$", guise("logs", name), re.M)]


def check(image):
    """qemu-img's status; 1 is that it cannot begin: a dying thread may hold the image for a moment."""
    statuses = []

    def begun():
        statuses.append(subprocess.run(["qemu-img", "check", "-q", image], capture_output=True).returncode)
        return statuses[-1] != 1
    wait_until(begun)
    return statuses[-1]


def test_killed_while_it_writes(guise, tmp_path):
    for tool in "mke2fs", "qemu-img":
        if not shutil.which(tool):
            pytest.skip(f"no {tool}")
    base, image, shared = tmp_path / "base.raw", tmp_path / "disk.qcow2", tmp_path / "shared"
    with open(base, "wb") as f:
        f.truncate(64 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", base], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", image], check=True)
    shared.mkdir()
    (shared / "script").write_text(SCRIPT)
    start = "mkdir /s; mount -t 9p -o trans=virtio,version=9p2000.L data /s; sh /s/script"
    seed = random.randrange(1 << 30)
    pick = random.Random(seed)
    last = 0
    for n in range(ROUNDS):
        name = f"box{n}"
        guise("run", "-d", "--name", name, *linux(start, disk=image, volume=f"{shared}:/data"))
        wait_until(lambda: len(said(guise, name, "synced")) > 2, seconds=PATIENCE)
        time.sleep(pick.random())
        guise.kill_monitor(name)
        good = said(guise, name, "good")
        # One more may have been written, and not yet have been said.
        assert good[:last] == list(range(1, last + 1)), f"seed {seed}: lost some of {last}: {good}"
        assert all(i > last for i in said(guise, name, "spoiled")), f"seed {seed}"
        assert "EXT4-fs error" not in guise("logs", name)
        last = said(guise, name, "synced")[-1]
        assert check(image) in (0, 3), f"seed {seed}"  # 3: clusters that nobody uses
        guise("rm", "-f", name)
