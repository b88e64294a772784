# SPDX-License-Identifier: Apache-2.0
"""guise-oci as an engine calls it: life cycle, what a container sees, what it must not get."""
import array
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import box

pytestmark = pytest.mark.skipif(box.why_not() is not None, reason=str(box.why_not()))


@pytest.fixture(scope="module")
def oci(tmp_path_factory):
    runtime = box.Runtime(tmp_path_factory.mktemp("oci"))
    yield runtime
    runtime.clean()


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


# ---- life cycle ----

def test_life(oci):
    name = oci.create(oci.config("sh", "-c", "echo began; exec sleep 100"), "--pid-file", oci.folder / "pid")
    state = oci.state(name)
    assert (state["status"], state["bundle"], state["id"]) == ("created", str(oci.bundle), name)
    assert state["pid"] == int((oci.folder / "pid").read_text())
    assert "already exists" in oci.raw("create", name).stderr
    assert oci.raw("delete", "nobody").returncode == 1
    oci("start", name)
    assert oci.state(name)["status"] == "running"
    until(lambda: oci.output(name) == "began\n")
    assert "already running" in oci.raw("start", name).stderr
    assert "not stopped" in oci.raw("delete", name).stderr
    assert name in oci("list", "-q").split()
    assert [c["id"] for c in json.loads(oci("list", "-f", "json"))] == [name]
    assert json.loads(oci("ps", "-f", "json", name)) == [state["pid"]]
    assert "sleep 100" in oci("ps", name)
    oci("kill", name, "KILL")
    until(lambda: oci.state(name)["status"] == "stopped")
    assert oci.state(name)["pid"] == 0
    assert "not running" in oci.raw("kill", name, "TERM").stderr
    oci("delete", name)
    assert oci.raw("state", name).returncode == 1
    oci("delete", "--force", name)


def test_pause(oci):
    name = oci.create(oci.config("sh", "-c", "while :; do :; done"))
    oci("start", name)
    oci("pause", name)
    assert oci.state(name)["status"] == "paused"
    pid = oci.state(name)["pid"]
    time_of = lambda: Path(f"/proc/{pid}/stat").read_text().split()[13:15]
    before = time_of()
    time.sleep(0.1)
    assert time_of() == before
    assert "paused" in oci.raw("exec", name, "true").stderr
    oci("resume", name)
    assert oci.state(name)["status"] == "running"
    assert "not paused" in oci.raw("resume", name).stderr
    oci("pause", name)
    oci("kill", name, "KILL")
    until(lambda: oci.state(name)["status"] == "stopped")
    oci("delete", name)


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 0), ("sleep 0.05; exit 3", 3)])
def test_run_gives_the_status(oci, script, status):
    """A first process does not hear its own SIGKILL: pid namespaces protect it."""
    assert oci.run(oci.config("sh", "-c", script)).returncode == status
    assert oci("list", "-q") == ""


