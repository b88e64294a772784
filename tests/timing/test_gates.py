# SPDX-License-Identifier: Apache-2.0
"""Circuits of gates beside Icarus Verilog: the same netlist with the same delays, event for event."""
import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUISE = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve() / "guise"
LONG = bool(os.environ.get("GUISE_LONG"))
needs_iverilog = pytest.mark.skipif(not shutil.which("iverilog"), reason="no iverilog")

PRIMITIVES = {"$_BUF_": "buf", "$_NOT_": "not", "$_AND_": "and", "$_NAND_": "nand", "$_OR_": "or", "$_NOR_": "nor",
              "$_XOR_": "xor", "$_XNOR_": "xnor"}
# As chains of one operator each, so that Icarus looks at all inputs of a cell at once, as guise does.
EXPRESSIONS = {"$_MUX_": "({S} ? {B} : {A}) ^ 1'b0", "$_NMUX_": "~({S} ? {B} : {A})",
               "$_ANDNOT_": "({B} ? 1'b0 : {A}) ^ 1'b0", "$_ORNOT_": "({B} ? {A} : 1'b1) ^ 1'b0"}
# These it takes apart, so that only what they settle to can be compared.
TREES = {"$_AOI3_": "~(({A} & {B}) | {C})", "$_OAI3_": "~(({A} | {B}) & {C})",
         "$_AOI4_": "~(({A} & {B}) | ({C} & {D}))", "$_OAI4_": "~(({A} | {B}) & ({C} | {D}))"}
FLIP_FLOPS = {"$_DFF_P_": "posedge {C}", "$_DFF_N_": "negedge {C}", "$_DFFE_PP_": "posedge {C}",
              "$_DFF_PN0_": "posedge {C} or negedge {R}", "$_DFF_PP1_": "posedge {C} or posedge {R}",
              "$_SDFF_PP0_": "posedge {C}"}
# An unknown enable makes what is stored unknown, as in a circuit; Verilog's `if` would take it for 0.
STORES = {"$_DFFE_PP_": "{Q} <= #{d} {E} === 1 ? {D} ^ 1'b0 : {E} === 0 || {D} === {Q} ? {Q} : 1'bx;", "$_DFF_PN0_": "if (!{R}) {Q} <= #{d} 0; else {Q} <= #{d} {D};",
          "$_DFF_PP1_": "if ({R}) {Q} <= #{d} 1; else {Q} <= #{d} {D};",
          "$_SDFF_PP0_": "if ({R}) {Q} <= #{d} 0; else {Q} <= #{d} {D};"}


class Circuit:
    """Random gates: inputs in0.., nets n0..; the last ones are outputs. TRI: buses with two drivers."""

    def __init__(self, r, inputs, gates, flip_flops=0, trees=False):
        self.r, self.inputs, self.expressions = r, inputs, {**EXPRESSIONS, **(TREES if trees else {})}
        self.cells, self.delays = [], {}
        nets = [f"in{i}" for i in range(inputs)]
        states = [f"q{i}" for i in range(flip_flops)]
        pool = nets + states
        for i in range(gates):
            kind = r.choice(list(PRIMITIVES) * 2 + list(self.expressions))
            pins = "A" if kind in ("$_BUF_", "$_NOT_") else "AB"
            if kind in self.expressions:
                pins = sorted(set(re.findall(r"{(\w)}", self.expressions[kind])))
            self.cells.append((kind, {p: r.choice(pool[-40:] + nets) for p in pins}, f"n{i}"))
            pool.append(f"n{i}")
        for q in states:
            kind = r.choice(list(FLIP_FLOPS))
            pins = {p: r.choice(pool[inputs:]) for p in "DE" if p == "D" or "{E}" in STORES.get(kind, "")}
            pins["C"] = "clk"
            if "{R}" in STORES.get(kind, ""):
                pins["R"] = "rst_n" if kind == "$_DFF_PN0_" else "rst"
            self.cells.append((kind, pins, q))
        self.sequential = bool(flip_flops)
        self.outputs = [f"n{i}" for i in range(max(0, gates - 12), gates)] + states[:8]
        for kind in sorted({c[0] for c in self.cells}):
            # What inputs cause comes at multiples of 3, what flip-flops cause one later, all edges of the clock
            # one before: where they come together
            # Verilog has an order of its own.
            rise, fall = 3 * r.randrange(1, 20), 3 * r.randrange(1, 20)
            self.delays[kind] = (rise + 2, rise + 2) if kind in FLIP_FLOPS else (rise, fall)

    def controls(self):
        return ["clk", "rst", "rst_n"] if self.sequential else []

    def netlist(self):
        bits = {name: i + 2 for i, name in enumerate([f"in{i}" for i in range(self.inputs)] + self.controls() +
                                                     [c[2] for c in self.cells])}
        ports = {n: {"direction": "input", "bits": [bits[n]]}
                 for n in [f"in{i}" for i in range(self.inputs)] + self.controls()}
        ports["out"] = {"direction": "output", "bits": [bits[n] for n in self.outputs]}
        cells = {f"c{i}": {"type": kind, "connections": {**{p: [bits[n]] for p, n in pins.items()},
                                                        "Q" if kind in FLIP_FLOPS else "Y": [bits[out]]}}
                 for i, (kind, pins, out) in enumerate(self.cells)}
        return json.dumps({"modules": {"top": {"attributes": {"top": 1}, "ports": ports, "cells": cells,
                                               "netnames": {n: {"hide_name": 0, "bits": [b]} for n, b in bits.items()}}}})

    def verilog(self, changes, end):
        text = ["`timescale 1ps/1ps", "module top;"]
        text += [f"reg in{i} = 1'bx;" for i in range(self.inputs)]
        text += [f"reg {n}{' = 0' if n == 'clk' else ''};" for n in self.controls()]
        for i, (kind, pins, out) in enumerate(self.cells):
            rise, fall = self.delays[kind]
            if kind in PRIMITIVES:
                text.append(f"wire {out}; {PRIMITIVES[kind]} #({rise},{fall}) g{i}({out}, {', '.join(pins[p] for p in sorted(pins))});")
            elif kind in self.expressions:
                text.append(f"wire {out}; assign #({rise},{fall}) {out} = {self.expressions[kind].format(**pins)};")
            else:
                store = STORES.get(kind, "{Q} <= #{d} {D};").format(Q=out, d=rise, **pins)
                text.append(f"reg {out}; always @({FLIP_FLOPS[kind].format(**pins)}) {store}")
        if self.sequential:
            text.append("initial begin #500 clk = 1; forever #501 clk = ~clk; end")
        text.append("initial begin")
        now = 0
        for time, values in changes:
            text.append(f"#{time - now} " + " ".join(f"{n} = 1'b{v};" for n, v in values))
            now = time
        text.append(f"#{end - now} $finish; end")
        outs = ", ".join(reversed(self.outputs))
        text.append(f'wire [{len(self.outputs) - 1}:0] outs = {{{outs}}};')
        text.append('initial $monitor("%0t out=%b", $time, outs);\nendmodule')
        return "\n".join(text) + "\n"

    def vectors(self, changes, end):
        lines = ["clock clk 1002 500"] if self.sequential else []
        lines += [f"{t} " + " ".join(f"{n}={v}" for n, v in values) for t, values in changes]
        return "\n".join([*lines, f"end {end}"]) + "\n"

    def delay_table(self):
        return "".join(f"{kind} {rise} {fall}\n" for kind, (rise, fall) in self.delays.items())


