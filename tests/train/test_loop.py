"""The loop: what a step does, checkpoints that survive everything, going on bit for bit."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nukki.errors import InputError, LimitExceeded, ModelOutputError, OutputError
from nukki.train.data import SubjectStream, find_validation
from nukki.train.recipe import SetUse, Stage, read_recipe
from train_files import make_data, write_recipe

torch = pytest.importorskip("torch")

from nukki.train.loop import Trainer  # noqa: E402 after the skip
from nukki.train.of_subject import KIND  # noqa: E402
from nukki.train.validate import validate  # noqa: E402
from short_nets import short_subject  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums of several threads come in any order; one gives the same bits every time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe")))


@pytest.fixture
def trainer(data, recipe, tmp_path):
    """Makes a trainer; the same arguments give the same one."""

    def make(work="work", *, use=recipe, workers=0, folder=data, skip_bad=False, validating=True):
        torch.manual_seed(3)
        stream = SubjectStream(use, folder, skip_bad=skip_bad)
        pairs = find_validation(folder) if validating else ()
        return Trainer(KIND, use, stream, pairs, tmp_path / work, short_subject(), workers=workers)

    return make


def quiet(_):
    """Nobody looks."""


def weights(one):
    return {
        f"{name}.{key}": value.clone()
        for name, net in (("net", one.net), ("average", one.average))
        for key, value in net.state_dict().items()
    }


def assert_same(one, other):
    """Weights, averages, the optimiser and what was measured, to the last bit."""
    for (name, value), twin in zip(weights(one).items(), weights(other).values(), strict=True):
        assert torch.equal(value, twin), name
    moments, twins = one.optimiser.state_dict()["state"], other.optimiser.state_dict()["state"]
    assert moments.keys() == twins.keys()
    for number, kept in moments.items():
        assert all(torch.equal(kept[key], twins[number][key]) for key in kept), number
    assert one.state.step == other.state.step
    assert one.state.loss == other.state.loss
    rows = [[{**row, "hours": 0} for row in each.state.history] for each in (one, other)]
    assert rows[0] == rows[1]


@pytest.fixture(scope="module")
def whole(data, recipe, tmp_path_factory):
    """A training that nothing stopped, and what it told."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    work = tmp_path_factory.mktemp("whole")
    pairs = find_validation(data)
    one = Trainer(
        KIND, recipe, SubjectStream(recipe, data), pairs, work, short_subject(), workers=0
    )
    events = []
    assert one.run(events.append)
    torch.set_num_threads(threads)
    return one, events


@pytest.fixture
def begun(whole, trainer):
    """Makes a trainer whose folder has a checkpoint of so many steps; gives the checkpoint."""

    def make(step):
        one = trainer()
        one.work.mkdir(exist_ok=True)
        content = torch.load(whole[0].checkpoint, weights_only=True)
        content["state"]["step"] = step
        torch.save(content, one.checkpoint)
        return one.checkpoint

    return make


# --- a training


def test_what_a_training_tells(whole):
    one, events = whole
    assert [event.step for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.validated for event in events] == [False, False, True, False, False, True]
    assert all((event.scores is not None) == event.validated for event in events)
    assert all(math.isfinite(event.loss) and event.steps == 6 for event in events)
    assert events[-1].left == 0
    assert events[0].left > 0
    assert [row["step"] for row in one.state.history] == [3, 6]
    last = one.state.history[-1]
    assert events[-1].scores == pytest.approx(
        {key: last[key] for key in ("max_f_beta", "mae", "s_alpha", "iou")}, abs=1e-5
    )


def test_the_checkpoint_of_the_end_is_the_end(whole, trainer, tmp_path):
    one, _ = whole
    other = trainer()
    other.work = one.work
    assert other.resume()
    assert_same(one, other)
    assert other.run(quiet)  # nothing is left to do
    assert_same(one, other)


