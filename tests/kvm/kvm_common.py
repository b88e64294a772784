# SPDX-License-Identifier: Apache-2.0
"""Micro-guests for x86-64 (micro.c, real.S): programs without an operating system."""
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FLAGS = ("-O2 -ffreestanding -mgeneral-regs-only -mno-red-zone -fno-pie -no-pie -fno-stack-protector "
         "-fcf-protection=none -fno-asynchronous-unwind-tables -nostdlib -static "
         "-Wl,--build-id=none,--no-warn-rwx-segments").split()


@pytest.fixture(scope="session")
def kvm():
    """Tests that use it need a host of x86-64 with a /dev/kvm that we may open."""
    if platform.machine() != "x86_64":
        pytest.skip("the host is no x86-64")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("no /dev/kvm that we may open")


@pytest.fixture(scope="session")
def micro(kvm, tmp_path_factory):
    out = tmp_path_factory.mktemp("micro") / "micro"
    subprocess.run(["gcc", *FLAGS, f"-Wl,-T,{HERE / 'micro.ld'}", "-o", out, HERE / "micro.S", HERE / "micro.c"],
                   check=True)
    return out


def flat(tmp_path, code, name="flat"):
    """A flat binary of assembler code."""
    (tmp_path / "a.S").write_text(code)
    subprocess.run(["gcc", "-c", "-o", tmp_path / "a.o", tmp_path / "a.S"], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", tmp_path / "a.o", tmp_path / name], check=True)
    return tmp_path / name


def microvm():
    """QEMU's machine of the same sort, by its own translator; its status is 2 n + 1."""
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        pytest.skip("no qemu-system-x86_64")
    return [qemu, "-M", "microvm,rtc=on,acpi=on", "-accel", "tcg", "-cpu", "max", "-nodefaults", "-nographic",
            "-serial", "stdio", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4"]
