# SPDX-License-Identifier: Apache-2.0
"""guise run DIR: containers under guise's own life cycle."""
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

import box

pytestmark = pytest.mark.skipif(box.why_not() is not None, reason=str(box.why_not()))


class Command:
    def __init__(self, folder):
        self.root = folder / "root"
        box.make_root(self.root)
        self.env = dict(os.environ, GUISE_STATE=str(folder / "state"), NO_COLOR="1")
        self.folder = folder

    def run(self, *words, **kw):
        kw.setdefault("timeout", 30)
        if "input" not in kw:
            kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([box.BUILD / "guise", *map(str, words)], env=self.env, cwd=self.folder,
                              capture_output=True, text=True, **kw)

    def __call__(self, *words, status=0, **kw):
        done = self.run(*words, **kw)
        assert done.returncode == status, (words, done)
        return done.stdout


@pytest.fixture(scope="module")
def guise(tmp_path_factory):
    command = Command(tmp_path_factory.mktemp("box"))
    yield command
    for name in command("ps", "-aq").split():
        command.run("rm", "-f", name)


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_explain(guise):
    choice = json.loads(guise("run", "--explain", "--json", guise.root))
    assert (choice["candidates"][0]["kind"], choice["candidates"][0]["engine"]) == ("container", "native")


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 42", 42)])
def test_status(guise, script, status):
    guise("run", "--rm", guise.root, "sh", "-c", script, status=status)
    assert guise("ps", "-aq") == ""


def test_no_such_program(guise):
    done = guise.run("run", "--rm", guise.root, "nothing-of-this-name")
    assert done.returncode == 127 and "executable file not found" in done.stderr
    (guise.root / "tmp/plain").write_text("x")
    assert guise.run("run", "--rm", guise.root, "/tmp/plain").returncode == 126
    assert "which program" in guise.run("run", guise.root).stderr
    assert guise("ps", "-aq") == ""


def test_options(guise):
    (guise.folder / "share").mkdir()
    (guise.folder / "share/file").write_text("shared\n")
    out = guise("run", "--rm", "-e", "A=1", "-w", "/tmp", "-u", "somebody:7", "--hostname", "anna", "-m", "64m", "--cpus", "0.5", "--pids-limit", "20",
                "--read-only", "--tmpfs", "/tmp:size=1m", "-v", f"{guise.folder}/share:/share:ro", guise.root, "sh", "-c",
                "id -u; id -g; pwd; hostname; echo $A; cat /share/file; touch /x 2>/dev/null || echo ro; touch /share/x 2>/dev/null || echo ro; touch /tmp/x && echo rw")
    assert out.split() == ["1000", "7", "/tmp", "anna", "1", "shared", "ro", "ro", "rw"]


def test_limits_are_the_kernels(guise):
    name = "limited"
    guise("run", "-d", "--name", name, "-m", "64m", "--cpus", "0.5", "--pids-limit", "20", guise.root, "sleep", "100")
    ident = json.loads(guise("inspect", name))[0]["state"]["id"]
    state = json.loads(next((guise.folder / "state" / ident / "oci").glob("*/state.json")).read_text())
    for key, path in state["cgroups"].items():
        if "memory" in key.split(","):
            assert (Path(path) / "memory.limit_in_bytes").read_text() == f"{64 << 20}\n"
        if "pids" in key.split(","):
            assert (Path(path) / "pids.max").read_text() == "20\n"
        if "cpu" in key.split(","):
            assert (Path(path) / "cpu.cfs_quota_us").read_text() == "50000\n"
    assert "container.memory" in guise("stats", "--no-stream", "--all-rows", name)
    guise("rm", "-f", name)


def test_capabilities(guise):
    status = lambda *words: int(guise("run", "--rm", *words, guise.root, "grep", "CapEff", "/proc/self/status").split()[1], 16)
    assert status("--cap-drop", "all") == 0
    assert status("--cap-drop", "ALL", "--cap-add", "kill") == 1 << 5
    assert status() == 0xa80425fb
    assert status("--privileged") & 1 << 21
    assert "no capability" in guise.run("run", "--cap-add", "fly", guise.root, "true").stderr


