# SPDX-License-Identifier: Apache-2.0
"""Debian 12's cloud kernel on the board `pc`: unmodified, from the kernel's own package."""
import os
import re

import pytest

from kvm_common import kvm  # noqa: F401
from nested import Host, numbers

RUN = "guise run --rm -m 128m --net none --initrd initrd --append"

SCRIPTS = {
    # A quiet boot without drivers: what the board costs.
    "quiet": f"{RUN} 'console=ttyS0 quiet panic=-1 bare=1' --stats vmlinux",
    # Two CPUs, a disk, the network; typed input comes by the serial port's interrupt.
    "devices": "dd if=/dev/zero of=disk bs=1M count=4 2>/dev/null; touch out; "
               "{ for i in $(seq 1 300); do grep -q ready out && break; sleep 0.1; done; echo abc; } | "
               "guise run -i --rm -m 128m --cpus 2 --disk disk --initrd initrd --append 'console=ttyS0 quiet panic=-1 "
               "run=\"nproc; echo ready; read x; echo read=$x; seq 1 100000 | dd of=/dev/vda conv=notrunc 2>/dev/null; sync; "
               "head -c 1000 /dev/hwrng | wc -c; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; "
               "ping -c 1 -W 5 10.0.2.2 | grep received; md5sum /dev/vda\"' --stats vmlinux > out 2>&1; cat out; md5sum disk",
    "reboot": f"touch out; {RUN} 'console=ttyS0 quiet panic=-1 bare=1 run=\"reboot -f\"' vmlinux > out 2>&1 & "
              "for i in $(seq 1 200); do [ $(grep -c USERSPACE out) -ge 2 ] && break; sleep 0.1; done; "
              "cat out; guise kill $(guise ps -q); wait",
    "panic": f"{RUN} 'console=ttyS0 quiet panic=-1 bare=1 run=\"echo c > /proc/sysrq-trigger\"' vmlinux; echo status=$?",
    "pause": f"guise run -d --name vm -m 128m --net none --initrd initrd --append 'console=ttyS0 quiet panic=-1 bare=1 "
             "run=\"while sleep 0.1; do echo tick; done\"' vmlinux; "
             "for i in $(seq 1 200); do guise logs vm | grep -q tick && break; sleep 0.1; done; "
             "guise snapshot vm snap && guise rm -f vm; guise restore -d --name again snap; "
             "for i in $(seq 1 100); do guise logs again | grep -q tick && break; sleep 0.1; done; "
             "guise logs again | grep -c tick; guise stop -t 20 again; guise inspect again | grep exitWhy",
}


LONG = {"pause"}


@pytest.fixture(scope="module")
def ran(kvm, tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("pc"))
    return host.run({k: v for k, v in SCRIPTS.items() if k not in LONG or os.environ.get("GUISE_LONG")})


def test_quiet_boot(ran):
    output, status = ran["quiet"]
    n = numbers(output)
    assert status == 0 and "USERSPACE" in output, output
    assert n["cpu0.runs"] <= 500, output


def test_devices(ran):
    output, _ = ran["devices"]
    assert re.search(r"^2$", output, re.M), output  # nproc
    assert "read=abc" in output and re.search(r"^1000$", output, re.M), output
    assert "1 packets received" in output, output
    sums = re.findall(r"^([0-9a-f]{32})  ", output, re.M)
    assert len(sums) == 2 and sums[0] == sums[1], output
    n = numbers(output)
    assert n["disk0.requests"] > 0 and n["net0.sent.frames"] > 0


def test_reboot(ran):
    assert ran["reboot"][0].count("USERSPACE") >= 2, ran["reboot"][0]


def test_panic_is_told(ran):
    output, _ = ran["panic"]
    assert "status=1" in output and "kernel panic" in output, output


@pytest.mark.skipif(not os.environ.get("GUISE_LONG"), reason="GUISE_LONG=1 asks for it")
def test_snapshot_of_linux_goes_on(ran):
    output, _ = ran["pause"]
    assert re.search(r"^[1-9]\d*$", output, re.M) and "power off" in output, output
