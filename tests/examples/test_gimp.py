"""GIMP itself opens what nukki writes, and makes a layer mask of it."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import nukki
from examples_loaded import EXAMPLES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gimp"), reason="GIMP is not installed"),
]


def run(home, *calls):
    """Have GIMP evaluate calls of the example's functions."""
    scripts = home / ".config" / "GIMP" / "2.10" / "scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLES / "gimp.scm", scripts)
    words = [word for call in (*calls, "(gimp-quit 0)") for word in ("-b", call)]
    environment = {**os.environ, "HOME": str(home)}
    for name in ("XDG_CONFIG_HOME", "GIMP2_DIRECTORY"):
        environment.pop(name, None)
    done = subprocess.run(
        ["gimp", "-i", "-d", "-f", *words],
        env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert said.count("batch command executed successfully") >= len(calls), said


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA")).astype(int)


def test_gimp_keeps_every_pixel_and_makes_the_mask(tmp_path, cat):
    photo, cut = tmp_path / "cat.png", nukki.remove(cat, threads=1)
    Image.fromarray(cat).save(photo)
    cut.save(tmp_path / "cut.png")
    cut.save(tmp_path / "cut.tiff")
    flat = [f'(nukki-flat "{tmp_path}/{name}" "{tmp_path}/{name}.png")' for name in
            ("cut.png", "cut.tiff", "cat.xcf")]  # fmt: skip
    mask = f'(nukki-layer-mask "{photo}" "{tmp_path}/cut.png" "{tmp_path}/cat.xcf")'
    run(tmp_path / "home", mask, *flat)
    ours = pixels(tmp_path / "cut.png")
    soft = (ours[..., 3] > 0) & (ours[..., 3] < 255)
    assert soft.any()
    np.testing.assert_array_equal(pixels(tmp_path / "cut.png.png"), ours)
    np.testing.assert_array_equal(pixels(tmp_path / "cut.tiff.png"), ours)
    masked = pixels(tmp_path / "cat.xcf.png")
    np.testing.assert_array_equal(masked[..., 3], ours[..., 3])
    seen = ours[..., 3] > 0
    np.testing.assert_array_equal(masked[seen][:, :3], cat[seen])
