# SPDX-License-Identifier: Apache-2.0
"""guise disk validate: measured drives against their models. The drives' descriptions and traces
are found in GUISE_TEST_DATA/disks; they were published with DiskSim, whose own figures are the bar."""
import csv
import json
import os
import subprocess
import xml.dom.minidom
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUISE = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve() / "guise"
DISKS = Path(os.environ.get("GUISE_TEST_DATA", "/nonexistent")) / "disks"
TINY = ROOT / "tests/fuzz/drive/tiny"
DISKSIM_MS = {"hp_c2247a": 0.090, "hp_c2490a": 0.254, "dec_rz26": 0.340, "cheetah9LP": 0.107, "barracuda": 0.349,
              "atlas10k": 0.268}


def guise(*words):
    return subprocess.run([GUISE, *map(str, words)], capture_output=True, text=True, timeout=60)


def trace(folder, lines):
    path = folder / "trace"
    path.write_text("".join(line + "\n" for line in lines))
    return path


@pytest.mark.skipif(not DISKS.is_dir(), reason="no GUISE_TEST_DATA with measured disks")
@pytest.mark.parametrize("name", DISKSIM_MS)
def test_as_good_as_disksim(name, tmp_path):
    done = guise("disk", "validate", "--json", DISKS / f"{name}.parv", DISKS / f"{name}.trace")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    lines = (DISKS / f"{name}.trace").read_text().splitlines()
    assert said["requests"] == len(lines)
    assert said["rms_ms"] <= DISKSIM_MS[name]
    assert abs(said["rms_exact_ms"] - said["rms_ms"]) < 0.01
    assert abs(said["mean_error_ms"]) < 0.25
    # The word and the time that were measured are not looked at.
    blind = trace(tmp_path, [" ".join([w[0], "Any", w[2], w[3], "1", w[5]]) for w in map(str.split, lines)])
    other = guise("disk", "validate", "--json", DISKS / f"{name}.parv", blind)
    assert json.loads(other.stdout)["model_mean_ms"] == said["model_mean_ms"]


def test_numbers_and_files(tmp_path):
    path = trace(tmp_path, [f"{'W' if i % 3 else 'R'} x {i * 37 % 340} {1 + i % 7} {9000 + i} {i * 100}" for i in range(200)])
    svg, requests = tmp_path / "a.svg", tmp_path / "a.csv"
    done = guise("disk", "validate", "--json", "--svg", svg, "--requests", requests, TINY, path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["requests"] == 200 and said["reads"]["requests"] + said["writes"]["requests"] == 200
    rows = list(csv.DictReader(requests.open()))
    measured, model = (sorted(float(r[k]) for r in rows) for k in ("measured_ms", "model_ms"))
    exact = (sum((a - b) ** 2 for a, b in zip(measured, model)) / 200) ** 0.5
    assert abs(exact - said["rms_exact_ms"]) < 1e-6
    for row in rows:
        parts = sum(float(row[k]) for k in ("queue_ms", "overhead_ms", "seek_ms", "rotate_ms", "transfer_ms"))
        assert abs(parts - float(row["model_ms"])) < 1e-5
    assert xml.dom.minidom.parse(str(svg)).documentElement.tagName == "svg"
    again = guise("disk", "validate", "--json", "--requests", tmp_path / "b.csv", TINY, path)
    assert again.stdout == done.stdout and (tmp_path / "b.csv").read_bytes() == requests.read_bytes()
    table = guise("disk", "validate", TINY, path)
    assert table.stdout.splitlines()[2].split()[:2] == ["all", "200"]


@pytest.mark.parametrize("line, says", [
    ("R x 5", ":1: "), ("X x 5 1 1 1", ":1: "), ("R x 999999999 1 1 1", "does not have"),
    ("R x 5 0 1 1", "does not have"), ("R x 5 1 -1 1", ":1: "), ("", ":1: ")])
def test_bad_traces(tmp_path, line, says):
    done = guise("disk", "validate", TINY, trace(tmp_path, [line]))
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("guise: ") and done.stderr.count("\n") == 1 and says in done.stderr


def test_bad_models(tmp_path):
    path = trace(tmp_path, ["R x 5 1 1 1"])
    for model in (tmp_path / "none", tmp_path, path):
        done = guise("disk", "validate", model, path)
        assert done.returncode == 125 and str(model) in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert guise("disk", "frobnicate", TINY, path).returncode == 125
