# SPDX-License-Identifier: Apache-2.0
"""Java programs by guise: `guise java` in place, and the kind `java` under the life cycle."""
import subprocess

import pytest
from test_jvm import HERE, JDK, pytestmark, run  # noqa: F401: the marks skip this file too

from conftest import wait_until


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    (folder / "Deep.java").write_text("package a.b; public class Deep { public static void main(String[] x) "
                                      "{ System.out.println(\"deep \" + x.length); System.exit(7); } }")
    sources = [HERE / "Waits.java", folder / "Deep.java"]
    assert run("javac", "-d", folder, *sources).returncode == 0
    done = run("jar", "--create", "--file", folder / "app.jar", "--main-class", "a.b.Deep", "-C", folder, "a")
    assert done.returncode == 0, done.stderr
    return folder


def test_in_place(guise, built):
    assert guise("java", "-cp", built, "a.b.Deep", "x", "y", status=7) == "deep 2\n"
    out = guise.run("java", "-version")
    assert (out.returncode, "guise" in out.stderr) == (0, True)


def test_jar_and_class(guise, built):
    assert "deep 1" in guise("run", built / "app.jar", "x", status=7)
    assert "deep 0" in guise("run", built / "a/b/Deep.class", status=7)


def test_class_in_the_wrong_folder(guise, built, tmp_path):
    (tmp_path / "Deep.class").write_bytes((built / "a/b/Deep.class").read_bytes())
    done = guise.run("run", tmp_path / "Deep.class")
    assert done.returncode != 0
    assert "belongs in another folder" in done.stderr


def test_stop_runs_hooks(guise, built):
    guise("run", "-d", "--name", "waits", "--java-opt", "-Xss512k", built / "Waits.class")
    wait_until(lambda: "waiting" in guise("logs", "waits"))
    stats = guise("stats", "--no-stream", "--all-rows", "waits")
    assert "java.memory" in stats and "java.threads" in stats
    guise("kill", "--signal", "QUIT", "waits")  # tells where all threads are, and goes on
    wait_until(lambda: "at Waits.main(Waits.java:" in guise("logs", "waits"))
    guise("pause", "waits")
    guise("resume", "waits")
    guise("stop", "waits")
    said = guise("logs", "waits").split()
    assert (said[0], said[-1]) == ("waiting", "goodbye")
    assert guise.record("waits")["exitStatus"] == 143
