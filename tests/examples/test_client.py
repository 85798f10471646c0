"""The client in one file: before a server that says what a test wants, and before the real one."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from PIL import Image

from examples_loaded import EXAMPLES, loaded
from nukki.serve.tasks import TASKS

CODE = EXAMPLES / "client.py"
REFUSAL = {
    "error": "`edge` is not an option here",
    "hint": "did you mean edges?",
    "code": "bad_option",
}


@pytest.fixture(scope="module")
def client():
    return loaded("client.py")


@pytest.fixture
def server():
    """Answers of `server.replies`, (status, headers, body) each; what came is in `server.asked`."""
    asked, replies = [], []

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.path, dict(self.headers), body))
            status, headers, body = replies.pop(0)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as one:
        one.asked, one.replies = asked, replies
        one.address = f"http://127.0.0.1:{one.server_port}/cut"
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join(10)


def parts(headers, body):
    """Name, file name and bytes of each part, read by Python's own mail parser."""
    whole = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body
    found = message_from_bytes(whole, policy=policy.HTTP).iter_parts()
    return [
        (
            one.get_param("name", header="content-disposition"),
            one.get_filename(),
            one.get_payload(decode=True),
        )
        for one in found
    ]


def test_options_and_files_are_parts(client, server, tmp_path):
    (tmp_path / "room.jpg").write_bytes(b"a room\r\n--")
    server.replies.append((200, {"X-Found": "false", "X-Confidence": "0.25"}, b"picture"))
    result = client.Client(server.address, key="a-key").pick(
        b"photo", at=["1,2", "3,4"], drop_specks=True, feather=1.5, background=tmp_path / "room.jpg"
    )
    path, headers, body = server.asked[0]
    assert (path, headers["X-Api-Key"]) == ("/cut/api/pick", "a-key")
    assert parts(headers, body) == [
        ("image", "image", b"photo"),
        ("at", None, b"1,2"),
        ("at", None, b"3,4"),
        ("drop_specks", None, b"true"),
        ("feather", None, b"1.5"),
        ("background", "background", b"a room\r\n--"),
    ]
    assert (result.body, result.found, result.confidence) == (b"picture", False, 0.25)


def test_a_busy_server_is_asked_again_when_it_says(client, server, monkeypatch):
    waits = []
    monkeypatch.setattr(client.time, "sleep", waits.append)
    server.replies += [(429, {"Retry-After": "7"}, b"{}"), (429, {}, b""), (200, {}, b"done")]
    assert client.Client(server.address).remove(b"photo").body == b"done"
    assert waits == [7.0, 1.0]
    refusal = json.dumps({"error": "busy", "hint": "later", "code": "busy"}).encode()
    server.replies += [(429, {"Retry-After": "99999"}, refusal)] * 4
    with pytest.raises(client.Refused) as caught:
        client.Client(server.address).remove(b"photo")
    assert (caught.value.status, caught.value.code) == (429, "busy")
    assert waits[2:] == [60.0] * 3


def test_errors_have_their_hint(client, server):
    server.replies += [(422, {}, json.dumps(REFUSAL).encode()), (502, {}, b"<html>Bad Gateway")]
    asking = client.Client(server.address)
    with pytest.raises(client.Refused, match="did you mean edges") as caught:
        asking.remove(b"photo", edge="best")
    assert (caught.value.status, caught.value.code) == (422, "bad_option")
    with pytest.raises(client.Refused, match="status 502: <html>Bad Gateway"):
        asking.remove(b"photo")
    with pytest.raises(ValueError, match="http://"):
        client.Client("127.0.0.1:7000")


def test_the_command_line_writes_the_file_or_says_why_not(client, server, tmp_path, capsys):
    photo, out = tmp_path / "a.jpg", tmp_path / "a.png"
    photo.write_bytes(b"photo")
    words = ["remove", str(photo), "--server", server.address, "-o", str(out), "edges=best"]
    server.replies += [
        (200, {}, b"picture"),
        (200, {"X-Found": "false"}, b"empty"),
        (422, {}, json.dumps(REFUSAL).encode()),
    ]
    assert client.main(words) == 0
    assert out.read_bytes() == b"picture"
    assert client.main(words) == 3
    assert out.read_bytes() == b"empty"
    capsys.readouterr()
    assert client.main(words) == 1
    assert capsys.readouterr().err == f"error: {REFUSAL['error']}\nhint: {REFUSAL['hint']}\n"
    assert client.main([*words, "edges"]) == 2
    assert "name=value" in capsys.readouterr().err
    assert client.main(["remove", str(tmp_path / "none"), "--server", server.address]) == 2


