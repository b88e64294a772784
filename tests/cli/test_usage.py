# SPDX-License-Identifier: Apache-2.0
"""Options, help, exit statuses; what is made of the table of verbs."""
import json
import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from terminal import Terminal

VERBS = ("run create start ps logs attach exec stop kill pause resume engine wait stats inspect rm snapshot "
         "restore events pull load images tag rmi binfmt lockstep java disk gates version help").split()


def refused(done, status, *words):
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("guise: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_unknown_verb(echo):
    refused(echo.run("rnu"), 125, "rnu", "did you mean 'run'")
    refused(echo.run("frobnicate"), 125, "frobnicate")
    assert echo.run("--nonsense").returncode == 125


def test_unknown_option(echo, script):
    refused(echo.run("run", "--memroy", "1g", script()), 125, "--memroy", "--memory")
    refused(echo.run("run", "-Z", script()), 125, "-Z")
    refused(echo.run("stop"), 125, "NAME")
    refused(echo.run("ps", "extra"), 125, "extra")


def test_bad_values(echo, script):
    refused(echo.run("run", "-m", "plenty", script()), 125, "plenty")
    refused(echo.run("run", "--cpus", "0", script()), 125, "CPUs")
    refused(echo.run("run", "--name", "../x", script()), 125, "../x")
    refused(echo.run("run", "--as", "boat", script()), 125, "boat", "echo")
    refused(echo.run("run", "--engine", "steam", script()), 125, "steam", "talk")
    assert echo.records() == {}


def test_no_such_workload(echo, tmp_path):
    refused(echo.run("run", tmp_path / "none"), 127, "No such file")
    (tmp_path / "text").write_text("nobody's")
    refused(echo.run("run", tmp_path / "text"), 126, "nothing here can run it")


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "java"])        # whose --help is java's own
def test_help_of_each_verb(echo, verb):
    text = echo(verb, "--help")
    assert text.startswith(f"Usage: guise {verb}")
    assert max(map(len, text.splitlines())) <= 100
    assert echo("help", verb) == text


def test_help_names_all_verbs(echo):
    text = echo("--help")
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")] == VERBS


def test_version(echo):
    assert echo("--version").startswith("guise ")
    version = json.loads(echo("version", "--json"))
    assert version["kinds"][0]["engines"] == ["talk"]


def test_explain_runs_nothing(echo, script, tmp_path):
    work = script("print never")
    assert "text for echo" in echo("run", "--explain", work)
    answer = json.loads(echo("run", "--explain", "--json", work))
    assert (answer["kind"], answer["engine"]) == ("echo", "talk")
    assert answer["candidates"][0]["score"] == 90
    (tmp_path / "text").write_text("nobody's")
    assert "no #!echo line" in echo("run", "--explain", tmp_path / "text", status=126)
    assert echo.records() == {}


def test_manual_page(guise):
    page = guise("help", "--man")
    for verb in VERBS:
        assert f".It Cm {verb}" in page
    if not shutil.which("mandoc"):
        pytest.skip("no mandoc")
    lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning"], input=page, text=True,
                          stdout=subprocess.PIPE)
    assert (lint.stdout, lint.returncode) == ("", 0)


def complete(guise, tmp_path, *words):
    """What bash would offer for the last word."""
    (tmp_path / "completion").write_text(guise("help", "--completion", "bash"))
    (tmp_path / "bin").mkdir(exist_ok=True)
    link = tmp_path / "bin/guise"
    if not link.exists():
        link.symlink_to(guise.program)
    words = ["guise", *words]
    line = f"""source completion; PATH=$PWD/bin:$PATH; COMP_WORDS=({' '.join(f"'{w}'" for w in words)})
               COMP_CWORD={len(words) - 1}; compopt() {{ :; }}; _guise; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=guise.env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_for_bash(echo, script, tmp_path):
    echo("create", "--name", "box-one", script())
    assert complete(echo, tmp_path, "sta") == ["start", "stats"]
    assert complete(echo, tmp_path, "stop", "b") == ["box-one"]
    assert complete(echo, tmp_path, "run", "--init") == ["--initrd"]
    assert complete(echo, tmp_path, "run", "--initrd", "wor") == ["work"]
    assert complete(echo, tmp_path, "run", "--as", "") == ["echo"]
    assert complete(echo, tmp_path, "kill", "-s", "T") == ["TERM"]
    assert complete(echo, tmp_path, "help", "res") == ["resume", "restore"]


def test_completion_for_zsh(echo, script, tmp_path):
    """A zsh on a terminal, and the tab key."""
    text = echo("help", "--completion", "zsh")
    assert text.startswith("#compdef guise\n")
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    echo("create", "--name", "box-one", script())
    (tmp_path / "_guise").write_text(text)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/guise").symlink_to(echo.program)
    env = dict(echo.env, PATH=f"{tmp_path}/bin:{os.environ['PATH']}", TERM="dumb", HOME=str(tmp_path))
    t = Terminal(SimpleNamespace(program="zsh", env=env, folder=tmp_path), "-f", "-i")
    t.type(b"PROMPT=; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; unsetopt beep; print sta''rt\r")
    t.expect(b"\nstart")
    for typed, done in {"sto": "stop ", "stop b": "stop box-one ", "run --init": "run --initrd ",
                        "run --initrd wor": "run --initrd work ", "run --as ": "run --as echo ",
                        "kill -s T": "kill -s TERM ", "help sn": "help snapshot "}.items():
        t.type(f"guise {typed}\t\x01print -r \r".encode())  # then, at the line's start: say it instead
        t.expect(f"\nguise {done.strip()}\r".encode())
    t.type(b"exit\r")
    assert t.process.wait(10) == 0
