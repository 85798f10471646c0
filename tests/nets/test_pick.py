"""`pick`: what is seen is seen once, a question changes the answer, and it begins as `subject`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nukki as package  # noqa: E402 after the skip
from net_files import near, noise, settled  # noqa: E402
from nukki.nets import pick_export  # noqa: E402
from nukki.nets.export import Parity  # noqa: E402
from nukki.nets.pick import ASKED, PickDecoder, PickEncoder, PickNet  # noqa: E402
from nukki.nets.subject import SubjectNet  # noqa: E402
from nukki.nets.weights import start_from  # noqa: E402

STARTER = Path(package.__file__).parent / "zoo" / "weights" / "subject.onnx"


@pytest.fixture(scope="module")
def fresh():
    torch.manual_seed(1)
    return PickNet().eval()


@pytest.fixture(scope="module")
def lively():
    """Weights everywhere, also where a fresh network has zeros."""
    return settled(PickNet())


def asked(count=1, height=64, width=64, seed=3):
    """A box, and noise for a guess."""
    maps = torch.zeros(count, ASKED, height, width)
    maps[:, 0, height // 4 : height // 2, width // 4 :] = 1
    maps[:, 3] = noise(count, height, width, seed=seed).clamp(-1, 1)
    return maps


def answer(net, image, question):
    with torch.inference_mode():
        maps, score = net(image, question)
    return maps, score


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_shapes(fresh, size):
    height, width = size
    maps, score = answer(fresh, noise(2, 3, *size), asked(2, *size))
    assert [tuple(one.shape) for one in maps] == [(2, 1, height // 2, width // 2)]
    assert score.shape == (2,)
    seen = PickEncoder(fresh)(noise(2, 3, *size))
    assert [tuple(one.shape) for one in seen] == [
        (2, 16, height // 2, width // 2),
        (2, 24, height // 4, width // 4),
        (2, 48, height // 8, width // 8),
    ]


def test_in_training_every_level_answers():
    net = PickNet().train()
    maps, score = net(noise(1, 3, 64, 96), asked(1, 64, 96))
    assert [tuple(one.shape[2:]) for one in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    (maps[0].sum() + score.sum()).backward()
    # The guess of the score does not pull at the mask that it judges.
    assert all(parameter.grad is not None for parameter in net.ask.add.parameters())


def test_it_is_small(fresh):
    assert sum(parameter.numel() for parameter in fresh.parameters()) < 2.9e6


def test_a_fresh_network_does_not_hear_the_question(fresh):
    image = noise(1, 3, 64, 64)
    one, other = (answer(fresh, image, asked(seed=seed)) for seed in (3, 4))
    assert torch.equal(one[0][0], other[0][0])
    assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("channel", range(ASKED))
def test_each_map_of_the_question_changes_the_answer(lively, channel):
    image, nothing = noise(1, 3, 64, 64), torch.zeros(1, ASKED, 64, 64)
    question = nothing.clone()
    question[0, channel, 20:40, 10:30] = 1
    one, other = answer(lively, image, nothing), answer(lively, image, question)
    assert not near(one[0][0], other[0][0], 1e-3)
    assert not near(one[1], other[1], 1e-4)


def test_what_is_seen_is_the_same_for_all_questions(lively):
    """`look` once and `answer` often is what the whole network says."""
    image = noise(1, 3, 64, 96)
    with torch.inference_mode():
        seen = lively.look(image)
        for seed in (3, 4):
            maps, score = lively.answer(*seen, asked(1, 64, 96, seed))
            whole = answer(lively, image, asked(1, 64, 96, seed))
            assert torch.equal(maps[0], whole[0][0])
            assert torch.equal(score, whole[1])


def test_crops_of_a_batch_do_not_know_of_each_other(lively):
    images, questions = noise(3, 3, 64, 64), asked(3)
    maps, score = answer(lively, images, questions)
    for turn in range(3):
        alone = answer(lively, images[turn : turn + 1], questions[turn : turn + 1])
        assert near(maps[0][turn : turn + 1], alone[0][0], 1e-4)
        assert near(score[turn : turn + 1], alone[1], 1e-4)


def test_the_decoder_says_alphas_and_scores(lively):
    image, question = noise(2, 3, 64, 96), asked(2, 64, 96)
    with torch.inference_mode():
        alpha, score = PickDecoder(lively)(*PickEncoder(lively)(image), question)
        maps, logit = lively(image, question)
    assert alpha.shape == (2, 1, 64, 96)
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1
    assert torch.equal(score, logit.sigmoid())
    # Enlarged by two, logits first: means of the four cells around a corner of the map.
    corner = maps[0][0, 0, :2, :2]
    inner = 0.5625 * corner[0, 0] + 0.1875 * (corner[0, 1] + corner[1, 0]) + 0.0625 * corner[1, 1]
    assert float(alpha[0, 0, 1, 1]) == pytest.approx(float(inner.sigmoid()), abs=1e-5)


def test_the_score_is_told_by_what_lies_inside_the_mask(lively):
    """An empty mask leaves nothing to tell it by."""
    levels = [noise(1, 64, 2, 2), noise(1, 48, 4, 4)]
    nowhere, other = torch.full((1, 1, 32, 32), -50.0), noise(1, 48, 4, 4, seed=9)
    with torch.inference_mode():
        one, two = (lively._score([levels[0], level], nowhere) for level in (levels[1], other))
        assert near(one, two)
        left = nowhere.clone()
        left[..., :16] = 50
        changed = levels[1].clone()
        changed[..., 2:] += 5  # outside the mask
        assert near(lively._score(levels, left), lively._score([levels[0], changed], left))
        changed[..., :2] += 5
        assert not near(lively._score(levels, left), lively._score([levels[0], changed], left))


# --- starting weights


def test_it_starts_as_subject():
    """All layers that `subject` ships, but the coarsest lateral one, which is shorter here."""
    pytest.importorskip("onnx")
    torch.manual_seed(2)
    net = PickNet()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    filled, tensors = start_from(net, STARTER, passed_over=("lat.4.weight",))
    after = net.state_dict()
    subject = SubjectNet()
    start_from(subject, STARTER)
    theirs = subject.state_dict()
    own = ("ask.", "score.", "lat.4.weight", "outs.0", "outs.1", "outs.2", "outs.3")
    shared = [name for name in after if not name.startswith(own)]
    assert (filled, tensors) == (len(shared), len(after))
    assert all(torch.equal(after[name], theirs[name]) for name in shared)
    assert all(torch.equal(after[name], before[name]) for name in after if name not in shared)


# --- the files, which are written and run in tests/cli/test_train_things.py


def outputs(seed=0, **changes):
    chance = np.random.default_rng(seed)
    arrays = {
        "fine": chance.normal(size=(1, 16, 4, 4)),
        "middle": chance.normal(size=(1, 24, 2, 2)),
        "coarse": chance.normal(size=(1, 48, 1, 1)),
        "alpha": chance.random((1, 1, 8, 8)),
        "score": chance.random(1),
    }
    return {name: np.float32(array + changes.get(name, 0)) for name, array in arrays.items()}


def test_how_far_what_is_seen_is_off():
    assert pick_export._share(outputs(), outputs()) == 0
    off = pick_export._share(outputs(middle=0.1), outputs(coarse=0.0))
    assert off == pytest.approx(0.1 / np.abs(outputs()["middle"]).mean(), rel=1e-3)


def test_how_far_an_answer_is_off():
    assert pick_export._distance(outputs(), outputs()) == 0
    assert pick_export._distance(outputs(alpha=0.02), outputs()) == pytest.approx(0.02, rel=1e-3)
    assert pick_export._distance(outputs(score=-0.3), outputs()) == pytest.approx(0.03, rel=1e-3)
    both = pick_export._distance(outputs(score=0.3, alpha=0.02), outputs())
    assert both == pytest.approx(0.03, rel=1e-3)


def test_the_files_are_compared_on_what_is_shown(lively, monkeypatch, tmp_path):
    """The second file gets what the first one's network sees, and the questions."""
    calls = []

    def written(net, target, shown, ports, distance, tolerance):
        calls.append((net, target, shown, ports, tolerance))
        return Parity(0.0, 0.0, 0, 0, 1, "")

    monkeypatch.setattr(pick_export, "export_shipped", written)
    picture = noise(1, 3, 64, 64).numpy()
    question = asked().numpy()
    targets = tmp_path / "a.onnx", tmp_path / "b.onnx"
    pick_export.export(lively, targets, [picture], [question])
    (first, second) = calls
    assert (first[1], second[1]) == targets
    assert list(first[2][0]) == list(first[3].inputs) == ["image"]
    assert list(second[2][0]) == list(second[3].inputs)
    with torch.inference_mode():
        seen = lively.look(torch.from_numpy(picture))
    np.testing.assert_array_equal(second[2][0]["coarse"], seen[2].numpy())
    np.testing.assert_array_equal(second[2][0]["question"], question)
    for shown, ports in ((first[2], first[3]), (second[2], second[3])):
        for name, sizes in ports.inputs.items():
            assert shown[0][name].shape[1] == sizes[1]
