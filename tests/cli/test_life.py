# SPDX-License-Identifier: Apache-2.0
"""The life of an instance, verb by verb, over the kind echo."""
import json
import re
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from conftest import wait_until


def test_run_passes_output_and_status(echo, script):
    done = echo.run("run", "--name", "one", script("print hi", "exit 3"))
    assert (done.stdout, done.returncode) == ("hi\n", 3)
    assert "told to exit" in done.stderr
    record = echo.record("one")
    assert (record["life"], record["exitStatus"]) == ("stopped", 3)
    assert echo("logs", "one") == "hi\n"


def test_rm_leaves_nothing(echo, script):
    for _ in range(10):  # the name is free at once
        assert echo("run", "--rm", "--name", "again", script("exit 0")) == ""
        assert echo.records() == {}
    assert {p.name for p in echo.state.iterdir()} <= {"lock", "events"}


def test_stdin_only_with_i(echo, script):
    assert echo("run", "-i", script(), input="abc\nexit 0\n") == "abc\n"
    done = echo.popen("run", "--name", "deaf", script("print up"))
    assert done.stdout.readline() == b"up\n"
    done.stdin.write(b"exit 5\n")
    done.stdin.close()
    time.sleep(0.2)
    assert done.poll() is None
    echo("stop", "deaf")
    assert done.wait(10) == 0


def test_create_start_pause_resume_stop(echo, script):
    name = echo("create", "--name", "box", script("print up")).strip()
    assert echo.record("box")["id"] == name
    assert echo.life("box") == "created"
    assert echo("ps", "-q") == "" and echo("ps", "-aq") == name + "\n"
    assert echo("start", name[:6]) == "box\n"
    assert echo.run("start", "box").returncode == 1
    echo("pause", "box")
    assert echo.life("box") == "paused"
    assert "paused" in echo.run("pause", "box").stderr
    echo("resume", "box")
    echo("unpause", "box", status=1)
    assert echo.life("box") == "running"
    echo("stop", "box")
    assert echo.life("box") == "stopped"
    echo("stop", "box")


def test_start_again(echo, script):
    echo("run", "--name", "again", script("print round", "exit 2"), status=2)
    assert echo("start", "-a", "again", status=2) == "round\n"
    assert echo("logs", "again") == "round\nround\n"
    echo("start", "again")
    wait_until(lambda: echo("logs", "again").count("round") == 3)


def test_wait(echo, script):
    echo("run", "-d", "--name", "slow", script())
    waiting = echo.popen("wait", "slow")
    time.sleep(0.1)
    assert waiting.poll() is None
    echo("kill", "-s", "TERM", "slow")
    assert waiting.communicate(timeout=10)[0] == b"143\n"
    assert echo("wait", "slow") == "143\n"


def test_stop_kills_the_stubborn(echo, script):
    echo("run", "-d", "--name", "mule", script("stubborn"))
    begin = time.monotonic()
    echo("stop", "-t", "1", "mule")
    assert 0.9 < time.monotonic() - begin < 5
    assert echo.record("mule")["exitStatus"] == 137


def test_kill(echo, script):
    echo("run", "-d", "--name", "victim", script())
    echo("kill", "victim")
    assert echo.record("victim")["exitStatus"] == 137
    assert "stopped" in echo.run("kill", "victim").stderr
    echo("run", "-d", "--name", "frozen", script())
    pid = echo.record("frozen")["pid"]
    os.kill(pid, signal.SIGSTOP)  # a monitor that does not answer
    echo("kill", "frozen", timeout=20)
    assert echo.record("frozen")["exitStatus"] == 137


def test_rm(echo, script):
    echo("run", "-d", "--name", "busy", script())
    assert "running" in echo.run("rm", "busy").stderr
    echo("rm", "-f", "busy")
    assert echo.records() == {}
    assert echo.run("rm", "busy").returncode == 1
    echo("rm", "-f", "busy")


def test_names(echo, script):
    work = script()
    echo("create", "--name", "same", work)
    done = echo.run("create", "--name", "same", work)
    assert done.returncode == 125 and "in use" in done.stderr
    echo("create", "--name", "sample", work)
    done = echo.run("inspect", "sam")
    assert done.returncode == 1 and "same, sample" in done.stderr
    assert json.loads(echo("inspect", "same"))[0]["state"]["name"] == "same"
    assert "no such instance" in echo.run("stop", "nobody").stderr


