# SPDX-License-Identifier: Apache-2.0
"""Memory runs out at one allocation after the other: one line says so, and nothing stays behind."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Guise, wait_until

LONG = "GUISE_LONG" in os.environ
NONE = ["--firmware", "none"]
STEP = 50 if LONG else 8  # each number is larger by 1/STEP, at least by one
ENOUGH = 5


def starve(guise, fine, *words, after=lambda: None, **kw):
    """Runs WORDS with one allocation failing, of each sort, until there are not that many; AFTER
    each. Returns the statuses by sort."""
    met = {}
    for sort in ["GUISE_FAIL_ALLOC", "GUISE_FAIL_SMALL_ALLOC"]:
        n, unharmed, met[sort] = 1, 0, set()
        while unharmed < ENOUGH:
            hungry = Guise(guise.program, guise.folder)
            hungry.env[sort] = str(n)
            done = hungry.run(*words, **kw)
            check_end(done, fine, (sort, n))
            met[sort].add(done.returncode)
            unharmed = unharmed + 1 if done.returncode == fine else 0
            n += max(1, n // STEP)
            after()
    assert met["GUISE_FAIL_SMALL_ALLOC"] >= {125, fine}, met
    return met


def check_end(done, fine, case):
    """Done as it should be; or guise's own failure, or its monitor's death, and the line that says
    so (two when command and monitor are both hit)."""
    said = done.stderr.splitlines()
    assert done.returncode in (fine, 125, 137), (case, done)
    if done.returncode != fine:
        assert 1 <= len(said) <= 2 and all(line.startswith("guise: ") for line in said), (case, done)


def check_nothing_left(guise):
    """What there is, is whole and can be removed; then the state folder is as at first."""
    for name, record in guise.records().items():
        assert record["life"] in ("created", "stopped", "running")
        guise("rm", "-f", name)
    left = [p.name for p in (guise.state / "instances").iterdir()] if (guise.state / "instances").exists() else []
    assert left == [], left


def check_nobody_left(guise):
    """No monitor lives on that nobody could find."""
    word = f"GUISE_STATE={guise.state}\0".encode()

    def living():
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if word in path.read_bytes():
                    yield path
            except OSError:
                continue
    wait_until(lambda: not list(living()))


def test_run(guise, bare):
    met = starve(guise, 5, "run", "-i", "--name", "box", *NONE, bare, input="5",
                 after=lambda: check_nothing_left(guise))
    assert 125 in met["GUISE_FAIL_ALLOC"]
    check_nobody_left(guise)


def test_create(guise, bare):
    starve(guise, 0, "create", "--name", "box", *NONE, bare, after=lambda: check_nothing_left(guise))
    check_nobody_left(guise)


def test_ps(guise, bare):
    guise("create", "--name", "box", *NONE, bare)
    starve(guise, 0, "ps", "-a", "--json")
    assert guise.life("box") == "created"


def test_snapshot(guise, bare):
    guise("run", "-d", "--name", "box", *NONE, bare)
    starve(guise, 0, "snapshot", "box", "snap")
    assert guise.life("box") == "running"
    guise("rm", "-f", "box")
    assert guise("restore", "-i", "snap", input="7", status=7) == "7"
    assert [p.name for p in guise.folder.iterdir() if "snap" in p.name] == ["snap"]


def test_qcow2(guise, bare, tmp_path):
    if not shutil.which("qemu-img"):
        pytest.skip("no qemu-img")
    image = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True)
    met = starve(guise, 5, "run", "-i", "--rm", "--disk", image, *NONE, bare, input="5")
    assert 125 in met["GUISE_FAIL_ALLOC"]
    check_nobody_left(guise)
    check_nothing_left(guise)
    subprocess.run(["qemu-img", "check", "-q", image], check=True)
