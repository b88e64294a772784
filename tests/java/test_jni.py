# SPDX-License-Identifier: Apache-2.0
"""JNI: a C program embeds HotSpot's libjvm.so and ours, and sees the same."""
import os
import subprocess

from test_jvm import BUILD, HERE, JDK, pytestmark, run  # noqa: F401: the marks skip this file too

NATIVE = """public class Native { static native int add(int a, long b, double d, float f, String s, byte y, char c,
    boolean z, Object o, short sh);
    static int go() { int s = 0; for (int i = 0; i < 1000; i++) s += add(i, 2L, 3.5, 4.5f, "five", (byte) -6, 'a', true,
        i % 2 == 0 ? null : "x", (short) -8); return s; } }"""


def test_embedded(tmp_path):
    (tmp_path / "Native.java").write_text(NATIVE)
    assert run("javac", "-d", tmp_path, tmp_path / "Native.java").returncode == 0
    program = tmp_path / "embed"
    subprocess.run(["cc", "-O1", f"-I{JDK}/include", f"-I{JDK}/include/linux", "-o", program,
                    HERE / "embed.c", "-ldl", "-lpthread"], check=True)
    seen = [subprocess.run([program, lib, tmp_path], text=True, capture_output=True, timeout=60,
                           env=dict(os.environ, JAVA_HOME=str(JDK)))
            for lib in (JDK / "lib/server/libjvm.so", BUILD / "libjvm.so")]
    assert seen[1].stdout == seen[0].stdout
    assert [s.returncode for s in seen] == [0, 0]
