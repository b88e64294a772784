# SPDX-License-Identifier: Apache-2.0
"""Models of flash under loads: write amplification as analysis has it, the cliff, parallel dies."""
import json
import math
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUISE = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve() / "guise"
BLOCKS, PAGES = 800, 128


def try_model(model, *words, status=0):
    done = subprocess.run([GUISE, "disk", "try", model, "--json", *map(str, words)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if status == 0 else done.stderr


@pytest.fixture
def ssd(tmp_path):
    def make(spare=0.15, policy="greedy", buffer=64):
        path = tmp_path / f"{policy}-{spare}.ssd"
        path.write_text(f"""guise_ssd SMALL {{ Channels = 4, Dies per channel = 1, Planes per die = 1,
            Blocks per plane = {BLOCKS}, Pages per block = {PAGES}, Page size (bytes) = 4096, Read time (us) = 50,
            Program time (us) = 500, Erase time (us) = 3500, Channel rate (MB/s) = 400, Host rate (MB/s) = 3000,
            Command overhead (us) = 8, Over-provisioning = {spare}, Garbage collection = {policy},
            Write buffer (pages) = {buffer} }}""")
        return f"ssd:{path}"
    return make


def lambert_w(x):
    """The upper branch, by Newton's method."""
    w = -0.5
    for _ in range(100):
        w -= (w * math.exp(w) - x) / (math.exp(w) * (w + 1))
    return w


@pytest.mark.parametrize("spare", [0.1, 0.15, 0.28, 0.5])
def test_write_amplification(ssd, spare):
    """Uniform random writes, blocks emptied in the order they were filled: Desnoyers, Analytic Models of SSD Write
    Performance (2014): a / (a + W(-a exp(-a))), a being all pages over the host's. The greedy choice is never worse."""
    ratio = (1 + spare) * (1 - 3 / BLOCKS) # what is always free or open holds nothing
    expected = ratio / (ratio + lambert_w(-ratio * math.exp(-ratio)))
    said = {p: try_model(ssd(spare, p), "--pattern", "randwrite", "--worn", 4, "-n", 400000)["amplification"]
            for p in ("fifo", "greedy", "cost-benefit")}
    assert said["fifo"] == pytest.approx(expected, rel=0.03)
    assert 1 < said["greedy"] <= said["fifo"] * 1.01
    assert said["cost-benefit"] <= said["fifo"] * 1.02


def test_the_cliff(ssd):
    """A drive that was never full writes as fast as it programs; later it moves more than it is given."""
    new, old = (try_model(ssd(), "--pattern", "randwrite", "--depth", 8, "--worn", w, "-n", 100000) for w in (0, 3))
    assert new["amplification"] == 1 and old["amplification"] > 2
    assert new["iops"] == pytest.approx(4 / 0.0005, rel=0.02) # four planes, a page each
    assert old["iops"] < new["iops"] / old["amplification"] and old["p99_ms"] > 10 * new["p99_ms"]


def test_dies_work_at_once(ssd):
    one, many = (try_model(ssd(), "--depth", d, "--worn", 1, "-n", 20000) for d in (1, 64))
    assert one["mean_ms"] == pytest.approx(0.008 + 0.050 + 4096 / 400e3 + 4096 / 3000e3, abs=0.002)
    assert 0.9 * 4 / 50e-6 < many["iops"] <= 4 / 50e-6 # four planes, each 50 us a page


@pytest.mark.parametrize("model", ["hdd:sata7200", "hdd:sas15k", "ssd:nvme-tlc", "ssd:sata-mlc"])
def test_those_that_come_with_guise(model):
    listed = subprocess.run([GUISE, "disk", "models"], capture_output=True, text=True, check=True).stdout.split()
    assert model in listed
    words = ("--pattern", "randrw", "--size", "8K", "--depth", 4, "-n", 2000)
    first = try_model(model, *words)
    assert first == try_model(model, *words)
    assert first != try_model(model, *words, "--seed", 2) or model.startswith("ssd") # nothing was ever written there
    assert first["iops"] == pytest.approx(2000 / first["seconds"]) and first["p50_ms"] <= first["p99_ms"] <= first["max_ms"]


def test_published_figures():
    """Random reads of the drives that turn: average seek and half a turn, as their data sheets have it."""
    for model, seek, turn in (("hdd:sata7200", 8.5, 60 / 7.2), ("hdd:sas15k", 3.4, 4)):
        said = try_model(model, "-n", 5000)
        assert said["mean_ms"] == pytest.approx(seek + turn / 2, rel=0.06)
    for model, rate in (("hdd:sata7200", 210), ("hdd:sas15k", 204)):
        said = try_model(model, "--pattern", "read", "--size", "1M", "-n", 500)
        assert said["bytes_per_second"] == pytest.approx(rate * 1e6, rel=0.05)


def test_bad_words(ssd):
    for words in (["--pattern", "wild"], ["--size", 100], ["--depth", 0], ["--worn", "much"], ["-n", 0]):
        err = try_model(ssd(), *words, status=125)
        assert err.startswith("guise: ") and err.count("\n") == 1
    assert "ssd:nvme-tlc" in try_model("ssd:nosuch", status=125)
