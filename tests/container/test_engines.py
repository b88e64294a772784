# SPDX-License-Identifier: Apache-2.0
"""guise-oci in place of runc: driven by podman and by containerd, where they are installed."""
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import box

pytestmark = pytest.mark.skipif(box.why_not() is not None, reason=str(box.why_not()))
CONF = """[containers]
default_ulimits=["nofile=4096:4096","nproc=4096:4096"]
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
"""


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    if not shutil.which("podman"):
        pytest.skip("no podman")
    folder = tmp_path_factory.mktemp("podman")
    (folder / "containers.conf").write_text(CONF)
    box.make_root(folder / "root")
    env = dict(os.environ, CONTAINERS_CONF=str(folder / "containers.conf"))

    def run(*words, status=0, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(["podman", "--root", folder / "store", "--runroot", folder / "run", "--runtime", box.OCI, *words],
                              env=env, capture_output=True, text=True, timeout=60, **kw)
        assert status is None or done.returncode == status, (words, done)
        return done.stdout if status is not None else done
    tar = folder / "root.tar"
    subprocess.run(["tar", "-C", folder / "root", "-cf", tar, "."], check=True)
    run("import", tar, "box:1")
    yield run
    run("rm", "-af", status=None)
    run("rmi", "-af", status=None)
    subprocess.run(["umount", folder / "store/overlay"], capture_output=True)


def test_podman_run(podman):
    out = podman("run", "--rm", "--network=none", "-m", "64m", "--pids-limit", "30", "--read-only", "--tmpfs", "/t", "-w", "/tmp", "-u", "1000:5",
                 "-e", "A=b", "--hostname", "anna", "box:1", "sh", "-c", "id -u; pwd; hostname; echo $A; touch /x 2>/dev/null || echo ro; grep Seccomp: /proc/self/status")
    assert out.split() == ["1000", "/tmp", "anna", "b", "ro", "Seccomp:", "2"]
    assert podman("run", "--rm", "--network=none", "box:1", "sh", "-c", "exit 7", status=None).returncode == 7
    assert podman("run", "--rm", "--network=none", "box:1", "nothing-of-this-name", status=None).returncode == 127
    assert podman("run", "--rm", "--network=none", "box:1", "/etc/passwd", status=None).returncode == 126


def test_podman_life(podman):
    podman("run", "-d", "--name", "life", "--network=none", "box:1", "sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done")
    assert podman("exec", "life", "sh", "-c", "echo in; id -u").split() == ["in", "0"]
    assert podman("exec", "life", "sh", "-c", "exit 3", status=None).returncode == 3
    podman("pause", "life")
    assert podman("inspect", "life", "--format", "{{.State.Status}}") == "paused\n"
    podman("unpause", "life")
    assert "sleep" in podman("top", "life") or "sh" in podman("top", "life")
    assert podman("logs", "life") == "up\n"
    podman("stop", "-t", "5", "life")
    assert podman("inspect", "life", "--format", "{{.State.ExitCode}}") == "5\n"
    podman("rm", "life")


def test_podman_terminal(podman):
    script = 'podman="$1"; shift; exec script -qec "$*" /dev/null'
    podman("run", "-d", "-t", "--name", "tty", "--network=none", "box:1", "sh", "-c", "tty; test -c /dev/console && echo console; sleep 100")
    end = time.monotonic() + 10
    while "console" not in podman("logs", "tty"):
        assert time.monotonic() < end
    assert "/dev/pts/0" in podman("logs", "tty"), script
    podman("rm", "-f", "-t", "0", "tty")


@pytest.fixture(scope="module")
def ctr(tmp_path_factory):
    if not (shutil.which("containerd") and shutil.which("ctr") and shutil.which("skopeo")):
        pytest.skip("no containerd, ctr or skopeo")
    folder = tmp_path_factory.mktemp("ctr")
    box.make_root(folder / "root")
    (folder / "config.toml").write_text(f'version = 2\nroot = "{folder}/store"\nstate = "{folder}/run"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                                        f'[grpc]\naddress = "{folder}/sock"\n[ttrpc]\naddress = "{folder}/ttrpc"\n')
    server = subprocess.Popen(["containerd", "-c", folder / "config.toml"], stdout=open(folder / "log", "w"), stderr=subprocess.STDOUT)

    def run(*words, status=0):
        done = subprocess.run(["ctr", "-a", folder / "sock", *map(str, words)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert status is None or done.returncode == status, (words, done, (folder / "log").read_text()[-2000:])
        return done
    end = time.monotonic() + 15
    while run("version", status=None).returncode:
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.1)
    run.root = folder / "root"
    yield run
    server.terminate()
    server.wait()


def test_containerd(ctr):
    done = ctr("run", "--rm", "--runc-binary", box.OCI, "--rootfs", ctr.root, "c1", "sh", "-c", "echo from containerd; exit 4", status=None)
    assert (done.returncode, done.stdout) == (4, "from containerd\n"), done
    ctr("run", "-d", "--runc-binary", box.OCI, "--rootfs", ctr.root, "c2", "sleep", "100")
    assert ctr("task", "exec", "--exec-id", "e1", "c2", "id", "-u").stdout == "0\n"
    ctr("task", "pause", "c2")
    assert "PAUSED" in ctr("task", "ls").stdout
    ctr("task", "resume", "c2")
    assert "RUNNING" in ctr("task", "ls").stdout
    ctr("task", "kill", "-s", "KILL", "c2")
    end = time.monotonic() + 10
    while "STOPPED" not in ctr("task", "ls").stdout:
        assert time.monotonic() < end
    ctr("task", "rm", "c2", status=None)
    ctr("container", "rm", "c2")
