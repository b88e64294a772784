# SPDX-License-Identifier: Apache-2.0
"""Debian's programs: the packages for riscv64 under guise-user beside the same version for this
machine, in a root of their own. Both get one script of bash; what they print, what their errors
are and how they end must be the same. GUISE_LONG=1 adds compilers, node and Python's own tests."""
import difflib
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USER = Path(os.environ.get("GUISE_BUILD", ROOT / "build")).resolve() / "guise-user"
PROGRAMS = Path(os.environ.get("GUISE_GUEST", ROOT / "build/guest")).resolve() / "programs"
LONG = os.environ.get("GUISE_LONG")

NAMESPACES = ["unshare", "-Urm", "true"]
pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="programs need an x86-64 host"),
    pytest.mark.skipif(not (PROGRAMS / "riscv64/usr/bin/bash").exists(), reason="no programs: tools/guest"),
    pytest.mark.skipif(subprocess.run(NAMESPACES, capture_output=True).returncode != 0,
                       reason="no user namespaces for a root of its own"),
]

SCRIPTS = {
    "coreutils": r"""
        for i in 1 2 3; do echo $i; done | sort -r | tee x | sha256sum; md5sum x; cp x y; ln -s y z; ls z y
        stat -c '%s %a' y; date -u -d @0; seq 1 1000 | shuf --random-source=<(seq 5000) | cksum
        factor 1234567890123; wc x; head -c 100 /dev/zero | od -c; tr 1-3 a-c <x; cut -c1 x; paste x y; nl x
        numfmt --to=iec 123456; mkdir -p a/b/c; rmdir -p a/b/c; touch -d @5 q; ls -l --time-style=+%s q
        truncate -s 10 q; dd if=/dev/zero of=q2 bs=1k count=5 2>&1 | head -2; split -b 1k q2; ls; base64 y
        timeout 1 sleep 5; echo $?; env -i A=b env; nice -n 5 nice; id -u; realpath z; mkfifo f; (echo fifo >f &)
        cat f; csplit -s y 2; cat xx00; comm x y; uniq -c x; b2sum y; tac y; install -m 4755 y yy; stat -c %A yy
        find . -type f | sort; diff x xx00; grep -n 2 x; sed s/2/two/ x; cp -a . ../copy 2>&1; rm -r xx00; ls no""",
    "bash": r"""
        a=(1 2 3); echo ${#a[@]} $((2**62)); f() { local x=$1; ((x>0)) && f $((x-1)) || echo done; }; f 200
        for i in {1..50}; do (exit $((i%3))) || echo -n $i,; done; echo; trap 'echo trapped' USR1; kill -USR1 $$
        while read l; do echo "<$l>"; done < <(printf 'a\nb\n'); echo $(echo $(echo deep)); [[ abc =~ b(.) ]]
        echo ${BASH_REMATCH[1]}; printf '%q\n' 'a b'; exec 3>fd; echo x >&3; cat fd; declare -A h=([k]=v); echo ${h[k]}
        sleep 0.1 & wait $!; echo $?; coproc cat; echo hi >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x; kill $COPROC_PID
        printf '#!/bin/sh\necho script $0 $1\n' >s; chmod +x s; ./s 1; sh -c 'kill -9 $$'; echo $?; (ulimit -n 20; ls fd)
        set -o pipefail; false | true; echo $?; cat /proc/self/comm; readlink /proc/self/exe; uname -s; nosuch; echo $?""",
    "perl": r"""
        perl -e 'use POSIX; use List::Util qw(sum); print sum(1..100), "\n"; my %h = map { $_ => $_**2 } 1..50;
            print join(",", map { "$_=$h{$_}" } sort { $a <=> $b } keys %h), "\n"; printf "%.15g\n", atan2(1, 1) * 4;
            my $p = fork; if (!$p) { exit 7 } waitpid($p, 0); print $? >> 8, "\n"; $SIG{ALRM} = sub { print "alarm\n" };
            alarm 1; select(undef, undef, undef, 2); $_ = "x" x 100000; print tr/x//, qx(echo sub), "\n"'
        perl -MDigest::SHA=sha1_hex -MSocket -e 'print sha1_hex("a"); socketpair(A, B, AF_UNIX, SOCK_STREAM, 0);
            syswrite A, "hi"; sysread B, $x, 2; print "$x\n"'""",
    "python3": r"""
        python3 -c 'import json, math, re, struct, threading, subprocess, hashlib, zlib, decimal, socket, mmap, os, signal
print(json.dumps({"a": [1.5, None, "\u00e9"]}), math.gamma(5.5), re.findall(r"(\w)\1", "aabbcd"))
print(struct.pack("<dQ", math.pi, 1 << 63).hex(), decimal.Decimal(2).sqrt(), 3 ** 500 % 1000007)
done = []; ts = [threading.Thread(target=lambda i=i: done.append(sum(range(i * 1000)))) for i in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]; print(sorted(done))
print(subprocess.run(["sh", "-c", "echo out; exit 3"], capture_output=True))
print(hashlib.sha3_256(b"x").hexdigest(), zlib.crc32(zlib.compress(b"a" * 10000)))
a, b = socket.socketpair(); a.send(b"hello"); print(b.recv(9)); m = mmap.mmap(-1, 9000); m[8000] = 7; print(m[8000])
signal.signal(signal.SIGALRM, lambda *x: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()
if os.fork() == 0: os._exit(9)
print(os.wait()[1], os.path.basename(os.readlink("/proc/self/exe")), float("1e-320"), round(2.675, 2))'""",
    "sqlite3": r"""
        sqlite3 db 'create table t(a integer primary key, b text, c real); with recursive n(i) as (select 1 union all
            select i+1 from n where i<5000) insert into t select i, hex(i*i), i/7.0 from n; create index i on t(b);
            select count(*), sum(c), max(b) from t where b like "3%"; pragma integrity_check; vacuum; pragma journal_mode=wal;
            insert into t values(NULL,1,2); delete from t where a%3=0; select avg(c), total(a), count(*) from t'
        ls -l db | cut -d' ' -f5""",
    "openssl": r"""
        for a in md5 sha1 sha256 sha512 sha3-256 blake2b512 sm3; do echo x | openssl dgst -$a; done
        for a in aes-128-cbc aes-256-ctr chacha20 camellia-128-cbc des3; do seq 9999 | openssl enc -$a -K 00112233445566778899aabbccddeeff \
            -iv 00112233445566778899aabbccddeeff 2>/dev/null | sha256sum; done; openssl prime 1000003; echo a >m
        openssl ecparam -name prime256v1 -genkey -noout -out k; openssl dgst -sha256 -sign k -out s m; openssl dgst -sha256 -prverify k -signature s m
        openssl genpkey -algorithm ed25519 -out e; openssl pkeyutl -sign -inkey e -rawin -in m -out es
        openssl pkeyutl -verify -inkey e -rawin -in m -sigfile es; openssl genrsa 1024 2>/dev/null | openssl rsa -check -noout
        openssl kdf -keylen 16 -kdfopt pass:a -kdfopt salt:b -kdfopt n:1024 -kdfopt r:8 -kdfopt p:1 SCRYPT""",
    "git": r"""
        git init -q -b main r; cd r; git config user.name a; git config user.email b; export GIT_AUTHOR_DATE=@9 GIT_COMMITTER_DATE=@9
        for i in 1 2 3; do seq $i 500 >f$i; git add .; git commit -qm c$i; done; git branch x HEAD~1; git checkout -q x
        echo y >y; git add y; git commit -qm y; git merge -q -m m main; git log --oneline | cat; git diff HEAD~1 --stat | cat
        git gc -q; git fsck; cd ..; git clone -q r s; cd s; git log --format=%H; git blame f1 | wc -l; git grep -c 99""",
    "compression": r"""
        seq 1 100000 >s; for t in 'xz -T2 --block-size=200KiB' 'zstd -q -T2 -5' 'gzip -n' bzip2; do
        set -- $t; $t -c s >s.$1; sha256sum s.$1; $1 -dc s.$1 | cmp - s && echo $1; done; tar c --mtime=@0 --owner=0 --group=0 s | sha256sum""",
    "busybox": r"""
        busybox sh -c 'for i in 1 2 3; do busybox echo $i; done'; busybox seq 5 | busybox awk '{ s += $1 } END { print s }'
        echo hello | busybox gzip | busybox gunzip; busybox sha256sum /etc/debian_version; busybox find /etc/profile.d | busybox sort
        busybox true; busybox false; echo $?; busybox cal 1 2000; busybox expr 3 '*' 4; echo 'a b' | busybox sed 's/b/c/' | busybox rev""",
}
SCRIPTS_LONG = {
    "gcc": r"""
        printf '#include <stdio.h>\n#include <math.h>\nint main(){double s=0;for(int i=1;i<100000;i++)s+=sin(i)/i;printf("%%.12f\\n",s);return 3;}' >a.c
        gcc -O2 a.c -o a -lm && ./a; echo $?; gcc -O0 -static a.c -o b -lm && ./b; gcc -c -g a.c && ar rc x.a a.o && nm x.a | grep -c main
        gcc -Wall -fsyntax-only -x c - <<<'int main(){int x;}'; printf 'x: y\n\tcat y\ny:\n\techo 1 > y\n' >Makefile; make""",
    "node": r"""
        node -e 'let a = []; for (let i = 0; i < 2e5; i++) a.push(Math.sin(i)); console.log(a.sort((x, y) => x - y)[1000]);
            function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) } console.log(fib(27)); class A { #x = 1; get y() { return this.#x } }
            let s = 0; for (let i = 0; i < 1e6; i++) s += new A().y; console.log(s, /(a+)+b/.exec("aaab")[0], 2n ** 200n);
            for (let i = 0; i < 3000; i++) s += new Function("return " + i)(); console.log(s); Promise.resolve(1).then(console.log);
            const { Worker } = require("worker_threads");
            new Worker("require(\"worker_threads\").parentPort.postMessage(5)", { eval: true }).on("message", console.log);
            console.log(require("crypto").createHash("sha256").update("a").digest("hex"), JSON.stringify({ a: [1, { b: null }] }))'""",
    "stress-ng": r"""
        for t in '--cpu 2 --cpu-method all --cpu-ops 60 --verify' '--futex 2 --futex-ops 2000' '--pthread 1 --pthread-ops 200' \
            '--mmap 1 --mmap-ops 5 --mmap-bytes 4m' '--fork 1 --fork-ops 50' '--switch 1 --switch-ops 1000' '--sigfd 1 --sigfd-ops 100' \
            '--sigsegv 1 --sigsegv-ops 100' '--timer 1 --timer-ops 100' '--vm 1 --vm-ops 20 --vm-bytes 4m --verify' \
            '--icache 1 --icache-ops 200' '--poll 1 --poll-ops 100'; do
        stress-ng -q --temp-path . $t >log 2>&1; echo $t $?; done""",
    "openssl speed": "openssl speed -seconds 1 -bytes 1024 sha256 aes-128-cbc 2>&1 | grep -c 1024; openssl list -digest-algorithms | wc -l",
    "others": r"""
        lua5.4 -e 'local t = {} for i = 1, 1e5 do t[i] = string.format("%d%5.3f", i, i/3) end print(#table.concat(t), math.pi, 2^53|0)'
        echo 'scale=50; 4*a(1)' | bc -l; echo '{"a":[1,2]}' | jq .a[1]; gawk 'BEGIN { for (i=0; i<1e5; i++) s += sin(i); printf "%.10f\n", s }'
        echo 'define(a,b)a' | m4""",
}
MODULES = """json re struct math cmath float long int decimal statistics threading thread mmap signal os posix subprocess socket select epoll
             asyncio io zlib hashlib pickle unicodedata itertools ctypes array set dict fcntl pty resource time datetime random""".split()
