# SPDX-License-Identifier: Apache-2.0
"""Debian's Java programs under libjvm.so: what they print is what they print under HotSpot."""
from pathlib import Path

import pytest
from test_jvm import HERE, pytestmark, run, same, tree  # noqa: F401: the marks skip this file too

JARS = Path("/usr/share/java")
CLOJURE = """
(println (reduce + (map #(* % %) (range 1000))) (frequencies "hello") (.toUpperCase "x"))
(defprotocol P (f [x])) (defrecord R [a] P (f [x] (* 2 a)))
(println (f (R. 21)) (->> (range 10) (filter odd?) (into [])))
(println (try (/ 1 0) (catch ArithmeticException e (.getMessage e))) @(future (+ 1 2)) (swap! (atom 1) inc))
(shutdown-agents)"""
GROOVY = """println((1..5).collect { it * it }.sum()); def m = [a: 1, b: 2]
println m.collectEntries { k, v -> [(v): k] }; println "x${1 + 1}y"
try { null.foo() } catch (NullPointerException e) { println e.message }"""
RHINO = "var s=0; for (var i=0;i<30000;i++) s+=i; print(s, [1,2,3].map(function(x){return x*x}), JSON.stringify({a:1}))"
JYTHON = "print(sum(i*i for i in range(1000)), 'abc'.upper(), sorted({1:2, 0:5}.items()))"
PROGRAMS = {
    "clojure": (["clojure", "spec.alpha", "core.specs.alpha"], "clojure.main", ["SCRIPT"], CLOJURE),
    "groovy": (["groovy-all"], "groovy.ui.GroovyMain", ["SCRIPT"], GROOVY),
    "rhino": (["rhino"], "org.mozilla.javascript.tools.shell.Main", ["-e", RHINO], ""),
    "jython": (["jython"], "org.python.util.jython", ["-c", JYTHON], ""),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, tmp_path):
    jars, main, words, script = PROGRAMS[name]
    paths = [JARS / f"{j}.jar" for j in jars]
    if not all(p.exists() for p in paths):
        pytest.skip(f"no {name}: apt-get install {name}")
    (tmp_path / "script").write_text(script)
    words = [tmp_path / "script" if w == "SCRIPT" else w for w in words]
    cp = ":".join(map(str, paths))
    a, b = (run("java", "-cp", cp, main, *words, ours=ours) for ours in (False, True))
    assert (b.returncode, b.stdout) == (a.returncode, a.stdout), b.stderr


def test_eclipse_compiler(tmp_path):
    jar = JARS / "eclipse-jdt-core.jar"
    if not jar.exists():
        pytest.skip("no ecj: apt-get install ecj")
    for name, ours in (("theirs", False), ("ours", True)):
        done = run("java", "-jar", jar, "-17", "-nowarn", "-proc:none", "-d", tmp_path / name,
                   *sorted(HERE.glob("*.java")), ours=ours)
        assert done.returncode == 0, done.stderr + done.stdout
    assert tree(tmp_path / "theirs") == tree(tmp_path / "ours")


def test_jshell(tmp_path):
    (tmp_path / "in").write_text('int x = 6 * 7;\nSystem.out.println("x=" + x);\nrecord P(int a) {}\n'
                                 'System.out.println(new P(x));\n/exit\n')
    same(run("jshell", "--execution", "local", "-s", tmp_path / "in"),
         run("jshell", "--execution", "local", "-s", tmp_path / "in", ours=True))
