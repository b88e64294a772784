# SPDX-License-Identifier: Apache-2.0
"""A Debian of apt's packages on a disk: systemd starts it, it works, it is shut down in order.

Its packages come from the mirror that the host's apt uses, unpacked by mmdebstrap (mke2fs makes
the disk of the folder: nothing is mounted, nothing of riscv64 runs on the host). check-long only:
it takes some minutes."""
import gzip
import os
import shutil
import subprocess

import pytest

from boot_common import IMAGE, INITRD, PATIENCE, needs_guest

pytestmark = [needs_guest, pytest.mark.skipif("GUISE_LONG" not in os.environ, reason="for check-long")]
PACKAGES = ("bash coreutils dpkg apt base-passwd libc-bin diffutils grep sed mawk debianutils perl-base hostname "
            "util-linux base-files tar gzip findutils systemd-sysv systemd udev dash kmod login passwd mount procps")
INIT = """#!/bin/sh
export PATH=/bin:/sbin
mount -t devtmpfs dev /dev
mount -t sysfs sys /sys
modprobe ext4
for round in 1 2; do cat /sys/bus/*/devices/*/modalias | sort -u | xargs -r modprobe -qab; done
mount -t ext4 /dev/vda /mnt
umount /sys
exec switch_root /mnt /sbin/init
"""
UNIT = """[Service]
Type=oneshot
StandardOutput=journal+console
ExecStart=/bin/bash /root/work
ExecStopPost=systemctl poweroff --no-block
"""
WORK = """
echo "init is $(cat /proc/1/comm), on $(dpkg --print-architecture)"
perl -e 'print "perl says ", 6 * 7, "\\n"'
seq 20000 | sort -R | sort -n | sha256sum
echo "journal $(systemctl is-active systemd-journald), udev $(systemctl is-active systemd-udevd)"
echo "failed units: $(systemctl list-units --failed --no-legend --plain | wc -l)"
echo kept >/root/written
"""
SUM = subprocess.run("seq 20000 | sha256sum", shell=True, capture_output=True, text=True, check=True).stdout.split()[0]


def mirror():
    said = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
                           "Created-By: Packages"], capture_output=True, text=True).stdout
    for line in said.splitlines():
        release, component, address = line.split()
        if component == "main" and "security" not in release + address and "updates" not in release:
            return address
    return None


def configure(root):
    """What the packages' scripts would have done, had they run."""
    for name in ["passwd", "group"]:
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    (root / "etc/machine-id").write_text("")
    units = root / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    (units / "work.service").write_text(UNIT)
    (units / "multi-user.target.wants/work.service").symlink_to("../work.service")
    (root / "root/work").write_text(WORK)
    for name in ["etc/.updated", "var/.updated"]:  # no rebuilding of caches at the first start
        (root / name).touch()


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    for tool in ["mmdebstrap", "mke2fs", "debugfs"]:
        if not shutil.which(tool):
            pytest.skip(f"no {tool}")
    if os.geteuid() or not mirror():
        pytest.skip("needs root and apt's mirror, to unpack packages")
    folder = tmp_path_factory.mktemp("debian")
    root, image = folder / "root", folder / "disk.raw"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", "--mode=root", "--arch=riscv64",
                    "--include=" + ",".join(PACKAGES.split()), "trixie", root,
                    f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror()} trixie main"],
                   check=True, timeout=600)
    configure(root)
    with open(image, "wb") as f:
        f.truncate(500 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image], check=True)
    shutil.rmtree(root)
    yield image
    image.unlink()


@pytest.fixture
def initrd(tmp_path):
    (tmp_path / "init-debian").write_text(INIT)
    (tmp_path / "init-debian").chmod(0o755)
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"init-debian\n", cwd=tmp_path,
                             stdout=subprocess.PIPE, check=True).stdout
    (tmp_path / "initrd").write_bytes(INITRD.read_bytes() + gzip.compress(archive))
    return tmp_path / "initrd"


def test_debian_of_packages(guise, disk, initrd):
    out = guise("run", "--cpus", "2", "--memory", "1G", "--disk", disk, "--initrd", initrd, "--append",
                "console=ttyS0 rdinit=/init-debian systemd.unit=multi-user.target systemd.log_color=0", IMAGE,
                timeout=3 * PATIENCE)
    for word in ["init is systemd, on riscv64", "perl says 42", SUM, "journal active, udev active", "failed units: 0",
                 "reboot: Power down"]:
        assert word in out, (word, out)
    features = subprocess.run(["dumpe2fs", "-h", disk], capture_output=True, text=True, check=True).stdout
    assert "needs_recovery" not in features
    word = subprocess.run(["debugfs", "-R", "cat /root/written", disk], capture_output=True, text=True, check=True)
    assert word.stdout == "kept\n", word
