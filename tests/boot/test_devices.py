# SPDX-License-Identifier: Apache-2.0
"""What is plugged into the board, as Debian's kernel uses it: disks, network, shared folders."""
import csv
import http.server
import re
import shutil
import socket
import subprocess
import threading

import pytest

from boot_common import (PATIENCE, SETUP_NET, WITH_PEER, HostPeer, linux, needs_guest, peer,  # noqa: F401
                         tcp_listener)
from conftest import wait_until

pytestmark = needs_guest
MOUNT = "modprobe ext4; mount -t ext4 /dev/vda /mnt"


@pytest.fixture
def ext4(tmp_path):
    if not shutil.which("mke2fs"):
        pytest.skip("no mke2fs")

    def make(name, fmt):
        raw = tmp_path / f"{name}.raw"
        with open(raw, "wb") as f:
            f.truncate(64 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", raw], check=True)
        if fmt == "raw":
            return raw
        if not shutil.which("qemu-img"):
            pytest.skip("no qemu-img")
        image = tmp_path / f"{name}.qcow2"
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
        return image
    return make


@pytest.mark.parametrize("fmt", ["raw", "qcow2"])
@pytest.mark.parametrize("bus", ["pci", "mmio"])
def test_disk_keeps_what_was_written(guise, ext4, fmt, bus):
    image = ext4("disk", fmt)
    disk = f"{image},bus={bus}"
    write = f"{MOUNT}; dd if=/dev/urandom of=/mnt/data bs=64k count=64; md5sum /mnt/data; sync; umount /mnt"
    first = guise("run", *linux(write, disk=disk), timeout=PATIENCE)
    again = guise("run", *linux(f"{MOUNT}; md5sum /mnt/data", disk=disk), timeout=PATIENCE)
    sums = [re.findall(r"^([0-9a-f]{32})  /mnt/data", out, re.M) for out in (first, again)]
    assert sums[0] and sums[0] == sums[1]
    if fmt == "qcow2":
        subprocess.run(["qemu-img", "check", "-q", image], check=True)


def test_disk_survives_a_reboot(guise, ext4):
    """The same machine resets: what was synced is there afterwards, and it then powers off."""
    script = f"{MOUNT}; if test -e /mnt/seen; then echo back again; else touch /mnt/seen; sync; reboot -f; fi"
    out = guise("run", *linux(script, disk=ext4("disk", "raw")), timeout=PATIENCE)
    assert out.count("Linux version") == 2 and "back again" in out


@pytest.mark.parametrize("bus", ["pci", "mmio"])
def test_two_busy_disks_on_two_harts(guise, ext4, tmp_path, bus):
    """Each disk is written and checked by two at once; both file systems are whole afterwards."""
    raw, qcow2 = ext4("one", "raw"), ext4("two", "qcow2")
    script = tmp_path / "shared" / "script"
    script.parent.mkdir()
    script.write_text("""
echo 4 >/proc/sys/vm/drop_caches # from then on the kernel does not say that it does
modprobe ext4; mkdir /a /b; mount -t ext4 /dev/vda /a; mount -t ext4 /dev/vdb /b
one() {
    for i in 1 2 3 4; do
        head -c 3000000 /dev/urandom >$1/$2 && sum=$(md5sum <$1/$2) && sync && echo 1 >/proc/sys/vm/drop_caches
        [ "$sum" = "$(md5sum <$1/$2)" ] && echo "same $1 $2 $i"
        cp $1/$2 $1/$2.copy && rm $1/$2 && mv $1/$2.copy $1/$2
    done
}
one /a x & one /a y & one /b x & one /b y & wait
umount /a; umount /b
""")
    start = "mkdir /data; mount -t 9p -o trans=virtio,version=9p2000.L data /data; sh /data/script"
    out = guise("run", *linux(start, cpus=2, disk=[f"{raw},bus={bus}", f"{qcow2},bus={bus}"],
                              volume=f"{script.parent}:/data"), timeout=PATIENCE)
    assert len(re.findall(r"^same /[ab] [xy] [1-4]\r?$", out, re.M)) == 16, out
    subprocess.run(["qemu-img", "check", "-q", qcow2], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "raw", qcow2, tmp_path / "back.raw"], check=True)
    for image in raw, tmp_path / "back.raw":
        subprocess.run(["e2fsck", "-fn", image], check=True, stdout=subprocess.DEVNULL)


def test_read_only_disk(guise, ext4):
    image = ext4("disk", "raw")
    before = image.read_bytes()
    out = guise("run", *linux("dd if=/dev/zero of=/dev/vda bs=4k count=1; cat /sys/block/vda/ro",
                              disk=f"{image},ro"), timeout=PATIENCE)
    assert re.search(r"^1\r?$", out, re.M)
    assert image.read_bytes() == before


