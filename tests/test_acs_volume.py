"""Which slices of a stack stay: each index by hand, the run against brute force."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark import DataError, Region
from benchmark.methods._acs_volume import Kept, VolumeLimits, discarded_share, kept_slices

Mask = NDArray[np.bool_]
ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
WIDTH = 400


def opened(mask: Mask) -> bool:
    """Stands in for the anatomical check: these slices are C-shaped if their second row says so."""
    return bool(mask[1].any())


def stack(*slices: tuple[int, int] | tuple[int, int, str]) -> tuple[Mask, Mask]:
    """Slices of (pixels of myocardium, of blood pool[, "C"]) in a row, apex first."""
    lv = np.zeros((len(slices), 2, WIDTH), dtype=bool)
    wall = lv.copy()
    for k, (muscle, pool, *c) in enumerate(slices):
        wall[k, 0, :muscle] = True
        lv[k, 0, : muscle + pool] = True
        if c:  # a pixel of the muscle goes to the second row
            wall[k, 0, 0] = lv[k, 0, 0] = False
            wall[k, 1, 0] = lv[k, 1, 0] = True
    return lv, wall


def kept(*slices: Any, **limits: float) -> Kept:
    return kept_slices(*stack(*slices), VolumeLimits(**limits), is_c_shaped=opened)


def ring(area: int) -> tuple[int, int]:
    return area // 2, area - area // 2


def indices(found: Kept) -> list[int]:
    return np.flatnonzero(found.slices).tolist()


def test_a_whole_ventricle_is_kept_whole() -> None:
    found = kept((20, 0), (60, 40), (80, 100), (90, 120), (90, 130), (80, 120))
    assert found.slices.all()
    assert set(found.reasons) == {"kept"}
    assert found[2:] == (0, 6, 6, 6, 6)


def test_a_fall_of_just_40_percent_is_within_and_of_more_ends_the_run() -> None:
    assert kept(ring(100), ring(100), ring(60)).run_end == 3
    found = kept(ring(100), ring(100), ring(59))
    assert (found.run_end, found.deviation, found.end) == (2, 2, 2)
    assert found.reasons == ("kept", "kept", "above the base")


def test_growth_never_ends_a_run() -> None:
    assert kept(ring(20), ring(100), ring(300)).end == 3


def test_what_lies_below_the_longest_run_is_below_the_apex() -> None:
    found = kept(ring(300), ring(20), ring(60), ring(90), ring(100), (0, 0))
    assert found.first == 1
    assert indices(found) == [1, 2, 3, 4]
    assert found.reasons == ("below the apex", *["kept"] * 4, "empty")


def test_empty_slices_part_runs_and_are_called_empty() -> None:
    found = kept(ring(50), (0, 0), ring(100), ring(110), (0, 0), ring(90))
    assert indices(found) == [2, 3]
    assert found.reasons == (
        "below the apex", "empty", "kept", "kept", "empty", "above the base",
    )  # fmt: skip


def test_a_cavity_that_vanishes_towards_the_base_ends_the_run() -> None:
    # The ratio goes 1, 1, 2.6: more than 2.5 times. The area deviates nowhere, so the printed
    # formula, which has no C and no deviation, keeps the slice all the same.
    found = kept((50, 50), (60, 60), (78, 30))
    assert (found.run_end, found.deviation, found.end) == (2, 3, 3)
    # With a deviation beyond it, the cut is there.
    found = kept((50, 50), (60, 60), (78, 30), ring(20))
    assert (found.run_end, found.deviation, found.end) == (2, 3, 3)
    assert kept((50, 50), (60, 60), (75, 30)).run_end == 3
    # A slice without blood pool has an infinite ratio: at the apex it is the cap.
    assert kept((20, 0), (25, 0), (60, 40)).run_end == 3
    assert kept((60, 40), (60, 0), (60, 0), (60, 0)).first == 1


def test_one_c_above_the_run_is_let_in() -> None:
    found = kept(ring(80), ring(100), (50, 50, "C"), (50, 45, "C"), ring(90))
    assert (found.run_end, found.c_shaped, found.deviation, found.end) == (2, 2, 5, 3)
    assert indices(found) == [0, 1, 2]
    assert found.reasons[3:] == ("above the base",) * 2


def test_a_c_whose_area_deviates_is_not() -> None:
    for area in (ring(59), ring(161)):
        found = kept(ring(80), ring(100), (*area, "C"), (0, 0))
        assert (found.run_end, found.c_shaped, found.deviation, found.end) == (2, 2, 2, 2)
    for area in (ring(60), ring(160)):
        assert kept(ring(80), ring(100), (*area, "C"), (0, 0)).end == 3


def test_one_torn_slice_between_whole_ones_does_not_end_a_run() -> None:
    found = kept(ring(80), ring(100), (50, 50, "C"), ring(100), (50, 50, "C"))
    assert (found.first, found.run_end, found.c_shaped, found.end) == (0, 4, 2, 4)
    assert found.reasons[4] == "above the base"  # a second C
    # Of two torn slices one is let in, on the side where the run is longer.
    torn = (50, 50, "C")
    found = kept(ring(80), torn, ring(100), torn, ring(100), ring(100))
    assert (found.first, found.run_end, found.c_shaped, found.end) == (2, 6, 3, 6)
    found = kept(ring(80), torn, ring(100), ring(100), torn, ring(90))
    assert (found.first, found.run_end, found.end) == (2, 6, 6)  # larger than 0 to 4
    # A C whose own area deviates tears the run apart.
    assert kept(ring(80), ring(100), (20, 30, "C"), ring(100), ring(100)).first == 3


def test_a_c_beyond_other_slices_admits_them_too_as_printed() -> None:
    # min(iC + 1, iD) = min(4, 4): the slice whose cavity vanished stays below the C.
    found = kept(ring(90), ring(100), (95, 5), (50, 50, "C"), (0, 0))
    assert (found.run_end, found.c_shaped, found.deviation, found.end) == (2, 3, 4, 4)


def test_a_c_below_the_run_goes_and_says_nothing_of_the_base() -> None:
    found = kept((20, 20, "C"), ring(80), ring(100), ring(110), (50, 55, "C"))
    assert (found.first, found.run_end, found.c_shaped, found.end) == (1, 4, 4, 5)
    assert found.reasons[0] == "below the apex"


def test_of_runs_of_one_length_the_larger_ventricle_then_the_first() -> None:
    assert indices(kept(ring(50), ring(50), (0, 0), ring(90), ring(90))) == [3, 4]
    assert indices(kept(ring(90), ring(90), (0, 0), ring(50), ring(50))) == [0, 1]
    assert indices(kept(ring(90), ring(90), (0, 0), ring(90), ring(90))) == [0, 1]


def test_stacks_without_a_ring_keep_nothing() -> None:
    assert kept((0, 0), (0, 0)).reasons == ("empty", "empty")
    assert kept((30, 30, "C"), (30, 30, "C")).reasons == ("above the base",) * 2
    lv, wall = stack(ring(50), ring(50))
    found = kept_slices(lv, np.zeros_like(wall), is_c_shaped=opened)  # an LV without myocardium
    assert found.reasons == ("empty", "empty")
    none = np.zeros((0, 4, 4), dtype=bool)
    assert kept_slices(none, none, is_c_shaped=opened).slices.shape == (0,)


def test_myocardium_outside_the_lv_mask_counts_as_lv() -> None:
    lv, wall = stack(ring(100), ring(100))
    lv[1] = False
    assert kept_slices(lv, wall, is_c_shaped=opened).run_end == 1  # 50 pixels are left of 100
    lv[1] = wall[1]
    assert kept_slices(lv, wall, is_c_shaped=opened).run_end == 1


def brute_run(slices: Sequence[Any], areas: Sequence[int]) -> range:
    """Every range tried."""
    ratios = [s[0] / s[1] if s[1] else np.inf for s in slices]
    runs = []
    for first in range(len(areas)):
        for end in range(first + 1, len(areas) + 1):
            run = range(first, end)
            whole = all(areas[k] for k in run)
            falls = any(areas[k] < 0.6 * areas[k - 1] for k in run[1:])
            closes = any(ratios[k] > 2.5 * ratios[k - 1] for k in run[1:])
            cs = [k for k in run if len(slices[k]) == 3]
            if whole and not falls and not closes and len(cs) < 2 and not {first, end - 1} & {*cs}:
                runs.append(run)
    return max(runs, key=lambda run: (len(run), sum(areas[k] for k in run)), default=range(0))


SLICES = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 60), st.integers(0, 60)),
        st.tuples(st.integers(1, 60), st.integers(0, 60), st.just("C")),
        st.integers(30, 50).map(ring),
    ),
    max_size=9,
)


@settings(max_examples=300, deadline=None)
@given(SLICES)
def test_run_and_cut_equal_brute_force(slices: list[Any]) -> None:
    found = kept(*slices)
    areas = [s[0] + s[1] if s[0] else 0 for s in slices]
    run = brute_run(slices, areas)
    n = len(slices)
    assert range(found.first, found.run_end) == run
    if not run:
        assert not found.slices.any()
        return
    cs = [k for k in range(run.start, n) if len(slices[k]) == 3]
    jumps = [k for k in range(run.stop, n)
             if not 0.6 * areas[k - 1] <= areas[k] <= 1.6 * areas[k - 1]]  # fmt: skip
    i = max(run.stop, min(min(cs, default=n) + 1, min(jumps, default=n)))
    assert indices(found) == list(range(run.start, min(i, n)))


@settings(max_examples=300, deadline=None)
@given(SLICES)
def test_applied_twice_it_changes_nothing_and_lets_in_one_c_at_most(slices: list[Any]) -> None:
    lv, wall = stack(*slices)
    once = kept_slices(lv, wall, is_c_shaped=opened)
    lv[~once.slices] = wall[~once.slices] = False
    twice = kept_slices(lv, wall, is_c_shaped=opened)
    assert np.array_equal(once.slices, twice.slices)
    assert set(twice.reasons) <= {"kept", "empty"}
    stays = indices(once)
    assert stays == list(range(once.first, once.end))
    assert all(wall[k].any() for k in stays)
    assert sum(len(slices[k]) == 3 for k in stays) <= 1
    for k, reason in enumerate(once.reasons):
        assert (reason == "kept") == once.slices[k]
        assert (reason == "empty") == (not once.slices[k] and slices[k][0] == 0)


def test_the_share_of_drawn_slices_that_would_go() -> None:
    good = stack(ring(50), ring(60), (0, 0), (0, 0))
    bad = stack(ring(50), ring(60), ring(30), (0, 20))
    assert discarded_share([good], is_c_shaped=opened) == 0
    assert discarded_share([good, bad], is_c_shaped=opened) == pytest.approx(1 / 5)
    loose = VolumeLimits(decrease=0.5)
    assert discarded_share([good, bad], loose, is_c_shaped=opened) == 0
    with pytest.raises(DataError, match="No slice"):
        discarded_share([stack((0, 0))], is_c_shaped=opened)


def test_limits_and_masks_that_make_no_sense_are_errors() -> None:
    with pytest.raises(DataError, match=r"decrease is 1.0; it is at least 0 and below 1"):
        VolumeLimits(decrease=1.0)
    with pytest.raises(DataError, match="ratio_rise is nan"):
        VolumeLimits(ratio_rise=float("nan"))
    lv, wall = stack(ring(50))
    with pytest.raises(DataError, match=r"Give both as \(slice, y, x\)"):
        kept_slices(lv[0], wall[0], is_c_shaped=opened)


@pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
def test_no_more_than_5_percent_of_what_was_drawn_in_emidec_would_go() -> None:
    from benchmark.datasets.emidec import Emidec

    data = Emidec(data_root=EMIDEC)
    stacks = []
    for info in data.index():
        labels = data.load(info.id).reference.labels
        assert labels is not None
        stacks.append((Region.LV.mask(labels), Region.MYOCARDIUM.mask(labels)))
    assert discarded_share(stacks, is_c_shaped=lambda mask: False) <= 0.05