def test_run_passes_signals_on(oci):
    oci.write(oci.config("sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done"))
    process = subprocess.Popen([oci.program, "--root", oci.state_root, "run", oci.name()], cwd=oci.bundle, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 9


def test_run_detached_and_kept(oci):
    oci.write(oci.config("sleep", "100"))
    name = oci.name()
    with open(os.devnull, "w") as null:
        oci("run", "-d", name, stdout=null, stderr=null)
    assert oci.state(name)["status"] == "running"
    oci("delete", "-f", name)
    oci.write(oci.config("true"))
    name = oci.name()
    oci("run", "--keep", name)
    assert oci.state(name)["status"] == "stopped"
    oci("delete", name)
    oci.clean()


def test_nothing_is_left(oci):
    done = oci.run(oci.config("/nowhere"))
    assert done.returncode == 1 and "no such file" in done.stderr
    assert os.listdir(oci.state_root) == []
    assert not list(Path("/sys/fs/cgroup").glob(f"**/t{os.getpid()}-*"))


def test_log_as_json(oci):
    log = oci.folder / "log"
    oci.write(oci.config("nothing-of-this-name"))
    done = subprocess.run([oci.program, "--root", oci.state_root, "--log", log, "--log-format=json", "create", "x"],
                          cwd=oci.bundle, capture_output=True, text=True)
    assert done.returncode == 1
    line = json.loads(log.read_text())
    assert line["level"] == "error" and "executable file not found in $PATH" in line["msg"]


@pytest.mark.parametrize("words", [["create"], ["create", "--nothing", "x"], ["nothing"], ["state", "../x"], ["kill", "x", "NOSIGNAL"],
                                   ["create", "a/b"], ["--systemd-cgroup", "list"], ["list", "-f", "xml"]])
def test_wrong_words(oci, words):
    oci.write(oci.config("true"))
    done = oci.raw(*words)
    assert done.returncode == 1 and done.stderr.count("\n") == 1


# ---- what the container is ----

def test_namespaces_are_its_own(oci):
    def namespaces(text):
        return dict(line.split(":", 1) for line in text.split() if ":" in line)
    kinds = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"]
    inside = namespaces(oci.shell("; ".join(f"readlink /proc/self/ns/{k}" for k in kinds)))
    outside = {k: os.readlink(f"/proc/self/ns/{k}").split(":")[1] for k in kinds}
    for kind in kinds:
        assert (inside[kind] == outside[kind]) == (kind == "user"), kind


def test_namespace_joined_by_path(oci):
    holder = oci.create(oci.config("sleep", "100"))
    pid = oci.state(holder)["pid"]

    def join(config):
        for ns in config["linux"]["namespaces"]:
            if ns["type"] in ("network", "ipc", "pid"):
                ns["path"] = f"/proc/{pid}/ns/{dict(network='net').get(ns['type'], ns['type'])}"
    out = oci.shell("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid", join).split()
    assert out == [os.readlink(f"/proc/{pid}/ns/{k}") for k in ("net", "ipc", "pid")]
    oci("delete", "-f", holder)


def test_wrong_namespace_path(oci):
    config = oci.config("true")
    config["linux"]["namespaces"][0]["path"] = "/proc/self/ns/net"
    assert "is not a pid namespace" in oci.run(config).stderr


def user_namespace(config):
    config["linux"]["namespaces"].append({"type": "user"})
    for key in "uidMappings", "gidMappings":
        config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def test_user_namespace(oci):
    os.chmod(oci.folder, 0o755)
    folder = oci.folder
    while str(folder) != "/tmp":          # somebody else's root must be reachable
        os.chmod(folder, os.stat(folder).st_mode | 0o011)
        folder = folder.parent
    for path in oci.bundle, oci.bundle / "rootfs":
        os.chmod(path, 0o755)
    out = oci.shell("id -u; cat /proc/self/uid_map; touch /tmp/x 2>/dev/null; ls /dev/null; echo x > /dev/null; id -u",
                    user_namespace).split()
    assert out == ["0", "0", "100000", "65536", "/dev/null", "0"]


def test_time_namespace(oci):
    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}}
    assert float(oci.shell("cat /proc/uptime", change).split()[0]) > 1000000


def test_hostname_and_network(oci):
    def change(config):
        config["hostname"] = "anna"
        config["domainname"] = "example"
    out = oci.shell("hostname; cat /proc/sys/kernel/domainname; ip addr show lo; ls /sys/class/net", change)
    assert out.startswith("anna\nexample\n") and "127.0.0.1" in out and out.split()[-1] == "lo"