def changes_of(circuit, r, steps, unknown):
    changes = [(0, [(n, "0") for n in circuit.controls() if n != "clk"])] if circuit.sequential else []
    if circuit.sequential:
        changes.append((702, [("rst", "1")]))
        changes.append((1701, [("rst", "0"), ("rst_n", "1")]))
    time = 1800
    for _ in range(steps):
        time += 3 * r.randrange(1, 100)
        values = "01" * 5 + ("xz" if unknown else "")
        picked = r.sample(range(circuit.inputs), r.randrange(1, min(6, circuit.inputs)))
        changes.append((time, [(f"in{i}", r.choice(values)) for i in picked]))
    return [c for c in changes if c[1]], time + 5000


def write_files(folder, circuit, changes, end):
    (folder / "a.json").write_text(circuit.netlist())
    (folder / "a.v").write_text(circuit.verilog(changes, end))
    (folder / "a.vec").write_text(circuit.vectors(changes, end))
    (folder / "a.delays").write_text(circuit.delay_table())
    subprocess.run(["iverilog", "-g2012", "-o", folder / "a.vvp", folder / "a.v"], check=True, timeout=300)


def run_both(folder, circuit, changes, end):
    write_files(folder, circuit, changes, end)
    ours = subprocess.run([GUISE, "gates", "run", folder / "a.json", "--vectors", folder / "a.vec", "--delays",
                           folder / "a.delays"], capture_output=True, text=True, timeout=60)
    assert ours.returncode == 0, ours.stderr
    theirs = subprocess.run(["vvp", "-n", folder / "a.vvp"], capture_output=True, text=True, timeout=60)
    lines = [[line for line in out.splitlines() if line[:1].isdigit() and not line.startswith("0 ")]
             for out in (ours.stdout, theirs.stdout)]
    return lines


def first_difference(lines):
    for i, (a, b) in enumerate(zip(*lines)):
        if a != b:
            return f"line {i}: guise {a}, iverilog {b}"
    return f"{len(lines[0])} and {len(lines[1])} lines"


@needs_iverilog
@pytest.mark.parametrize("kind", ["combinational", "unknown", "sequential"])
def test_as_icarus(tmp_path, kind):
    events = 0
    for seed in range(60 if LONG else 8):
        r = random.Random(f"{kind} {seed}")
        circuit = Circuit(r, r.randrange(4, 12), r.randrange(20, 400), r.randrange(4, 40) if kind == "sequential" else 0)
        changes, end = changes_of(circuit, r, 400, kind == "unknown")
        lines = run_both(tmp_path, circuit, changes, end)
        assert lines[0] == lines[1], (seed, first_difference(lines))
        events += len(lines[0])
    assert events > 1000


@needs_iverilog
def test_all_cells_settle(tmp_path):
    """Every cell, with time enough between the changes: what the outputs are in the end."""
    for seed in range(6):
        r = random.Random(seed)
        circuit = Circuit(r, 10, 200, trees=True)
        changes = [(20000 * (i + 1), [(f"in{k}", r.choice("01x")) for k in range(10)]) for i in range(60)]
        settled = []
        for lines in run_both(tmp_path, circuit, changes, 20000 * 62):
            last = {}
            for line in lines:
                time, value = line.split()
                last[int(time) // 20000] = value
            settled.append(last)
        assert settled[0] == settled[1] and len(settled[0]) > 40, seed
