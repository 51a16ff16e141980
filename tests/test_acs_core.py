"""Core scar by full width at half maximum: by hand, by its definition, and as the engine has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import DataError, Label
from benchmark.clinical import CoreScar
from benchmark.clinical import core_scar as engine
from benchmark.methods._acs_core import core_scar


def test_half_way_from_the_remote_median_to_the_maximum_by_hand() -> None:
    #                 pool  remote: median 20    enhancement: maximum 100, half way 60
    image = np.array([[[500, 10, 20, 30, 20, 25, 59, 60, 61, 100]]])
    wall = np.array([[[0, 1, 1, 1, 1, 0, 1, 1, 1, 1]]], dtype=bool)
    enhancement = np.array([[[0, 0, 0, 0, 0, 0, 1, 1, 1, 1]]], dtype=bool)
    core = core_scar(image, enhancement, wall)
    assert core.dtype == bool
    assert core.astype(int).tolist() == [[[0, 0, 0, 0, 0, 0, 0, 1, 1, 1]]]
    # Neither the blood pool's 500 takes part, nor how bright the one is that was not enhanced.
    image[0, 0, 3] = 999
    assert np.array_equal(core_scar(image, enhancement, wall), core)
    image[0, 0, 1] = 999  # the median is 509.5 now, and nothing enhanced is brighter
    assert not core_scar(image, enhancement, wall).any()


def test_the_threshold_is_one_for_the_stack() -> None:
    image = np.array([[[0.0, 100.0]], [[0.0, 49.0]]])
    wall = np.ones((2, 1, 2), dtype=bool)
    enhancement = image > 0
    assert core_scar(image, enhancement, wall).ravel().tolist() == [False, True, False, False]
    # By itself the second slice's maximum is its own.
    assert core_scar(image[1], enhancement[1], wall[1]).tolist() == [[False, True]]


def test_without_enhancement_there_is_no_core() -> None:
    image = np.arange(12.0).reshape(1, 3, 4)
    nothing = np.zeros(image.shape, dtype=bool)
    assert not core_scar(image, nothing, ~nothing).any()
    assert not core_scar(image, nothing, nothing).any()


def test_enhancement_no_brighter_than_remote_has_no_core() -> None:
    wall = np.ones((1, 1, 4), dtype=bool)
    enhancement = np.array([[[0, 0, 1, 1]]], dtype=bool)
    assert not core_scar(np.array([[[7, 7, 7, 7]]]), enhancement, wall).any()
    assert not core_scar(np.array([[[7, 7, 3, 5]]]), enhancement, wall).any()


def test_what_cannot_be_known_is_an_error() -> None:
    image = np.ones((1, 2, 2))
    all_of_it = np.ones((1, 2, 2), dtype=bool)
    with pytest.raises(DataError, match="no myocardium outside the scar"):
        core_scar(image, all_of_it, all_of_it)
    with pytest.raises(DataError, match=r"\(1, 2, 2\), enhancement \(2, 2\)"):
        core_scar(image, all_of_it[0], all_of_it)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 50), st.floats(-1000, 1000))
def test_it_is_its_definition_and_knows_no_gain_nor_offset(
    seed: int, gain: float, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 1000, (3, 6, 5)).astype(np.float64)
    wall = rng.random(image.shape) < 0.6
    enhancement = wall & (rng.random(image.shape) < 0.4)
    wall[0, 0, 0], enhancement[0, 0, 0] = True, False
    core = core_scar(image, enhancement, wall)
    remote = np.median(image[wall & ~enhancement])
    for at in np.ndindex(*image.shape):
        half = enhancement[at] and image[at] >= (remote + image[enhancement].max()) / 2
        assert core[at] == (half and image[enhancement].max() > remote)
    gain = 2.0 ** round(np.log2(gain))  # exact in binary, so that no voxel crosses by rounding
    assert np.array_equal(core_scar(gain * image + round(offset), enhancement, wall), core)


def test_the_region_that_the_engine_scores_is_the_same() -> None:
    rng = np.random.default_rng(5)
    image = rng.normal(100, 30, (4, 10, 10))
    labels = rng.choice([0, 1, 2, 3, 4], size=image.shape).astype(np.uint8)
    of = engine(labels, image)
    assert isinstance(of, CoreScar)
    wall = labels >= Label.MYOCARDIUM
    assert np.array_equal(core_scar(image, labels >= Label.SCAR, wall), of.mask)
    assert 0 < of.mask.sum() < (labels >= Label.SCAR).sum()
