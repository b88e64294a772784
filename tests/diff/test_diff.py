# SPDX-License-Identifier: Apache-2.0
"""Every instruction, random and corner operands, by our hart and by qemu-riscv64 10.

QEMU 7.2 of Debian 12 will not do: it lacks extensions and computes ctzw wrong, which is used to
try the comparison itself. GUISE_GUEST names the folder that tools/guest filled."""
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve()
GUEST = Path(os.environ.get("GUISE_GUEST", ROOT / "build" / "guest"))
QEMU = GUEST / "qemu-riscv64-10"
CPU = ("rv64,v=on,vlen={},elen=64,zvfh=on,zvbb=on,zfa=on,zfh=on,zba=on,zbb=on,zbs=on,zbc=on,zbkb=on,zicond=on,zacas=on,"
       "zicbom=on,zicboz=on,zawrs=off")


@pytest.fixture(scope="module")
def tools():
    if not QEMU.exists():
        pytest.skip(f"no {QEMU}: run tools/guest")
    if not shutil.which("riscv64-linux-gnu-gcc"):
        pytest.skip("no riscv64-linux-gnu-gcc")
    names = [str(BUILD / "diff" / name) for name in ("diff", "our_probe", "probe")]
    subprocess.run(["make", "-s", f"BUILD={BUILD}", *names], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    return names


def run(tools, *options, tested=None, engine="interp", vlen=128):
    diff, ours, probe = tools
    done = subprocess.run([diff, *map(str, options), "-v", str(vlen), str(QEMU), "-cpu", CPU.format(vlen), probe, "--",
                           *(tested or [ours, str(vlen), *engine.split()])], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_each_instruction(tools, engine):
    """With another seed each day, so that the days add up."""
    day = int(time.time()) // 86400
    status, said = run(tools, "-m", "rows", "-n", 150000, "-s", day, engine=engine)
    assert status == 0, f"seed {day}\n{said}"


@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_vectors_of_256_bits(tools, engine):
    day = int(time.time()) // 86400
    for mode, count in (("rows", 100000), ("runs", 20000)):
        status, said = run(tools, "-m", mode, "-n", count, "-s", day, "-i", "v", engine=engine, vlen=256)
        assert status == 0, f"seed {day}\n{said}"


@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_pairs_done_in_one_piece(tools, engine):
    day = int(time.time()) // 86400
    status, said = run(tools, "-m", "pairs", "-n", 60000, "-s", day, engine=engine)
    assert status == 0, f"seed {day}\n{said}"


@pytest.mark.parametrize("engine", ["interp", "jit", "jit plain", "jit small,flush"])
def test_runs_of_instructions(tools, engine):
    """What one leaves in a register, the next ones find: also across branches."""
    day = int(time.time()) // 86400
    status, said = run(tools, "-m", "runs", "-n", 60000, "-s", day, engine=engine)
    assert status == 0, f"seed {day}\n{said}"


@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_all_compressed(tools, engine):
    status, said = run(tools, "-m", "rvc", engine=engine)
    assert status == 0, said


def test_what_is_legal(tools):
    status, said = run(tools, "-m", "words", "-n", 150000)
    assert status == 0, said


def test_a_wrong_result_is_found(tools):
    old = shutil.which("qemu-riscv64-static") or shutil.which("qemu-riscv64")
    if not old:
        pytest.skip("no qemu-user-static")
    if " 7." not in subprocess.run([old, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("QEMU here is not 7.x, whose ctzw is wrong")
    status, said = run(tools, "-m", "rows", "-n", 5000, "-i", "ctzw", tested=[old, tools[2]])
    assert status == 1 and "ctzw" in said
