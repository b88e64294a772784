# SPDX-License-Identifier: Apache-2.0
"""A bundle with busybox as its root, and an OCI runtime that is told to run it."""
import copy
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve()
OCI = BUILD / "guise-oci"
BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
TOOLS = ["sh", "true", "false", "ls", "cat", "ps", "mount", "id", "sleep", "env", "grep", "touch",
         "hostname", "stat", "readlink", "tty", "test", "rm", "mkdir", "ip", "umount", "head", "dd",
         "ln", "mv", "nice", "stty", "seq", "kill", "trap", "mknod", "chmod", "pwd", "sysctl", "wc", "cp"]


def why_not():
    """A reason to skip all tests, or None."""
    if os.geteuid() != 0:
        return "containers need root here"
    if not BUSYBOX or b"statically" not in subprocess.run(["file", "-L", BUSYBOX], capture_output=True).stdout and \
            subprocess.run([shutil.which("ldd") or "ldd", BUSYBOX], capture_output=True).returncode == 0:
        return "no static busybox"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "no namespaces"
    return None if OCI.exists() else "build/guise-oci is not built"


def make_root(folder):
    (folder / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, folder / "bin/busybox")
    for tool in TOOLS:
        (folder / "bin" / tool).symlink_to("busybox")
    for name in "proc", "dev", "sys", "tmp", "etc", "root":
        (folder / name).mkdir()
    (folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nsomebody:x:1000:1000::/home/x:/bin/sh\n")


class Runtime:
    """An OCI runtime with its own state folder; each bundle is a copy of one config."""

    def __init__(self, folder, program=OCI):
        self.folder, self.program = folder, str(program)
        self.state_root = folder / "state"
        self.bundle = folder / "bundle"
        self.bundle.mkdir(parents=True)
        make_root(self.bundle / "rootfs")
        self("spec", "--bundle", self.bundle)
        self.base = json.loads((self.bundle / "config.json").read_text())
        self.base["process"]["terminal"] = False
        self.base["root"]["readonly"] = False
        self.serial = 0

    def config(self, *args):
        c = copy.deepcopy(self.base)
        c["process"]["args"] = list(args)
        return c

    def raw(self, *words, **kw):
        kw.setdefault("timeout", 30)
        kw.setdefault("text", True)
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.PIPE)
        if "input" not in kw:
            kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([self.program, "--root", self.state_root, *map(str, words)], cwd=self.bundle, **kw)

    def __call__(self, *words, status=0, **kw):
        done = self.raw(*words, **kw)
        if status is not None and done.returncode != status:
            raise AssertionError(f"{words}: {done.returncode}, not {status}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def write(self, config):
        (self.bundle / "config.json").write_text(json.dumps(config))

    def name(self):
        self.serial += 1
        return f"t{os.getpid()}-{self.serial}"

    def run(self, config, *options, **kw):
        """The whole life of a container; what it printed, its status and its errors."""
        self.write(config)
        return self.raw("run", *options, self.name(), **kw)

    def shell(self, script, change=None, **kw):
        config = self.config("sh", "-c", script)
        if change:
            change(config)
        done = self.run(config, **kw)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def create(self, config, *options):
        """Files as standard streams: a pipe would stay open as long as the container lives."""
        name = self.name()
        self.write(config)
        with open(self.folder / f"{name}.out", "w") as out:
            done = self.raw("create", *options, name, stdout=out, stderr=out)
        assert done.returncode == 0, (self.folder / f"{name}.out").read_text()
        return name

    def output(self, name):
        return (self.folder / f"{name}.out").read_text()

    def state(self, name):
        return json.loads(self("state", name))

    def clean(self):
        for name in self("list", "-q", status=None).split():
            self("delete", "--force", name, status=None)
