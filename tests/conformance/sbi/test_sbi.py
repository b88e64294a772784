# SPDX-License-Identifier: Apache-2.0
"""The built-in firmware, from S mode; and OpenSBI on qemu-system-riscv64, so that the tests
themselves are tested."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
GUEST = Path(os.environ.get("GUISE_GUEST", HERE.parents[2] / "build/guest"))


@pytest.fixture(scope="module")
def payload(tmp_path_factory):
    if not shutil.which("riscv64-linux-gnu-gcc"):
        pytest.skip("no riscv64-linux-gnu-gcc")
    out = tmp_path_factory.mktemp("sbi") / "payload"
    subprocess.run(["riscv64-linux-gnu-gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
                    "-nostdlib", "-static", "-fno-pie", "-no-pie", "-mno-relax", "-march=rv64gc",
                    "-mcmodel=medany", "-fno-stack-protector", "-Wl,--build-id=none,--no-warn-rwx-segments",
                    "-T", HERE / "link.ld", "-o", out, HERE / "start.S", HERE / "payload.c"], check=True)
    return out


def check(done):
    said = done.stdout.replace("\r", "")
    assert said.rstrip().endswith("PASS"), done
    assert "written by the firmware\nx\ny\n" in said
    assert done.returncode == 0, done


@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_guise(guise, payload, engine):
    check(guise.run("run", "--engine", engine, "-m", "64m", "--cpus", "2", payload, timeout=120))


def test_opensbi(payload):
    if not shutil.which("qemu-system-riscv64") or not (GUEST / "fw_dynamic.bin").exists():
        pytest.skip("no qemu-system-riscv64, or no OpenSBI (tools/guest)")
    check(subprocess.run(["qemu-system-riscv64", "-M", "virt", "-m", "64", "-smp", "2", "-nographic",
                          "-bios", GUEST / "fw_dynamic.bin", "-kernel", payload], timeout=120, text=True,
                         stdin=subprocess.DEVNULL, capture_output=True))
