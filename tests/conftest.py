# SPDX-License-Identifier: Apache-2.0
"""The command, called as a user calls it, in a state folder of its own.

`echo` is guise over the kind echo (src/control/echo.h): quick, and it does what a test tells it.
`guise` is the real one with a bare-metal RISC-V program. GUISE_BUILD names the build folder."""
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve()


class Guise:
    def __init__(self, program, folder):
        self.program = str(program)
        self.folder = folder
        self.state = folder / "state"
        self.env = dict(os.environ, GUISE_STATE=str(self.state), NO_COLOR="1")

    def __call__(self, *words, status=0, **kw):
        """Runs to the end; returns stdout. STATUS None: any."""
        done = self.run(*words, **kw)
        if status is not None and done.returncode != status:
            raise AssertionError(f"{words}: {done.returncode}, not {status}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def run(self, *words, **kw):
        kw.setdefault("timeout", 30)
        kw.setdefault("text", True)
        if "input" not in kw:
            kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([self.program, *map(str, words)], env=self.env, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)

    def popen(self, *words, **kw):
        kw.setdefault("stdin", subprocess.PIPE)
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([self.program, *map(str, words)], env=self.env, cwd=self.folder, **kw)

    def record(self, name):
        return json.loads(self("inspect", name))[0]["state"]

    def life(self, name):
        return self.record(name)["life"]

    def records(self):
        return {r["name"]: r for r in json.loads(self("ps", "-a", "--json"))}

    def kill_monitor(self, name):
        pid = self.record(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_gone(pid))

    def clean(self):
        if self.state.is_dir():
            for name in self("ps", "-aq").split():
                self("rm", "-f", name, status=None)


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] in "ZX"
    except OSError:
        return True


def wait_until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def echo(tmp_path):
    program = BUILD / "test/cli/guise_test"
    if not program.exists():
        pytest.skip("build/test/cli/guise_test is not built (make tests)")
    guise = Guise(program, tmp_path)
    yield guise
    guise.clean()


@pytest.fixture
def script(tmp_path):
    """Makes a workload for echo."""
    def make(*lines, name="work"):
        path = tmp_path / name
        path.write_text("\n".join(["#!echo", *lines]) + "\n")
        return path
    return make


BARE = r"""
.globl _start
_start:
    li   s0, 0x10000000          # the UART: THR and RBR at 0, LSR at 5
    la   a0, marker              # a page of the image that is all zero when it runs
    li   t0, 512
1:  sd   zero, 0(a0)
    addi a0, a0, 8
    addi t0, t0, -1
    bnez t0, 1b
    la   a0, hello
    jal  print
loop:
    lbu  t0, 5(s0)
    andi t0, t0, 1
    beqz t0, loop
    lbu  t0, 0(s0)
    addi s1, s1, 1               # counts what it has read
    sb   t0, 0(s0)
    li   t1, '0'
    blt  t0, t1, loop
    li   t1, '9'
    bgt  t0, t1, count
    addi t0, t0, -'0'            # a digit: the end, with that status
    li   t2, 0x100000            # the test finisher
    beqz t0, pass
    slli t0, t0, 16
    li   t1, 0x3333
    or   t0, t0, t1
    sw   t0, 0(t2)
    j    loop
pass:
    li   t1, 0x5555
    sw   t1, 0(t2)
    j    loop
count:
    li   t1, 'z'
    beq  t0, t1, zeroes
    li   t1, 'c'
    bne  t0, t1, loop
    addi t0, s1, '0'             # says how many bytes it has read, one digit
    sb   t0, 0(s0)
    j    loop
zeroes:                          # says whether the page is still zero: Y or N
    la   a0, marker
    ld   t0, 80(a0)
    li   t1, 'Y'
    beqz t0, 1f
    li   t1, 'N'
1:  sb   t1, 0(s0)
    j    loop
print:
    lbu  t0, 0(a0)
    beqz t0, 1f
    sb   t0, 0(s0)
    addi a0, a0, 1
    j    print
1:  ret
hello:
    .asciz "bare metal here\n"
    .balign 4096
marker:
    .fill 512, 8, 0x5a5a5a5a
"""


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A bare-metal program: greets, echoes bytes, ends with the digit that is typed."""
    gcc = shutil.which("riscv64-linux-gnu-gcc")
    if not gcc:
        pytest.skip("no riscv64-linux-gnu-gcc")
    folder = tmp_path_factory.mktemp("bare")
    (folder / "bare.S").write_text(BARE)
    subprocess.run([gcc, "-nostdlib", "-static", "-fno-pie", "-no-pie", "-Wl,--build-id=none", "-Wl,-N",
                    "-Wl,-Ttext=0x80000000", "-o", folder / "bare", folder / "bare.S"],
                   check=True, stderr=subprocess.DEVNULL)
    return folder / "bare"


@pytest.fixture
def guise(tmp_path):
    program = BUILD / "guise"
    if not program.exists():
        pytest.skip("build/guise is not built")
    guise = Guise(program, tmp_path)
    yield guise
    guise.clean()
