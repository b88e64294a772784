# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around an instance: killed monitors, full disks, pipes that break."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import is_gone, wait_until


@pytest.mark.parametrize("stage", ["created", "running", "paused"])
def test_monitor_killed(echo, script, stage):
    echo("create", "--name", "box", script("print up"))
    if stage != "created":
        echo("start", "box")
    if stage == "paused":
        echo("pause", "box")
    waiting = echo.popen("wait", "box")
    time.sleep(0.1)
    echo.kill_monitor("box")
    assert waiting.communicate(timeout=10)[0] == b"137\n"
    record = echo.record("box")
    assert (record["life"], record["exitStatus"], record["exitWhy"]) == ("stopped", 137, "monitor killed")
    assert echo("ps", "-q") == ""
    assert "stopped" in echo.run("pause", "box").stderr
    if stage == "running":
        assert echo("start", "box") == "box\n"  # and it can live again
        echo("stop", "box")
    echo("rm", "box")
    assert echo.records() == {}


def test_monitor_killed_with_rm(echo, script):
    process = echo.popen("run", "--rm", "--name", "box", script("print up"))
    assert process.stdout.readline() == b"up\n"
    echo.kill_monitor("box")
    assert process.wait(10) == 137
    assert echo.records() == {}


def test_machine_crashes(echo, script):
    """A crash of the machine's own code is its monitor's end, and nobody else's."""
    echo("run", "-d", "--name", "other", script(name="other"))
    done = echo.run("run", "--name", "box", script("print up", "crash"))
    assert done.returncode in (125, 137)
    assert echo.record("box")["exitStatus"] == 137
    assert echo.life("other") == "running"


def test_command_killed_while_it_creates(echo, script):
    """Whenever a command dies, what it leaves can be listed and removed."""
    work = script()
    for delay in range(0, 12):
        process = echo.popen("run", "-d", work)
        time.sleep(delay / 1500)
        process.kill()
        process.communicate()
    for name in echo.records():
        echo("rm", "-f", name)
    assert echo.records() == {}
    echo("create", "--name", "last", work)  # sweeps up what has no record
    echo("rm", "last")
    assert {p.name for p in echo.state.iterdir()} <= {"lock", "events"}


def test_monitor_killed_while_it_saves(guise, tmp_path, bare):
    """Then there is the old snapshot or the new one, whole. Between a new file's first name and its
    renaming over the old one lies a moment in which a kill leaves both: whole as well."""
    guise("run", "-d", "--name", "box", "--firmware", "none", "-m", "64m", bare)
    guise("snapshot", "box", "snap")
    for delay in range(8):
        if guise.life("box") == "stopped":
            guise("start", "box")
        saving = guise.popen("snapshot", "box", "snap")
        time.sleep(delay / 2000)
        guise.kill_monitor("box")
        saving.communicate(timeout=10)
        guise("restore", "-d", "--name", "copy", "snap")
        guise("rm", "-f", "copy")
    left = [p.name for p in tmp_path.glob("snap*")]
    assert "snap" in left
    for name in left:
        guise("restore", "-d", "--name", "copy", name)
        guise("rm", "-f", "copy")


def test_reader_goes_away(echo, script):
    echo("run", "-d", "--name", "box", script("flood 100000"))
    for words in (("logs", "-f", "box"), ("attach", "--replay", "box"), ("events", "--all")):
        process = echo.popen(*words)
        process.stdout.read(50)
        process.stdout.close()
        typing = echo.popen("attach", "box")
        typing.stdin.write(b"more\n")
        typing.stdin.flush()
        assert typing.stdout.readline() == b"more\n"
        typing.kill()
        typing.communicate()
        echo("pause", "box")
        echo("resume", "box")
        process.wait(10)
    assert echo.life("box") == "running"


def test_reader_of_run_goes_away(echo, script):
    process = echo.popen("run", "--name", "box", script("flood 1000000"))
    process.stdout.read(64)
    process.stdout.close()
    process.wait(10)
    wait_until(lambda: echo.life("box") == "stopped")


def test_slow_reader_loses_nothing(echo, script):
    process = echo.popen("run", script("flood 5000000", "exit 0"))
    time.sleep(0.5)
    total = len(process.stdout.read())
    assert total == (5000000 + 63) // 64 * 64 and process.wait(10) == 0


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip("cannot mount a tmpfs: " + done.stderr.strip())
    yield folder
    subprocess.run(["umount", "-l", folder])


def test_full_state_folder(echo, script, small_disk):
    """The machine goes on, its status is kept, the room comes back with rm."""
    echo.state = small_disk
    echo.env["GUISE_STATE"] = str(small_disk)
    process = echo.popen("run", "-i", "--name", "box", script("flood 1000000", "exit 4"))
    assert len(process.communicate(timeout=20)[0]) > 0
    assert process.returncode == 4
    (record,) = json.loads(echo("inspect", "box"))
    assert (record["state"]["life"], record["state"]["exitStatus"]) == ("stopped", 4)
    done = echo.run("create", "--name", "next", script())
    assert done.returncode == 125 and "No space left" in done.stderr
    assert list(echo.records()) == ["box"]
    echo("rm", "box")
    echo("run", "--rm", script("exit 0"))


def test_full_disk_for_a_snapshot(echo, script, small_disk):
    echo("run", "-d", "--name", "box", script())
    with open(small_disk / "filler", "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(b"x" * 4096)
    done = echo.run("snapshot", "box", small_disk / "snap")
    assert done.returncode == 1 and "No space left" in done.stderr
    assert [p.name for p in small_disk.iterdir()] == ["filler"]
    assert echo.life("box") == "running"


def test_host_tells_monitors_to_end(echo, script):
    """SIGTERM, as at shutdown, is a request to stop."""
    echo("run", "-d", "--name", "box", script())
    pid = echo.record("box")["pid"]
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: is_gone(pid))
    assert echo.record("box")["exitWhy"] == "asked to stop"
    echo("run", "-d", "--name", "mule", script("stubborn"))
    pid = echo.record("mule")["pid"]
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.2)
    assert echo.life("mule") == "running"
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: is_gone(pid))
    assert echo.record("mule")["exitStatus"] == 137


def test_state_folder_goes_away(echo, script):
    """Nobody could ever find its instances again: they end."""
    echo("run", "-d", "--name", "box", script("stubborn"))
    pid = echo.record("box")["pid"]
    shutil.rmtree(echo.state)
    wait_until(lambda: is_gone(pid))


def test_nothing_of_ours_is_readable_by_others(echo, script):
    echo("run", "-d", "--name", "box", script())
    folder = json.loads(echo("inspect", "box"))[0]["folder"]
    for name in os.listdir(folder):
        assert os.stat(f"{folder}/{name}").st_mode & 0o077 == 0, name
    assert os.stat(folder).st_mode & 0o077 == 0
