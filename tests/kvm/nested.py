# SPDX-License-Identifier: Apache-2.0
"""Real kernels under guise's engine kvm. On a host whose KVM is real they run there; on others all
happens inside an emulated x86-64 machine with nested virtualization (qemu-system-x86_64, TCG, SVM):
one outer machine runs a list of scripts, each of which calls guise as a user would."""
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import BUILD, ROOT

PC = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest")) / "pc"
APPLETS = ("sh mount insmod poweroff reboot cat echo ls mkdir sleep sed grep head tail dd md5sum sync nproc awk rm kill "
           "ip ping wc cut seq date timeout touch test [ tr true false printf dmesg cp mv find sort").split()

INNER_INIT = """#!/bin/sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
echo USERSPACE
grep -q bare= /proc/cmdline || while read m; do insmod /modules/$m.ko; done < /modules/order
eval "$(sed -n 's/.*run="\\([^"]*\\)".*/\\1/p' /proc/cmdline)"
poweroff -f
"""
OUTER_INIT = """#!/bin/sh
export PATH=/bin HOME=/root GUISE_STATE=/tmp/state XDG_CACHE_HOME=/root/cache
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts; mount -t tmpfs tmp /tmp
for m in irqbypass kvm kvm-amd; do insmod /modules/$m.ko; done
dmesg -n 1
cd /root
for t in /tests/*; do
    echo; echo "=== begin ${t##*/}"
    sh $t 2>&1
    echo; echo "=== end ${t##*/} $?"
done
poweroff -f
"""


def pad(data, to=4):
    return data + bytes(-len(data) % to)


def cpio(files):
    """A newc archive: {name: (mode, bytes)}; the folders on the way are made."""
    out, number = [], 0
    folders = {str(p) for name in files for p in Path(name).parents if str(p) != "."}
    entries = [(f, stat.S_IFDIR | 0o755, b"") for f in sorted(folders)] + \
              [(name, mode, data) for name, (mode, data) in files.items()] + [("TRAILER!!!", 0, b"")]
    for name, mode, data in entries:
        number += 1
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = "070701" + "".join(f"{f:08x}" for f in fields)
        out.append(pad(head.encode() + name.encode() + b"\0") + pad(data))
    return b"".join(out)


def script(text):
    return stat.S_IFREG | 0o755, text.encode()


def plain(path):
    return stat.S_IFREG | 0o755, Path(path).read_bytes()


def link(to):
    return stat.S_IFLNK | 0o777, to.encode()


def base(modules):
    files = {"bin/busybox": plain(PC / "busybox"), "dev/empty": script(""), "proc/empty": script(""), "sys/empty": script(""),
             "tmp/empty": script("")}
    files.update({f"bin/{a}": link("busybox") for a in APPLETS})
    files.update({f"modules/{m}.ko": plain(PC / f"modules/{m}.ko") for m in modules})
    return files


def inner_initrd():
    modules = [m for m in (PC / "modules/order").read_text().split() if "kvm" not in m and m != "irqbypass"]
    files = base(modules)
    files["init"] = script(INNER_INIT)
    files["modules/order"] = script("\n".join(modules) + "\n")
    return cpio(files)


def libraries(program):
    text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def unpacked(folder):
    """The kernel as an ELF file: what guise leaves in its cache. Also says whether KVM is real."""
    env = dict(os.environ, GUISE_STATE=str(folder / "state"), XDG_CACHE_HOME=str(folder))
    done = subprocess.run([BUILD / "guise", "run", "--rm", "-m", "64m", "--append", "panic=-1 quiet", PC / "vmlinuz"], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    found = list(folder.glob("guise/kernels/*.elf"))
    assert len(found) == 1, done.stdout
    return found[0], "emulates guest kernel code" not in done.stdout


class Host:
    def __init__(self, folder):
        if not PC.joinpath("vmlinuz").exists():
            pytest.skip("no kernel for amd64 (tools/guest FOLDER pc)")
        self.folder = folder
        self.vmlinux, self.real = unpacked(folder)
        (folder / "initrd").write_bytes(inner_initrd())
        shutil.copy(self.vmlinux, folder / "vmlinux")

    def run(self, scripts, icount=False, memory=1024, timeout=240):
        """{name: shell text} to {name: (output, status)}. In the folder of each: vmlinux, initrd."""
        return self.here(scripts, timeout) if self.real else self.nested(scripts, icount, memory, timeout)

    def here(self, scripts, timeout):
        env = dict(os.environ, GUISE_STATE=str(self.folder / "state"), PATH=f"{BUILD}:{os.environ['PATH']}")
        out = {}
        for name, text in scripts.items():
            done = subprocess.run(["sh", "-c", text], cwd=self.folder, env=env, stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
            out[name] = done.stdout, done.returncode
        return out

    def outer_initrd(self, scripts):
        files = base(["irqbypass", "kvm", "kvm-amd"])
        files["init"] = script(OUTER_INIT)
        with tempfile.TemporaryDirectory() as t:
            subprocess.run(["strip", "-o", f"{t}/guise", BUILD / "guise"], check=True)
            files["bin/guise"] = plain(f"{t}/guise")
        for lib in libraries(BUILD / "guise"):
            files[lib.lstrip("/")] = plain(lib)
        files["root/vmlinux"] = plain(self.folder / "vmlinux")
        files["root/initrd"] = plain(self.folder / "initrd")
        for name, text in scripts.items():
            files[f"tests/{name}"] = script(text)
        return cpio(files)

    def nested(self, scripts, icount, memory, timeout):
        qemu = shutil.which("qemu-system-x86_64")
        if not qemu:
            pytest.skip("this host's KVM is emulated, and there is no qemu-system-x86_64 to nest in")
        (self.folder / "outer").write_bytes(self.outer_initrd(scripts))
        words = [qemu, "-accel", "tcg", "-M", "q35", "-cpu", "max,+svm", "-m", str(memory), "-nodefaults", "-nographic",
                 "-serial", "stdio", "-no-reboot", "-kernel", self.folder / "vmlinux", "-initrd", self.folder / "outer",
                 "-append", "console=ttyS0 quiet panic=-1"] + (["-icount", "shift=0,sleep=off"] if icount else [])
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout)
        text = done.stdout.decode(errors="replace").replace("\r", "")
        found = re.findall(r"^=== begin (\S+)\n(.*?)^=== end \1 (\d+)$", text, re.S | re.M)
        assert len(found) == len(scripts), text[-4000:]
        return {name: (output, int(status)) for name, output, status in found}


def numbers(output):
    """What --stats has printed: {name: value}."""
    return {m[1]: int(m[2]) for m in re.finditer(r"^([\w.@-]+) +(\d+)(?: \w+)? *$", output, re.M)}
