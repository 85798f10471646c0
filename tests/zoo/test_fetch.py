"""Fetching: what a careful downloader does with servers that are not."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nukki import settings
from nukki.errors import ChecksumMismatch, FetchError, Offline
from nukki.zoo import catalog, download, store
from nukki.zoo.cards import load_card, parse_card
from nukki.zoo.fetch import ensure, files, refuse


def left_over(card):
    return sorted(path.name for path in store.folder(card).glob("*"))


def test_fetches_verifies_and_stamps(site, make_card):
    card = make_card(site.serve(), size=len(make_card.data))
    seen = []
    path = ensure(card, progress=lambda done, total: seen.append((done, total)))
    assert path == settings.models_folder() / "net" / "net.onnx"
    assert path.read_bytes() == make_card.data
    assert seen[-1] == (len(make_card.data), len(make_card.data))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert set(left_over(card)) <= {"net.onnx", "net.onnx.stamp", ".lock"}


def test_a_second_call_neither_asks_nor_reads(site, make_card, monkeypatch):
    card = make_card(site.serve())
    ensure(card)
    monkeypatch.setattr(store, "hash_file", None)  # would raise if it were called
    ensure(card)
    assert len(site.requests) == 1


def test_a_changed_file_is_read_again_and_refused(site, make_card):
    card = make_card(site.serve())
    path = ensure(card)
    path.write_bytes(b"x" + make_card.data[1:])
    with pytest.raises(ChecksumMismatch, match="left where it is") as caught:
        ensure(card)
    assert make_card.sha256(make_card.data) in str(caught.value)
    assert make_card.sha256(path.read_bytes()) in str(caught.value)
    assert path.exists()
    assert "models remove net" in caught.value.hint


def test_a_flipped_bit_with_the_old_time_is_found_by_reading_whole(site, make_card):
    card = make_card(site.serve())
    path = ensure(card)
    state = path.stat()
    path.write_bytes(b"x" + make_card.data[1:])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert ensure(card) == path  # the stamp is trusted: a start must not read a gigabyte
    with pytest.raises(ChecksumMismatch):
        store.check(card, card.files[0], whole=True)


@pytest.mark.parametrize("kind", ["md5", "sha256-prefix"])
def test_other_digests(site, make_card, kind):
    value = (
        hashlib.md5(make_card.data).hexdigest()
        if kind == "md5"
        else hashlib.sha256(make_card.data).hexdigest()[:8]
    )
    ensure(make_card(site.serve(), digest=f"{kind}:{value}"))
    wrong = make_card(site.serve(), name="wrong", digest=f"{kind}:{'0' * len(value)}")
    with pytest.raises(ChecksumMismatch, match=f"{kind}:{value}"):
        ensure(wrong)
    assert not store.locate(wrong, wrong.files[0]).exists()


def test_resumes_where_the_connection_broke_off(site, make_card):
    card = make_card(site.serve(breaks=[100_000]))
    assert ensure(card).read_bytes() == make_card.data
    first, second = site.asked()
    assert "Range" not in first
    assert (second["Range"], second["If-Range"]) == ("bytes=100000-", '"one"')


def test_the_part_outlives_the_failure_and_is_resumed_later(site, make_card):
    card = make_card(site.serve(breaks=[1000, 1000, 1000, 1000, 1000, 1000]))
    with pytest.raises(FetchError, match="broke off at 3000 of 524288 bytes"):
        ensure(card)
    assert store.part_path(card, card.files[0]).stat().st_size == 3000
    site.serve()
    site.requests.clear()
    assert ensure(card).read_bytes() == make_card.data
    assert site.asked()[0]["Range"] == "bytes=3000-"


def test_a_server_without_ranges_starts_again(site, make_card):
    card = make_card(site.serve(breaks=[100_000], ranges=False))
    assert ensure(card).read_bytes() == make_card.data


def test_a_file_that_changed_meanwhile_starts_again(site, make_card):
    card = make_card(site.serve(data=b"z" * 5000, breaks=[1000] * 3))
    with pytest.raises(FetchError):
        ensure(card)
    site.serve(etag='"two"')
    assert ensure(card).read_bytes() == make_card.data


def test_a_part_of_another_file_is_dropped_and_fetched_whole(site, make_card):
    card = make_card(site.serve())
    part = store.part_path(card, card.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another file")
    assert ensure(card).read_bytes() == make_card.data
    assert [headers.get("Range") for headers in site.asked()] == ["bytes=15-", None]


def test_without_a_digest_a_part_of_unknown_origin_is_not_used(site, make_card):
    card = make_card(site.serve(), digest=None)
    part = store.part_path(card, card.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another file")
    assert ensure(card).read_bytes() == make_card.data
    assert "Range" not in site.asked()[0]


def test_a_complete_part_is_taken_as_it_is(site, make_card):
    card = make_card(site.serve())
    part = store.part_path(card, card.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(make_card.data)
    assert ensure(card).read_bytes() == make_card.data
    assert len(site.requests) == 1  # answered by 416


def test_a_part_that_is_too_long_is_dropped(site, make_card):
    card = make_card(site.serve())
    part = store.part_path(card, card.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(make_card.data + b"more")
    assert ensure(card).read_bytes() == make_card.data


@pytest.mark.parametrize("answer", ["bytes 0-9/10", "bytes 5-524287/9", "nonsense"])
def test_another_range_than_asked_starts_again(site, make_card, answer):
    card = make_card(site.serve(breaks=[1000], content_range=answer))
    assert ensure(card).read_bytes() == make_card.data
    assert "Range" not in site.asked()[-1]


def test_the_next_address_is_asked(site, make_card):
    urls = [site.serve("/gone", status=404), site.serve("/broken", status=500), site.serve()]
    assert ensure(make_card(*urls)).read_bytes() == make_card.data


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(site, make_card):
    card = make_card(site.serve("/gone", status=404), site.serve(failures=2))
    assert ensure(card).read_bytes() == make_card.data
    assert len(site.asked("/gone")) == 1
    assert len(site.asked()) == 3


def test_a_wrong_file_at_one_address_gives_way_to_the_right_one(site, make_card):
    card = make_card(site.serve("/wrong", data=b"evil" * 1000), site.serve())
    assert ensure(card).read_bytes() == make_card.data


def test_a_wrong_file_everywhere_is_a_mismatch_and_leaves_nothing(site, make_card):
    card = make_card(site.serve(data=b"evil"))
    with pytest.raises(ChecksumMismatch, match="deleted") as caught:
        ensure(card)
    assert make_card.sha256(b"evil") in str(caught.value)
    assert make_card.sha256(make_card.data) in str(caught.value)
    assert set(left_over(card)) <= {".lock"}
    assert len(site.requests) == 1


def test_every_failure_is_told(site, make_card):
    card = make_card(site.serve("/gone", status=404), site.serve("/denied", status=403))
    with pytest.raises(FetchError) as caught:
        ensure(card)
    assert "/gone: HTTP 404" in str(caught.value)
    assert "/denied: HTTP 403" in str(caught.value)


def test_a_port_that_nobody_serves(make_card, site):
    with pytest.raises(FetchError, match=r"(?i)refused"):
        ensure(make_card("http://127.0.0.1:9/net.onnx"))


def test_a_stated_length_that_is_not_the_cards_is_refused_unread(site, make_card):
    card = make_card(site.serve(), size=1000)
    with pytest.raises(FetchError, match="must have 1000 bytes, got 524288"):
        ensure(card)
    assert set(left_over(card)) <= {".lock"}


def test_a_length_that_promises_too_much_is_a_broken_connection(site, make_card):
    card = make_card(site.serve(length=len(make_card.data) + 10, ranges=False))
    with pytest.raises(FetchError, match="broke off"):
        ensure(card)


def test_a_body_beyond_the_cards_size_is_cut_off(site, make_card):
    card = make_card(site.serve(chunked=True), size=1000)
    seen = []
    with pytest.raises(FetchError, match="sent more than 1000 bytes"):
        ensure(card, progress=lambda done, total: seen.append(done))
    assert max(seen, default=0) <= 1000  # told after a chunk is written
    assert set(left_over(card)) <= {".lock"}


def test_a_body_without_end_meets_the_bound(site, make_card, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", 1000)
    with pytest.raises(FetchError, match="sent more than 1000 bytes"):
        ensure(make_card(site.serve(chunked=True)))


def test_an_encoded_body_is_refused(site, make_card):
    with pytest.raises(FetchError, match="encoded"):
        ensure(make_card(site.serve(encoding="gzip")))


def test_redirects_are_followed(site, make_card):
    target = site.serve("/real")
    assert ensure(make_card(site.serve(location=target))).read_bytes() == make_card.data


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_redirects_away_from_the_web_are_not(site, make_card, target):
    card = make_card(site.serve(location=target))
    with pytest.raises(FetchError):
        ensure(card)
    assert set(left_over(card)) <= {".lock"}
    assert len(site.requests) == 1


def test_https_is_never_left_for_http():
    redirects = download._Redirects()
    request = download.urllib.request.Request("https://example.org/net.onnx")
    with pytest.raises(download._Failed, match="not followed") as caught:
        redirects.redirect_request(request, None, 302, "", {}, "http://example.org/net.onnx")
    assert caught.value.final
    followed = redirects.redirect_request(request, None, 302, "", {}, "https://example.net/net")
    assert followed.full_url == "https://example.net/net"


def test_a_circle_of_redirects_ends(site, make_card):
    site.serve("/b", location="/a")
    with pytest.raises(FetchError):
        ensure(make_card(site.serve("/a", location="/b")))


def test_without_a_digest_the_first_download_is_pinned(site, make_card):
    card = make_card(site.serve(), digest=None)
    path = ensure(card)
    path.unlink()
    site.serve(data=b"another one")
    with pytest.raises(ChecksumMismatch):
        ensure(card)
    site.serve()
    assert ensure(card) == path
    path.write_bytes(b"another one")
    with pytest.raises(ChecksumMismatch, match="as first fetched"):
        ensure(card)


def test_offline_says_what_where_and_which(make_card, monkeypatch):
    card = make_card("https://example.org/net.onnx")
    monkeypatch.setenv("NUKKI_OFFLINE", "1")
    with pytest.raises(Offline) as caught:
        ensure(card)
    assert str(settings.models_folder() / "net" / "net.onnx") in str(caught.value)
    assert card.files[0].digest in str(caught.value)
    assert "https://example.org/net.onnx" in caught.value.hint
    with pytest.raises(Offline):
        ensure(card, offline=True)


def test_the_argument_rules_over_the_environment(site, make_card, monkeypatch):
    monkeypatch.setenv("NUKKI_OFFLINE", "1")
    assert ensure(make_card(site.serve()), offline=False).is_file()


def test_what_is_there_needs_no_network(site, make_card):
    card = make_card(site.serve())
    ensure(card)
    assert ensure(card, offline=True).is_file()


def test_non_commercial_networks_wait_for_acceptance(site, make_card):
    card = make_card(site.serve(), use="no")
    with pytest.raises(FetchError, match="not for commercial use") as caught:
        ensure(card)
    assert "--accept-licence" in caught.value.hint
    assert site.requests == []
    assert ensure(card, accept_licence=True).is_file()
    assert ensure(card).is_file()  # it is here: nothing is fetched


def test_a_card_without_files_or_addresses(make_card, tmp_path):
    brief = tmp_path / "own.toml"
    brief.write_text('task = "saliency"\ninput.size = [8, 8]\noutput = {}\n')
    with pytest.raises(FetchError, match="nothing to fetch"):
        ensure(load_card(brief, brief=True))
    with pytest.raises(FetchError, match="no address") as caught:
        ensure(make_card())
    assert "models import" in caught.value.hint


def test_the_embedded_network_is_not_read(monkeypatch):
    monkeypatch.setattr(store, "hash_file", None)
    card = catalog.find("subject")
    assert ensure(card, offline=True) == catalog.WEIGHTS / "subject.onnx"
    assert not settings.models_folder().exists()


def test_a_folder_that_cannot_be_made(site, make_card):
    settings.models_folder().parent.mkdir(parents=True, exist_ok=True)
    settings.models_folder().write_text("a file where the folder should be")
    with pytest.raises(FetchError) as caught:
        ensure(make_card(site.serve()))
    assert "NUKKI_HOME" in caught.value.hint
    assert site.requests == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_is_read_only(site, make_card):
    settings.models_folder().mkdir(parents=True)
    settings.models_folder().chmod(0o500)
    with pytest.raises(FetchError, match="cannot be written"):
        ensure(make_card(site.serve()))


class _FullDisk:
    """A file that takes some bytes and then no more."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, data):
        self.stream.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self):
        self.stream.close()


