"""Average precision and recall: worked cases, and the same as pycocotools on any."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.boxes import areas, shared_matrix
from nukki.ops.detection_measures import (
    COCO_OVERLAPS,
    average_precision,
    judged,
    overlap_with_crowds,
    precision_and_recall,
    recall,
)


def photo(overlaps, scores, crowd=None, thresholds=(0.5,), **options):
    table = np.array(overlaps, np.float64)
    marks = np.zeros(table.shape[1], np.bool_) if crowd is None else np.array(crowd, np.bool_)
    return judged(frozen(table), frozen(np.array(scores)), frozen(marks), thresholds, **options)


def test_the_surer_answer_takes_the_truth_that_it_overlaps_most():
    found = photo([[0.6, 0.7], [0.0, 0.9], [0.9, 0.0]], [0.5, 0.9, 0.4])
    np.testing.assert_array_equal(found.scores, [0.9, 0.5, 0.4])
    # .9 takes the second truth; .5 has the first left, and .4 nothing.
    np.testing.assert_array_equal(found.right, [[True, True, False]])
    assert found.truths == 2


def test_a_truth_is_found_once_and_a_low_overlap_is_wrong():
    found = photo([[0.8], [0.9], [0.4]], [0.9, 0.8, 0.7], thresholds=(0.3, 0.5, 0.85))
    np.testing.assert_array_equal(
        found.right, [[True, False, False], [True, False, False], [False, True, False]]
    )


def test_answers_in_a_crowd_count_for_nothing_but_a_free_truth_comes_first():
    found = photo([[0.9, 0.6], [0.95, 0.1], [1.0, 0.7]], [0.9, 0.8, 0.7], crowd=[True, False])
    np.testing.assert_array_equal(found.right, [[True, False, False]])
    np.testing.assert_array_equal(found.passed, [[False, True, True]])
    assert found.truths == 1


def test_only_the_surest_count():
    found = photo(np.full((3, 1), 0.9), [0.1, 0.3, 0.2], most=2)
    np.testing.assert_array_equal(found.scores, [0.3, 0.2])


def test_average_precision_by_hand():
    """Right, wrong, right of three truths: precision 1 to recall 1/3, then 2/3 to 2/3, then 0."""
    one = photo([[0.9, 0.0], [0.0, 0.0]], [0.9, 0.8])
    other = photo([[0.7]], [0.7])
    expected = (34 * 1 + 33 * 2 / 3) / 101  # recalls 0 to .33 and .34 to .66
    np.testing.assert_allclose(average_precision([one, other]), [expected])
    np.testing.assert_allclose(recall([one, other]), [2 / 3])
    precision, found = precision_and_recall([one, other])
    np.testing.assert_allclose([precision[0], found[0]], [2 / 3, 2 / 3])


def test_everything_right_and_nothing_at_all():
    perfect = photo(np.eye(3), [0.9, 0.5, 0.1])
    assert average_precision([perfect]) == 1
    nothing = photo(np.zeros((0, 2)), [])
    assert (average_precision([nothing])[0], recall([nothing])[0]) == (0, 0)
    assert np.isnan(precision_and_recall([nothing])[0][0])
    without = photo(np.zeros((2, 0)), [0.9, 0.8])
    assert np.isnan(average_precision([without])[0])
    assert precision_and_recall([without])[0][0] == 0
    # Its wrong answers count where others hold a truth.
    assert average_precision([without, photo([[1.0]], [0.5])])[0] == pytest.approx(1 / 3)


def test_overlaps_with_crowds_by_hand():
    shared = frozen(np.array([[4.0, 4.0], [0.0, 0.0]]))
    found = overlap_with_crowds(
        shared, frozen(np.array([8.0, 0.0])), frozen(np.array([4.0, 100.0])),
        frozen(np.array([False, True])),
    )  # fmt: skip
    np.testing.assert_allclose(found, [[0.5, 0.5], [0, 0]])


# --- against COCO's own


def _official(photos):
    """AP, AP50, AP75 and recall by pycocotools 2.0; photos are (truths, crowds, boxes, scores)."""
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    truths, answers = [], []
    for image, (truth, crowds, boxes, scores) in enumerate(photos):
        for box, crowd in zip(truth, crowds, strict=True):
            sides = [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
            truths.append(
                {"id": len(truths) + 1, "image_id": image, "category_id": 1, "bbox": sides,
                 "area": sides[2] * sides[3], "iscrowd": int(crowd)}
            )  # fmt: skip
        for box, score in zip(boxes, scores, strict=True):
            sides = [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
            answers.append(
                {"image_id": image, "category_id": 1, "bbox": sides, "score": float(score)}
            )
    with contextlib.redirect_stdout(io.StringIO()):
        told = coco.COCO()
        told.dataset = {
            "images": [{"id": image, "width": 64, "height": 64} for image in range(len(photos))],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": truths,
        }
        told.createIndex()
        run = evaluation.COCOeval(told, told.loadRes(answers), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats[[0, 1, 2, 8]]


def _ours(photos):
    found = []
    for truth, crowds, boxes, scores in photos:
        shared = shared_matrix(boxes, truth)
        table = overlap_with_crowds(shared, areas(boxes), areas(truth), crowds)
        found.append(judged(table, scores, crowds))
    precision = average_precision(found)
    at = {round(threshold, 2): place for place, threshold in enumerate(COCO_OVERLAPS)}
    return precision.mean(), precision[at[0.5]], precision[at[0.75]], recall(found).mean()


def random_photos(seed, count=6, crowds=0.15):
    """Truths and answers near them, some doubled, some nowhere; scores that are often equal."""
    random = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        places = random.integers(0, 40, (random.integers(0, 6), 2))
        truth = np.concatenate([places, places + random.integers(2, 24, places.shape)], axis=1)
        near = truth[random.integers(0, len(truth), 9)] if len(truth) else np.zeros((0, 4))
        near = near + random.integers(-3, 4, near.shape)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        marks = random.random(len(truth)) < crowds
        scores = (random.integers(1, 12, len(near)) / 12).astype(np.float32)
        photos.append((truth.astype(np.float32), marks, near.astype(np.float32), scores))
    return photos


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_the_same_as_pycocotools(seed):
    photos = random_photos(seed)
    if not any((~crowds).any() for _, crowds, _, _ in photos) or not any(
        len(boxes) for _, _, boxes, _ in photos
    ):
        return
    np.testing.assert_allclose(_ours(photos), _official(photos), atol=1e-9)