def test_one_writer_of_an_image(guise, ext4):
    image = ext4("disk", "raw")
    guise("create", "--name", "first", *linux(disk=image))
    done = guise.run("run", *linux(disk=image))
    assert done.returncode == 125 and str(image) in done.stderr


def test_full_host_disk_is_an_error_to_the_guest(guise, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], capture_output=True).returncode:
        pytest.skip("may not mount a tmpfs")
    try:
        with open(small / "disk", "wb") as f:
            f.truncate(64 << 20)
        out = guise("run", "--name", "box", *linux(
            "dd if=/dev/zero of=/dev/vda bs=1M count=32 conv=fsync; echo still here", disk=f"{small}/disk,format=raw"),
            timeout=PATIENCE)
        assert "I/O error" in out and "still here" in out
        [log] = guise.state.glob("**/monitor.log")
        assert log.read_text().count("No space left") == 1
        guise("rm", "-f", "box")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_shared_folder(guise, tmp_path):
    shared = tmp_path / "shared"
    (shared / "sub").mkdir(parents=True)
    (shared / "greeting").write_text("from the host\n")
    (tmp_path / "secret").write_text("not shared\n")
    (shared / "out").symlink_to("../secret")
    script = ("mkdir /data; mount -t 9p -o trans=virtio,version=9p2000.L data /data; cat /data/greeting; "
              "echo from the guest >/data/sub/answer; cat /data/out; cat /data/../secret; umount /data")
    out = guise("run", *linux(script, volume=f"{shared}:/data"), timeout=PATIENCE)
    assert "from the host" in out and "not shared" not in out
    assert (shared / "sub/answer").read_text() == "from the guest\n"


