"""The same photo and options give the same bytes, whichever way they come in."""

import io
import os
import sys

from PIL import Image

import nukki
from nukki.cli.main import main


def test_file_pipe_folder_and_library_on_one_and_two_threads_agree(
    tmp_path, cat, monkeypatch, capfdbinary
):
    photo = tmp_path / "in" / "photo.jpg"
    photo.parent.mkdir()
    Image.fromarray(cat).save(photo, quality=90)
    data = photo.read_bytes()
    expected = nukki.remove(data, threads=1).encode("png")
    assert nukki.remove(photo, threads=2).encode("png") == expected

    target = tmp_path / "file.png"
    assert main(["remove", str(photo), "-o", str(target), "--threads", "2"]) == 0
    assert target.read_bytes() == expected

    folder = tmp_path / "out"
    assert main(["remove", str(photo.parent), "-o", str(folder), "--jobs", "2"]) == 0
    assert (folder / "photo.png").read_bytes() == expected

    read_end, write_end = os.pipe()
    assert os.write(write_end, data) == len(data)  # small enough for a pipe to hold
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        capfdbinary.readouterr()
        assert main(["remove", "-", "--quiet"]) == 0
    assert capfdbinary.readouterr().out == expected