for module in MODULES:
    # What differs between any two runs is cut out.
    SCRIPTS_LONG[f"python3's test_{module}"] = (
        f"python3 -m test -u none -q test_{module} 2>&1 | sed -E '/^Total (duration|tests)|load avg|seed/d; "
        "s/0x[0-9a-f]+//g; s/[0-9.]+ (sec|min|ms)( [0-9]+ sec)?//g'")


def run(arch, tmp_path, script):
    """In a user's namespace of its own, with DIR as /tmp."""
    work = tmp_path / arch / "tmp"
    work.mkdir(parents=True)
    root = PROGRAMS / arch
    start = f"exec chroot {root} /bin/bash" if arch == "amd64" else f"cd {root}/tmp; exec {USER} --root {root} /bin/bash"
    mounts = "; ".join(f"mount --rbind /{d} {root}/{d}" for d in ("dev", "proc") if arch == "amd64") or ":"
    env = {"PATH": "/usr/bin:/usr/sbin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    (root / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(["unshare", "-Urm", "sh", "-c",
                           f"{mounts}; mount --bind {work} {root}/tmp; {start} -c \"$0\"",
                           "mkdir /tmp/work; cd /tmp/work\n" + script],
                          env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600 if LONG else 60)
    return done.returncode, done.stdout, re.sub(r"\b\d+(: +\d+)?\b", "N", done.stderr)


@pytest.mark.parametrize("name", [*SCRIPTS, *(SCRIPTS_LONG if LONG else [])])
def test_as_native(tmp_path, name):
    if name in SCRIPTS_LONG and not (PROGRAMS / "riscv64/usr/bin/node").exists():
        pytest.skip("no larger programs: tools/guest build/guest long")
    script = SCRIPTS.get(name) or SCRIPTS_LONG[name]
    native = run("amd64", tmp_path, script)
    assert native[1], native
    ours = run("riscv64", tmp_path, script)
    for what, a, b in zip(("status", "output", "errors"), native, ours):
        assert not list(difflib.unified_diff(str(a).split("\n"), str(b).split("\n"), "native", "guise", n=0)), what