def test_read_only_share(guise, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    script = "mkdir /data; mount -t 9p -o trans=virtio,version=9p2000.L data /data; echo x >/data/x"
    guise("run", *linux(script, volume=f"{shared}:/data:ro"), timeout=PATIENCE)
    assert list(shared.iterdir()) == []


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fetched over the network\n")

    def log_message(self, *_):
        pass


def test_fetch_over_user_network(guise):
    server = http.server.HTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = ("ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; "
              f"wget -q -O - http://10.0.2.2:{server.server_port}/")
    out = guise("run", *linux(script), timeout=PATIENCE)
    server.shutdown()
    assert "fetched over the network" in out


@pytest.mark.parametrize("offloads", ["on", "off"])
def test_streams_over_user_network(guise, peer, offloads):  # noqa: F811
    """16 MB each way, checked byte by byte, with large segments and with the guest's own."""
    size = 16 << 20
    giver, taker = (HostPeer(tcp_listener(), give, size) for give in (True, False))
    # ethtool is not there: a card whose driver takes no offloads is one that was told so by PCI.
    mode = "virtio_net.csum=0 virtio_net.gso=0" if offloads == "off" else ""
    script = (f"{WITH_PEER}; {SETUP_NET}; peer get tcp 10.0.2.2 {giver.port} {size} && "
              f"peer put tcp 10.0.2.2 {taker.port} {size}; cat /sys/class/net/eth0/statistics/tx_packets")
    out = guise("run", *linux(script, f"console=ttyS0 {mode}", volume=f"{peer}:/peer"), timeout=PATIENCE)
    assert f"get {size} bytes" in out and f"put {size} bytes" in out, out
    assert taker.taken == size
    packets = int(re.search(r"^put .*\r?\n(\d+)\r?$", out, re.M)[1])
    assert packets > size // 1500 if offloads == "off" else packets < size // 4000


def test_streams_over_ipv6(guise, peer):  # noqa: F811
    """libslirp takes no large segments of IPv6: the guest must not be told that it may send them."""
    try:
        giver, taker = (HostPeer(tcp_listener("::1"), give, 4 << 20) for give in (True, False))
    except OSError:
        pytest.skip("no IPv6 here")
    script = (f"{WITH_PEER}; {SETUP_NET}; ip -6 addr add fec0::15/64 dev eth0; sleep 3; "
              f"peer get tcp fec0::2 {giver.port} {4 << 20} && peer put tcp fec0::2 {taker.port} {4 << 20}")
    out = guise("run", *linux(script, volume=f"{peer}:/peer"), timeout=PATIENCE)
    assert f"get {4 << 20} bytes" in out and f"put {4 << 20} bytes" in out, out
    assert taker.taken == 4 << 20


def test_published_port(guise):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = ("ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2; "
              "echo answer | nc -l -p 80; echo served")
    guise("run", "-d", "--name", "box", *linux(script, publish=f"127.0.0.1:{port}:80"), timeout=PATIENCE)

    def asked():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
                s.settimeout(2)
                return s.recv(100) == b"answer\n"
        except OSError:
            return False
    wait_until(asked, seconds=PATIENCE)


def test_stats_of_devices(guise, tmp_path):
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    script = f"dd if=/dev/vda of=/dev/null bs=4k count=10 iflag=direct; {SETUP_NET}; ping -c 1 10.0.2.2"
    done = guise.run("run", "--stats", *linux(script, disk=f"{tmp_path}/disk,format=raw"), timeout=PATIENCE)
    rows = {w[0]: int(w[1]) for w in map(str.split, done.stderr.splitlines()) if len(w) in (2, 3) and w[1].isdigit()}
    assert rows["disk0.read.bytes"] >= 40960 and rows["disk0.requests"] >= rows["disk0.read.requests"] >= 10
    assert rows["net0.sent.frames"] >= 2 and rows["net0.received.frames"] >= 2  # ARP, ping
    assert rows["balloon0.guest_total"] > 100 << 20
    assert all(rows[f"{name}0.faults"] == 0 for name in ("disk", "net", "balloon", "rng", "vsock"))


def test_no_network(guise):
    out = guise("run", *linux("ls /sys/class/net", net="none"), timeout=PATIENCE)
    assert "eth0" not in out


def test_disk_with_a_model(guise, ext4, tmp_path):
    """A disk that seeks and turns: each request takes as long as the model says, and what it says is told."""
    trace = tmp_path / "trace.csv"
    reads = "; ".join(f"dd if=/dev/vda of=/dev/null bs=4k count=1 skip={i * 977 % 16000} iflag=direct" for i in range(12))
    stop = "dd if=/dev/zero of=/dev/vda bs=64k count=20 conv=fsync"
    disk = f"{ext4('disk', 'raw')},model=hdd:sata7200,trace={trace}"
    done = guise.run("run", "--stats", *linux(f"modprobe virtio_blk; {reads}; {stop}", disk=disk), timeout=PATIENCE)
    rows = list(csv.DictReader(trace.open()))
    random = [r for r in rows if r["op"] == "read" and int(r["block"]) >= 8][-11:]
    assert sum(float(r["rotate_ms"]) > 0 for r in random) > 3 and any(r["op"] == "flush" for r in rows)
    for before, after in zip(random, random[1:]):
        assert float(after["start_ms"]) >= float(before["end_ms"])
    parts = ("queue_ms", "overhead_ms", "seek_ms", "rotate_ms", "transfer_ms")
    for r in rows:
        assert abs(sum(float(r[k]) for k in parts) - (float(r["end_ms"]) - float(r["start_ms"]))) < 1e-3
    told = dict(re.findall(r"^disk0\.([\w.]+) +(\d+)", done.stderr, re.M))
    assert int(told["model.requests"]) == len(rows)
    assert abs(int(told["model.seek"]) - 1e6 * sum(float(r["seek_ms"]) for r in rows)) < 1e5


@pytest.mark.parametrize("options, says", [
    ("model=hdd:nosuch", "nosuch"), ("model=tape:x", "hdd:"), ("trace=x", "model="), ("model=hdd:./none.disk", "none.disk")])
def test_models_that_are_not_there(guise, ext4, options, says):
    done = guise.run("run", *linux("true", disk=f"{ext4('disk', 'raw')},{options}"), timeout=PATIENCE)
    assert done.returncode == 125 and says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_network_with_a_delay(guise):
    """A ping takes the delay there and back; some of them are lost, the same ones each time."""
    ping = f"{SETUP_NET}; ping -c 3 -W 5 10.0.2.2"
    out = guise("run", *linux(ping, net="user,delay=80ms,jitter=5ms"), timeout=PATIENCE)
    times = [float(t) for t in re.findall(r"seq=\d+ ttl=\d+ time=([\d.]+) ms", out)]
    assert len(times) == 3 and min(times) >= 150
    ping = f"{SETUP_NET}; ping -c 30 -i 0.05 -W 1 10.0.2.2"
    out = guise("run", *linux(ping, net="user,loss=30%,seed=3"), timeout=PATIENCE)
    got = int(re.search(r"30 packets transmitted, (\d+) packets received", out)[1])
    assert 4 <= got <= 26


def test_network_that_cannot_be(guise):
    done = guise.run("run", *linux("true", net="user,delay=soon"), timeout=PATIENCE)
    assert done.returncode == 125 and "delay=soon" in done.stderr and done.stderr.count("\n") == 1, done.stderr
