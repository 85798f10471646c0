"""Recipes: read strictly, with errors that name the key."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from nukki.errors import InputError
from nukki.train.recipe import Recipe, SetUse, Stage, read_recipe
from train_files import RECIPE, write_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").glob("*.toml"))


@pytest.fixture
def recipe(tmp_path):
    return read_recipe(write_recipe(tmp_path))


def test_a_recipe_is_what_its_file_says(recipe):
    assert (recipe.name, recipe.seed, recipe.size, recipe.every) == ("tiny", 7, 64, 3)
    assert recipe.sets == {"shapes": SetUse(1.0, 0.3, 0.1), "places": SetUse()}
    assert recipe.stages[0] == Stage(4, (32, 64), 2, 1e-4, 5e-5, frozen=3)
    assert recipe.steps == 6


def test_steps_are_found_in_their_stages(recipe):
    assert [recipe.stage_of(step) for step in (0, 3, 4, 5)] == [(0, 0), (0, 3), (1, 0), (1, 1)]


def test_the_digest_is_of_what_is_said_not_how(tmp_path, recipe):
    other = write_recipe(tmp_path, "# a comment\n" + RECIPE.replace("warm_up = 2", "warm_up =   2"))
    assert read_recipe(other).digest == recipe.digest
    assert replace(recipe, seed=8).digest != recipe.digest
    assert recipe.digest.startswith("sha256:")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_the_recipes_of_the_project_are_recipes(path):
    assert isinstance(read_recipe(path), Recipe)


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ("warm_up = 2", "warmup = 2", "`warmup` is not a key", "write `warm_up`"),
        ("frozen = 3", "freeze = 3", "`stages[0].freeze` is not a key", "write `frozen`"),
        ("paste = 0.3", "past = 0.3", "`sets.shapes.past` is not a key", "write `paste`"),
        ("size = 64\n", "", "`size` is missing", "add `size`"),
        ("seed = 7", 'seed = "7"', "`seed` must be a whole number, got '7'", "correct"),
        ("seed = 7", "seed = -7", "`seed` must be at least 0", "correct"),
        ("seed = 7", "seed = true", "`seed` must be a whole number", "correct"),
        ("sizes = [32, 64]", "sizes = 64", "`stages[0].sizes` must be a list", "correct"),
        ("sizes = [32, 64]", "sizes = []", "`stages[0].sizes` must be at least one", "correct"),
        ("sizes = [32, 64]", "sizes = [32, 65]", "`stages[0].sizes` must be each a mult", "corr"),
        ("size = 64", "size = 0", "`size` must be a multiple of 32, at least 32", "correct"),
        ("size = 64", "size = 1048576", "`size` must be a multiple of 32", "correct"),
        ("every = 3", "every = 0", "`every` must be at least 1", "correct"),
        ("steps = 2", "steps = 0", "`stages[1].steps` must be at least 1", "correct"),
        ("batch = 3", "batch = 3\nspan = 1", "`stages[1].span` must be 0, or at least", "corr"),
        (
            "batch = 3",
            "batch = 3\nrepeat = { shape = 2 }",
            "`stages[1].repeat.shape` must be one",
            "corr",
        ),
        (
            "batch = 3",
            "batch = 3\nrepeat = { shapes = 0 }",
            "`stages[1].repeat.shapes` must be above",
            "c",
        ),
        ("batch = 3", "batch = 0", "`stages[1].batch` must be at least 1", "correct"),
        ("last_rate = 0", "last_rate = nan", "`stages[1].last_rate` must be a finite", "correct"),
        ("rate = 1e-4", "rate = -1.0", "`stages[0].rate` must be at least 0", "correct"),
        ("empty = 0.1", "empty = 0.8", "`sets.shapes.empty` must be at most 1 with", "correct"),
        ("empty = 0.1", "repeat = 0", "`sets.shapes.repeat` must be above 0", "correct"),
        ("[sets.places]", '[sets."../up"]', "must be the plain name of a folder", "correct"),
        ('name = "tiny"', 'name = "a/b"', "`name` must be a name of lower-case", "correct"),
        ("seed = 7", "average = 1.0\nseed = 7", "`average` must be at least 0 and below", "corr"),
        ("seed = 7", "seed = ", "must be a recipe in TOML", "docs/training.md"),
    ],
)
def test_what_no_recipe_says(tmp_path, old, new, said, hint):
    assert RECIPE.count(old) >= 1
    path = write_recipe(tmp_path, RECIPE.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("key", ["sets", "stages"])
def test_there_is_something_to_train_on(tmp_path, key):
    table = tomllib.loads(RECIPE)
    assert table[key]
    begin = RECIPE.index("[sets.shapes]" if key == "sets" else "[[stages]]")
    end = RECIPE.index("[[stages]]") if key == "sets" else len(RECIPE)
    empty = "sets = {}\n" if key == "sets" else "stages = []\n"
    text = empty + RECIPE[:begin] + RECIPE[end:]
    with pytest.raises(InputError, match=f"`{key}` must be at least one"):
        read_recipe(write_recipe(tmp_path, text))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_recipe_at_all(tmp_path, content):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="must be a recipe in TOML"):
        read_recipe(path)