def test_networks(guise):
    inside = lambda *words: guise("run", "--rm", *words, guise.root, "readlink", "/proc/self/ns/net").strip()
    assert inside() != os.readlink("/proc/self/ns/net")
    assert inside("--network", "host") == os.readlink("/proc/self/ns/net")


@pytest.mark.parametrize("words", [["-p", "8080:80"], ["--network", "user"], ["--network", "none", "--network", "host"]])
def test_what_is_not_there_is_refused(guise, words):
    done = guise.run("run", "--rm", *words, guise.root, "true")
    assert done.returncode == 125 and words[0].strip("-")[0] in done.stderr and done.stderr.count("\n") == 1
    assert guise("ps", "-aq") == ""


def test_life(guise):
    guise("run", "-d", "--name", "life", guise.root, "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done")
    until(lambda: guise("logs", "life") == "up\n")
    assert guise("exec", "life", "sh", "-c", "echo inside; exit 0") == "inside\n"
    assert guise.run("exec", "-e", "B=2", "-w", "/tmp", "-u", "somebody", "life", "sh", "-c", "id -u; pwd; echo $B; exit 9").stdout.split() == ["1000", "/tmp", "2"]
    assert guise.run("exec", "life", "sh", "-c", "exit 9").returncode == 9
    guise("pause", "life")
    assert "paused" in guise.run("exec", "life", "true").stderr
    guise("resume", "life")
    guise("stop", "life")
    assert guise("logs", "life") == "up\nbye\n"
    assert json.loads(guise("inspect", "life"))[0]["state"]["exitStatus"] == 3
    guise("start", "life")
    until(lambda: guise("logs", "life").count("up") == 2)
    guise("kill", "life")
    until(lambda: json.loads(guise("inspect", "life"))[0]["state"]["life"] == "stopped")
    guise("rm", "life")


def test_input(guise):
    assert guise("run", "-i", "--rm", guise.root, "head", "-n1", input="one\ntwo\n") == "one\n"


def test_bundle(guise):
    bundle = guise.folder / "bundle"
    bundle.mkdir()
    subprocess.run([box.OCI, "spec", "-b", bundle], check=True)
    (bundle / "rootfs").symlink_to(guise.root)
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["args"] = ["sh", "-c", "echo from the bundle"]
    (bundle / "config.json").write_text(json.dumps(config))
    assert guise("run", "--rm", bundle) == "from the bundle\n"
    assert guise("run", "--rm", bundle, "hostname") == "guise\n"
    assert "config.json says that" in guise.run("run", "--rm", "-m", "64m", bundle).stderr


def test_nothing_is_left(guise):
    guise("run", "--rm", "--cidfile", "cid", guise.root, "true")
    known = (guise.folder / "cid").read_text().split()
    assert guise("ps", "-aq") == ""
    assert not [p for p in Path("/sys/fs/cgroup").glob("*/guise/" + "[0-9a-f]" * 12) if p.name in known]
    assert sorted(p.name for p in (guise.folder / "state").iterdir()) == ["events", "lock"]


@pytest.mark.parametrize("how", ["rm", "start"])
def test_monitor_is_killed(guise, how):
    """The container ends with it; what it left is removed, or the container starts again."""
    guise("run", "-d", "--name", "orphan", guise.root, "sleep", "1000")
    record = json.loads(guise("inspect", "orphan"))[0]["state"]
    state = json.loads((guise.folder / "state" / record["id"] / "oci" / record["id"] / "state.json").read_text())
    os.kill(record["pid"], 9)
    until(lambda: not Path(f"/proc/{state['pid']}").exists())
    if how == "start":
        guise("start", "orphan")
        assert guise("exec", "orphan", "pwd") == "/\n"
    guise("rm", "-f", "orphan")
    assert not [path for path in state["cgroups"].values() if Path(path).exists()]
