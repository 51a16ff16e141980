"""What is done to masks after a network, by hand and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from benchmark.methods._postprocess import disk, tidied, without_small_islands

Mask = NDArray[np.bool_]


def picture(text: str) -> NDArray[np.uint8]:
    """One slice, a character a pixel: ``.`` background, ``o`` normal myocardium, ``#`` scar."""
    rows = text.split()
    return np.array([[[".", "", "o", "#"].index(c) for c in row] for row in rows], dtype=np.uint8)


def shown(labels: NDArray[np.uint8]) -> str:
    return "\n".join("".join(".?o#"[v] for v in row) for row in labels)


def test_disks_hold_the_pixels_within_their_radius() -> None:
    assert [int(disk(r).sum()) for r in (0, 1, 2, 3)] == [1, 5, 13, 29]
    assert disk(1).astype(int).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert disk(3)[0].astype(int).tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert disk(3)[1].astype(int).tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_islands_of_four_pixels_go_and_of_five_stay() -> None:
    mask = picture(
        """
        ##..#....
        ##..##.#.
        ....##...
        #........
        .#..###..
        #.#.#....
        .....#...
        """
    )
    kept = without_small_islands(mask)
    assert kept.dtype == bool
    # Gone: the square of 4, the single pixel. The zigzag of 4 at the left too, through corners.
    assert shown(kept.astype(np.uint8) * 3) == shown(
        picture(
            """
        ....#....
        ....##...
        ....##...
        .........
        ....###..
        ....#....
        .....#...
        """
        )
    )


def test_the_largest_island_removed_can_be_chosen_and_planes_are_apart() -> None:
    mask = np.zeros((2, 3, 4), dtype=bool)
    mask[:, 1, 1] = True  # two voxels one above the other: an island of one in each plane
    mask[1, 2, 2] = True  # touches at a corner
    assert without_small_islands(mask, 0).sum() == 3
    assert without_small_islands(mask, 1)[0].sum() == 0
    assert without_small_islands(mask, 1)[1].sum() == 2
    assert not without_small_islands(mask, 2).any()
    assert np.array_equal(without_small_islands(mask[1], 1), mask[1])  # a single plane
    assert mask.sum() == 3


def brute_islands(mask: Mask, most: int) -> Mask:
    """Grown pixel by pixel from every pixel."""
    out = np.zeros_like(mask)
    for start in zip(*np.nonzero(mask), strict=True):
        seen, edge = {start}, [start]
        while edge:
            z, y, x = edge.pop()
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    near = (z, y + dy, x + dx)
                    inside = 0 <= y + dy < mask.shape[1] and 0 <= x + dx < mask.shape[2]
                    if inside and mask[near] and near not in seen:
                        seen.add(near)
                        edge.append(near)
        out[start] = len(seen) > most
    return out


masks = hnp.arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)))


@settings(max_examples=60, deadline=None)
@given(mask=masks, most=st.integers(0, 6))
def test_islands_are_those_of_a_search_pixel_by_pixel(mask: Mask, most: int) -> None:
    assert np.array_equal(without_small_islands(mask, most), brute_islands(mask, most))


def test_a_gap_in_the_ring_is_filled_and_scar_stays_scar() -> None:
    labels = picture(
        """
        ............
        ............
        ............
        ..oo##..oo..
        ..oo##..oo..
        ..oo##..oo..
        ............
        ............
        ............
        """
    )
    # A gap of two columns in a bar three rows high, wholly within a disk of radius 3 around it:
    # the disk leaves nothing of the gap's middle row, but its outer rows are reached from outside.
    closed = tidied(labels[None], closing=3, dilation=0)[0]
    assert np.array_equal(closed == 3, labels == 3)
    assert (closed[4, 2:10] > 0).all()
    assert np.array_equal(closed > 0, brute_closed(labels > 0, 3))


def brute_closed(mask: Mask, radius: int) -> Mask:
    """Outside is what some disk free of the mask covers, wherever its middle lies."""
    n, m = mask.shape
    out = np.ones_like(mask)
    for cy in range(-radius, n + radius):
        for cx in range(-radius, m + radius):
            covered = [
                (y, x)
                for y in range(max(cy - radius, 0), min(cy + radius + 1, n))
                for x in range(max(cx - radius, 0), min(cx + radius + 1, m))
                if (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
            ]
            if not any(mask[p] for p in covered):
                for p in covered:
                    out[p] = False
    return out


@settings(max_examples=25, deadline=None)
@given(
    mask=hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    radius=st.integers(1, 3),
)
def test_closing_leaves_out_what_an_empty_disk_covers(mask: Mask, radius: int) -> None:
    from benchmark.methods._postprocess import _closed

    assert np.array_equal(_closed(mask, radius), brute_closed(mask, radius))


def test_only_the_largest_region_stays_and_takes_its_scar_with_it() -> None:
    labels = picture(
        """
        ooo.......##
        o#o.......##
        ooo.........
        ............
        """
    )
    tidy = tidied(labels[None], closing=0, dilation=0)[0]
    assert shown(tidy) == "ooo.........\no#o.........\nooo.........\n............"
    # Alone in its slice the same scar would stay: slices are processed apart.
    alone = np.where(np.arange(12) > 8, labels, 0).astype(np.uint8)
    both = tidied(np.stack([labels, alone]), closing=0, dilation=0)
    assert [(t == 3).sum() for t in both] == [1, 4]


def test_dilation_adds_one_pixel_of_normal_myocardium_all_round() -> None:
    labels = picture(
        """
        ......
        ......
        ..#o..
        ......
        ......
        """
    )
    tidy = tidied(labels[None], closing=0, dilation=1)[0]
    assert shown(tidy) == "......\n..oo..\n.o#oo.\n..oo..\n......"


def test_a_ring_is_closed_chosen_and_dilated_in_this_order() -> None:
    y, x = np.mgrid[-14:15, -14:15]
    r = np.hypot(y, x)
    ring = (
        (r > 6) & (r < 10) & ~((np.abs(y) < 2) & (x > 0))
    )  # three pixels are missing: a horseshoe
    labels = np.where(ring, 2, 0).astype(np.uint8)
    labels[0, 0] = 3  # noise in the corner
    closed = brute_closed(ring, 3)
    assert closed[14, 14 + 8]  # the gap's middle
    grown = closed.copy()
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        grown |= np.roll(closed, step, axis)
    assert np.array_equal(tidied(labels[None])[0], np.where(grown, 2, 0))


@pytest.mark.parametrize("value", [0, 1])
def test_without_myocardium_nothing_is_made(value: int) -> None:
    assert not tidied(np.full((2, 5, 5), value, dtype=np.uint8)).any()


@settings(max_examples=40, deadline=None)
@given(
    labels=hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 2), st.just(14), st.just(15)), elements=st.integers(0, 4)
    )
)
def test_scar_is_never_added_and_the_rest_is_one_region(labels: NDArray[np.uint8]) -> None:
    before = labels.copy()
    tidy = tidied(labels)
    assert np.array_equal(labels, before)
    assert set(np.unique(tidy)) <= {0, 2, 3}
    assert not ((tidy == 3) & (labels != 3)).any()
    for plane in tidy:
        if plane.any():
            start = np.argwhere(plane)[0]
            seen = np.zeros(plane.shape, dtype=bool)
            seen[tuple(start)] = True
            while True:
                grown = seen.copy()
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        grown |= np.roll(np.pad(seen, 1), (dy, dx), (0, 1))[1:-1, 1:-1]
                grown &= plane > 0
                if np.array_equal(grown, seen):
                    break
                seen = grown
            assert np.array_equal(seen, plane > 0)
