# SPDX-License-Identifier: Apache-2.0
"""guise-oci on other hosts: cgroup v2 alone (mounted for the test over what this host has), and
for a user who is not root."""
import json
import os
import shutil
import subprocess

import pytest

import box

pytestmark = pytest.mark.skipif(box.why_not() is not None, reason=str(box.why_not()))

V2 = """set -e
mount --make-rprivate /
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
"""


@pytest.fixture
def oci(tmp_path):
    runtime = box.Runtime(tmp_path / "r")
    yield runtime


def in_script(oci, script):
    env = dict(os.environ, OCI=f"{oci.program} --root {oci.state_root}")
    done = subprocess.run(["unshare", "-m", "sh", "-c", V2 + script], cwd=oci.bundle, env=env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    if "wrong fs type" in done.stderr or "unknown filesystem" in done.stderr:
        pytest.skip("no cgroup2")
    assert done.returncode == 0, done
    return done.stdout


def test_v2_namespace_and_devices(oci):
    config = oci.config("sh", "-c", "tail -n1 /proc/self/cgroup; test -f /sys/fs/cgroup/cgroup.procs && echo mounted; mknod /tmp/d b 254 0; "
                                    "cat /tmp/d 2>&1 | sed 's/.*: //'; rm -f /tmp/d; echo x > /dev/null && echo null")
    for tool in "tail", "sed":
        (oci.bundle / "rootfs/bin" / tool).symlink_to("busybox")
    for kind in config["process"]["capabilities"].values():
        kind.append("CAP_MKNOD")
    oci.write(config)
    assert in_script(oci, "$OCI run v2a").splitlines() == ["0::/", "mounted", "Operation not permitted", "null"]


def test_v2_life(oci):
    oci.write(oci.config("sh", "-c", "sleep 1000 & sleep 1000 & wait"))
    out = in_script(oci, """$OCI create v2b > /dev/null 2>&1
$OCI start v2b
$OCI pause v2b; $OCI state v2b | grep -o paused
$OCI resume v2b; $OCI state v2b | grep -o running
$OCI exec v2b pwd
n=0; while [ "$($OCI ps -f json v2b | tr , '\\n' | wc -l)" != 3 ]; do n=$((n+1)); [ $n -lt 100 ]; sleep 0.05; done
$OCI delete -f v2b
test ! -e /sys/fs/cgroup/v2b && echo gone
""")
    assert out.split() == ["paused", "running", "/", "gone"]


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv")
def test_rootless(tmp_path):
    """One id of one's own, no cgroup, devices bound from the host."""
    uid = 12345
    folder = tmp_path / "rootless"
    box.make_root(folder / "rootfs")
    shutil.copy(box.OCI, folder / "oci")
    subprocess.run(["chown", "-R", f"{uid}:{uid}", folder], check=True)
    parent = tmp_path
    while str(parent) != "/tmp" and parent != parent.parent:
        os.chmod(parent, os.stat(parent).st_mode | 0o011)
        parent = parent.parent

    def run(*words, status=0, **kw):
        done = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", folder / "oci", "--root", folder / "state", *words],
                              cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, env={"PATH": os.environ["PATH"]}, **kw)
        assert done.returncode == status, (words, done)
        return done.stdout
    run("spec", "--rootless")
    config = json.loads((folder / "config.json").read_text())
    config["process"].update(terminal=False, args=["sh", "-c", "id -u; cat /proc/self/uid_map; echo x > /dev/null && echo null; ls /proc/1/exe"])
    (folder / "config.json").write_text(json.dumps(config))
    assert run("run", "r1").split() == ["0", "0", str(uid), "1", "null", "/proc/1/exe"]
    config["process"]["args"] = ["sh", "-c", "exit 3"]
    (folder / "config.json").write_text(json.dumps(config))
    run("run", "r2", status=3)
    assert run("list", "-q") == ""
