# SPDX-License-Identifier: Apache-2.0
"""Privileged behaviour: bare-metal programs, by guise and by qemu-system-riscv64 alike, so that
the tests themselves are tested."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = sorted(p.stem for p in HERE.glob("*.c") if p.stem != "bare")
NOT_ON_QEMU_7 = {"warl": "QEMU 7 keeps reserved values in WARL fields",
                 "types": "QEMU 7 does not look at menvcfg.PBMTE",
                 "blocks": "QEMU 7 has no Zicbom"}
QEMU_CPU = {"leaves": "rv64,svnapot=on"}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    if not shutil.which("riscv64-linux-gnu-gcc"):
        pytest.skip("no riscv64-linux-gnu-gcc")
    folder = tmp_path_factory.mktemp("conformance")

    def one(name):
        out = folder / name
        if not out.exists():
            subprocess.run(
                ["riscv64-linux-gnu-gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
                 "-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-mno-relax",
                 "-march=rv64gc", "-mcmodel=medany",
                 "-fno-stack-protector", "-Wl,--build-id=none,--no-warn-rwx-segments", "-T", HERE / "link.ld",
                 "-o", out, HERE / "start.S", HERE / "bare.c", HERE / f"{name}.c"], check=True)
        return out
    return one


@pytest.mark.parametrize("engine", ["interp", "jit", "jit --jit flush", "jit --jit small,plain"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_guise(guise, build, name, engine):
    done = guise.run("run", "--engine", *engine.split(), "--firmware", "none", "-m", "16m", "--cpus", "2",
                     build(name), timeout=60)
    assert not re.search(r"^no .* here$", done.stdout, re.M), "a test was left out"
    assert done.stdout.replace("\r", "").endswith("PASS\n") and done.returncode == 0, done


@pytest.mark.parametrize("name", PROGRAMS)
def test_qemu(build, name):
    if not shutil.which("qemu-system-riscv64"):
        pytest.skip("no qemu-system-riscv64")
    version = subprocess.run(["qemu-system-riscv64", "--version"], text=True, capture_output=True)
    if name in NOT_ON_QEMU_7 and " 7." in version.stdout:
        pytest.skip(NOT_ON_QEMU_7[name])
    done = subprocess.run(["qemu-system-riscv64", "-M", "virt", "-m", "16", "-smp", "2", "-bios",
                           "none", "-nographic", "-cpu", QEMU_CPU.get(name, "rv64"), "-kernel",
                           build(name)], timeout=60, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.stdout.replace("\r", "").endswith("PASS\n") and done.returncode == 0, done