def test_a_disk_that_fills_up_leaves_no_half_file(site, make_card, monkeypatch):
    card = make_card(site.serve())
    opened = Path.open

    def opening(self, mode="r", *args, **kwargs):
        stream = opened(self, mode, *args, **kwargs)
        return _FullDisk(stream) if self.suffix == ".part" and mode in ("wb", "ab") else stream

    monkeypatch.setattr(Path, "open", opening)
    with pytest.raises(FetchError, match="No space left"):
        ensure(card)
    assert set(left_over(card)) <= {".lock"}
    assert len(site.requests) == 1  # a full disk is not the network's fault


def test_a_disk_that_is_too_small_is_told_before(site, make_card, monkeypatch):
    monkeypatch.setattr(download, "RESERVE", 10**18)
    card = make_card(site.serve())
    with pytest.raises(FetchError, match="free disk"):
        ensure(card)
    assert set(left_over(card)) <= {".lock"}


def test_an_interrupted_download_is_kept(site, make_card):
    card = make_card(site.serve())

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(card, progress=interrupt)
    assert store.part_path(card, card.files[0]).stat().st_size > 0
    assert ensure(card).read_bytes() == make_card.data


def test_nothing_forbids_what_another_was_faster_to_fetch(site, make_card):
    card = make_card(site.serve())
    with pytest.raises(Offline):
        refuse(card, accept_licence=False, offline=True)
    ensure(card)
    refuse(card, accept_licence=False, offline=True)


