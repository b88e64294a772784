# SPDX-License-Identifier: Apache-2.0
"""libjvm.so beside HotSpot: each program of this folder, compiled by javac under HotSpot, prints
the same, complains the same and ends the same under both; the JDK's tools make the same files."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve()
JDK = Path("/usr/lib/jvm") / f"java-17-openjdk-{'arm64' if os.uname().machine == 'aarch64' else 'amd64'}"
PROGRAMS = sorted({p.stem for p in HERE.glob("*.java")} - {"Mutants"})

pytestmark = [
    pytest.mark.skipif(not (JDK / "bin/javac").exists(), reason="no openjdk-17-jdk-headless"),
    pytest.mark.skipif(not (BUILD / "libjvm.so").exists(), reason="no libjvm.so in this build"),
]


def run(tool, *words, ours=False, folder=None, **kw):
    vm = f"-XXaltjvm={BUILD}"
    flags = [] if not ours else [vm if tool == "java" else "-J" + vm]
    return subprocess.run([JDK / "bin" / tool, *flags, *map(str, words)], cwd=folder, text=True,
                          capture_output=True, timeout=60, stdin=subprocess.DEVNULL, **kw)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    done = run("javac", "-g", "-parameters", "-d", folder, *sorted(HERE.glob("*.java")))
    assert done.returncode == 0, done.stderr
    return folder


def same(a, b):
    assert (b.returncode, b.stdout, b.stderr) == (a.returncode, a.stdout, a.stderr)


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_hotspot(program, classes):
    same(run("java", "-Xmx256m", "-cp", classes, program, "one", "two"),
         run("java", "-Xmx256m", "-cp", classes, program, "one", "two", ours=True))


def test_main_class_is_missing(classes):
    same(run("java", "-cp", classes, "NotThere"), run("java", "-cp", classes, "NotThere", ours=True))


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_javac(tmp_path):
    for name, ours in (("theirs", False), ("ours", True)):
        done = run("javac", "-d", tmp_path / name, *sorted(HERE.glob("*.java")), ours=ours)
        assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "theirs") == tree(tmp_path / "ours")


def test_javac_complains(tmp_path):
    (tmp_path / "Bad.java").write_text("class Bad { int f() { return \"x\"; } }\n")
    same(run("javac", "Bad.java", folder=tmp_path), run("javac", "Bad.java", folder=tmp_path, ours=True))


def test_jar(tmp_path, classes):
    done = run("jar", "--create", "--file", tmp_path / "a.jar", "--date=2024-01-01T00:00:00Z",
               "-C", classes, ".", ours=True)
    assert done.returncode == 0, done.stderr
    same(run("jar", "tf", tmp_path / "a.jar"), run("jar", "tf", tmp_path / "a.jar", ours=True))
    same(run("java", "-cp", tmp_path / "a.jar", "Kitchen"),
         run("java", "-cp", tmp_path / "a.jar", "Kitchen", ours=True))


OLD = """public class Old { static int f(int x) { int s = 0; for (int i = 0; i < x; i++) { try { s += i / (i - 3); }
    catch (ArithmeticException e) { s -= 1; } } return s; }
    public static void main(String[] a) { Object o = a.length > 0 ? "x" : Integer.valueOf(5);
        System.out.println(new StringBuilder().append(f(10)).append(o)); } }"""


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A class file of version 49, which has no stack maps: its types are inferred."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "Old.java").write_text(OLD)
    assert run("javac", "-nowarn", "--release", "7", "-d", folder, folder / "Old.java").returncode == 0
    code = bytearray((folder / "Old.class").read_bytes())
    code[7] = 49
    return bytes(code)


# What is changed in the file, and what to. The file is right without.
FAULTS = {
    "none": (b"", b""),
    "magic": (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"),
    "returns a reference": (b"\xac", b"\xb0"),
    "version": (b"\x00\x00\x00\x31", b"\x00\x00\x00\x7f"),
    "descriptor": (b"\x00\x04(I)I", b"\x00\x04(I)Q"),
    "name": (b"\x00\x01f", b"\x00\x01/"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_old_and_broken_classes(fault, old, tmp_path):
    good, bad = FAULTS[fault]
    assert old.count(good) >= 1
    (tmp_path / "Old.class").write_bytes(old.replace(good, bad, 1))
    same(run("java", "-cp", tmp_path, "Old"), run("java", "-cp", tmp_path, "Old", ours=True))


def test_truncated_class(old, tmp_path):
    """Wherever a file ends, both say that it is no class, and in the same words."""
    for n in (5, 9, 11, 40, len(old) // 2, len(old) - 1):
        (tmp_path / "Old.class").write_bytes(old[:n])
        a, b = run("java", "-cp", tmp_path, "Old"), run("java", "-cp", tmp_path, "Old", ours=True)
        assert (a.returncode, a.stderr.split(":")[:3]) == (b.returncode, b.stderr.split(":")[:3])


def test_mutants(classes):
    """4,000 class files with changed bytes: none does harm, and nearly all are refused as by HotSpot."""
    a, b = (run("java", "-cp", classes, "Mutants", "print", "the", "words", ours=ours) for ours in (False, True))
    assert (a.returncode, b.returncode) == (0, 0), b.stderr
    kinds = [[line.split()[1] for line in r.stdout.splitlines() if line[:1].isdigit()] for r in (a, b)]
    assert len(kinds[0]) == len(kinds[1]) == 4000
    assert sum(x != y for x, y in zip(*kinds)) < 60