def test_many_at_once(echo, script):
    """Names stay unique and every instance is whole, however many commands run at once."""
    work = script()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda i: echo("run", "-d", work).strip(), range(16)))
        same = list(pool.map(lambda i: echo.run("create", "--name", "only-one", work).returncode,
                             range(8)))
        assert sorted(same) == [0] + 7 * [125]
        assert len(set(ids)) == 16 and len(echo.records()) == 17
        started = list(pool.map(lambda i: echo.run("start", "only-one").returncode, range(8)))
        assert sorted(started) == [0] + 7 * [1]
        list(pool.map(lambda i: echo.run("rm", "-f", ids[i % 4], "only-one"), range(12)))
        list(pool.map(lambda i: echo.run("stop", *ids[4:]), range(4)))
    records = echo.records()
    assert len(records) == 12
    assert {r["life"] for r in records.values()} == {"stopped"}
    echo("rm", *records)
    assert echo.records() == {}


def test_ps_filters(echo, script):
    work = script()
    echo("run", "-d", "--name", "run-a", work)
    echo("create", "--name", "new-a", work)
    assert echo("ps", "--names") == "run-a\n"
    assert echo("ps", "-a", "--names", "-f", "name=new") == "new-a\n"
    assert echo("ps", "--names", "-f", "status=created") == "new-a\n"
    assert echo("ps", "-a", "--names", "-f", "name=a", "-f", "status=running") == "run-a\n"
    assert echo.run("ps", "-f", "colour=red").returncode == 125
    assert "WORKLOAD" in echo("ps")


def test_logs(echo, script):
    work = script(*[f"print line {i}" for i in range(100)])
    echo("run", "-d", "--name", "talker", work)
    wait_until(lambda: "line 99" in echo("logs", "talker"))
    assert echo("logs", "--tail", "2", "talker") == "line 98\nline 99\n"
    assert echo("logs", "-n", "0", "talker") == ""
    assert len(echo("logs", "--tail", "1000", "talker").splitlines()) == 100
    stamped = echo("logs", "-t", "-n", "1", "talker")
    assert stamped[4] == "-" and stamped.endswith("Z line 99\n")
    assert echo("logs", "--since", "1h", "-n", "1", "talker") == "line 99\n"
    assert echo("logs", "--since", "2999-01-01", "talker") == ""
    assert echo.run("logs", "--since", "soon", "talker").returncode == 125


def test_logs_follow(echo, script):
    echo("run", "-d", "--name", "talker", script("print one"))
    follower = echo.popen("logs", "-f", "talker")
    assert follower.stdout.readline() == b"one\n"
    assert echo.popen("attach", "talker").communicate(b"two\nflood 20000000\nexit 0\n")[0]
    rest = follower.communicate(timeout=20)[0]
    assert rest.startswith(b"two\n") and follower.returncode == 0
    assert len(rest) == 4 + 20000000  # over a rotation of the log, nothing lost
    sizes = [p.stat().st_size for p in echo.state.glob("*/console.log*")]
    assert len(sizes) == 2 and max(sizes) < 17 << 20


def test_stats(echo, script):
    echo("run", "-d", "--name", "busy", "-m", "64m", script("print x"))
    table = echo("stats", "--no-stream")
    assert "busy" in table and "64.0M" in table
    rows = json.loads(echo("stats", "--no-stream", "--json", "busy"))["stats"]
    assert {"name": "echo.lines", "value": 1, "unit": ""} in rows
    assert "echo.lines" in echo("stats", "--no-stream", "--all-rows", "busy")
    echo("stop", "busy")
    assert echo.run("stats", "--no-stream", "busy").returncode == 1
    done = echo.run("run", "--stats", script("rows 2000", "exit 0"))
    assert "echo.lines" in done.stderr and re.search(r"echo\.row1999 +1999 bytes", done.stderr)


