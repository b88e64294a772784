# SPDX-License-Identifier: Apache-2.0
"""Images: loaded from files, pulled from registries (a good one and bad ones), run, removed."""
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import pytest

import box

pytestmark = [
    pytest.mark.skipif(box.why_not() is not None, reason=str(box.why_not())),
    pytest.mark.skipif(not (box.BUILD / "guise-image").exists(), reason="build/guise-image is not built"),
]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(*entries):
    """A tar of (name, kind, value): kinds are file, dir, link, hard, exec."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, value in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if kind == "dir":
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif kind in ("link", "hard"):
                info.type = tarfile.SYMTYPE if kind == "link" else tarfile.LNKTYPE
                info.linkname = value
                tar.addfile(info)
            else:
                data = value if isinstance(value, bytes) else value.encode()
                info.size = len(data)
                info.uid, info.gid, info.mtime = 7, 8, 1000000
                if kind == "suid":
                    info.mode = 0o4755
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def base_layer():
    tools = [("bin/" + t, "link", "busybox") for t in ("sh", "cat", "ls", "stat", "id", "pwd", "env", "touch", "sleep", "test", "echo")]
    return layer(("bin", "dir", ""), ("bin/busybox", "exec", Path(box.BUSYBOX).read_bytes()), *tools,
                 ("proc", "dir", ""), ("sys", "dir", ""), ("dev", "dir", ""), ("tmp", "dir", ""), ("etc", "dir", ""),
                 ("etc/passwd", "file", "root:x:0:0::/:/bin/sh\nworker:x:77:78::/:/bin/sh\n"))


class Blobs(dict):
    def put(self, data):
        self[digest(data)] = data
        return digest(data)

    def describe(self, kind, key):
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": key, "size": len(self[key])}

    def image(self, layers, config=None, pack=gzip.compress):
        config = {"architecture": "amd64", "os": "linux", "config": config or {}, "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.describe("config.v1+json", self.put(json.dumps(config).encode())),
                    "layers": [self.describe("layer.v1.tar+gzip", self.put(pack(l))) for l in layers]}
        return self.put(json.dumps(manifest).encode())

    def layout(self, folder, manifest, name):
        (folder / "blobs/sha256").mkdir(parents=True)
        for key, data in self.items():
            (folder / "blobs/sha256" / key[7:]).write_bytes(data)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
            {**self.describe("manifest.v1+json", manifest), "annotations": {"org.opencontainers.image.ref.name": name}}]}))
        return folder


@pytest.fixture(scope="module")
def base():
    return base_layer()


@pytest.fixture
def guise(tmp_path):
    env = dict(os.environ, GUISE_STATE=str(tmp_path / "state"), GUISE_IMAGES=str(tmp_path / "images"), NO_COLOR="1")

    def run(*words, status=0, **kw):
        done = subprocess.run([box.BUILD / "guise", *map(str, words)], env=env, cwd=tmp_path, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=40, **kw)
        assert status is None or done.returncode == status, (words, done)
        return done if status is None else done.stdout
    yield run
    for name in run("ps", "-aq").split():
        run("rm", "-f", name, status=None)


def load(guise, tmp_path, layers, config=None, name="test/image:1", **kw):
    blobs = Blobs()
    folder = tmp_path / f"layout{len(list(tmp_path.iterdir()))}"
    manifest = blobs.image(layers, config, **kw)
    blobs.layout(folder, manifest, name)
    return guise("load", folder)


def test_load_and_run(guise, tmp_path, base):
    assert load(guise, tmp_path, [base]) == "test/image:1\n"
    listed = json.loads(guise("images", "--json"))
    assert [(i["name"], i["architecture"], i["layers"]) for i in listed] == [("docker.io/test/image:1", "amd64", 1)]
    out = guise("run", "--rm", "test/image:1", "sh", "-c", "cat /etc/passwd | head -c4; stat -c %a /; touch /x && echo written; stat -c '%u %g %Y' /etc/passwd")
    assert out.split() == ["root", "755", "written", "7", "8", "1000000"] or out.startswith("root")
    assert "written" in out and "7 8 1000000" in out and "755" in out
    assert guise("run", "--rm", "test/image:1", "ls", "/").split() == ["bin", "dev", "etc", "proc", "sys", "tmp"]


def test_config_of_the_image(guise, tmp_path, base):
    load(guise, tmp_path, [base], {"Env": ["A=image", "B=image"], "Entrypoint": ["sh", "-c"], "Cmd": ["echo $A $B; pwd; id -u; id -g"],
                                   "WorkingDir": "/tmp", "User": "worker"})
    assert guise("run", "--rm", "-e", "B=mine", "test/image:1").split() == ["image", "mine", "/tmp", "77", "78"]
    assert guise("run", "--rm", "-w", "/", "-u", "0", "test/image:1", "pwd; id -u").split() == ["/", "0"]
    assert guise("run", "--rm", "--entrypoint", "pwd", "test/image:1") == "/tmp\n"


def test_whiteouts_and_links(guise, tmp_path, base):
    second = layer(("d", "dir", ""), ("d/gone", "file", "1"), ("d/stays", "file", "2"), ("o", "dir", ""), ("o/old", "file", "3"),
                   ("hard", "hard", "d/stays"), ("suid", "suid", "x"))
    third = layer(("d/.wh.gone", "file", ""), ("o/.wh..wh..opq", "file", ""), ("o/new", "file", "4"))
    load(guise, tmp_path, [base, second, third])
    out = guise("run", "--rm", "test/image:1", "sh", "-c", "ls /d /o; cat /hard; stat -c '%h %a' /hard /suid")
    assert out.split() == ["/d:", "stays", "/o:", "new", "22", "755", "1", "4755"]


def test_other_packings(guise, tmp_path, base):
    load(guise, tmp_path, [base], name="plain/image:1", pack=bytes)
    assert guise("run", "--rm", "plain/image:1", "echo", "x") == "x\n"
    if shutil.which("zstd"):
        load(guise, tmp_path, [base], name="zstd/image:1", pack=lambda data: subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout)
        assert guise("run", "--rm", "zstd/image:1", "echo", "x") == "x\n"


def test_archive_as_docker_saves_it(guise, tmp_path, base):
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["echo", "saved"]}}).encode()
    manifest = [{"Config": "config.json", "RepoTags": ["saved:2", "also/saved:3"], "Layers": ["1/layer.tar"]}]
    path = tmp_path / "saved.tar"
    path.write_bytes(layer(("1", "dir", ""), ("1/layer.tar", "file", base), ("config.json", "file", config), ("manifest.json", "file", json.dumps(manifest))))
    assert guise("load", path).split() == ["saved:2", "also/saved:3"]
    assert guise("run", "--rm", "saved:2") == "saved\n"


def test_instances_keep_their_changes(guise, tmp_path, base):
    load(guise, tmp_path, [base])
    guise("run", "-d", "--name", "keeper", "test/image:1", "sh", "-c", "echo more >> /tmp/log; sleep 100")
    for n in 1, 2:
        end = time.monotonic() + 10
        while guise("exec", "keeper", "cat", "/tmp/log", status=None).stdout != "more\n" * n:
            assert time.monotonic() < end
        assert guise("exec", "-u", "worker", "keeper", "id", "-u") == "77\n"
        guise("kill", "keeper")
        while json.loads(guise("inspect", "keeper"))[0]["state"]["life"] != "stopped":
            assert time.monotonic() < end
        if n == 1:
            guise("start", "keeper")
    assert "keeper was made from it" in guise("rmi", "test/image:1", status=None).stderr
    guise("rm", "keeper")
    guise("rmi", "test/image:1")
    assert list((tmp_path / "images/layers").iterdir()) == list((tmp_path / "images/blobs/sha256").iterdir()) == []


def test_tags_share(guise, tmp_path, base):
    load(guise, tmp_path, [base])
    guise("tag", "test/image:1", "other:2")
    guise("rmi", "test/image:1")
    assert guise("run", "--rm", "other:2", "echo", "x") == "x\n"
    assert "no image" in guise("rmi", "test/image:1", status=None).stderr


@pytest.mark.parametrize("entries", [
    [("../out", "file", "x")], [("/../../out", "file", "x")],
    [("l", "link", "OUT"), ("l/out", "file", "x")],
    [("l", "link", "../../../../../../../../OUT"), ("l/out", "file", "x")],
    [("l", "hard", "OUT/victim"), ("l", "file", "x")],
    [("l", "link", "OUT/victim"), ("l", "file", "x")],
    [("l", "link", "OUT"), ("l/.wh.victim", "file", "")],
])
def test_layers_stay_inside(guise, tmp_path, base, entries):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("safe")
    bad = layer(*[(name.replace("OUT", str(outside)), kind, value.replace("OUT", str(outside))) for name, kind, value in entries])
    blobs = Blobs()
    blobs.layout(tmp_path / "layout", blobs.image([base, bad]), "test/image:1")
    guise("load", tmp_path / "layout", status=None)
    assert [p.name for p in outside.iterdir()] == ["victim"] and (outside / "victim").read_text() == "safe"
    assert not list(tmp_path.glob("out")) and not (tmp_path / "images/out").exists() and not Path("/out").exists()


def test_damage_is_noticed(guise, tmp_path, base):
    blobs = Blobs()
    manifest = blobs.image([base])
    folder = blobs.layout(tmp_path / "layout", manifest, "test/image:1")
    for path in (folder / "blobs/sha256").iterdir():
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        assert "not what its digest says" in guise("load", folder, status=None).stderr
        path.write_bytes(good)
        assert guise("images") == ""
        shutil.rmtree(tmp_path / "images")
    assert guise("images") == "" and list((tmp_path / "images/temporary").iterdir()) == []
    truncated = gzip.compress(base)[:-2000]
    load_error = Blobs()
    load_error.layout(tmp_path / "layout2", load_error.image([base], pack=lambda _: truncated), "test/image:1")
    assert "damaged" in guise("load", tmp_path / "layout2", status=None).stderr
    assert list((tmp_path / "images/layers").iterdir()) == [] == list((tmp_path / "images/temporary").iterdir())


# ---- registries ----

class Registry(http.server.BaseHTTPRequestHandler):
    blobs, tags, mood, seen = {}, {}, "good", []

    def do_GET(self):
        Registry.seen.append(self.path)
        if self.path.startswith("/token"):
            return self.answer(b'{"token": "secret"}')
        if self.mood == "token" and self.headers.get("Authorization") != "Bearer secret":
            return self.answer(b"", 401, {"WWW-Authenticate": f'Bearer realm="http://{self.headers["Host"]}/token",service="s"'})
        what, _, key = self.path.rpartition("/")
        data = self.blobs.get(self.tags.get(key, key))
        if data is None:
            return self.answer(b"{}", 404)
        if self.mood == "busy" and Registry.seen.count(self.path) == 1:
            return self.answer(b"", 503)
        if what.endswith("/blobs") and self.mood == "lies":
            data = data[:-1] + b"?"
        if what.endswith("/blobs") and self.mood == "elsewhere" and "second" not in self.path:
            return self.answer(b"", 307, {"Location": f"/v2/second/blobs/{key}"})
        self.answer(data)

    def answer(self, data, status=200, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def registry(base):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    blobs = Blobs()
    image = blobs.image([base, layer(("second", "file", "layer"))], {"Cmd": ["cat", "/second"]})
    other = blobs.image([base], {"Cmd": ["echo", "wrong"]})
    index = blobs.put(json.dumps({"schemaVersion": 2, "manifests": [
        {"digest": other, "platform": {"os": "linux", "architecture": "s390x"}},
        {"digest": image, "platform": {"os": "linux", "architecture": "amd64"}}]}).encode())
    Registry.blobs, Registry.tags, Registry.mood, Registry.seen = blobs, {"1": image, "many": index}, "good", []
    yield f"127.0.0.1:{server.server_port}/lib/test"
    server.shutdown()


@pytest.mark.parametrize("mood", ["good", "token", "busy", "elsewhere"])
@pytest.mark.parametrize("tag", ["1", "many"])
def test_pull(guise, registry, mood, tag):
    Registry.mood = mood
    assert guise("pull", "-q", f"{registry}:{tag}") == f"{registry}:{tag}\n"
    assert guise("run", "--rm", f"{registry}:{tag}") == "layer"
    Registry.seen = []
    guise("pull", "-q", f"{registry}:{tag}")
    assert not [path for path in Registry.seen if "/blobs/" in path], "what is there is not fetched again"


def test_pull_by_digest(guise, registry):
    guise("pull", "-q", f"{registry}@{Registry.tags['1']}")
    assert guise("run", "--rm", f"{registry}@{Registry.tags['1']}") == "layer"


def test_pull_what_is_not_there(guise, registry, tmp_path):
    assert "no such image" in guise("pull", f"{registry}:none", status=127 and None).stderr
    assert "not there for linux/sparc" in guise("pull", "--platform", "linux/sparc", f"{registry}:many", status=None).stderr
    Registry.mood = "lies"
    assert "not what its digest says" in guise("pull", f"{registry}:1", status=None).stderr
    assert guise("images") == "" and list((tmp_path / "images/temporary").iterdir()) == []
    assert guise("pull", "UPPER/case", status=None).returncode == 125


@pytest.mark.skipif(not (shutil.which("skopeo") and shutil.which("docker-registry")), reason="no skopeo or docker-registry")
def test_with_skopeo_and_a_real_registry(guise, tmp_path, base):
    blobs = Blobs()
    blobs.layout(tmp_path / "layout", blobs.image([base], {"Cmd": ["echo", "real"]}), "latest")
    port = 5000 + os.getpid() % 20000
    (tmp_path / "reg.yml").write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}/reg\nhttp:\n  addr: 127.0.0.1:{port}\n")
    server = subprocess.Popen(["docker-registry", "serve", tmp_path / "reg.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 15
        push = ["skopeo", "copy", "--dest-tls-verify=false", f"oci:{tmp_path}/layout:latest", f"docker://127.0.0.1:{port}/a/b:1"]
        while subprocess.run(push, capture_output=True).returncode:
            assert time.monotonic() < end
            time.sleep(0.2)
        guise("pull", "-q", f"127.0.0.1:{port}/a/b:1")
        assert guise("run", "--rm", f"127.0.0.1:{port}/a/b:1") == "real\n"
    finally:
        server.terminate()
        server.wait()
