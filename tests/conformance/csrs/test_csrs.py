# SPDX-License-Identifier: Apache-2.0
"""Random writes to every CSR of M and S mode, by guise and by qemu-system-riscv64: both read the
same afterwards, but for the bits named here, each with its reason."""
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BARE = HERE.parent / "rv64"
VS, HYPERVISOR = 3 << 9, 1 << 2 | 1 << 6 | 1 << 10
OVERFLOW = 1 << 13
DIFFER = {
    "sstatus": VS | 1 << 63,            # QEMU keeps VS without the vector extension, and SD follows it
    "mstatus": VS | 1 << 63 | 3 << 38,  # so here; and GVA and MPV without the hypervisor extension
    "medeleg": 1 << 11 | 1 << 10 | 15 << 20,  # calls from M mode; causes of the hypervisor extension
    "mideleg": HYPERVISOR | OVERFLOW,   # interrupts of extensions that are not here
    "mie": HYPERVISOR | OVERFLOW,
    "mip": HYPERVISOR | OVERFLOW,
    "menvcfg": 1 << 61,                 # ADUE is newer than QEMU 7
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    for tool in ("riscv64-linux-gnu-gcc", "qemu-system-riscv64"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool}")
    out = tmp_path_factory.mktemp("csrs") / "writes"
    subprocess.run(["riscv64-linux-gnu-gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
                    "-nostdlib", "-static", "-fno-pie", "-no-pie", "-mno-relax", "-march=rv64gc",
                    "-mcmodel=medany", "-fno-stack-protector", "-Wl,--build-id=none,--no-warn-rwx-segments",
                    "-I", BARE, "-T", BARE / "link.ld", "-o", out, BARE / "start.S", BARE / "bare.c",
                    HERE / "writes.c"], check=True)
    return out


def lines(text):
    rows = [line.split() for line in text.replace("\r", "").splitlines()]
    assert rows[-1] == ["PASS"], text[-300:]
    return [(name, way, int(value, 16), int(got, 16)) for name, way, value, got in rows[:-1]]


def ignored(name, way, value):
    if name != "satp":
        return DIFFER.get(name, 0)
    # Without a mode we keep nothing of the rest, QEMU does; so what is set or cleared begins at
    # different values.
    return 0 if way == "write" and 8 <= value >> 60 <= 10 else ~0


def test_csrs(guise, program):
    ours = lines(guise("run", "--firmware", "none", "-m", "16m", "--vlen", "0", program, timeout=60))
    theirs = lines(subprocess.run(
        ["qemu-system-riscv64", "-M", "virt", "-m", "16", "-bios", "none", "-nographic", "-cpu",
         "rv64,h=off,v=off,svinval=on,svnapot=on,svpbmt=on", "-kernel", program], timeout=60,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert [row[:3] for row in ours] == [row[:3] for row in theirs]
    assert len(ours) > 2000
    wrong = [f"{name} {way} {value:x}: {a:x}, QEMU {b:x}"
             for (name, way, value, a), (_, _, _, b) in zip(ours, theirs)
             if (a ^ b) & ~ignored(name, way, value)]
    assert not wrong, "\n".join(wrong[:20])
    compared = {row[0] for row in ours if ignored(*row[:3]) != ~0}
    assert len(compared) == 33
