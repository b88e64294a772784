# SPDX-License-Identifier: Apache-2.0
"""Micro-guests on /dev/kvm. What a computer of this sort must say is asked of QEMU's microvm."""
import json
import subprocess

import pytest

from conftest import wait_until
from kvm_common import flat, kvm, micro, microvm  # noqa: F401

MODULE = bytes(range(256)) * 40


@pytest.fixture
def run(guise, micro, tmp_path):
    (tmp_path / "module").write_bytes(MODULE)

    def go(what, *options, **kw):
        return guise.run("run", "--rm", "-m", "16m", *options, "--append", what, micro, **kw)
    return go


# Name, what it prints, CPUs.
SAME = [("hello there", "hello there\n", 1), ("module", None, 1), ("tables", "cpus 2\n", 2), ("timer", "ticks 1\n", 1),
        ("cmos", None, 1), ("smp", "started 1\n", 2), ("spin", "...\n", 1)]


@pytest.mark.parametrize("what,says,cpus", SAME, ids=[row[0].split()[0] for row in SAME])
def test_as_on_qemu(run, micro, tmp_path, what, says, cpus):
    ours = run(what, "--cpus", cpus, "--initrd", tmp_path / "module")
    assert ours.returncode == 0, ours.stdout + ours.stderr
    peer = subprocess.run([*microvm(), "-smp", str(cpus), "-m", "16", "-kernel", micro, "-initrd", tmp_path / "module",
                           "-append", what], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert (peer.returncode, ours.stdout) == (1, peer.stdout)
    assert says is None or ours.stdout == says


def test_input_by_interrupt(run):
    done = run("serial", "-i", input="abc5")
    assert done.returncode == 5 and done.stdout.endswith("abc35")


def test_all_memory_and_nobody_there(run):
    assert run("memory").stdout == f"KiB {16 * 1024 - 385}\n"
    assert run("memory", "-m", "4g").stdout == f"KiB {4 * 1024 * 1024 - 385}\n"


def test_virtio_by_doorbell_and_interrupt(guise, run):
    done = run("virtio", "--stats")
    assert done.stdout == "interrupts 3\nrandom 1\n"
    rows = dict(line.split()[:2] for line in done.stderr.splitlines() if line[:4] in ("cpu0", "rng0"))
    assert rows["rng0.requests"] == "3"


def test_power_off(run):
    assert run("off").returncode == 0


def test_reset_by_keyboard_controller(run):
    assert run("reboot").stdout == "first\nagain\n"


def test_triple_fault(run):
    done = run("triple")
    assert done.returncode == 125 and "triple fault" in done.stderr


def test_four_cpus(run):
    assert run("smp", "--cpus", 4).stdout == "started 3\n"


def test_pause_and_resume(guise, micro):
    guise("run", "-d", "--name", "box", "-m", "16m", "--append", "serial", micro)
    wait_until(lambda: "ready" in guise("logs", "box"))
    guise("pause", "box")
    typing = guise.popen("attach", "box")
    typing.stdin.write(b"ab7")
    typing.stdin.flush()
    assert guise.life("box") == "paused"
    guise("resume", "box")
    typing.communicate(timeout=20)
    wait_until(lambda: guise.life("box") == "stopped")
    assert guise.record("box")["exitStatus"] == 7


def test_snapshot_goes_on_where_it_was(guise, micro):
    guise("run", "-d", "--name", "box", "-m", "16m", "--append", "serial", micro)
    wait_until(lambda: "ready" in guise("logs", "box"))
    typing = guise.popen("attach", "box")
    typing.stdin.write(b"abc")
    typing.stdin.flush()
    seen = b""
    while not seen.endswith(b"abc3"):
        seen += typing.stdout.read(1)
    guise("snapshot", "box", "snap")
    guise("kill", "box")
    typing.communicate()
    for _ in range(2):
        assert guise("restore", "-i", "snap", input="xc5", status=5) == "xc55"


REAL = """
    .code16
    cld
    call 1f
1:  pop %si
    add $(text - 1b), %si
    mov $0x3f8, %dx
2:  lodsb
    test %al, %al
    jz 3f
    out %al, %dx
    jmp 2b
3:  mov $7, %al
    mov $0xf4, %dx
    out %al, %dx
    hlt
text: .asciz "real mode\\n"
    .fill 510 - (. - 1b + 4), 1, 0
    .byte 0x55, 0xaa
"""
LONG = """
    .code64
    lea text(%rip), %rsi
    mov $text_end - text, %ecx
    mov $0x3f8, %edx
    rep outsb
    mov %cs, %eax
    out %al, $0xf4
text: .ascii "long mode\\n"
text_end:
"""


def test_flat_binaries(guise, tmp_path):
    real = flat(tmp_path, REAL, "real")
    done = guise.run("run", "--rm", "-m", "16m", "--bare", "real", real)
    assert (done.stdout, done.returncode) == ("real mode\n", 7)
    done = guise.run("run", "--rm", "-m", "16m", "--bare", "real,at=0x10000,entry=0x10000", real)
    assert done.returncode == 125  # real mode reaches 64 KiB from its segment
    long = flat(tmp_path, LONG, "long")
    for where in "", ",at=0x200000":
        done = guise.run("run", "--rm", "-m", "16m", "--bare", f"long{where}", long)
        assert (done.stdout, done.returncode) == ("long mode\n", 0x10)
    peer = subprocess.run([*microvm()[:1], "-M", "pc", "-accel", "tcg", "-nodefaults", "-nographic", "-serial", "stdio",
                           "-device", "isa-debug-exit,iobase=0xf4", "-drive", f"file={real},format=raw"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert peer.stdout.endswith("real mode\n") and peer.returncode == 2 * 7 + 1


@pytest.mark.parametrize("options,says", [
    (["--bare", "virtual"], "no mode 'virtual'"), (["--bare", "long,at=x"], "no address"),
    (["--bare", "long,on=1"], "no option 'on=1'"), (["--cpu", "i386"], "no CPU 'i386'"),
    (["--engine", "jit"], "only the engine kvm"), (["--gdb", "unix:gdb"], "--gdb: not with engine kvm"),
    (["--machine", "virt"], "the board 'virt' has no engine 'kvm'"), (["-m", "1m"], "2 MiB"),
    (["--disk", "disk,bus=pci"], "no bus 'pci' on this board"), (["--trace", "insn"], "tells mmio and exit only")])
def test_refusals(guise, micro, tmp_path, options, says):
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    done = guise.run("run", "--rm", "-m", "16m", *options, micro)
    assert done.returncode in (125, 126) and says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_explain(guise, micro):
    answer = json.loads(guise("run", "--explain", "--json", micro))
    assert (answer["kind"], answer["engine"]) == ("machine", "kvm")


@pytest.mark.parametrize("cpu", ["host", "baseline"])
def test_cpu_models(run, cpu):
    assert run("timer", "--cpu", cpu).stdout == "ticks 1\n"


def test_many_at_once(guise, micro):
    """64 machines, and nothing is left of them."""
    for i in range(64):
        guise("run", "-d", "--name", f"m{i}", "-m", "16m", "--append", "serial", micro)
    wait_until(lambda: all("ready" in guise("logs", f"m{i}") for i in range(0, 64, 9)), 30)
    assert sum(r["life"] == "running" for r in guise.records().values()) == 64
    guise("rm", "-f", *(f"m{i}" for i in range(64)))
    assert not guise.records()