def test_a_server_that_is_not_there_is_told(client, server, capsys, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    here = "http://127.0.0.1:1"
    assert client.main(["remove", str(tmp_path / "a.jpg"), "--server", here]) == 1
    assert "does the server run?" in capsys.readouterr().err


def test_it_needs_nothing_but_python_and_knows_every_task(client):
    assert set(client.TASKS) == set(TASKS)
    code = CODE.read_text(encoding="utf-8")
    names = re.findall(r"^(?:import|from) (\w+)", code, flags=re.MULTILINE)
    assert set(names) <= sys.stdlib_module_names


# --- before the real server


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of `nukki serve` with its own networks, in processes of its own."""
    folder = tmp_path_factory.mktemp("served")
    words = [sys.executable, "-m", "nukki", "serve", "--port", "0", "--key", "keys.txt"]
    (folder / "keys.txt").write_text("a-key-of-the-tests\n", encoding="utf-8")
    environment = {**os.environ, "NUKKI_HOME": str(folder), "NUKKI_THREADS": "1"}
    running = subprocess.Popen(
        words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    line = running.stderr.readline()
    reading = threading.Thread(target=running.stderr.read)  # so that its log is not held up
    reading.start()
    try:
        yield re.match(r"http://\S+", line)[0]
    finally:
        running.terminate()
        assert running.wait(60) == 0
        reading.join(10)
        running.stderr.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """The cat of the Lambda events."""
    event = json.loads((EXAMPLES / "lambda" / "events" / "url-photo.json").read_text("utf-8"))
    path = tmp_path_factory.mktemp("photo") / "cat.jpg"
    path.write_bytes(base64.b64decode(event["body"]))
    return path


def run_curl(photo, folder, environment):
    words = [EXAMPLES / "curl.sh", photo, "out"]
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def size(path):
    with Image.open(path) as image:
        image.load()
        return (image.mode, image.size)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_every_line_of_curl_does_what_it_says(address, photo, tmp_path):
    environment = {**os.environ, "SERVER": address, "KEY": "a-key-of-the-tests"}
    words = [EXAMPLES / "curl.sh", photo, "out"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    out = tmp_path / "out"
    code = (EXAMPLES / "curl.sh").read_text(encoding="utf-8")
    written = set(re.findall(r'"\$out/([\w.]+)"', code))
    assert {path.name for path in out.iterdir()} == written
    whole = (160, 106)
    for name in ("cut.png", "cut.webp", "fast.png", "thing.png"):
        assert size(out / name) == ("RGBA", whole)
    for name in ("white.jpg", "blur.png", "before.png", "gone.png", "goes.png", "removebg.jpg"):
        assert size(out / name) == ("RGB", whole)
    assert size(out / "mask.png") == ("L", whole)
    assert size(out / "cropped.png")[0] == "RGBA"
    assert zipfile.ZipFile(out / "removebg.zip").testzip() is None
    assert "x-found: true" in (out / "headers.txt").read_text().lower()
    for path in out.glob("*.json"):
        said = json.loads(path.read_text("utf-8"))
        assert ("error" in said) == (path.name == "error.json")
    assert json.loads((out / "error.json").read_text("utf-8"))["hint"] == "did you mean edges?"
    without = {**environment, "KEY": "another"}
    done = subprocess.run(
        words, cwd=tmp_path, env=without, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0


@pytest.mark.slow
def test_the_client_and_the_server(client, address, photo):
    asking = client.Client(address, key="a-key-of-the-tests")
    cut = asking.remove(photo, format="webp")
    with Image.open(io.BytesIO(cut.body)) as image:
        assert (image.format, image.size) == ("WEBP", (160, 106))
    assert (cut.found, cut.confidence > 0.5) == (True, True)
    assert asking.segment(photo, what="all").json["instances"][0]["label"] == "cat"
    assert asking.pick(photo, at="80,60", format="json").json["score"] > 0.5
    assert asking.replace(photo, background=photo).body.startswith(b"\x89PNG")
    assert asking.erase(photo, mask=asking.remove(photo, mask=True).body).found
    assert "subject" in {one["name"] for one in asking.models()}
    with pytest.raises(client.Refused) as caught:
        asking.remove(photo, edge="best")
    assert caught.value.hint == "did you mean edges?"
    with pytest.raises(client.Refused) as caught:
        client.Client(address).remove(photo)
    assert (caught.value.status, caught.value.code) == (401, "no_key")
