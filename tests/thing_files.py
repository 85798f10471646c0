"""Sets of photos with annotations, for tests of detectors."""

from __future__ import annotations

import json

from PIL import Image


def annotated_set(folder, photos, *, size=(64, 64)):
    """A set; `photos` gives for each name its things, (left, top, right, bottom, category, …).

    A fifth entry after the category may be a dict of further keys, such as `iscrowd`.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, rows = [], []
    for number, (name, things) in enumerate(photos.items(), 1):
        Image.new("RGB", size, (9, 99, 199)).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        for left, top, right, bottom, category, *more in things:
            rows.append(
                {"id": len(rows) + 1, "image_id": number, "category_id": category,
                 "bbox": [left, top, right - left, bottom - top], **(more[0] if more else {})}
            )  # fmt: skip
    content = {"images": images, "annotations": rows}
    (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
