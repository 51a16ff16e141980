"""Whether two images lie on one grid, and how it is said when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.grid import Grid, same_grid
from benchmark.types import Volume

BASE = Grid((8, 120, 260), (10.0, 1.5, 1.25), np.diag([-1.25, -1.5, 10.0, 1.0]))
LYING = Grid((8, 120, 260), (10.0, 1.5, 1.25), np.diag([-1.0, -1.0, 1.0, 1.0]))


def moved(*by: float) -> Grid:
    affine = BASE.affine.copy()
    affine[:3, 3] = by
    return Grid(BASE.shape, BASE.spacing, affine)


def test_a_grid_reads_as_shape_spacing_axes_and_origin() -> None:
    assert str(moved(3, 0, -7.5)) == (
        "260x120x8 voxels of 1.25x1.5x10 mm (x, y, z), axes to L, P, S, from (3, 0, -7.5)"
    )


def test_rounded_headers_are_the_same_grid() -> None:
    rounded = Grid(BASE.shape, (10.0, 1.501, 1.25), np.diag([-1.25, -1.501, 10, 1]))
    assert same_grid(rounded, BASE) is None
    assert same_grid(moved(0.1, 0, 0), BASE) is None


def test_a_repaired_affine_is_the_same_grid_as_one_without_spacing() -> None:
    assert same_grid(BASE, LYING) is None
    assert same_grid(LYING, BASE) is None


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (Grid((8, 120, 259), BASE.spacing, BASE.affine), "its shape is another: it has 259x120x8"),
        (
            Grid(BASE.shape, (10.0, 1.5, 1.5), BASE.affine),
            "its spacing is another: it has 260x120x8 voxels of 1.5x1.5x10 mm",
        ),
        (
            Grid((260, 120, 8), (1.25, 1.5, 10.0), np.diag([10.0, 1.5, 1.25, 1])),
            "its axes look swapped, (z, y, x) for (x, y, z): it has 8x120x260",
        ),
        (
            Grid((8, 260, 120), (10.0, 1.25, 1.5), np.diag([-1.5, -1.25, 10, 1])),
            "its axes look swapped, (y, x, z) for (x, y, z)",
        ),
        (
            Grid((260, 120, 8), (1.0, 1.0, 1.0), np.eye(4)),
            "its axes look swapped, (z, y, x) for (x, y, z)",
        ),
        (
            Grid(BASE.shape, BASE.spacing, np.diag([1.25, -1.5, 10, 1])),
            "its x axis runs backwards: it has 260x120x8 voxels of 1.25x1.5x10 mm (x, y, z), "
            "axes to R, P, S",
        ),
        (
            Grid(BASE.shape, BASE.spacing, np.diag([1.25, 1.5, 10, 1])),
            "its x and y axes run backwards",
        ),
        (moved(0, 0, 10), "its first voxel lies 10 mm away"),
    ],
)
def test_each_difference_is_named_with_both_geometries(grid: Grid, said: str) -> None:
    sentence = same_grid(grid, BASE)
    assert sentence is not None
    assert sentence.startswith(said)
    assert sentence.endswith(f"expected is {BASE}.")


def test_swapped_axes_of_a_square_image_show_in_the_directions() -> None:
    square = Grid((8, 99, 99), (10.0, 1.5, 1.5), np.diag([-1.5, -1.5, 10, 1]))
    swapped = np.array([[0, -1.5, 0, 0], [-1.5, 0, 0, 0], [0, 0, 10, 0], [0, 0, 0, 1]])
    sentence = same_grid(Grid(square.shape, square.spacing, swapped), square)
    assert sentence is not None
    assert sentence.startswith("its axes look swapped, (y, x, z) for (x, y, z)")


def test_a_tilt_is_named() -> None:
    tilted = BASE.affine.copy()
    tilted[1:3, 1:3] = np.array([[-0.8, -0.6], [-0.6, 0.8]]) @ np.diag([1.5, 10])
    sentence = same_grid(Grid(BASE.shape, BASE.spacing, tilted), BASE)
    assert sentence is not None
    assert sentence.startswith("its axes point elsewhere: ")
    assert "axes to L, ~P, ~S" in sentence


def test_a_volume_without_an_affine_has_the_plain_one_of_its_spacing() -> None:
    grid = Grid.of(Volume(np.zeros((2, 3, 4)), (8.0, 1.5, 1.25)))
    assert grid.affine.tolist() == np.diag([1.25, 1.5, 8.0, 1.0]).tolist()
    assert grid.disagreement is None
