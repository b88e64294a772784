# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel finds the vector extension, and programs that use it run side by side."""
import re
import shutil
import subprocess

import pytest

from boot_common import PATIENCE, WITH_PEER, linux, needs_guest
from conftest import ROOT

pytestmark = needs_guest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the program of tests/process, which says what guise-user and Linux must agree upon."""
    gcc = shutil.which("riscv64-linux-gnu-gcc")
    if not gcc:
        pytest.skip("no riscv64-linux-gnu-gcc")
    out = tmp_path_factory.mktemp("vectors")
    subprocess.run([gcc, "-O2", "-D_GNU_SOURCE", "-pthread", "-static", "-w", "-o", out / "vectors",
                    ROOT / "tests/process/vectors.c"], check=True)
    return out


@pytest.mark.parametrize("vlen", [128, 256])
@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_programs_with_vectors(guise, folder, engine, vlen):
    both = "for i in 1 2; do /peer/vectors >/tmp/$i & done; wait; cat /tmp/1 /tmp/2"
    out = guise("run", *linux(f"{WITH_PEER}; {both}; cat /proc/cpuinfo", volume=f"{folder}:peer", vlen=vlen,
                              engine=engine), timeout=PATIENCE)
    said = [line.strip() for line in out.splitlines()]
    for line in ("vectors: yes", f"vlenb: {vlen // 8}", "saxpy: yes", "registers come back: yes",
                 "registers come from the frame: yes", "threads have their own: yes",
                 "but they can be turned on: yes"):
        assert said.count(line) == 2, out
    assert re.search(r"^isa\s*:.*rv64imafdcv_", out, re.M), out


def test_without(guise, folder):
    out = guise("run", *linux(f"{WITH_PEER}; /peer/vectors none at all; cat /proc/cpuinfo", volume=f"{folder}:peer",
                              vlen=0), timeout=PATIENCE)
    assert "no vectors: yes" in out and re.search(r"^isa\s*:.*rv64imafdc_", out, re.M), out
