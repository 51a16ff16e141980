"""Lesion-wise detection: counted by hand and by flood filling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchmark

SPACING = (8.0, 1.5, 1.5)
NAMES = [
    "lesion_recall",
    "lesion_precision",
    "lesion_f1",
    "lesions_reference",
    "lesions_compared",
]


def values(reference, prediction, level="volume", **options):
    found = benchmark.score(
        reference, prediction, SPACING, metrics=NAMES, levels=[level], **options
    )
    return dict(zip(found["metric"], found["value"], strict=True))


def flood(mask):
    """The pieces of a mask, each a set of indices, by walking across faces."""
    left = {tuple(map(int, v)) for v in np.argwhere(mask)}
    pieces = []
    while left:
        piece, edge = set(), [left.pop()]
        while edge:
            z, y, x = edge.pop()
            piece.add((z, y, x))
            steps = [(z + 1, y, x), (z - 1, y, x), (z, y + 1, x), (z, y - 1, x)]
            for step in [*steps, (z, y, x + 1), (z, y, x - 1)]:
                if step in left:
                    left.remove(step)
                    edge.append(step)
        pieces.append(piece)
    return pieces


def oracle(reference, prediction):
    ours, theirs = flood(reference), flood(prediction)
    recall = sum(any(prediction[v] for v in p) for p in ours) / len(ours)
    precision = sum(any(reference[v] for v in p) for p in theirs) / len(theirs)
    both = recall + precision
    return {
        "lesion_recall": recall,
        "lesion_precision": precision,
        "lesion_f1": 2 * recall * precision / both if both else 0.0,
        "lesions_reference": len(ours),
        "lesions_compared": len(theirs),
    }


@st.composite
def pairs(draw):
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 8)))
    fill = draw(st.sampled_from([0.1, 0.25, 0.5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = [rng.random(shape) < fill for _ in range(2)]
    for mask in masks:
        mask[tuple(rng.integers(0, shape))] = True
    return masks


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_values_are_those_of_flood_filling(masks):
    assert values(*masks) == pytest.approx(oracle(*masks), abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(pairs())
def test_recall_and_precision_change_places_when_the_masks_are_swapped(masks):
    there, back = values(*masks), values(*masks[::-1])
    assert there["lesion_recall"] == back["lesion_precision"]
    assert there["lesion_precision"] == back["lesion_recall"]
    assert there["lesion_f1"] == back["lesion_f1"]
    assert there["lesions_reference"] == back["lesions_compared"]
    low, high = sorted([there["lesion_recall"], there["lesion_precision"]])
    assert 0 <= low - 1e-12 <= there["lesion_f1"] <= high + 1e-12 <= 1 + 1e-12 or low == 0
    assert (there["lesion_recall"] > 0) == (there["lesion_precision"] > 0)


def lesions():
    """Three lesions of the reference: one over two slices, one alone, one of a single voxel."""
    mask = np.zeros((3, 12, 12), dtype=bool)
    mask[0:2, 1:4, 1:4] = True
    mask[1, 7:10, 7:10] = True
    mask[2, 11, 0] = True
    return mask


def test_by_hand():
    """Found: the first, by a corner voxel, and the third; wrong: one of the three drawn."""
    drawn = np.zeros_like(lesions())
    drawn[1, 3:6, 3:6] = True
    drawn[2, 11, 0:3] = True
    drawn[0, 9, 9] = True
    assert values(lesions(), drawn) == {
        "lesion_recall": 2 / 3,
        "lesion_precision": 2 / 3,
        "lesion_f1": 2 / 3,
        "lesions_reference": 3.0,
        "lesions_compared": 3.0,
    }


def test_one_answer_over_all_lesions_finds_them_all():
    everything = np.ones_like(lesions())
    found = values(lesions(), everything)
    assert (found["lesion_recall"], found["lesion_precision"]) == (1.0, 1.0)
    assert (found["lesions_reference"], found["lesions_compared"]) == (3.0, 1.0)


def test_pieces_join_across_faces_only():
    mask = np.zeros((2, 4, 4), dtype=bool)
    mask[0, 0, 0] = mask[0, 1, 1] = True  # an edge between them
    mask[1, 2, 2] = True  # a corner to the second
    assert values(mask, mask)["lesions_reference"] == 3.0
    mask[0, 0, 1] = True  # a face to the first and to the second
    mask[0, 2, 1] = mask[0, 2, 2] = True  # to the second, and below the third
    assert values(mask, mask)["lesions_reference"] == 1.0


def test_a_slice_is_measured_on_its_own():
    """An arch is one lesion in space and two in the slice where its pillars stand."""
    arch = np.zeros((2, 5, 9), dtype=bool)
    arch[0, 2, 1] = arch[0, 2, 7] = True
    arch[1, 2, 1:8] = True
    left = arch.copy()
    left[0, 2, 7] = False
    assert values(arch, left)["lesion_recall"] == 1.0
    found = benchmark.score(arch, left, SPACING, metrics=NAMES, levels=["slice"])
    recall = found[found["metric"] == "lesion_recall"]["value"]
    assert list(recall) == [0.5, 1.0]
    assert list(found[found["metric"] == "lesions_reference"]["value"]) == [2.0, 1.0]


@pytest.mark.parametrize(
    ("reference", "drawn", "status", "share", "counts"),
    [
        (True, False, "pred_empty", 0.0, [3.0, 0.0]),
        (False, True, "ref_empty", 0.0, [0.0, 3.0]),
        (False, False, "both_empty", None, [0.0, 0.0]),
    ],
)
def test_empty_masks(reference, drawn, status, share, counts):
    masks = [lesions() & side for side in (reference, drawn)]
    found = benchmark.score(*masks, SPACING, metrics=NAMES)
    assert set(found["status"]) == {status}
    expected = [np.nan if share is None else share] * 3 + counts
    np.testing.assert_array_equal(found["value"], expected)


def test_counts_of_one_case_are_not_those_of_the_case_before():
    """Labelled pieces are remembered by pair, which must not outlive it."""
    rng = np.random.default_rng(5)
    for _ in range(40):
        masks = [rng.random((2, 6, 6)) < 0.3 for _ in range(2)]
        masks[0][0, 0, 0] = masks[1][1, 5, 5] = True
        assert values(*masks) == pytest.approx(oracle(*masks), abs=1e-15)