def test_two_threads_fetch_once(site, make_card):
    card = make_card(site.serve())
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(ensure(card))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 4
    assert len(site.requests) == 1


def test_threads_stamp_one_file(tmp_path):
    """One that fetched it and others that find it there do so at the same moment."""
    path = tmp_path / "net.onnx"
    path.write_bytes(b"weights")
    hashes = store.hash_file(path, None)
    errors = []

    def stamp():
        try:
            for _ in range(100):
                store.write_stamp(path, hashes, None)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=stamp) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.read_stamp(path).sha256 == hashes.sha256
    assert len(list(tmp_path.iterdir())) == 2


def test_two_processes_fetch_once(site, make_card, tmp_path):
    text = tmp_path / "net.toml"
    text.write_text(make_card.text(site.serve()))
    code = (
        "import sys; from nukki.zoo.cards import load_card; from nukki.zoo.fetch import ensure; "
        "print(ensure(load_card(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(text)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate(timeout=60)[0].strip() for process in running}
    assert paths == {str(settings.models_folder() / "net" / "net.onnx")}
    assert len(site.requests) == 1


def test_a_lock_that_is_held_for_ever_is_told(site, make_card, monkeypatch):
    monkeypatch.setattr(store, "LOCK_TIMEOUT", 0.05)
    card = make_card(site.serve())
    ended, held = threading.Event(), threading.Event()

    def hold():
        with store.locked(card):
            held.set()
            ended.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(30)
        with pytest.raises(FetchError, match="held by another process"):
            ensure(card)
    finally:
        ended.set()
        thread.join()


def test_remove_deletes_what_fetching_made_and_nothing_else(site, make_card):
    card = make_card(site.serve())
    path = ensure(card)
    (path.parent / "notes.txt").write_text("mine")
    assert store.remove(card) == (path,)
    assert left_over(card) == ["notes.txt"]
    assert store.remove(card) == ()
    (path.parent / "notes.txt").unlink()
    ensure(card)
    store.remove(card)
    assert not store.folder(card).exists()


def test_a_network_that_is_converted_runs_from_its_graph(site, make_card):
    text = make_card.text(site.serve()).replace("'net.onnx'", "'net.pth'\nconvert = 'net'")
    card = parse_card(text, source="net.toml")
    with pytest.raises(FetchError, match="authors' checkpoint") as caught:
        ensure(card)
    assert "models get net" in caught.value.hint
    assert site.requests == []
    checkpoint = files(card)
    assert checkpoint == store.folder(card) / "net.pth"
    assert store.where(card) == "not fetched"
    graph = store.folder(card) / "net.onnx"
    graph.write_bytes(b"a graph")
    assert ensure(card) == graph == store.graphs(card)[0]
    assert store.where(card) == "fetched"
    checkpoint.unlink()
    assert ensure(card) == graph
    graph.write_bytes(b"another")
    with pytest.raises(ChecksumMismatch):
        ensure(card)
    assert store.remove(card) == (graph,)
    assert left_over(card) == []