def test_process(oci):
    def change(config):
        p = config["process"]
        p["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o77}
        p["env"] += ["COLOR=blue"]
        p["cwd"] = "/tmp/deep/folder"
        p["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}]
        p["oomScoreAdj"] = 321
    out = oci.shell("id -u; id -g; id -G; umask; pwd; echo $COLOR $HOME; ulimit -n; cat /proc/self/oom_score_adj", change)
    assert out.split("\n") == ["1000", "1001", "1001 5 6", "0077", "/tmp/deep/folder", "blue /home/x", "77", "321", ""]


def test_capabilities(oci):
    def change(config):
        config["process"]["capabilities"] = {k: ["CAP_CHOWN", "CAP_KILL"] for k in ("bounding", "permitted", "effective", "inheritable", "ambient")}
        config["process"]["user"] = {"uid": 1000, "gid": 1000}
    lines = dict(line.split() for line in oci.shell("grep -E '^(Cap|NoNew)' /proc/self/status", change).splitlines())
    assert {int(lines[f"Cap{k}:"], 16) for k in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {1 | 1 << 5}
    assert lines["NoNewPrivs:"] == "1"


def test_no_capabilities_at_all(oci):
    def change(config):
        del config["process"]["capabilities"]
    assert set(oci.shell("grep Cap /proc/self/status", change).split()[1::2]) == {"0" * 16}


def test_devices(oci):
    def change(config):
        config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8},
                                      {"path": "/dev/fifo", "type": "p"}]
    out = oci.shell("stat -c '%n %F %a %u %g %t:%T' /dev/mine /dev/null /dev/fifo; readlink /dev/stdin", change)
    assert out.splitlines() == ["/dev/mine character special file 640 7 8 1:5", "/dev/null character special file 666 0 0 1:3",
                                "/dev/fifo fifo 666 0 0 0:0", "/proc/self/fd/0"]


def test_devices_are_limited(oci):
    """A node of the host's disk can be made, but not opened."""
    def change(config):
        for kind in config["process"]["capabilities"].values():
            kind.append("CAP_MKNOD")
    out = oci.shell("mknod /tmp/disk b 254 0; head -c1 /tmp/disk 2>&1; rm /tmp/disk", change)
    assert "Operation not permitted" in out


def test_paths_are_narrowed(oci):
    def change(config):
        config["root"]["readonly"] = True
        config["linux"]["maskedPaths"] = ["/proc/timer_list", "/proc/scsi", "/sys/firmware", "/nothing/here", "/bin"]
        config["process"]["args"] = ["/busybox", "sh", "-c",
                                     "B=/busybox; $B wc -c < /proc/timer_list; $B ls /bin; $B touch /x; $B touch /proc/sys/kernel/hostname; echo 1 > /proc/sys/vm/drop_caches"]
    config = oci.config()
    change(config)
    link = oci.bundle / "rootfs/busybox"
    os.link(oci.bundle / "rootfs/bin/busybox", link)
    done = oci.run(config)
    link.unlink()
    assert done.stdout == "0\n" and done.stderr.lower().count("read-only file system") == 3, done


def test_mounts(oci):
    source = oci.folder / "source"
    (source / "inner").mkdir(parents=True)
    (source / "file").write_text("content")

    def change(config):
        config["mounts"] += [
            {"destination": "/a/b", "type": "bind", "source": str(source), "options": ["rbind", "ro", "nosuid"]},
            {"destination": "/new/file", "type": "bind", "source": str(source / "file"), "options": ["bind"]},
            {"destination": "/tmp/t", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "noexec", "mode=1750"]},
            {"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]},
        ]
    out = oci.shell("cat /a/b/file; cat /new/file; touch /a/b/x 2>&1; stat -c %a /tmp/t; head -c4 /etc/passwd; touch /etc/x 2>&1;"
                    "grep -c ' /a/b .*nosuid' /proc/mounts; grep -c ' /tmp/t .*noexec.*size=1024k' /proc/mounts", change)
    assert out.count("content") == 2 and out.count("Read-only") == 2
    assert "1750" in out and "root" in out and out.endswith("1\n1\n")


def test_recursive_read_only(oci):
    source = oci.folder / "outer"
    (source / "inner").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "inner"], check=True)
    try:
        def change(options):
            return lambda c: c["mounts"].append({"destination": "/a", "type": "bind", "source": str(source), "options": options})
        assert oci.shell("touch /a/inner/x && echo yes", change(["rbind", "ro"])) == "yes\n"
        assert "Read-only" in oci.shell("touch /a/inner/y 2>&1; true", change(["rbind", "rro"]))
    finally:
        subprocess.run(["umount", source / "inner"], check=True)


