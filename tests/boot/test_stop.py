# SPDX-License-Identifier: Apache-2.0
"""`guise stop`: Debian's kernel is asked to end, over whichever console it has."""
import re
import shutil
import subprocess
import time

import pytest

from boot_common import PATIENCE, linux, needs_guest
from conftest import wait_until

pytestmark = needs_guest


@pytest.fixture
def disk(tmp_path):
    if not shutil.which("mke2fs") or not shutil.which("debugfs"):
        pytest.skip("no e2fsprogs")
    image = tmp_path / "disk.raw"
    with open(image, "wb") as f:
        f.truncate(64 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", image], check=True)
    return image


def start(guise, script, append="console=ttyS0", **options):
    guise("run", "-d", "--name", "box", *linux(script, append=append, **options), timeout=PATIENCE)
    wait_until(lambda: re.search("^ready", guise("logs", "box"), re.M), seconds=PATIENCE)


@pytest.mark.parametrize("console", ["ttyS0", "hvc0"])
def test_stop_closes_disks(guise, disk, console):
    """What was written and never synced is on the disk, whose journal is empty."""
    options = {"console": "virtio"} if console == "hvc0" else {}
    start(guise, "modprobe ext4; mount -t ext4 /dev/vda /mnt; echo kept >/mnt/word; echo ready; sleep 1000",
          append=f"console={console}", disk=disk, **options)
    guise("stop", "-t", "60", "box", timeout=PATIENCE)
    record = guise.record("box")
    assert (record["life"], record["exitStatus"], record["exitWhy"]) == ("stopped", 0, "power off")
    said = guise("logs", "box")
    assert "Emergency Remount complete" in said and "reboot: Power down" in said
    features = subprocess.run(["dumpe2fs", "-h", disk], capture_output=True, text=True, check=True).stdout
    assert "needs_recovery" not in features, features
    word = subprocess.run(["debugfs", "-R", "cat /word", disk], capture_output=True, text=True, check=True)
    assert word.stdout == "kept\n", word


def test_stop_of_a_paused_and_quiet_one(guise):
    """A kernel that prints nothing is asked at a fixed pace."""
    start(guise, "dmesg -n 1; echo ready; sleep 1000", append="console=ttyS0 quiet")
    guise("pause", "box")
    guise("stop", "-t", "60", "box", timeout=PATIENCE)
    assert guise.record("box")["exitWhy"] == "power off"


def test_stop_of_one_that_will_not(guise):
    start(guise, "echo 0 >/proc/sys/kernel/sysrq; echo ready; while :; do read x; done")
    begun = time.monotonic()
    guise("stop", "-t", "2", "box", timeout=60)
    assert time.monotonic() - begun >= 2
    record = guise.record("box")
    assert (record["life"], record["exitStatus"], record["exitWhy"]) == ("stopped", 137, "killed")
