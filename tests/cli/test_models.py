"""`nukki models`: data on standard output, the rest on standard error, exit codes."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import sys
import threading
import typing
from pathlib import Path

import pytest

from nukki import settings
from nukki.cli import models
from nukki.zoo import cards, catalog

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The address of a folder that holds `net.onnx`."""
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(DATA)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/net.onnx"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def write_card():
    """Writes a card into the user's folder."""

    def write(name, url="https://example.org/net.onnx", *, use="yes", digest=f"sha256:{SHA256}"):
        settings.cards_folder().mkdir(parents=True, exist_ok=True)
        (settings.cards_folder() / f"{name}.toml").write_text(
            f"name = '{name}'\ntitle = 'A net'\ntask = 'saliency'\ncommercial_use = '{use}'\n"
            "origin = 'https://example.org'\n"
            "[licence]\ncode = 'MIT'\nweights = 'MIT'\ndata = 'made up'\n"
            f"[[files]]\nname = 'net.onnx'\nurls = ['{url}']\n"
            + (f"digest = '{digest}'\n" if digest else "")
            + "[input]\nsize = [8, 8]\n[output]\n"
        )

    return write


@pytest.fixture
def run(nukki, capsys):
    """Runs `nukki models …`: (exit code, standard output, standard error)."""

    def call(*words):
        code = nukki("models", *words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_words_are_those_of_the_cards():
    assert typing.get_args(cards.Task) == models.TASKS
    assert typing.get_args(cards.CommercialUse) == models.COMMERCIAL_USES


def test_list_is_a_table(run):
    code, out, err = run("list")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert len(lines) == 1 + len(catalog.own_names())
    assert lines[0].split()[:3] == ["name", "task", "size"]
    (subject,) = [line for line in lines if line.startswith("subject ")]
    assert subject.split()[-2:] == ["yes", "embedded"]
    (bria,) = [line for line in lines if line.startswith("bria-rmbg ")]
    assert "non-commercial" in bria
    assert bria.split()[-3:] == ["no", "not", "fetched"]


def test_list_is_filtered(run):
    _, out, _ = run("list", "--commercial-use", "no", "--json")
    rows = json.loads(out)
    assert {"bria-rmbg", "indexnet"} <= {row["name"] for row in rows}
    assert {row["commercial_use"] for row in rows} == {"no"}
    code, out, _ = run("list", "--task", "inpainting", "--commercial-use", "no")
    assert (code, len(out.splitlines())) == (0, 1)
    _, out, _ = run("list", "--task", "inpainting", "--json")
    assert {"lama", "migan"} <= {row["name"] for row in json.loads(out)}
    assert run("list", "--task", "nonsense")[0] == 2


def test_list_tells_broken_cards_aside(run, write_card):
    write_card("mine")
    (settings.cards_folder() / "bad.toml").write_text("x = 1")
    code, out, err = run("list", "--json")
    assert code == 0
    assert "mine" in [row["name"] for row in json.loads(out)]
    assert "bad.toml" in err


def test_show(run):
    code, out, err = run("show", "u2net")
    assert (code, err) == (0, "")
    for text in ("scale: own-maximum", "md5:60024c5c889badc19c04ad937298a77b", "DUTS-TR", ".873"):
        assert text in out
    values = json.loads(run("show", "u2net", "--json")[1])
    assert values["input"]["size"] == [320, 320]
    assert values["published_scores"]["DUTS-TE, max F / MAE / weighted F / S / relaxed boundary F"]
    assert values["where"] == "not fetched"


def test_an_unknown_name(run):
    for action in ("show", "get", "verify", "path", "remove"):
        code, out, err = run(action, "u2nett")
        assert (code, out) == (2, "")
        assert "hint: use u2net" in err


def test_get_fetches_and_prints_the_path(run, write_card, published):
    write_card("mine", published)
    code, out, err = run("get", "mine", "subject")
    assert (code, err) == (0, "")
    mine, subject = out.splitlines()
    assert mine == str(settings.models_folder() / "mine" / "net.onnx")
    assert subject.endswith("subject.onnx")
    assert "fetched" in run("list")[1]


def test_get_tells_that_nothing_is_published_to_compare_with(run, write_card, published):
    write_card("mine", published, digest=None)
    assert "pinned" in run("get", "mine")[2]
    assert run("verify", "mine")[0] == 0
    run("remove", "mine")
    assert run("get", "mine", "--quiet")[2] == ""


def test_get_waits_for_the_licence(run, write_card, published):
    write_card("mine", published, use="no")
    code, out, err = run("get", "mine")
    assert (code, out) == (1, "")
    assert "--accept-licence" in err
    assert run("get", "mine", "--accept-licence")[0] == 0


def test_get_offline_says_where_the_file_belongs(run):
    code, out, err = run("get", "u2netp", "--offline")
    assert (code, out) == (1, "")
    assert str(settings.models_folder() / "u2netp" / "u2netp.onnx") in err
    assert "md5:8e83ca70e441ab06c318d82300c84806" in err
    assert "--as u2netp" in err


def test_get_draws_a_bar_on_a_terminal_only(run, write_card, published, monkeypatch):
    write_card("mine", published)
    monkeypatch.setattr(models, "is_shown", lambda quiet: not quiet)
    _, out, err = run("get", "mine")
    assert "mine" in err
    assert "%" in err
    assert len(out.splitlines()) == 1


def test_verify_reads_the_files(run, write_card, published):
    code, out, _ = run("verify", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["model"] for row in rows] == ["detect", "fill", "pick", "pick", "subject"]
    assert {row["state"] for row in rows} == {"ok"}
    assert f"sha256:{rows[-1]['sha256']}" == catalog.find("subject").files[0].digest
    write_card("mine", published)
    assert run("verify", "mine")[0] == 1  # not there yet
    path = run("get", "mine")[1].strip()
    assert run("verify", "mine")[0] == 0
    with open(path, "ab") as stream:  # noqa: PTH123
        stream.write(b"x")
    code, out, err = run("verify")
    assert code == 1
    assert "mismatch" in out
    assert SHA256 in err
    assert hashlib.sha256(DATA + b"x").hexdigest() in err


def test_path(run):
    assert run("path")[1].strip() == str(settings.models_folder())
    assert run("path", "--cards")[1].strip() == str(settings.cards_folder())
    code, out, err = run("path", "u2net")
    assert (code, out.strip()) == (0, str(settings.models_folder() / "u2net" / "u2net.onnx"))
    assert "models get u2net" in err
    _, out, err = run("path", "subject", "--json")
    assert (json.loads(out)["present"], err) == (True, "")


def test_remove(run, write_card, published):
    write_card("mine", published)
    path = run("get", "mine")[1]
    assert run("remove", "mine") == (0, path, "")
    code, out, err = run("remove", "mine")
    assert (code, out) == (0, "")
    assert "was not there" in err
    assert run("remove", "subject")[0] == 2


def test_carried_by_hand(run, write_card, published, tmp_path, monkeypatch):
    write_card("mine", published)
    run("get", "mine")
    target = tmp_path / "models.zip"
    assert run("bundle", "mine", "-o", target) == (0, f"{target}\n", "")
    assert run("bundle", "mine", "-o", target)[0] == 2
    assert run("bundle", "mine", "-o", target, "--overwrite")[0] == 0
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    code, out, _ = run("import", target)
    assert (code, out.strip()) == (0, str(settings.models_folder() / "mine" / "net.onnx"))
    assert run("get", "mine", "--offline")[0] == 0


def test_a_file_by_hand(run, write_card, tmp_path):
    write_card("mine")
    source = tmp_path / "download.onnx"
    source.write_bytes(DATA)
    code, _, err = run("import", source)
    assert code == 2
    assert "--as NAME" in err
    assert run("import", source, "--as", "mine")[0] == 0
    source.write_bytes(b"another")
    code, _, err = run("import", source, "--as", "mine")
    assert code == 1
    assert SHA256 in err


@pytest.mark.parametrize("words", [(), ("nonsense",), ("list", "--nonsense"), ("get",)])
def test_wrong_usage(run, words):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err


CONVERTED = """
name = "mine"
title = "Mine"
task = "saliency"
commercial_use = "unclear"
origin = "https://example.org"
input.size = [32, 32]
output.range = "absolute"
licence = {{ code = "MIT", weights = "MIT", data = "none" }}
files = [{{ name = "net.pth", digest = "sha256:{}", convert = "u2netp" }}]
"""


@pytest.fixture
def converted():
    """A network whose card names a checkpoint; gives the folder of its files."""
    settings.cards_folder().mkdir(parents=True)
    (settings.cards_folder() / "mine.toml").write_text(CONVERTED.format(SHA256))
    return settings.models_folder() / "mine"


def test_a_converted_network_without_torch(run, nukki, converted, red, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    photos("a.jpg")
    graph = converted / "mine.onnx"
    assert run("path", "mine")[1] == f"{graph}\n"
    assert run("import", red[1], "--as", "mine") == (0, f"{graph}\n", "")
    assert run("bundle", "mine", "-o", "models.zip")[0] == 0
    monkeypatch.setenv("NUKKI_HOME", str(Path("elsewhere").absolute()))
    elsewhere = settings.models_folder() / "mine" / "mine.onnx"
    assert run("import", "models.zip") == (0, f"{elsewhere}\n", "")
    assert run("get", "mine", "--offline") == (0, f"{elsewhere}\n", "")
    assert run("verify", "mine")[0] == 0
    assert nukki("remove", "a.jpg", "--model", "mine", "-o", "a.png", "--offline") == 0
    elsewhere.write_bytes(graph.read_bytes() + b"\0")
    assert nukki("remove", "a.jpg", "--model", "mine", "-o", "b.png") == 1
    assert not Path("b.png").exists()


def test_verify_reads_graphs_and_the_checkpoint_where_it_is_kept(run, converted, tmp_path, red):
    code, out, err = run("verify", "mine", "--json")
    (row,) = json.loads(out)
    assert (code, row["file"], row["state"]) == (1, "mine.onnx", "missing")
    run("import", red[1], "--as", "mine")
    code, out, err = run("verify", "--json")
    rows = {row["file"]: row for row in json.loads(out)}
    own = {f"{name}.onnx" for name in ("detect", "fill", "pick.encoder", "pick.decoder", "subject")}
    assert (code, set(rows)) == (0, own | {"mine.onnx"})
    graph = converted / "mine.onnx"
    assert rows["mine.onnx"]["sha256"] == hashlib.sha256(graph.read_bytes()).hexdigest()
    (converted / "net.pth").write_bytes(b"cut off")
    code, out, err = run("verify", "mine")
    assert code == 1
    assert "net.pth` must have" in err
    (converted / "net.pth").write_bytes(DATA)
    assert run("verify", "mine")[0] == 0
    graph.write_bytes(b"another")
    code, out, err = run("verify", "mine")
    assert code == 1
    assert "mine.onnx` must have" in err


def test_a_checkpoint_by_hand_has_to_be_converted(run, converted, tmp_path):
    source = tmp_path / "net.pth"
    source.write_bytes(DATA)
    code, out, err = run("import", source, "--as", "mine")
    assert (code, out) == (0, f"{converted / 'net.pth'}\n")
    assert "nukki models get mine" in err
    source.write_bytes(b"my own")
    code, out, err = run("import", source, "--as", "mine")
    assert (code, out) == (1, "")
    assert f"nukki convert {source} --as u2netp" in err
