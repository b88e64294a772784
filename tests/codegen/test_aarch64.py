# SPDX-License-Identifier: Apache-2.0
"""The back end for aarch64: built by a cross compiler, its random regions run by QEMU.

It writes code by one mapping and runs it by another, which QEMU before 8.1 does not follow: so it
is the guest folder's QEMU 10."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT

GUEST = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest"))
CC, QEMU = "aarch64-linux-gnu-gcc", GUEST / "qemu-aarch64-10"
SOURCES = [f"src/codegen/{name}.c" for name in ("ir", "eval", "gen", "cache", "a64", "codegen_test")]


def test_random_regions(tmp_path):
    if not shutil.which(CC):
        pytest.skip(f"no {CC}")
    if not QEMU.exists():
        pytest.skip("no qemu-aarch64-10 in the guest folder")
    program = tmp_path / "codegen_test"
    subprocess.run([CC, "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-Isrc",
                    "-Itests/codegen", "-static", "-o", program, *SOURCES, "src/base/alloc.c", "src/base/err.c"],
                   cwd=ROOT, check=True)
    done = subprocess.run([QEMU, program], env={"GUISE_TEST_ROUNDS": "6000"}, text=True,
                          capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "test_random passed\n"), done.stderr