def test_rates_rise_and_fall_as_the_recipe_says(trainer, recipe):
    """Half a cosine in each stage, times 1/2 in the first of two steps; the encoder's is .3 of it.

    Stage one from 1e-4 to 5e-5 in four steps: 7.5e-5 + 2.5e-5 · cos(0, 60, 120, 180 degrees).
    """
    one = trainer(use=replace(recipe, every=100), validating=False)
    rates = []
    one.run(lambda _: rates.append([group["lr"] for group in one.optimiser.param_groups]))
    wanted = [1e-4 / 2, 8.75e-5, 6.25e-5, 5e-5, 5e-5, 0.0]
    shares = [group["share"] for group in one.optimiser.param_groups]
    assert sorted(set(shares)) == [0.3, 1.0]
    for found, rate in zip(rates, wanted, strict=True):
        assert found == pytest.approx([rate * share for share in shares], abs=1e-12)


def test_a_stage_that_ends_early_keeps_the_rates_it_was_meant_to_have(trainer, recipe):
    """Two of four steps: 7.5e-5 + 2.5e-5 · cos(0, 60 degrees)."""
    stage = replace(recipe.stages[0], steps=2, span=4)
    one = trainer(use=replace(recipe, stages=(stage,), warm_up=0), validating=False)
    rates = []
    one.run(lambda _: rates.append(max(group["lr"] for group in one.optimiser.param_groups)))
    assert rates == pytest.approx([1e-4, 8.75e-5], abs=1e-12)


def test_weight_decay_is_for_weights_of_more_than_one_axis(trainer):
    one = trainer()
    groups = one.optimiser.param_groups
    assert all(
        (group["weight_decay"] > 0) == (parameter.ndim > 1)
        for group in groups
        for parameter in group["params"]
    )
    assert sum(len(group["params"]) for group in groups) == len(list(one.net.parameters()))


def test_frozen_blocks_keep_their_weights(trainer, recipe):
    stages = replace(recipe.stages[0], steps=2), replace(recipe.stages[1], steps=1, last_rate=1e-4)
    one = trainer(use=replace(recipe, stages=stages), validating=False)
    before = weights(one)
    one.run(quiet, until=2)
    middle = weights(one)
    kept = [key for key in before if torch.equal(before[key], middle[key])]
    early = ("net.enc.stem.", "net.enc.blocks.0.", "net.enc.blocks.1.", "net.enc.blocks.2.")
    assert {key for key in before if key.startswith(early)} <= set(kept)
    # Biases of attention's keys change nothing (softmax), so not everything else moves.
    assert not any(key.startswith("net.enc.blocks.3.") for key in kept)
    one.run(quiet)
    moved = weights(one)
    assert not torch.equal(moved["net.enc.stem.c.weight"], middle["net.enc.stem.c.weight"])


def test_the_average_follows_closely_at_first(trainer):
    """Decay is min(.998, (1 + step) / (10 + step)), so after one step: .1 · old + .9 · new."""
    one = trainer(validating=False)
    before = {name: value.clone() for name, value in one.average.named_parameters()}
    one.run(quiet, until=1)
    for name, new in one.net.named_parameters():
        kept = dict(one.average.named_parameters())[name]
        assert torch.allclose(kept, 0.1 * before[name] + 0.9 * new, atol=1e-6), name


def test_the_loss_falls_on_what_is_seen_again_and_again(trainer, recipe):
    """One photo, always whole, at a lively rate: the network learns it."""
    stage = Stage(32, (64,), 2, 4e-3, 1e-3, crop=1.0, degrade=0.0)
    sets = {"shapes": SetUse(repeat=0.1)}
    losses = []
    one = trainer(use=replace(recipe, sets=sets, stages=(stage,), every=99), validating=False)
    step = one._step
    one._step = lambda *batch: losses.append(step(*batch)) or losses[-1]
    one.run(quiet)
    assert sum(losses[-4:]) < 0.7 * sum(losses[:4])


def test_validation_needs_no_subject_in_its_pictures(data):
    places = places_of(data)
    scores = validate(short_subject(), places, (64, 64), torch.device("cpu"))
    assert math.isnan(scores.max_f_beta)
    assert 0 <= scores.mae <= 1


def places_of(data):
    from nukki.train.data import find_pairs

    return find_pairs(data / "train" / "places")


# --- going on


