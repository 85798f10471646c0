"""Small made-up sources in the layout of the published sets."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile

import numpy as np
from PIL import Image

from nukki.train.prepare import Wishes


def photo(width=16, height=12, seed=0):
    """A picture of one colour a half, so that reductions and mixes can be foretold."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (200, 30, seed % 200)
    pixels[:, width // 2 :] = (20, 60, 220)
    return Image.fromarray(pixels)


def mask(width=16, height=12, value=255):
    """White on the left half."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, : width // 2] = value
    return Image.fromarray(pixels)


def coded(image, kind):
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def pairs(stems, *, images="images", masks="masks", ending="webp"):
    """Files of a set: photos of different contents, and masks of the same stem."""
    kind = {"webp": "WEBP", "jpg": "JPEG", "png": "PNG"}[ending]
    files = {}
    for number, stem in enumerate(stems):
        files[f"{images}/{stem}.{ending}"] = coded(photo(seed=number), kind)
        files[f"{masks}/{stem}.png"] = coded(mask(value=255 - number), "PNG")
    return files


def duts(stems=("a", "b", "c", "d", "n04273569_3309")):
    return pairs(stems, images="DUTS-TR-Image", masks="DUTS-TR-Mask", ending="jpg")


def portraits(count=9):
    files = {}
    for number in range(count):
        files[f"Training_Images/{number}.jpg"] = coded(photo(32, 24), "JPEG")
        files[f"Ground_Truth/{number}.png"] = coded(mask(), "PNG")
    files["Training_Images/.DS_Store"] = b"litter"
    return files


def trimap(width=16, height=12):
    """1 on the left, 2 on the right, a band of four columns that does not lie in the middle."""
    values = np.full((height, width), 2, np.uint8)
    values[:, : width // 2] = 1
    values[:, width // 2 - 1 : width // 2 + 3] = 3
    return Image.fromarray(values)


def pets(count=9):
    files = {}
    for number in range(count):
        files[f"images/{number}.webp"] = coded(photo(), "PNG")
        files[f"trimaps/{number}.png"] = coded(trimap(), "PNG")
    return files


def matting(stems=("g1", "g2")):
    files = {}
    for stem in stems:
        files[f"images/{stem}.webp"] = coded(photo(), "WEBP")
        files[f"masks/{stem}.png"] = coded(mask(value=77).convert("RGB"), "PNG")
        files[f"trimap1/{stem}.png"] = coded(trimap(), "PNG")
    return files


def places(count=5):
    return {f"{number}.webp": coded(photo(seed=number), "WEBP") for number in range(count)}


def square(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def thing(image, area, *, outlines=None, crowd=0):
    return {
        "image_id": image,
        "area": area,
        "iscrowd": crowd,
        "segmentation": [square(2, 3, 7, 8)] if outlines is None else outlines,
    }


def coco(things, *, size=(20, 10), licences=(1,)):
    """Photos 0, 1, … of 200 pixels, and the things that are in them."""
    count = 1 + max((one["image_id"] for one in things), default=0)
    rows = [
        {
            "id": number,
            "file_name": f"{number:03}.webp",
            "width": size[0],
            "height": size[1],
            "license": licences[number % len(licences)],
        }
        for number in range(count)
    ]
    told = {
        "images": rows,
        "annotations": things,
        "licenses": [{"id": 1, "name": "By"}, {"id": 2, "name": "By-NC"}],
    }
    files = {f"images/{row['file_name']}": coded(photo(*size), "WEBP") for row in rows}
    return {**files, "instances.json": json.dumps(told).encode()}


# --- where they lie


def write_folder(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def git(folder, *words):
    """Run git with no settings of the user's; gives what it printed."""
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return done.stdout.strip()


def write_repository(folder, files):
    """A repository with one commit; gives the folder and the commit."""
    folder.mkdir()
    git(folder, "init", "-q")
    return folder, commit(folder, files)


def commit(folder, files):
    write_folder(folder, files)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "files")
    return git(folder, "rev-parse", "HEAD")


def wishes(sources, place, **rest):
    """The wish for some sets, DUTS with a list that has `b` alone."""
    if "duts" in sources and "validate" not in rest:
        rest["validate"] = place / "names.txt"
        rest["validate"].write_text("# names\n\nb\n", encoding="utf-8")
    return Wishes(sources=sources, **rest)


def tree(folder):
    """Contents of all files by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