def test_events(echo, script):
    follower = echo.popen("events", "--json", stdin=subprocess.DEVNULL)
    wait_until(lambda: (echo.state / "events").exists())
    time.sleep(0.2)
    echo("run", "--name", "brief", script("exit 4"), status=4)
    echo("rm", "brief")
    seen = [json.loads(follower.stdout.readline()) for _ in range(4)]
    follower.terminate()
    follower.wait()
    assert [e["event"] for e in seen] == ["create", "start", "die", "remove"]
    assert seen[2]["status"] == 4 and {e["name"] for e in seen} == {"brief"}
    assert "die      brief" in echo("events", "--no-stream")


def test_snapshot_and_restore(echo, script, tmp_path):
    echo("run", "-d", "--name", "origin", script())
    typing = echo.popen("attach", "origin")
    typing.stdin.write(b"one\ntwo\n")
    typing.stdin.flush()
    assert typing.stdout.readline() == b"one\n" and typing.stdout.readline() == b"two\n"
    echo("snapshot", "origin", "state.snap")
    assert echo.life("origin") == "running"
    echo("stop", "origin")
    typing.communicate()
    assert echo("restore", "-i", "--rm", "state.snap", input="count\nexit 6\n", status=6) == "3\n"
    echo("restore", "-d", "--name", "copy", "state.snap")
    assert echo.life("copy") == "running"
    assert echo.run("restore", "--disk", "x", "state.snap").returncode == 125


def test_restore_refuses_what_is_damaged(echo, script, tmp_path):
    echo("run", "-d", "--name", "origin", script())
    echo("snapshot", "origin", "good")
    good = (tmp_path / "good").read_bytes()
    before = echo.records()
    for bad in (good[:-1], good[:40], b"", good + b"x", good[:100] + b"\0" + good[101:]):
        if bad == good:
            continue
        (tmp_path / "bad").write_bytes(bad)
        done = echo.run("restore", "-d", "bad")
        assert done.returncode == 125 and "snapshot" in done.stderr
    assert echo.records().keys() == before.keys()


def test_env_and_cidfile(echo, script, tmp_path):
    (tmp_path / "vars").write_text("# comment\nA=1\n\nHOME\n")
    echo("create", "--name", "env", "--cidfile", "cid", "-e", "B=2", "--env-file", "vars", script())
    config = json.loads(echo("inspect", "env"))[0]["config"]
    assert config["process"]["env"] == ["B=2", "A=1", "HOME=" + os.environ["HOME"]]
    assert (tmp_path / "cid").read_text() == echo.record("env")["id"]
    done = echo.run("create", "--cidfile", "cid", script())
    assert done.returncode == 125 and "File exists" in done.stderr
    assert len(echo.records()) == 1


def test_format(echo, script):
    work = script()
    echo("run", "-d", "--name", "one", work)
    echo("create", "--name", "two", work)
    ident = echo.record("one")["id"]
    assert echo("ps", "--format", r"{{.ID}}\t{{ .name }}") == f"{ident}\tone\n"
    assert sorted(echo("ps", "-a", "--format", "{{.Names}} {{.State}}").split("\n")) == ["", "one running", "two created"]
    assert echo("ps", "-q", "-f", "name=one", "--format", "{{.Name}}") == ident + "\n"  # as docker: -q wins
    row = json.loads(echo("ps", "--format", "json"))
    assert (row["ID"], row["Name"], row["State"], row["Kind"]) == (ident, "one", "running", "echo")
    assert echo("ps", "--format", r"table {{.Name}}\t{{.ExitStatus}}") == "NAME   EXIT STATUS\none    0\n"
    assert echo("inspect", "-f", "{{.State.Life}} {{json .State.Name}}", "one", "two") == 'running "one"\ncreated "two"\n'
    assert json.loads(echo("inspect", "--format", "json", "one"))[0]["state"]["id"] == ident
    for bad in ["{{.Colour}}", "{{.ID", "{{range .}}", "{{}}", "{{.ID.Inner}}", "{{.}}", "{{json}}", "table {{.Colour}}"]:
        done = echo.run("ps", "--format", bad)
        assert done.returncode == 125 and done.stderr.count("\n") == 1 and done.stdout == "", (bad, done)
    assert echo("ps", "--format", r"a\\b{c}\q") == "a\\b{c}\\q\n"