@pytest.mark.parametrize("step", [3, 4])
def test_a_training_that_was_ended_goes_on_bit_for_bit(whole, trainer, step):
    """Just after a validation, and where a stage begins."""
    first = trainer()

    def end(event):
        if event.step == step:
            raise SystemExit

    with pytest.raises(SystemExit):
        first.run(end, save_every=0)
    second = trainer()
    assert second.resume()
    assert second.state.step == step
    events = []
    assert second.run(events.append)
    assert [event.step for event in events] == list(range(step + 1, 7))
    assert_same(second, whole[0])


KILLED = """\
import os, signal, sys
from pathlib import Path
import torch
from nukki.train.data import SubjectStream, find_validation
from nukki.train.loop import Trainer
from nukki.train.of_subject import KIND
from nukki.train.recipe import read_recipe
from short_nets import short_subject

torch.set_num_threads(1)
torch.manual_seed(3)
recipe, data = read_recipe(Path(sys.argv[1])), Path(sys.argv[2])
stream, held = SubjectStream(recipe, data), find_validation(data)
one = Trainer(KIND, recipe, stream, held, Path(sys.argv[3]), short_subject(), workers=0)
sync, turn = os.fsync, 0

def fsync(descriptor):
    global turn
    turn += 1
    if turn == 3:  # the third checkpoint: all is written, nothing renamed
        os.truncate(descriptor, 1_000_000)
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)

os.fsync = fsync
one.run(lambda event: None, save_every=0)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_kill_while_a_checkpoint_is_written_leaves_the_last_one(whole, trainer, data, tmp_path):
    recipe, work = write_recipe(tmp_path), tmp_path / "work"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(recipe), str(data), str(work)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert {path.name for path in work.iterdir()} == {"tiny.pt", "tiny.pt.part"}
    one = trainer()
    assert one.resume()
    assert one.state.step == 2
    assert one.run(quiet)
    assert_same(one, whole[0])
    assert {path.name for path in work.iterdir()} == {"tiny.pt"}


def test_a_stop_that_is_asked_for_saves_and_goes_on(whole, trainer):
    """At a step that is due for validation, which is made up for first."""
    first = trainer()
    events = []
    assert not first.run(events.append, stop=lambda: first.state.step == 3)
    assert [(event.step, event.validated) for event in events] == [
        (1, False),
        (2, False),
        (3, False),
    ]
    second = trainer()
    assert second.resume()
    assert second.is_unjudged
    events.clear()
    assert second.run(events.append)
    assert [(event.step, event.validated) for event in events] == [
        (3, True), (4, False), (5, False), (6, True),
    ]  # fmt: skip
    assert math.isnan(events[0].left)
    assert_same(second, whole[0])


def test_training_so_far_and_no_further(trainer):
    one = trainer()
    assert not one.run(quiet, until=2)
    assert one.state.step == 2
    assert trainer().resume()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_samples_from_another_process_are_the_same(whole, trainer):
    one = trainer(workers=2)
    assert one.run(quiet)
    assert_same(one, whole[0])


def test_there_is_nothing_to_go_on_from(trainer):
    assert not trainer().resume()


def test_stages_to_come_may_change(trainer, begun, recipe):
    begun(4)
    longer = replace(recipe.stages[1], steps=9, rate=1e-6)
    other = trainer(use=replace(recipe, stages=(recipe.stages[0], longer)))
    assert other.resume()
    assert trainer(use=replace(recipe, stages=recipe.stages[:1])).resume()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"sets": {"shapes": SetUse()}},
        {"stages": (Stage(4, (32,), 2, 1e-4, 5e-5, frozen=3),)},
        {"stages": (Stage(3, (32, 64), 2, 1e-4, 5e-5, frozen=3),)},
        {"size": 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_was_done_may_not_change(trainer, begun, recipe, change):
    begun(1)
    with pytest.raises(InputError, match="was made by another recipe"):
        trainer(use=replace(recipe, **change)).resume()


def test_a_stage_that_was_begun_may_not_be_dropped(trainer, begun, recipe):
    begun(5)
    with pytest.raises(InputError, match="was made by another recipe"):
        trainer(use=replace(recipe, stages=recipe.stages[:1])).resume()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other"])
def test_a_damaged_checkpoint_is_told(trainer, begun, damage):
    path = begun(1)
    if damage == "other":
        torch.save({"state": {}, "recipe": {}}, path)
    else:
        content = {"cut": path.read_bytes()[:100_000], "empty": b"", "text": b"not a checkpoint"}
        path.write_bytes(content[damage])
    with pytest.raises(InputError, match=r"`.*tiny\.pt` is not a checkpoint") as caught:
        trainer().resume()
    assert "begin anew" in caught.value.hint


def test_a_checkpoint_of_another_network_is_told(trainer, begun):
    path = begun(1)
    content = torch.load(path, weights_only=True)
    del content["net"]["gp.weight"]
    torch.save(content, path)
    with pytest.raises(InputError, match="holds another network"):
        trainer().resume()


# --- what goes wrong on the way


def full_disk(bytes_left):
    """Lets no file of this process grow beyond so many bytes, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_last_checkpoint(trainer):
    one = trainer()
    one.run(quiet, until=1)
    before = one.checkpoint.read_bytes()
    restore = full_disk(len(before) // 2)
    try:
        with pytest.raises(OutputError, match=r"`.*tiny\.pt` could not be written") as caught:
            one.run(quiet, until=2)
    finally:
        restore()
    assert "the last checkpoint is kept" in caught.value.hint
    assert one.checkpoint.read_bytes() == before
    assert {path.name for path in one.work.iterdir()} == {"tiny.pt"}


def test_a_folder_that_cannot_be_made(trainer, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    one = trainer("file/work", validating=False)
    with pytest.raises(OutputError, match="could not be written"):
        one.run(quiet, until=1)


def test_a_loss_that_is_no_number_ends_the_training(trainer, recipe):
    """Rates out of this world; the checkpoint holds the weights from before."""
    stage = Stage(9, (32,), 2, 1e18, 1e18)
    one = trainer(use=replace(recipe, stages=(stage,), warm_up=0), validating=False)
    with pytest.raises(ModelOutputError, match="not a number at step") as caught:
        one.run(quiet, save_every=0)
    assert "lower the rates" in caught.value.hint
    again = trainer(use=replace(recipe, stages=(stage,), warm_up=0), validating=False)
    assert again.resume()
    assert all(torch.isfinite(value).all() for value in weights(again).values())


def test_memory_that_ends_is_told_as_that(trainer):
    one = trainer(validating=False)
    one._step = lambda *_: float(torch.empty(1 << 60, dtype=torch.uint8)[0])
    with pytest.raises(LimitExceeded, match="memory does not suffice for a batch") as caught:
        one.run(quiet)
    assert "`batch`" in caught.value.hint


def test_other_errors_of_torch_are_not_renamed(trainer):
    one = trainer(validating=False)
    one._step = lambda *_: torch.zeros(2) @ torch.zeros(3)
    with pytest.raises(RuntimeError, match="size"):
        one.run(quiet)


@pytest.fixture
def broken(tmp_path):
    """Data with a photo that ends too early."""
    folder = make_data(tmp_path / "broken")
    path = folder / "train" / "shapes" / "images" / "004.png"
    path.write_bytes(path.read_bytes()[:400])
    return folder


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_cannot_be_read_ends_the_training_by_its_name(trainer, broken, workers):
    one = trainer(folder=broken, workers=workers, validating=False)
    with pytest.raises(InputError, match=r"004\.png") as caught:
        one.run(quiet)
    assert "--skip-bad" in caught.value.hint
    assert len(caught.value.message.splitlines()) == 1


def test_pictures_that_are_passed_over_are_named_once(trainer, recipe, broken):
    use = replace(recipe, sets={"shapes": SetUse()}, every=99, stages=(Stage(4, (32,), 4, 0, 0),))
    one = trainer(use=use, folder=broken, skip_bad=True, validating=False)
    events = []
    assert one.run(events.append)  # two rounds through the data
    (line,) = events[-1].skipped
    assert "004.png" in line
    again = trainer(use=use, folder=broken, skip_bad=True, validating=False)
    assert again.resume()
    assert again.state.skipped == [line]


def test_without_pictures_to_validate_on_there_are_no_scores(trainer):
    one = trainer(validating=False)
    events = []
    one.run(events.append, until=3)
    assert [event.scores for event in events] == [None] * 3
    assert [event.step for event in events if event.validated] == [3]
    assert [set(row) for row in one.state.history] == [{"step", "hours", "loss"}]