def test_idmapped_mount(oci):
    source = oci.folder / "mapped"
    source.mkdir()
    (source / "x").touch()

    def change(config):
        maps = [{"containerID": 0, "hostID": 5000, "size": 10}]
        config["mounts"].append({"destination": "/a", "type": "bind", "source": str(source), "options": ["bind"],
                                 "uidMappings": maps, "gidMappings": maps})
    assert oci.shell("stat -c '%u %g' /a/x", change) == "5000 5000\n"


def test_sysctl(oci):
    def change(config):
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "12345"}
    before = Path("/proc/sys/kernel/shmmax").read_text()
    assert oci.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax", change) == "1\n12345\n"
    assert Path("/proc/sys/kernel/shmmax").read_text() == before


def test_seccomp(oci):
    def change(config):
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                      "syscalls": [{"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    for no_new in True, False:
        def both(config, no_new=no_new):
            change(config)
            config["process"]["noNewPrivileges"] = no_new
        assert "No space left" in oci.shell("mkdir /tmp/y 2>&1; true", both)


def receive_fd(listener):
    connection, _ = listener.accept()
    data, control, _, _ = connection.recvmsg(8192, socket.CMSG_LEN(4))
    fds = array.array("i")
    fds.frombytes(control[0][2])
    return data, fds[0]


def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(path))
    s.listen(1)
    s.settimeout(10)
    return s


def test_seccomp_listener(oci, tmp_path):
    s = listen(tmp_path / "s")
    config = oci.config("true")
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(tmp_path / "s"), "listenerMetadata": "words",
                                  "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_NOTIFY"}]}
    name = oci.create(config)
    oci("start", name)
    data, fd = receive_fd(s)
    state = json.loads(data)
    assert state["metadata"] == "words" and state["state"]["id"] == name and "seccomp" in os.readlink(f"/proc/self/fd/{fd}")
    os.close(fd)
    oci("delete", "-f", name)


def test_console(oci, tmp_path):
    s = listen(tmp_path / "s")
    config = oci.config("sh", "-c", "tty; stty size; test -c /dev/console && echo console")
    config["process"]["terminal"] = True
    config["process"]["consoleSize"] = {"height": 21, "width": 84}
    assert "--console-socket" in oci.run(config, "-d").stderr
    name = oci.create(config, "--console-socket", tmp_path / "s")
    _, fd = receive_fd(s)
    oci("start", name)
    text = b""
    while b"console" not in text:
        text += os.read(fd, 4096)
    assert text.split() == [b"/dev/pts/0", b"21", b"84", b"console"]
    os.close(fd)
    oci("delete", "-f", name)


