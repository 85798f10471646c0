"""Bodies as they arrive: in pieces, too slowly, too large, broken, or not to the end."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.serve.bodies import Body, Form, Ledger, read_form, read_query
from nukki.serve.limits import ServeOptions
from nukki.serve.refusals import Refusal
from nukki.serve.wire import Answer
from serve_client import BOUNDARY, FORM, Hands, form

LIMITS = ServeOptions(max_bytes=100_000, patience=0.05, timeout=0.2)


async def _read(pieces, headers, limits, budget, **how):
    rest = list(pieces)

    async def receive():
        while rest and isinstance(rest[0], float):
            await asyncio.sleep(rest.pop(0))
        piece = rest.pop(0) if rest else None
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(rest)}

    with Ledger(budget).account() as account:
        return await read_form(headers, receive, limits, account, **how)


def body(*pieces, headers=None, limits=LIMITS, budget=1_000_000, **how):
    headers = {"content-type": FORM, **(headers or {})}
    return asyncio.run(_read(pieces, headers, limits, budget, **how))


def refused(*pieces, **how):
    with pytest.raises(Refusal) as error:
        body(*pieces, **how)
    return error.value.code


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.from_regex("[a-z]{1,9}", fullmatch=True), st.text(max_size=30))),
    st.dictionaries(st.sampled_from(["image", "mask", "add"]), st.binary(max_size=300)),
    st.lists(st.integers(1, 400), max_size=8),
)
def test_what_is_sent_arrives_however_it_is_cut(texts, files, cuts):
    whole = form(texts, files)
    pieces, rest = [], whole
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    found = body(*pieces, rest)
    assert found == Form(texts, files, len(whole))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 60))
def test_a_broken_form_is_refused_or_read(noise, place, dropped):
    whole = form({"edges": "best"}, {"image": b"abc" * 30})
    damaged = whole[:place] + noise + whole[place + dropped :]
    try:
        assert isinstance(body(damaged), Form)
    except Refusal as error:
        assert error.code in ("bad_request", "bad_option")  # noqa: PT017 both ends are right


def test_more_than_the_limit_is_refused_while_it_arrives():
    image = form(files={"image": bytes(150_000)})
    assert len(body(form(files={"image": bytes(99_800)})).files["image"]) == 99_800
    assert refused(image) == "too_many_bytes"
    pieces = [image[at : at + 1000] for at in range(0, len(image), 1000)]
    endless = ServeOptions(max_bytes=100_000, patience=1, timeout=5)
    taken = 0

    def counted():
        nonlocal taken
        for piece in pieces:
            taken += len(piece)
            yield piece

    with pytest.raises(Refusal) as error:
        body(*counted(), limits=endless)
    assert error.value.code == "too_many_bytes"
    assert error.value.headers["Connection"] == "close"
    assert refused(b"", headers={"content-length": "200000"}) == "too_many_bytes"


def test_all_uploads_together_have_a_budget():
    image = form(files={"image": bytes(5000)})
    assert refused(image, budget=5000) == "busy"
    assert body(image, budget=6000).files


def test_who_is_slow_or_gone_is_refused():
    image = form(files={"image": bytes(900)})
    assert refused(image[:500], 0.3, image[500:]) == "slow_client"
    drops = [piece for at in range(0, 900, 30) for piece in (image[at : at + 30], 0.02)]
    assert refused(*drops, image[900:]) == "slow_client"  # each in time, all together not
    assert refused(image[:500], None) == "slow_client"


def test_parts_that_nobody_can_mean():
    assert refused(form(files=[("image", b"a"), ("image", b"b")])) == "bad_option"
    assert refused(form([(f"a{n}", "") for n in range(300)])) == "bad_request"
    assert refused(form({"edges": "x" * 70_000})) == "bad_option"
    assert refused(form({"": "x"})) == "bad_request"
    latin = form({"edges": "ö"}).decode().encode("latin-1")
    assert refused(latin) == "bad_request"
    plain = f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()
    assert refused(plain) == "bad_request"


def test_other_forms_where_they_are_taken():
    url = {"content-type": "application/x-www-form-urlencoded"}
    found = body(b"size=full&crop=true&bg_color=%23fff", headers=url, more_kinds=True)
    assert dict(found.texts) == {"size": "full", "crop": "true", "bg_color": "#fff"}
    assert refused(b"size=full", headers=url) == "not_a_form"
    json = {"content-type": "application/json; charset=utf-8"}
    found = body(b'{"size": "full", "crop": true, "n": 1.5, "x": null}', headers=json,
                 more_kinds=True)  # fmt: skip
    assert found.texts == [("size", "full"), ("crop", "true"), ("n", "1.5")]
    for wrong in (b"[1]", b"{", b'{"a": {}}', b"\xff", b"[" * 100_000):
        assert refused(wrong, headers=json, more_kinds=True) in ("bad_request", "too_many_bytes")


def test_queries():
    assert read_query(b"edges=best&at=1,2&at=3,4&x=") == [
        ("edges", "best"), ("at", "1,2"), ("at", "3,4"), ("x", "")
    ]  # fmt: skip
    for wrong in (b"a=%ff", b"\xff=1", b"&".join([b"a=1"] * 500)):
        with pytest.raises(Refusal):
            read_query(wrong)


def test_what_was_not_read_is_read_on_for_a_moment(monkeypatch):
    monkeypatch.setattr("nukki.serve.bodies._DRAIN", 0.05)

    async def drained(messages):
        rest = list(messages)

        async def receive():
            if not rest:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": rest.pop(0), "more_body": bool(rest)}

        stream = Body(receive)
        await stream.drain()
        return stream.read, rest

    assert asyncio.run(drained([b"a", b"b", b"c"])) == (True, [])

    async def endless():
        async def receive():
            await asyncio.sleep(0.001)
            return {"type": "http.request", "body": b"x", "more_body": True}

        stream = Body(receive)
        await stream.drain()
        return stream.read

    assert asyncio.run(endless()) is False


def test_a_client_that_goes_is_not_worked_for(client, photo):
    """It leaves while it waits; the one behind it gets its turn."""
    import threading

    free, started, seen = threading.Event(), threading.Event(), []

    def work(order):
        started.set()
        free.wait(10)
        seen.append(order.values.get("edges"))
        return Answer(body=b"done")

    server = client([Hands(work)])

    async def scenario():
        posts = {
            name: server.call(
                "POST",
                "/api/remove",
                headers={"content-type": FORM},
                pieces=[form({"edges": name}, {"image": photo}), *leaving],
            )
            for name, leaving in (("none", []), ("fast", [0.1, None]), ("best", []))
        }
        first = asyncio.create_task(posts["none"])
        await asyncio.to_thread(started.wait, 10)
        second = asyncio.create_task(posts["fast"])
        third = asyncio.create_task(posts["best"])
        gone = await second
        free.set()
        return await first, gone, await third

    first, gone, third = server.run(scenario())
    assert (first.status, gone.status, third.status) == (200, 408, 200)
    assert seen == ["none", "best"]
