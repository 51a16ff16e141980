"""Matching cine to LGE: phases and places by hand, and headers as scanners write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import DataError, Study, Volume
from benchmark.datasets._protocol import SITES
from benchmark.methods._cine import (
    Match,
    header_offset,
    match,
    matched,
    nearest_frame,
    nearest_slices,
    reason,
)


def study(
    delay: float | None = 600.0,
    times: tuple[float, ...] | None = (0.0, 200.0, 400.0, 600.0),
    lge_at: tuple[float, ...] = (5.0, 15.0, 25.0),
    cine_at: tuple[float, ...] = (0.0, 10.0, 20.0, 30.0),
    **cine: Any,
) -> Study:
    """LGE and cine of the given headers; a cine voxel holds 100 * frame + slice."""
    frames, n = len(times or (0, 0)), len(cine_at)
    pixels = np.zeros((frames, n, 4, 4)) + np.arange(frames)[:, None, None, None] * 100
    pixels += np.arange(n)[:, None, None]
    lge = Volume(
        np.zeros((len(lge_at), 6, 6)), (10, 1.5, 1.5), None, None, lge_at, trigger_delay_ms=delay
    )
    images = {"lge": lge, "cine": Volume(pixels, (10, 2, 2), None, times, cine_at, **cine)}
    return Study("a", images)


# A beat of 800 ms in 25 frames of 32 ms, as a scanner writes it.
RETROSPECTIVE = tuple(32.0 * i for i in range(25))


@pytest.mark.parametrize(
    ("delay", "frame"),
    [
        (332, 10),  # 10.375 steps: the shortest delay of the paper's development data
        (255, 8),  # 7.97: the shortest of its external data
        (560, 17),  # 17.5: between two, the first
        (768, 24),
        (783, 24),  # 15 ms after the last frame, 17 before the next R wave
        (784, 0),  # 16 ms from both: the first
        (799, 0),
        (800, 0),
        (838, 0),  # a slower beat than the cine's: its end
        (1040, 0),  # never frame 7 or 8 (240 ms), systole, where 1040 modulo 800 would lead
        (0, 0),
    ],
)
def test_the_frame_of_a_trigger_delay_as_in_the_paper(delay: float, frame: int) -> None:
    assert nearest_frame(RETROSPECTIVE, delay) == frame


def test_frames_out_of_order_or_late_are_found_all_the_same() -> None:
    assert nearest_frame((600.0, 0.0, 400.0, 200.0), 390) == 2
    # The first frame comes 20 ms after the R wave, the beat ends at 620 + 200.
    assert nearest_frame((20.0, 220.0, 420.0, 620.0), 715) == 3
    assert nearest_frame((20.0, 220.0, 420.0, 620.0), 5) == 0
    assert nearest_frame((50.0,), 700) == 0


@given(
    n=st.integers(2, 40), step=st.floats(10, 60), phase=st.floats(0, 1), shift=st.integers(0, 39)
)
def test_no_frame_of_the_repeated_beat_is_nearer(
    n: int, step: float, phase: float, shift: int
) -> None:
    times = np.roll(np.arange(n) * step, shift)
    delay = phase * n * step
    frame = nearest_frame(tuple(times), delay)
    beats = np.concatenate([times - n * step, times, times + n * step])
    nearest = np.abs(beats - delay).min()
    ours = min(abs(times[frame] + k * n * step - delay) for k in (-1, 0, 1))
    assert ours == pytest.approx(nearest, abs=1e-5)


def test_slices_are_matched_by_position_and_ties_go_to_the_first() -> None:
    assert nearest_slices([5, 15, 24, 26], [0, 10, 20, 30], 10) == (0, 1, 2, 3)
    # 30.8 lies halfway between 26.4 and 35.2, but for the last bits of doubles.
    assert nearest_slices([30.8], [8.8 * i for i in range(6)], 9) == (3,)
    assert nearest_slices([30.8], [8.8 * i for i in range(6)][::-1], 9) == (1,)


def test_beyond_the_furthest_there_is_no_slice() -> None:
    assert nearest_slices([-10, -10.1, 40, 40.001], [0, 10, 20, 30], 10) == (0, None, 3, None)


def test_stacks_that_run_the_other_way_are_matched_too() -> None:
    up = nearest_slices([1, 9, 21], [0, 8, 16, 24], 8)
    assert up == (0, 1, 3)
    assert nearest_slices([21, 9, 1], [0, 8, 16, 24], 8) == up[::-1]
    assert nearest_slices([1, 9, 21], [24, 16, 8, 0], 8) == (3, 2, 0)
    assert nearest_slices([-1, -9, -21], [-24, -16, -8, 0], 8) == (3, 2, 0)


@pytest.mark.parametrize("n", [7, 12, 24])
@pytest.mark.parametrize("pitch", [8.0, 9.0, 10.0])
@pytest.mark.parametrize("cine_pitch", [5.0, 8.0, 10.0])
@pytest.mark.parametrize("start", [-3.2, 0.0, 2.5])
def test_stacks_of_the_papers_sizes_match_within_half_a_cine_slice(
    n: int, pitch: float, cine_pitch: float, start: float
) -> None:
    lge = [start + pitch * i for i in range(n)]
    cine = [cine_pitch * i for i in range(int(n * pitch / cine_pitch) + 1)]
    found = nearest_slices(lge, cine, max(pitch, cine_pitch))
    assert None not in found
    indices = [i for i in found if i is not None]
    assert indices == sorted(indices)
    for at, i in zip(lge, indices, strict=True):
        if cine[0] <= at <= cine[-1]:
            assert abs(at - cine[i]) <= cine_pitch / 2 + 1e-9
        assert abs(at - cine[i]) == pytest.approx(min(abs(at - c) for c in cine))


@pytest.mark.parametrize("site", SITES)
def test_the_synthetic_sites_pitches_and_beats_match(site: str) -> None:
    its = SITES[site]
    for rate in (52.0, 92.0):
        beat = 60000 / rate
        times = tuple(round(i * beat / its.frames, 1) for i in range(its.frames))
        for phase in (0.64, 0.72, 0.80):
            frame = nearest_frame(times, round(phase * beat))
            assert abs(times[frame] - phase * beat) <= beat / its.frames / 2 + 1
    lge = [5.5 + its.pitch * i for i in range(9)]
    cine = [-1.0 + its.cine_pitch * i for i in range(12)]
    assert None not in nearest_slices(lge, cine, max(its.pitch, its.cine_pitch))


def test_a_study_is_matched_and_its_images_are_taken() -> None:
    a = study(delay=590)
    found = match(a)
    assert found == Match(3, (0, 1, 2))  # 5, 15 and 25 mm lie between slices: the lower
    images = matched(a.images["cine"], found)
    assert images.shape == (3, 4, 4)
    assert images[:, 0, 0].tolist() == [300, 301, 302]


def test_a_slice_without_a_partner_is_black() -> None:
    a = study(delay=210, lge_at=(0.0, 45.0), cine_at=(1.0, 11.0))
    found = match(a)
    assert found == Match(1, (0, None))
    assert matched(a.images["cine"], found)[:, 1, 1].tolist() == [100, 0]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"times": None}, "when in the heart beat its frames are"),
        ({"delay": None}, "does not say when in the heart beat it is"),
        ({"delay": -3.0}, "-3 ms"),
        ({"times": (5.0, 5.0)}, "all 2 frames of its cine have the time 5 ms"),
        ({"cine_at": (60.0, 70.0)}, "no slice of its cine lies near"),
    ],
)
def test_what_cannot_be_matched_says_why(others: dict[str, Any], words: str) -> None:
    a = study(**others)
    assert words in str(reason(a))
    with pytest.raises(DataError, match=f"'a': .*{words}"):
        match(a)


def test_without_a_cine_there_is_nothing_to_match() -> None:
    alone = Study("a", {"lge": study().images["lge"]})
    assert reason(alone) == "it has no cine image"
    with pytest.raises(DataError, match="it has no cine image"):
        match(alone)


def test_a_cine_of_one_frame_needs_no_times() -> None:
    still = Volume(np.arange(3.0)[:, None, None] * np.ones((3, 4, 4)), (10, 2, 2))
    a = Study("a", {"lge": Volume(np.zeros((3, 6, 6)), (10, 1, 1)), "cine": still})
    assert reason(a) is None
    assert match(a) == Match(0, (0, 1, 2))
    assert matched(still, match(a))[:, 0, 0].tolist() == [0, 1, 2]


def affine(first: tuple[float, float, float], step: tuple[float, float, float]) -> Any:
    """Columns to the left, rows to the back, as NIfTI: (x, y, z) of the first voxel, steps."""
    out = np.diag([*step, 1.0])
    out[:3, 3] = first
    return out


def placed(lge: Any, cine: Any) -> Study:
    return Study(
        "a",
        {
            "lge": Volume(np.zeros((3, 11, 11)), (10, 1, 1), lge),
            "cine": Volume(np.zeros((4, 6, 6)), (10, 2, 2), cine),
        },
    )


def test_affines_place_stacks_that_have_no_positions() -> None:
    # LGE slices at z = 5, 15, 25; cine slices at z = 41, 31, 21, 11, the other way round.
    a = placed(affine((5, 5, 5), (-1, -1, 10)), affine((3, 9, 41), (-2, -2, -10)))
    assert match(a).slices == (3, 3, 2)
    # The middles (x, y): (0, 0) and (-2, 4). From the cine's to the LGE's x rises by 2 and y falls
    # by 4; columns run against x and rows against y.
    assert header_offset(a.images["lge"], a.images["cine"]) == (4.0, -2.0)


def test_affines_that_do_not_know_the_spacing_are_not_used() -> None:
    a = placed(affine((5, 5, 500), (-1, -1, 1)), affine((3, 9, 41), (-1, -1, 1)))
    assert match(a).slices == (0, 1, 2)
    assert header_offset(a.images["lge"], a.images["cine"]) == (0.0, 0.0)


def test_a_cine_turned_in_its_plane_is_not_matched() -> None:
    a = placed(affine((5, 5, 5), (-1, -1, 10)), affine((3, 9, 5), (2, -2, 10)))
    assert "axes of its cine" in str(reason(a))