def test_hooks(oci):
    log = oci.folder / "hooks"
    log.write_text("")

    def hook(kind, inside=False):
        path = "/bin/sh"
        return [{"path": path, "args": ["sh", "-c", f"echo {kind} $(grep -o '\"status\":\"[a-z]*\"') >> {'/tmp/hooks' if inside else log}"]}]
    config = oci.config("cat", "/tmp/hooks")
    outside = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    config["hooks"] = {k: hook(k) for k in outside}
    config["hooks"]["startContainer"] = hook("startContainer", True)
    (oci.bundle / "rootfs/tmp/hooks").write_text("")
    done = oci.run(config)
    assert done.stdout == 'startContainer "status":"created"\n', done.stderr
    assert [line.split()[0] for line in log.read_text().splitlines()] == outside
    config["hooks"]["createRuntime"] = [{"path": "/bin/false"}]
    assert "createRuntime hook #0" in oci.run(config).stderr
    config["hooks"]["createRuntime"] = [{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]
    assert "more than 1 s" in oci.run(config).stderr


# ---- cgroups ----

def cgroup_file(oci, name, controller, v1, v2):
    state = json.loads((oci.state_root / name / "state.json").read_text())["cgroups"]
    for key, path in state.items():
        if key == "":
            return (Path(path) / v2).read_text().strip()
        if controller in key.split(","):
            return (Path(path) / v1).read_text().strip()
    pytest.skip(f"no controller {controller}")


def test_limits_and_update(oci):
    config = oci.config("sleep", "100")
    config["linux"]["resources"].update({"memory": {"limit": 64 << 20}, "pids": {"limit": 17}, "cpu": {"quota": 50000, "period": 100000, "shares": 512}})
    name = oci.create(config)
    memory = lambda: cgroup_file(oci, name, "memory", "memory.limit_in_bytes", "memory.max")
    assert memory() == str(64 << 20)
    assert cgroup_file(oci, name, "pids", "pids.max", "pids.max") == "17"
    assert cgroup_file(oci, name, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
    oci("update", "--memory", "32m", "--pids-limit", "9", name)
    assert memory() == str(32 << 20)
    oci("update", "-r", "-", name, input='{"memory": {"limit": 50331648}}')
    assert memory() == str(48 << 20)
    data = json.loads(oci("events", "--stats", name))["data"]
    assert data["pids"] == {"current": 1, "limit": 9} and data["memory"]["usage"]["limit"] == 48 << 20
    oci("delete", "-f", name)


def test_cgroup_path(oci):
    config = oci.config("cat", "/proc/self/cgroup")
    config["linux"]["cgroupsPath"] = "/guise-test/inner"
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "cgroup"]
    config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
    assert "/guise-test/inner" in oci.run(config).stdout
    config["linux"]["cgroupsPath"] = "/a/../../b"
    assert "'..'" in oci.run(config).stderr


# ---- exec ----

@pytest.fixture(scope="module")
def running(oci):
    config = oci.config("sleep", "1000")
    config["process"]["env"].append("OWN=1")
    name = oci.create(config)
    oci("start", name)
    yield name
    oci("delete", "-f", name)


def test_exec(oci, running):
    assert oci("exec", running, "sh", "-c", "echo $OWN $MORE; pwd; hostname", ).split() == ["1", "/", "guise"]
    assert oci("exec", "-e", "MORE=2", "--cwd", "/tmp", "-u", "1000:7", running, "sh", "-c", "echo $MORE; pwd; id -u; id -g").split() == ["2", "/tmp", "1000", "7"]
    assert oci.raw("exec", running, "sh", "-c", "exit 33").returncode == 33
    done = oci.raw("exec", running, "nothing-of-this-name")
    assert done.returncode == 255 and "executable file not found in $PATH" in done.stderr
    assert oci("exec", running, "readlink", "/proc/self/ns/pid").strip() == os.readlink(f"/proc/{oci.state(running)['pid']}/ns/pid")


def test_exec_of_a_process_file(oci, running):
    process = {"args": ["sh", "-c", "id -u; echo $A; grep CapEff /proc/self/status"], "cwd": "/", "env": ["A=b", "PATH=/bin"],
               "user": {"uid": 5, "gid": 5}, "capabilities": {k: ["CAP_KILL"] for k in ("bounding", "permitted", "effective", "inheritable", "ambient")}}
    path = oci.folder / "process.json"
    path.write_text(json.dumps(process))
    assert oci("exec", "--process", path, running).split() == ["5", "b", "CapEff:", f"{1 << 5:016x}"]


def test_exec_detached(oci, running):
    pid_file = oci.folder / "exec.pid"
    with open(os.devnull, "w") as null:
        oci("exec", "-d", "--pid-file", pid_file, running, "sleep", "50", stdout=null, stderr=null)
    pid = int(pid_file.read_text())
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0050\x00"
    assert pid in json.loads(oci("ps", "-f", "json", running))
    os.kill(pid, signal.SIGKILL)


def test_exec_terminal(oci, running, tmp_path):
    s = listen(tmp_path / "s")
    oci("exec", "-d", "-t", "--console-socket", tmp_path / "s", running, "sh", "-c", "tty; sleep 0.2")
    _, fd = receive_fd(s)
    assert os.read(fd, 100).startswith(b"/dev/pts/")
    os.close(fd)


# ---- what it must not get ----

def test_no_descriptors_leak(oci):
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    oci.write(oci.config("ls", "/proc/self/fd"))
    out = oci.raw("run", oci.name(), close_fds=False).stdout
    assert set(out.split()) == {"0", "1", "2", "3"}, out        # 3 is the listing's own
    os.close(read_end), os.close(write_end)


def test_descriptors_that_are_asked_for(oci):
    oci.write(oci.config("readlink", "/proc/self/fd/3"))
    script = 'exec 3< "$1"; shift; exec "$@"'
    out = subprocess.run(["sh", "-c", script, "sh", oci.folder / "bundle/config.json", oci.program, "--root", oci.state_root, "run",
                          "--preserve-fds", "1", oci.name()], cwd=oci.bundle, capture_output=True, text=True, timeout=30)
    assert out.stdout.strip(), (out, "descriptor 3 is not there")


def test_working_folder_outside(oci):
    """CVE-2024-21626: a folder of the host through a descriptor that was left open; one of the root is harmless."""
    config = oci.config("pwd")
    for fd in range(3, 12):
        config["process"]["cwd"] = f"/proc/self/fd/{fd}"
        done = oci.run(config)
        assert done.stdout in ("", "/\n"), (fd, done)


def test_own_binary_cannot_be_written(oci):
    """CVE-2019-5736: the program is the runtime itself, by /proc/self/exe."""
    before = Path(oci.program).read_bytes()
    config = oci.config("/proc/self/exe", "--version")
    done = oci.run(config)
    assert "guise-oci" in done.stdout or done.returncode
    name = oci.create(oci.config("sleep", "100"))
    pid = oci.state(name)["pid"]
    with pytest.raises(OSError):
        os.open(f"/proc/{pid}/exe", os.O_WRONLY)
    flags = [line for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines() if "guise-oci" in line]
    assert not flags
    oci("start", name)
    oci("delete", "-f", name)
    assert Path(oci.program).read_bytes() == before


@pytest.mark.parametrize("destination, kind", [("/proc", "tmpfs"), ("/proc/sys", "tmpfs"), ("/proc/self/attr", "tmpfs"), ("/link/1", "tmpfs"), ("/link", "bind")])
def test_no_mounts_over_proc(oci, destination, kind):
    link = oci.bundle / "rootfs/link"
    if not link.is_symlink():
        link.symlink_to("/proc")
    config = oci.config("true")
    mount = {"destination": destination, "type": kind, "source": "/tmp", "options": ["rbind"] if kind == "bind" else []}
    config["mounts"].append(mount)
    done = oci.run(config)
    link.unlink()
    assert done.returncode and "/proc" in done.stderr


def test_links_of_the_root_lead_nowhere(oci):
    outside = oci.folder / "outside"
    outside.mkdir()
    link = oci.bundle / "rootfs/out"
    link.symlink_to(outside)
    config = oci.config("true")
    config["mounts"].append({"destination": "/out/made", "type": "tmpfs", "source": "tmpfs"})
    config["linux"]["devices"] = [{"path": "/out/device", "type": "c", "major": 1, "minor": 3}]
    done = oci.run(config)
    link.unlink()
    assert done.returncode == 0 and list(outside.iterdir()) == [], done.stderr


def test_fake_null_masks_nothing_else(oci):
    """CVE-2025-31133: masked files are covered by the host's /dev/null, whatever the root's is."""
    config = oci.config("cat", "/proc/kcore")
    config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/dev"]
    dev = oci.bundle / "rootfs/dev"
    (dev / "null").symlink_to("/etc/passwd")
    done = oci.run(config)
    (dev / "null").unlink(missing_ok=True)
    assert "root:" not in done.stdout
    for path in dev.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_thirty_at_once(oci):
    """Made and gone side by side; nothing is left of them."""
    oci.write(oci.config("true"))
    names = [oci.name() for _ in range(30)]
    running = [subprocess.Popen([oci.program, "--root", oci.state_root, "run", n], cwd=oci.bundle, stdin=subprocess.DEVNULL) for n in names]
    assert [p.wait(60) for p in running] == [0] * 30
    assert not set(names) & set(oci("list", "-q").split())
    assert not [n for n in names if list(Path("/sys/fs/cgroup").glob(f"*/{n}"))]
