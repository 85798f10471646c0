"""Which networks there are: the package's cards, the user's cards, files of the user's."""

from __future__ import annotations

import hashlib

import pytest

from nukki import settings
from nukki.errors import CardError, InputError, UnknownModel
from nukki.zoo import catalog

FIELD = {
    "u2net", "u2netp", "u2net_human_seg", "silueta", "isnet-general-use", "isnet-anime",
    "birefnet-general", "birefnet-general-lite", "birefnet-portrait", "birefnet-dis",
    "birefnet-hrsod", "birefnet-cod", "birefnet-massive", "bria-rmbg",
}  # fmt: skip


@pytest.fixture
def user_card(make_card):
    """Writes a card into the user's folder."""

    def write(name, text=None):
        path = settings.cards_folder() / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or make_card.text("https://example.org/x.onnx", name=name))
        return path

    return write


def test_the_names():
    assert set(catalog.names()) >= FIELD | {"subject"}
    assert [card.name for card in catalog.cards()] == list(catalog.names())


@pytest.mark.parametrize("name", catalog.own_names())
def test_every_card_of_the_package(name):
    card = catalog.find(name)
    assert card.name == name
    assert card.data_terms not in ("", "unknown")
    assert card.weights_licence not in ("", "unknown")
    for file in card.files:
        assert file.digest or any("digest" in note for note in card.notes)
        assert file.embedded or file.urls or any("by hand" in note for note in card.notes)
        assert all(url.startswith("https://") for url in file.urls)
    assert card.paper or card.commercial_use == "no" or card.embedded


def test_the_embedded_file_is_the_one_of_its_card():
    """Where this fails: `python -c "from nukki.zoo.catalog import restamp; restamp('subject')"`."""
    for card in catalog.cards():
        for file in card.files:
            if file.embedded:
                data = (catalog.WEIGHTS / file.name).read_bytes()
                assert file.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
                assert file.size_bytes == len(data)


def test_every_embedded_file_has_a_card():
    named = {file.name for card in catalog.cards() for file in card.files if file.embedded}
    assert {path.name for path in catalog.WEIGHTS.glob("*.onnx")} == named


def test_what_must_not_be_fetched_unasked():
    assert catalog.find("bria-rmbg").commercial_use == "no"
    assert catalog.find("subject").commercial_use == "yes"


def test_the_authors_pre_processing():
    u2net, isnet = catalog.find("u2net"), catalog.find("isnet-general-use")
    birefnet, subject = catalog.find("birefnet-general"), catalog.find("subject")
    assert (u2net.input.scale, u2net.input.antialias) == ("own-maximum", False)
    assert (isnet.input.scale, isnet.input.mean, isnet.input.std) == (255.0, (0.5,) * 3, (1.0,) * 3)
    assert (birefnet.output.index, birefnet.output.activation) == (-1, "sigmoid")
    assert (subject.input.size, subject.input.multiple) == ((352, 384), 32)
    assert (subject.input.name, subject.output.name) == ("image", "alpha")
    assert subject.output.range == "absolute"


def test_cards_are_filtered():
    forbidden = {card.name for card in catalog.cards(commercial_use="no")}
    assert {"bria-rmbg", "indexnet"} <= forbidden
    assert [card.name for card in catalog.cards("matting", commercial_use="no")] == ["indexnet"]
    assert catalog.cards("inpainting", commercial_use="no") == ()
    assert all(card.task == "saliency" for card in catalog.cards("saliency"))


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("u2nett", "u2net"),
        ("isnet", "isnet-general-use"),
        ("U2NET", "u2net"),
        ("subjct", "subject"),
    ],
)
def test_near_names(wrong, near):
    with pytest.raises(UnknownModel, match=f"`{wrong}`") as caught:
        catalog.find(wrong)
    assert near in caught.value.hint


@pytest.mark.parametrize(
    "name", ["", "zzzzzzz", "../subject", "subject.toml", "/etc/passwd", "a\0b"]
)
def test_names_that_are_like_none(name):
    with pytest.raises(UnknownModel):
        catalog.find(name)


def test_a_card_of_the_users(user_card):
    user_card("mine")
    assert catalog.find("mine").title == "A net"
    assert catalog.names()[-1] == "mine"
    assert catalog.cards()[-1].name == "mine"
    assert catalog.broken() == ()
    with pytest.raises(UnknownModel) as caught:
        catalog.find("minee")
    assert "mine" in caught.value.hint


def test_a_broken_card_is_an_error_only_for_who_asks(user_card):
    path = user_card("mine", "task = 1")
    assert catalog.find("subject").name == "subject"
    assert "mine" not in [card.name for card in catalog.cards()]
    (error,) = catalog.broken()
    assert str(path) in str(error)
    with pytest.raises(CardError, match=r"mine\.toml"):
        catalog.find("mine")


def test_a_card_of_the_users_may_not_shadow(user_card):
    user_card("subject")
    with pytest.raises(CardError, match="name of a model of the package"):
        catalog.find("subject")
    assert len(catalog.broken()) == 1
    assert catalog.names().count("subject") == 1
    assert catalog.find("u2net").name == "u2net"


def test_a_cards_name_is_its_files(user_card, make_card):
    user_card("mine", make_card.text("https://example.org/x.onnx", name="other"))
    with pytest.raises(CardError, match="'mine', got 'other'"):
        catalog.find("mine")


def test_a_file_of_the_users_with_its_card(tmp_path):
    model, card = tmp_path / "Net.ONNX", tmp_path / "net.toml"
    model.write_bytes(b"onnx")
    card.write_text('task = "saliency"\ninput.size = [8, 8]\noutput.range = "min-max"\n')
    found, path = catalog.card_for(str(model), str(card))
    assert (found.name, found.output.range, path) == ("net", "min-max", model)


def test_a_name_has_its_card():
    assert catalog.card_for("subject") == (catalog.find("subject"), None)
    with pytest.raises(InputError, match="goes with an ONNX file"):
        catalog.card_for("subject", "card.toml")


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        catalog.card_for(str(tmp_path / "net.onnx"), "card.toml")


def test_the_hint_for_a_missing_card_is_a_card(tmp_path):
    model = tmp_path / "net.onnx"
    model.write_bytes(b"onnx")
    with pytest.raises(CardError, match="needs a card") as caught:
        catalog.card_for(str(model))
    card = tmp_path / "card.toml"
    card.write_text(caught.value.hint.partition("lines: ")[2].replace("; ", "\n"))
    assert catalog.card_for(str(model), str(card))[0].task == "saliency"
