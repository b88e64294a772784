# SPDX-License-Identifier: Apache-2.0
"""Programs as processes: built for riscv64 and run by guise-user they print what they print when
built for this machine. Static ones need nothing; dynamic ones take their libraries from the cross
compiler's, by --root."""
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve()
USER = BUILD / "guise-user"
SYSROOT = "/usr/riscv64-linux-gnu"
CROSS = "riscv64-linux-gnu-gcc"

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="programs need an x86-64 host"),
    pytest.mark.skipif(not shutil.which(CROSS), reason=f"no {CROSS}"),
]


def build(folder, compiler, name, *flags):
    out = folder / f"{name}-{len(list(folder.iterdir()))}"
    subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-pthread", "-w", *flags, "-o", out, HERE / f"{name}.c"], check=True)
    return out


def run(*words, timeout=40):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


ENGINES = {"interp": ["--interp"], "jit": [], "small": ["--jit", "small,plain"]}


@pytest.mark.parametrize("how", ["static", "dynamic"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["files", "signals", "threads"])
def test_as_native(tmp_path, name, engine, how):
    flags = ["-static"] if how == "static" else []
    native = run(build(tmp_path, "gcc", name))
    options = ENGINES[engine] + \
              (["-L", SYSROOT] if how == "dynamic" else [])
    assert native[0] in (0, 5), native
    assert run(USER, *options, build(tmp_path, CROSS, name, *flags)) == native


@pytest.mark.parametrize("vlen", [128, 256])
@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_vectors(tmp_path, engine, vlen):
    program = build(tmp_path, CROSS, "vectors", "-static")
    options = (["--interp"] if engine == "interp" else []) + ["--vlen", vlen]
    status, out, err = run(USER, *options, program)
    assert (status, err) == (0, "") and ": no\n" not in out, (out, err)
    assert f"vlenb: {vlen // 8}\n" in out and out.endswith("can be turned on: yes\n"), out
    assert run(USER, *options, "--vlen", 0, program, "none", "at", "all")[0] == 0
    assert run(USER, *options, "--vlen", 0, program)[0] == -4  # SIGILL
    assert run(USER, *options, "--vlen", 64, program)[0] == 125


@pytest.mark.parametrize("engine", ["interp", "jit"])
def test_storm(tmp_path, engine):
    """Everything that interrupts everything else, from ten threads."""
    options = ["--interp"] if engine == "interp" else []
    seconds = 10 if os.environ.get("GUISE_LONG") else 1
    assert run(USER, *options, build(tmp_path, CROSS, "storm", "-static"), seconds) == (0, "ok\n", "")


def test_what_is_no_program(tmp_path):
    text = tmp_path / "text"
    text.write_text("no program\n" * 100)
    assert run(USER, text)[0] == 126
    assert run(USER, tmp_path / "none")[0] == 127
    assert run(USER, "/bin/true")[0] == 126


def test_what_is_not_there_is_told(tmp_path):
    program = build(tmp_path, CROSS, "says", "-static")
    assert run(USER, "--stats", program, "missing")[2] == (
        "guise-user: system call 60 is not there: asked for 2 times\n"
        "guise-user: system call 511 or higher is not there: asked for 1 times\n")
    assert run(USER, program, "missing")[2] == ""


def test_with_few_descriptors(tmp_path):
    program = build(tmp_path, CROSS, "says")
    status, out, err = run("sh", "-c", f"ulimit -n 8; exec {USER} -L {SYSROOT} {program} x")
    assert (status, out[:4]) == (5, "[x] "), err


def test_keeps_its_root(tmp_path):
    """Programs that close all descriptors, or put others in their places, still see the root; a
    program's name is looked for there too."""
    inside = "/lib/ld-linux-riscv64-lp64d.so.1"
    assert not os.path.exists(inside)
    program = build(tmp_path, CROSS, "says", "-static")
    status, out, err = run("env", "COLOR=red", USER, "-L", SYSROOT, program, "closed", inside)
    assert (status, out) == (6, f"[closed] [{inside}] red {os.getcwd()}\n"), err
    assert "libc.so.6" in run(USER, "-L", SYSROOT, inside, "--list", build(tmp_path, CROSS, "says"))[1]


@pytest.mark.skipif(not shutil.which("gdb-multiarch"), reason="no gdb-multiarch")
@pytest.mark.parametrize("how, signal", [("segv", 11), ("abort", 6)])
def test_core(tmp_path, how, signal):
    """What a debugger says of the file; and that there is none unless asked for."""
    program = build(tmp_path, CROSS, "says", "-static", "-g")
    names = Path("/proc/sys/kernel/core_uses_pid").read_text().strip()
    assert run("sh", "-c", f"cd {tmp_path}; ulimit -c 0; {USER} {program} {how}; exit $?")[0] == 128 + signal
    assert not list(tmp_path.glob("core*"))
    assert run("bash", "-c", f"cd {tmp_path}; ulimit -c unlimited; {USER} {program} {how}; exit $?")[0] == 128 + signal
    core, = tmp_path.glob("core*")
    assert (core.name == "core") == (names == "0")
    status, out, err = run("gdb-multiarch", "-q", "-nx", "-batch", "-ex", "bt", "-ex", "p told", "-ex", "info threads", program, core)
    assert f"Core was generated by `{program} {how}'" in out, out + err
    assert re.search(r"^#\d .*main \(argc=", out, re.M) and "$1 = 2.5" in out, out
    assert ("turn (" in out) == (how == "abort"), out


@pytest.fixture
def guise(tmp_path):
    def call(*words):
        env = dict(os.environ, GUISE_STATE=str(tmp_path / "state"), COLOR="red")
        done = subprocess.run([str(BUILD / "guise"), *map(str, words)], capture_output=True, text=True,
                              timeout=40, env=env, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr
    return call


def test_as_an_instance(tmp_path, guise):
    program = build(tmp_path, CROSS, "says", "-static")
    assert guise("run", "--explain", program)[1].split("\n")[1].split()[:3] == ["->", "process", "75"]
    status, out, _ = guise("run", "--rm", "-e", "COLOR=blue", program, "a b", "c")
    assert (status, out.replace("\r", "")) == (6, f"[a b] [c] blue {tmp_path}\n")
    status, out, _ = guise("run", "--rm", "-w", "/", "--engine", "interp", program)
    assert (status, out.replace("\r", "")) == (4, "red /\n")
    assert guise("run", "--rm", program, "segv")[0] == 128 + 11
    status, out, _ = guise("run", "-d", "--name", "sleeper", program, "sleep")
    assert status == 0
    assert guise("pause", "sleeper")[0] == 0
    assert guise("resume", "sleeper")[0] == 0
    assert guise("stop", "sleeper")[0] == 0
    assert guise("wait", "sleeper")[1].strip() == str(128 + 15)
    assert guise("rm", "sleeper")[0] == 0


def test_started_by_the_kernel(tmp_path):
    """binfmt_misc of a user namespace of its own: the host's stays as it is."""
    program = build(tmp_path, CROSS, "says", "-static")
    if run("unshare", "-Urm", "mount", "-t", "binfmt_misc", "x", "/proc/sys/fs/binfmt_misc")[0]:
        pytest.skip("this kernel has no binfmt_misc in user namespaces")
    (tmp_path / "jail").mkdir()
    shutil.copy(program, tmp_path / "jail" / "says")
    script = f"""
        mount -t binfmt_misc x /proc/sys/fs/binfmt_misc || exit 9
        export COLOR=green
        cd {tmp_path}
        {BUILD}/guise binfmt status && exit 8
        {BUILD}/guise binfmt install || exit 7
        {BUILD}/guise binfmt status | grep -q '^flags: POCF' || exit 6
        {program} --strace b; echo $?
        bash -c 'exec -a other {program}'; echo $?
        chroot jail /says
        {BUILD}/guise binfmt remove || exit 5
        {program} 2>/dev/null; echo $?"""
    status, out, err = run("unshare", "-Urm", "sh", "-c", script)
    here = str(tmp_path)
    assert (status, out) == (0, f"not installed\n[--strace] [b] green {here}\n6\ngreen {here}\n4\n"
                                f"green /\n126\n"), err


def test_lockstep(tmp_path):
    """Both engines say the same, and a translator that is wrong on purpose is found out, at the
    instruction."""
    guise = USER.parent / "guise"
    program = build(tmp_path, CROSS, "lockstep", "-static")
    native = run(build(tmp_path, "gcc", "lockstep"))
    assert native[0] == 7
    assert run(guise, "lockstep", program) == native
    assert run(guise, "lockstep", "--jit", "small,plain", "--engines", "jit,interp", program) == native
    status, _, err = run(guise, "lockstep", "--jit", "wrong", program)
    lines = err.splitlines()
    assert status == 125 and "instructions after a system call" in lines[0], err
    told = [line for line in lines if line.startswith("  ")]
    assert any("xori" in line for line in told), err
    assert re.search(r": x\d+ is 0x\w+, translated 0x", err), err


def test_lockstep_of_threads(tmp_path):
    program = build(tmp_path, CROSS, "lockstep", "-static")
    status, _, err = run(USER, "--lockstep", program, "threads")
    assert (status, err) == (125, "guise-user: lockstep: the program starts a thread; lockstep "
                                  "follows programs of one\n")
