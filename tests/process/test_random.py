# SPDX-License-Identifier: Apache-2.0
"""Random programs with loops, calls, memory, atomics and floating point, by guise-user's engines
and by a qemu-riscv64 that is new enough: registers and memory must be the same at the end.
GUISE_RANDOM=N: how many (100); GUISE_SEED: the first one's."""
import os
import platform
import random
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USER = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve() / "guise-user"
QEMU = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest")) / "qemu-riscv64-10"
CROSS = "riscv64-linux-gnu-gcc"
COUNT = int(os.environ.get("GUISE_RANDOM", "4000" if os.environ.get("GUISE_LONG") else "100"))
SEED = int(os.environ.get("GUISE_SEED", "1"))
PROGRAMS = 4 # to a test

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="programs need an x86-64 host"),
    pytest.mark.skipif(not shutil.which(CROSS), reason=f"no {CROSS}"),
    pytest.mark.skipif(not QEMU.exists(), reason="no qemu-riscv64-10 in GUISE_GUEST"),
]

# s0: memory, s1: table of functions, s2 to s4: counters of loops, t6: addresses
REGS = [f"a{i}" for i in range(8)] + [f"t{i}" for i in range(6)] + [f"s{i}" for i in range(5, 12)]
FREGS = [f"f{c}{i}" for c, n in (("a", 8), ("t", 12), ("s", 12)) for i in range(n)]
BINARY = """add sub sll srl sra slt sltu xor or and addw subw sllw srlw sraw mul mulh mulhu mulhsu div
    divu rem remu mulw divw divuw remw remuw sh1add sh2add sh3add add.uw sh1add.uw sh2add.uw sh3add.uw andn
    orn xnor min minu max maxu rol ror rolw rorw bset bclr binv bext clmul clmulh clmulr""".split()
UNARY = "clz ctz cpop clzw ctzw cpopw sext.b sext.h zext.h rev8 orc.b sext.w neg not seqz".split()
SHIFTS = "slli srli srai rori bseti bclri binvi bexti slli.uw".split()
LOADS = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "lwu": 4, "ld": 8}
STORES = {"sb": 1, "sh": 2, "sw": 4, "sd": 8}
AMOS = "amoadd amoswap amoxor amoand amoor amomin amomax amominu amomaxu".split()
FP3 = "fadd fsub fmul fdiv fmin fmax fsgnj fsgnjn fsgnjx".split()
FP4 = "fmadd fmsub fnmadd fnmsub".split()
COMPARE = "feq flt fle".split()
TO_INT = "fcvt.w fcvt.wu fcvt.l fcvt.lu".split()
MEMORY = 4096


