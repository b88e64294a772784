# SPDX-License-Identifier: Apache-2.0
"""Debian's unmodified riscv64 kernel on the machine: boots, works, ends as it should.

tools/guest has fetched kernel and initrd into build/guest (GUISE_GUEST names another folder)."""
import json
import re

import pytest

from boot_common import GUEST, PATIENCE, linux, needs_guest
from conftest import wait_until

pytestmark = needs_guest


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_boots_with_harts(guise, cpus):
    out = guise("run", *linux("nproc; uname -m; exit 7", cpus=cpus), timeout=PATIENCE)
    assert re.search(rf"^{cpus}\r?\nriscv64\r?\nguise.status=7\r?$", out, re.M), out
    assert "reboot: Power down" in out


def test_harts_agree_under_load(guise):
    """Four harts count in one file under a lock: not one count is lost."""
    one = ("for i in 1 2 3 4 5 6 7 8 9 10; do until mkdir /tmp/l 2>/dev/null; do :; done; "
           "n=$(cat /tmp/n); echo $((n+1)) >/tmp/n; rmdir /tmp/l; done")
    script = f"echo 0 >/tmp/n; for j in a b c d; do ({one}) & done; wait; echo count=$(cat /tmp/n)"
    out = guise("run", *linux(script, cpus=4), timeout=PATIENCE)
    assert "count=40" in out, out


def test_panic_is_told(guise):
    done = guise.run("run", *linux(append="console=ttyS0 rdinit=/nowhere panic=-1"), timeout=PATIENCE)
    assert done.returncode == 1
    assert "kernel panic" in done.stderr


def test_hanging_panic_ends(guise):
    done = guise.run("run", *linux(append="console=ttyS0 rdinit=/nowhere panic=0"), timeout=PATIENCE)
    assert done.returncode == 1
    assert "kernel panic" in done.stderr


def test_opensbi(guise):
    out = guise("run", *linux("echo alive", firmware=GUEST / "fw_dynamic.bin", cpus=2), timeout=PATIENCE)
    assert "OpenSBI" in out and "SBI implementation ID=0x1" in out and "alive" in out


def test_uboot(guise):
    """U-Boot as the payload of the built-in firmware reaches its prompt."""
    guise("run", "-d", "-i", "--name", "boot", GUEST / "u-boot.elf", timeout=PATIENCE)
    wait_until(lambda: "U-Boot" in guise("logs", "boot"), seconds=PATIENCE)
    assert "MMC" in guise("logs", "boot") or "DRAM" in guise("logs", "boot")


def test_reboot(guise):
    """Each start of the kernel has its own random word; a script cannot keep one: ask twice."""
    guise("run", "-d", "--name", "box", *linux("cat /proc/sys/kernel/random/boot_id; reboot -f"))
    boots = lambda: re.findall(r"^[0-9a-f]{8}-[0-9a-f-]{27}\r?$", guise("logs", "box"), re.M)
    wait_until(lambda: len(boots()) >= 2, seconds=PATIENCE)
    assert boots()[0] != boots()[1]


def numbers(guise, name):
    return [int(n) for n in re.findall(r"^n=(\d+)", guise("logs", name), re.M)]


def test_snapshot_of_linux(guise):
    count = "i=0; while true; do i=$((i+1)); echo n=$i; sleep 0.05; done"
    guise("run", "-d", "--name", "first", *linux(count, cpus=2), timeout=PATIENCE)
    wait_until(lambda: len(numbers(guise, "first")) > 5, seconds=PATIENCE)
    guise("snapshot", "first", "snap", timeout=60)
    guise("kill", "first")
    last = numbers(guise, "first")[-1]
    guise("restore", "-d", "--name", "second", "snap", timeout=60)
    wait_until(lambda: len(numbers(guise, "second")) > 5, seconds=PATIENCE)
    after = numbers(guise, "second")
    assert after == list(range(after[0], after[0] + len(after)))
    assert last - 20 <= after[0] <= last + 1


def test_damaged_snapshots_start_nothing(guise):
    guise("run", "-d", "--name", "box", *linux(), timeout=PATIENCE)
    wait_until(lambda: "Linux version" in guise("logs", "box"), seconds=PATIENCE)
    guise("snapshot", "box", "snap", timeout=60)
    guise("rm", "-f", "box")
    whole = (guise.folder / "snap").read_bytes()
    middle = len(whole) // 2
    for name, data in {"short": whole[:middle], "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:],
                       "empty": b"", "text": b"no snapshot\n" * 100}.items():
        (guise.folder / name).write_bytes(data)
        done = guise.run("restore", "-d", name, timeout=60)
        assert done.returncode == 125 and done.stderr.count("\n") == 1, (name, done.stderr)
    assert json.loads(guise("ps", "-a", "--json")) == []
