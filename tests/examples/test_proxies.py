"""The configurations of proxies in docs/serve.md, run by the proxies themselves before a server."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from examples_loaded import ROOT
from nukki.pipelines.options import RunOptions
from nukki.serve import run
from nukki.serve.gate import Gate
from nukki.serve.limits import ServeOptions
from nukki.serve.wire import Answer
from serve_client import FORM, Hands, form

TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
PROXIES = ("nginx", "caddy")


def block(kind):
    """The configuration that the document shows."""
    return re.search(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture
def served(monkeypatch):
    """The port of `nukki serve` in a thread; its work is to answer with `picture`."""
    servers, opened, found = [], threading.Event(), []
    keep = run.Server.__init__

    def remembered(server, config):
        keep(server, config)
        servers.append(server)

    def gate(options, _run):
        hands = [Hands(lambda order: Answer(media_type="image/png", body=b"picture"))]
        return Gate(hands, queue=options.queue, timeout=options.timeout)

    def tell(address):
        found.append(int(address.rpartition(":")[2]))
        opened.set()

    monkeypatch.setattr(run.Server, "__init__", remembered)
    monkeypatch.setattr(run, "make_gate", gate)
    words = (ServeOptions(port=0, max_bytes=1_000_000), RunOptions())
    thread = threading.Thread(target=run.serve, args=words, kwargs={"opened": tell})
    thread.start()
    assert opened.wait(20)
    yield found[0]
    servers[0].should_exit = True
    thread.join(20)


def nginx(folder, port, behind):
    """The command that runs nginx, everything that it writes below a folder."""
    places = " ".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    location = block("nginx").replace("127.0.0.1:7000", f"127.0.0.1:{behind}").replace("50m", "1m")
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places}\nserver {{ listen 127.0.0.1:{port};\n{location}}} }}\n",
        encoding="utf-8",
    )
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder, port, behind):
    """The command that runs Caddy, without certificates and without its port of administration."""
    said = block("caddyfile").replace("cut.example.org", f"http://127.0.0.1:{port}")
    said = said.replace("127.0.0.1:7000", f"127.0.0.1:{behind}")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{said}", encoding="utf-8")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def wait_for(port, running):
    for _ in range(200):
        assert running.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the proxy does not listen")


@pytest.mark.slow
@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_as_documented(name, served, tmp_path, monkeypatch, capfd):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    port = free_port()
    words = {"nginx": nginx, "caddy": caddy}[name](tmp_path, port, served)
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        wait_for(port, running)
        status, _, page = ask(port, "GET", "/cut/")
        assert status == 200
        script = re.search(rb'src="([^"]+)"', page)[1].decode()
        assert ask(port, "GET", f"/cut/{script}")[0] == 200
        status, headers, _ = ask(port, "GET", "/cut")
        assert status in (301, 302, 308)
        assert headers["Location"].endswith("/cut/")
        status, headers, body = ask(
            port, "POST", "/cut/api/remove", form(files={"image": b"photo"}), Content_Type=FORM
        )
        assert (status, body) == (200, b"picture")
        said = headers["X-Request-Id"]
        assert re.fullmatch(r"[0-9a-f]{32}|[0-9a-f-]{36}", said)  # the proxies': ours has 16
        assert json.loads(ask(port, "GET", "/cut/api/models")[2])
        status, _, body = ask(port, "POST", "/cut/api/remove", b"", Content_Type=FORM)
        assert (status, json.loads(body)["code"]) == (400, "bad_request")
        large = form(files={"image": bytes(2_000_000)})
        status, _, body = ask(port, "POST", "/cut/api/remove", large, Content_Type=FORM)
        assert status == 413
        assert name == "nginx" or json.loads(body)["code"] == "too_many_bytes"
    finally:
        running.terminate()
        running.wait(20)
    assert said in capfd.readouterr().err  # in the server's log


@pytest.mark.parametrize("kind", ["nginx", "caddyfile"])
def test_proxies_take_as_much_and_wait_as_long_as_the_server(kind):
    options = ServeOptions()
    text = block(kind)
    waits = [int(seconds) for seconds in re.findall(r"(?:read|header)_timeout (\d+)s", text)]
    assert len(waits) == 1
    assert waits[0] > options.timeout
    assert f"127.0.0.1:{options.port}" in text
    limits = [int(size) * 1_048_576 for size in re.findall(r"max_body_size (\d+)m;", text)]
    assert all(options.max_bytes < limit < 1.1 * options.max_bytes for limit in limits)
    assert bool(limits) == (kind == "nginx")