class Program:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.labels = 0
        self.lines = []

    def emit(self, line):
        self.lines.append(line)

    def label(self):
        self.labels += 1
        return f"L{self.labels}"

    def reg(self):
        return self.r.choice(REGS)

    def freg(self):
        return self.r.choice(FREGS)

    def address(self, align):
        self.emit(f"andi t6, {self.reg()}, {2047 & -align}")
        self.emit("add t6, t6, s0")
        return f"{self.r.randrange(0, 1024) & -align}(t6)"

    # --- pieces: one row each in PIECES ---

    def integer(self):
        kind = self.r.randrange(5)
        if kind < 2:
            self.emit(f"{self.r.choice(BINARY)} {self.reg()}, {self.reg()}, {self.reg()}")
        elif kind == 2:
            self.emit(f"{self.r.choice(UNARY)} {self.reg()}, {self.reg()}")
        elif kind == 3:
            self.emit(f"{self.r.choice(SHIFTS)} {self.reg()}, {self.reg()}, {self.r.randrange(64)}")
        else:
            name = self.r.choice("addi addiw xori ori andi slti sltiu".split())
            self.emit(f"{name} {self.reg()}, {self.reg()}, {self.r.randrange(-2048, 2048)}")

    def load(self):
        name = self.r.choice(list(LOADS))
        align = LOADS[name] if self.r.random() < 0.9 else 1
        self.emit(f"{name} {self.reg()}, {self.address(align)}")

    def store(self):
        name = self.r.choice(list(STORES))
        align = STORES[name] if self.r.random() < 0.9 else 1
        self.emit(f"{name} {self.reg()}, {self.address(align)}")

    def floating(self):
        p, kind = self.r.choice("sd"), self.r.randrange(9)
        if kind < 3:
            self.emit(f"{self.r.choice(FP3)}.{p} {self.freg()}, {self.freg()}, {self.freg()}")
        elif kind == 3:
            self.emit(f"{self.r.choice(FP4)}.{p} {self.freg()}, {self.freg()}, {self.freg()}, {self.freg()}")
        elif kind == 4:
            self.emit(f"{self.r.choice(COMPARE)}.{p} {self.reg()}, {self.freg()}, {self.freg()}")
        elif kind == 5:
            mode = self.r.choice("rne rtz rdn rup rmm dyn".split())
            self.emit(f"{self.r.choice(TO_INT)}.{p} {self.reg()}, {self.freg()}, {mode}")
        elif kind == 6:
            self.emit(f"fcvt.{p}.{self.r.choice('w wu l lu'.split())} {self.freg()}, {self.reg()}")
        elif kind == 7:
            self.emit(self.r.choice([f"fsqrt.{p} {self.freg()}, {self.freg()}", f"fclass.{p} {self.reg()}, {self.freg()}",
                                     f"fcvt.s.d {self.freg()}, {self.freg()}", f"fcvt.d.s {self.freg()}, {self.freg()}"]))
        else:
            size = "w" if p == "s" else "d"
            where = self.address(4 if p == "s" else 8)
            move = [f"fl{size} {self.freg()}, {where}", f"fs{size} {self.freg()}, {where}"]
            bits = "w" if p == "s" else "d"
            move += [f"fmv.x.{bits} {self.reg()}, {self.freg()}", f"fmv.{bits}.x {self.freg()}, {self.reg()}"]
            self.emit(self.r.choice(move))

    def flags(self):
        self.emit(self.r.choice([f"frflags {self.reg()}", f"fsflags {self.reg()}, {self.reg()}",
                                 f"fsflagsi {self.r.randrange(32)}", f"fsrmi {self.r.randrange(5)}", "fsrmi 0",
                                 "fsrmi 0", f"frrm {self.reg()}"]))

    def atomic(self):
        size, align = self.r.choice([("w", 4), ("d", 8)])
        order = self.r.choice(["", ".aq", ".rl", ".aqrl"])
        self.address(align)
        if self.r.random() < 0.7:
            self.emit(f"{self.r.choice(AMOS)}.{size}{order} {self.reg()}, {self.reg()}, (t6)")
            return
        again, a, b = self.label(), self.reg(), self.reg()
        self.emit(f"{again}: lr.{size} {a}, (t6)")
        self.emit(f"addi {b}, {a}, {self.r.randrange(-100, 100)}")
        self.emit(f"sc.{size} ra, {b}, (t6)")
        self.emit(f"bnez ra, {again}")

    def branch(self, depth):
        over = self.label()
        name = self.r.choice("beq bne blt bge bltu bgeu".split())
        self.emit(f"{name} {self.reg()}, {self.reg()}, {over}")
        self.body(depth, self.r.randrange(1, 5))
        self.emit(f"{over}:")

    def loop(self, depth):
        if depth > 3:
            return
        top, counter = self.label(), f"s{depth + 1}"
        self.emit(f"li {counter}, {self.r.randrange(1, 40 >> 2 * (depth - 1))}")
        self.emit(f"{top}:")
        self.body(depth + 1, self.r.randrange(2, 9))
        self.emit(f"addi {counter}, {counter}, -1")
        self.emit(f"bnez {counter}, {top}")

    def call(self, functions):
        if not functions:
            return
        n = self.r.choice(functions)
        if self.r.random() < 0.5:
            self.emit(f"call F{n}")
        else:
            self.emit(f"ld t6, {8 * n}(s1)")
            self.emit("jalr t6")

    def body(self, depth, n):
        for _ in range(n):
            kind = self.r.choices(["integer", "load", "store", "floating", "flags", "atomic", "branch", "loop", "call"],
                                  [9, 3, 3, 5 if self.fp else 0, 0.4 if self.fp else 0, 1, 2, 1, 0.7])[0]
            if kind in ("branch", "loop"):
                getattr(self, kind)(depth)
            elif kind == "call":
                self.call(self.functions)
            else:
                getattr(self, kind)()

    def function(self, n):
        """Functions call only those after them, and keep the counters of who calls."""
        self.functions = [k for k in range(n + 1, min(n + 3, 6))] if n < 5 else []
        self.emit(f"F{n}:\naddi sp, sp, -32\nsd ra, 0(sp)\nsd s2, 8(sp)\nsd s3, 16(sp)\nsd s4, 24(sp)")
        self.body(2, self.r.randrange(4, 14))
        self.emit("ld ra, 0(sp)\nld s2, 8(sp)\nld s3, 16(sp)\nld s4, 24(sp)\naddi sp, sp, 32\nret")

    def text(self):
        self.fp = self.r.random() < 0.7
        self.emit(".option arch, +zba, +zbb, +zbs, +zbc\n.globl _start\n_start:\nla s0, memory\nla s1, table")
        for i, reg in enumerate(REGS):
            self.emit(f"ld {reg}, {8 * i}(s0)")
        for i, reg in enumerate(FREGS):
            self.emit(f"fld {reg}, {8 * i + 256}(s0)")
        self.functions = list(range(6))
        for _ in range(6):
            self.loop(1)
            self.body(1, 6)
        self.emit("la s0, memory")
        for i, reg in enumerate(REGS):
            self.emit(f"sd {reg}, {8 * i + MEMORY}(s0)" if 8 * i + MEMORY < 2048 else f"li t6, {8 * i + MEMORY}\nadd t6, t6, s0\nsd {reg}, (t6)")
        for i, reg in enumerate(FREGS):
            self.emit(f"li t6, {8 * i + MEMORY + 256}\nadd t6, t6, s0\nfsd {reg}, (t6)")
        self.emit(f"frcsr a0\nli t6, {MEMORY + 600}\nadd t6, t6, s0\nsd a0, (t6)")
        self.emit(f"li a0, 1\nmv a1, s0\nli a2, {MEMORY + 1024}\nli a7, 64\necall\nli a0, 0\nli a7, 93\necall")
        for n in range(6):
            self.function(n)
        self.emit(".data\n.balign 8\ntable: " + "\n".join(f".dword F{n}" for n in range(6)))
        self.emit(".balign 64\nmemory:")
        for _ in range(MEMORY // 8):
            self.emit(f".dword 0x{self.number():016x}")
        self.emit(".space 1024")
        return "\n".join(self.lines) + "\n"

    def number(self):
        r = self.r
        return r.choice([r.getrandbits(64), 0xffffffff00000000 | r.getrandbits(32), r.getrandbits(10),
                         (r.randrange(1000, 1050) << 52) | r.getrandbits(52), 0x7ff0000000000000, 0xfff8000000000000,
                         0xffffffff7f800000, 0xffffffff00000000 | (r.randrange(110, 140) << 23) | r.getrandbits(23),
                         r.getrandbits(40), (1 << 64) - r.getrandbits(12)])


def result(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("first", range(SEED, SEED + COUNT, PROGRAMS))
def test_random(tmp_path, first):
    for seed in range(first, first + PROGRAMS):
        source, program = tmp_path / f"{seed}.S", tmp_path / f"{seed}"
        source.write_text(Program(seed).text())
        subprocess.run([CROSS, "-nostdlib", "-static", "-o", program, source], check=True)
        expected = result(QEMU, program)
        assert expected[0] == 0, (seed, expected)
        for how in ([], ["--interp"], ["--jit", "small,plain"]):
            got = result(USER, *how, program)
            wrong = [i for i in range(0, min(len(got[1]), len(expected[1])), 8)
                     if got[1][i:i + 8] != expected[1][i:i + 8]]
            assert got == expected, f"seed {seed} {how}: status {got[0]}, bytes {wrong[:8]}, {got[2][-200:]}"
