"""The synthetic mapping cohort: frozen, physically right, drawn as the protocol says."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.contours import contours_to_labels, score_contours
from benchmark.datasets import _cache, _mapping_fit, _mapping_signal, _portable, _signal
from benchmark.datasets import _phantom as ph
from benchmark.datasets._mapping_anatomy import DIAGNOSES
from benchmark.datasets._mapping_fingerprints import CASES, COHORT
from benchmark.datasets._mapping_imaging import fit_map
from benchmark.datasets._mapping_protocol import COUNTS, LEVELS, MATRIX, PIXEL, cases, patients
from benchmark.datasets._mapping_readers import POINTS, READERS, draw, errors
from benchmark.datasets._mapping_synthesis import drawings, setup, synthesise
from benchmark.datasets._prints import fingerprint
from benchmark.datasets._sampling import Grid
from benchmark.datasets.mapping import Mapping, cohort
from benchmark.errors import DataError
from benchmark.fingerprint import of_case
from benchmark.metrics.levels import thirds
from benchmark.scoring import ScoreTask, score_case
from benchmark.types import Contour, Region, Segmentation

#: Both maps of a patient who trains and of one who is tested on.
PROBES = {"map_p001_t1": 0, "map_p001_t2": 1, "map_p004_t1": 6, "map_p004_t2": 7}
PRINT_PROBES = f"""
from benchmark.datasets._mapping_synthesis import synthesise
from benchmark.datasets._prints import fingerprint
for n in {list(PROBES.values())}:
    print(fingerprint(*synthesise(n))[:16])
"""
TIMES = (120.0, 200.0, 1000.0, 1080.0, 1880.0, 1960.0, 2760.0, 3640.0)
ECHOES = _mapping_signal.ECHO_TIMES
MUSCLE = _signal.Tissue(0.8, 1155.0, 44.5, 0.0)


@pytest.fixture(scope="module")
def made():
    """Arrays and description of the probes, freshly computed."""
    return {case_id: synthesise(n) for case_id, n in PROBES.items()}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, made):
    """The probes as cases, read from a cache that holds nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCARBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        cohort().folder().mkdir()
        by_index = {n: made[case_id] for case_id, n in PROBES.items()}
        todo = [(n, case_id) for case_id, n in PROBES.items()]
        _cache.work(by_index.__getitem__, str(cohort().folder()), todo)
        yield {case_id: Mapping().load(case_id) for case_id in PROBES}


# --- the list -----------------------------------------------------------------------------------


def test_patients_are_split_65_20_15_and_both_maps_of_one_have_one_role():
    index = Mapping().index()
    roles = {}
    for info in index:
        roles.setdefault(info.patient, set()).add(info.role)
    assert all(len(found) == 1 for found in roles.values())
    assert Counter(next(iter(found)) for found in roles.values()) == {
        "train": 65,
        "validation": 20,
        "test": 15,
    }
    maps = {}
    for info in index:
        maps.setdefault(info.patient, []).append(info.attributes["map"])
    assert len(maps) == 100
    assert all(found == ["t1", "t2"] for found in maps.values())


def test_every_diagnosis_is_split_as_the_whole_to_within_a_patient():
    kinds = Counter((p.pathology, p.role) for p in patients())
    for kind, count in COUNTS.items():
        for role, share in (("train", 0.65), ("validation", 0.20), ("test", 0.15)):
            assert abs(kinds[kind, role] - share * count) < 1.2


def test_diagnoses_have_the_proportions_of_figure_1():
    published = dict(zip(COUNTS, (36, 12, 20, 17, 20, 15, 9, 14, 2, 19, 5, 83), strict=True))
    kept = sum(published.values())
    assert kept == 262 - 10
    assert Counter(p.pathology for p in patients()) == COUNTS
    for kind, n in published.items():
        assert abs(COUNTS[kind] - 100 * n / kept) < 1
    assert DIAGNOSES.keys() == COUNTS.keys()


def test_a_case_tells_patient_diagnosis_and_map():
    for info in Mapping().index():
        assert set(info.attributes) == {"patient", "pathology", "map"}
        assert info.id == f"map_{info.patient}_{info.attributes['map']}"
        assert info.stratum == info.attributes["pathology"]


def test_listing_makes_no_pixels_and_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from benchmark.datasets.mapping import Mapping; Mapping().index();"
        "print([m for m in ('scipy', 'torch', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"SCARBENCH_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"
    assert not (tmp_path / "cache").exists()


def test_an_unknown_case_names_its_neighbours():
    with pytest.raises(DataError, match=r"no case 'map_p001_t3'.*map_p001_t1"):
        Mapping().load("map_p001_t3")
    with pytest.raises(DataError, match="no case"):
        Mapping().files("../map_p001_t1")


# --- the same on every machine ------------------------------------------------------------------


def test_probe_cases_have_the_committed_fingerprints(made):
    assert len(CASES) == len(cases()) == 200
    for case_id, n in PROBES.items():
        assert tuple(cases())[n] == case_id
        assert fingerprint(*made[case_id])[:16] == CASES[n]


def test_voxels_do_not_depend_on_the_processors_instructions():
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not features:
        pytest.skip("this processor has nothing beyond NumPy's baseline to switch off")
    done = subprocess.run(
        [sys.executable, "-c", PRINT_PROBES],
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [CASES[n] for n in PROBES.values()]


def test_exponentials_of_an_array_are_the_librarys_to_the_last_digits():
    x = np.linspace(-200.0, 5.0, 4001)
    assert np.allclose(_portable.exponentials(x), np.exp(x), rtol=5e-14, atol=0.0)
    for value in (-30.0, -0.5, 0.0, 1.25):
        assert _portable.exponentials(np.array([value]))[0] == pytest.approx(
            _portable.exp(value), rel=1e-15
        )


@pytest.mark.slow
def test_the_whole_cohort_is_the_frozen_one_and_as_varied_as_promised():
    digest, values = hashlib.sha256(), {"t1": [], "t2": []}
    for info in Mapping().index():
        arrays, described = cohort().read(info.id)
        digest.update(fingerprint(arrays, described).encode())
        case = Mapping().load(info.id)
        wall = case.study.target.voxels[case.reference.labels == 2]
        values[info.attributes["map"]].append(float(np.median(wall)))
        assert ((case.reference.labels == 1).sum(axis=(1, 2)) > 60).all()
    assert digest.hexdigest() == COHORT
    # mapping2023, Table 5: medians of the observers 1017 to 1033 ms and 49.5 to 51.7 ms.
    assert 1000 < statistics.median(values["t1"]) < 1040
    assert 48 < statistics.median(values["t2"]) < 53


# --- fits ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    t1_star=st.floats(150.0, 2200.0),
    a=st.floats(10.0, 3000.0),
    ratio=st.floats(1.35, 2.0),
)
def test_noise_free_recoveries_give_exactly_their_parameters(t1_star, a, ratio):
    signal = [a - a * ratio * math.exp(-t / t1_star) for t in TIMES]
    fit = _mapping_fit.fit_recovery(np.abs(signal)[:, None], TIMES)
    assert fit.t1_star[0] == pytest.approx(t1_star, rel=1e-6)
    assert fit.a[0] == pytest.approx(a, rel=1e-6)
    assert fit.b[0] == pytest.approx(a * ratio, rel=1e-6)
    assert fit.negative[0] == sum(s < 0 for s in signal)
    # As printed in the paper, and corrected as on scanners: T1 = T1* (B / A - 1).
    corrected = _mapping_fit.look_locker(fit)[0]
    assert corrected == pytest.approx(t1_star * (ratio - 1.0), rel=1e-5)


def test_without_readouts_both_forms_give_t1():
    """An ideal inversion recovery has B = 2 A, and nothing to correct."""
    signal = np.array([[1.0 - 2.0 * math.exp(-t / t1) for t1 in (300.0, 1000.0)] for t in TIMES])
    fit = _mapping_fit.fit_recovery(np.abs(signal), TIMES)
    assert fit.t1_star == pytest.approx([300.0, 1000.0], rel=1e-9)
    assert _mapping_fit.look_locker(fit) == pytest.approx([300.0, 1000.0], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(t2=st.floats(12.0, 600.0), s=st.floats(1.0, 4000.0))
def test_noise_free_decays_give_exactly_their_t2(t2, s):
    signal = np.array([[s * math.exp(-t / t2)] for t in ECHOES])
    start, found = _mapping_fit.fit_decay(signal, ECHOES)
    assert found[0] == pytest.approx(t2, rel=1e-8)
    assert start[0] == pytest.approx(s, rel=1e-8)


def test_noisy_recoveries_leave_no_more_than_the_best_of_all_sign_patterns():
    """SciPy, started at the truth with every number of negative images, finds nothing better."""
    from scipy.optimize import least_squares

    rng = np.random.default_rng(3)
    t = np.array(TIMES)
    clean = 800.0 - 1500.0 * np.exp(-t / 850.0)
    noisy = np.abs(clean + rng.normal(0.0, 40.0, (25, len(t))))
    fit = _mapping_fit.fit_recovery(noisy.T, TIMES)
    for i, y in enumerate(noisy):
        left = []
        for k in range(len(t)):
            signed = np.where(np.arange(len(t)) < k, -y, y)
            done = least_squares(
                lambda p, signed=signed: p[0] - p[1] * np.exp(-t / p[2]) - signed,
                (800.0, 1500.0, 850.0),
                bounds=((0.0, 0.0, 20.0), (1e4, 1e5, 6000.0)),
                x_scale=(800.0, 1500.0, 850.0),
            )
            left.append(2.0 * done.cost)
        signed = np.where(np.arange(len(t)) < fit.negative[i], -y, y)
        model = fit.a[i] - fit.b[i] * np.exp(-t / fit.t1_star[i])
        assert ((model - signed) ** 2).sum() <= min(left) * (1 + 1e-5)


def test_noise_spreads_the_map_as_its_covariance_says_and_biases_it_little():
    rng = np.random.default_rng(4)
    t, sd = np.array(TIMES), 12.0
    a, b, t1_star = 800.0, 1550.0, 850.0
    clean = a - b * np.exp(-t / t1_star)
    pixels = clean[:, None] + rng.normal(0.0, sd, (len(t), 4000))
    other = rng.normal(0.0, sd, pixels.shape)
    fit = _mapping_fit.fit_recovery(np.sqrt(pixels**2 + other**2), TIMES)
    e = np.exp(-t / t1_star)
    slopes = np.stack([np.ones_like(t), -e, -b * e * t / t1_star**2], axis=1)
    covariance = sd**2 * np.linalg.inv(slopes.T @ slopes)
    gradient = np.array([-t1_star * b / a**2, t1_star / a, b / a - 1.0])
    expected = math.sqrt(gradient @ covariance @ gradient)
    corrected = _mapping_fit.look_locker(fit)
    assert np.std(corrected) == pytest.approx(expected, rel=0.08)
    assert abs(np.mean(corrected) - t1_star * (b / a - 1.0)) < 0.3 * expected


def test_rician_noise_lengthens_short_t2():
    """Magnitudes do not decay below the noise, so a tail near it reads too long."""
    rng = np.random.default_rng(5)
    clean = np.array([100.0 * math.exp(-t / 20.0) for t in ECHOES])[:, None]
    noise = rng.normal(0.0, 10.0, (2, 3, 4000))
    noisy = np.sqrt((clean + noise[0]) ** 2 + noise[1] ** 2)
    assert np.median(_mapping_fit.fit_decay(noisy, ECHOES)[1]) > 20.5


def test_pixels_that_cannot_be_fitted_are_0_and_long_times_are_clipped():
    nothing = np.zeros((8, 1, 1, 2), dtype=np.int16)
    assert fit_map("t1", nothing, TIMES).max() == 0
    assert fit_map("t2", nothing[:3], ECHOES).max() == 0
    # T2 of 1000 ms is the longest that is searched, 409.5 ms the longest that a map holds.
    flat = np.full((3, 1, 1, 1), 1000, dtype=np.int16)
    assert fit_map("t2", flat, ECHOES)[0, 0, 0] == 4095
    slow = np.array([3000 - 3001 * math.exp(-t / 1e5) for t in TIMES]).reshape(8, 1, 1, 1)
    assert 0 <= fit_map("t1", np.abs(slow).astype(np.int16), TIMES)[0, 0, 0] <= 4095


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4095), min_size=8, max_size=8))
def test_any_magnitudes_give_a_map_within_its_range(values):
    pixel = np.array(values, dtype=np.int16).reshape(8, 1, 1, 1)
    assert 0 <= fit_map("t1", pixel, TIMES)[0, 0, 0] <= 4095
    assert 0 <= fit_map("t2", pixel[:3], ECHOES)[0, 0, 0] <= 4095


# --- physics ------------------------------------------------------------------------------------


def bloch(
    readout: _mapping_signal.Readout, tissue: _signal.Tissue, m: float
) -> tuple[float, float]:
    """Signal at the middle and magnetisation afterwards, pulse by pulse, by rotation matrices."""

    def pulse(angle: float) -> np.ndarray:
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, s], [-s, c]])  # on (transverse, longitudinal)

    def wait(v: np.ndarray, time: float) -> np.ndarray:
        e1, e2 = math.exp(-time / tissue.t1), math.exp(-time / tissue.t2)
        return np.array([v[0] * e2, 1.0 - (1.0 - v[1]) * e1])

    half = 0.5 * readout.repetition
    v = pulse(0.5 * readout.flip) @ np.array([0.0, m])
    v = wait(v, half)
    signal = 0.0
    for i in range(readout.pulses):
        v = pulse(readout.flip * (-1.0) ** (i + 1)) @ v
        v = wait(v, half)
        if i + 1 == readout.pulses // 2:
            signal = abs(float(v[0])) * math.copysign(1.0, float(v[1]))
        if i + 1 < readout.pulses:
            v = wait(v, half)
    v = pulse(0.5 * readout.flip * (-1.0) ** (readout.pulses + 1)) @ v
    return tissue.density * signal, float(v[1])


@pytest.mark.parametrize("readout", [_mapping_signal.MOLLI, _mapping_signal.T2_PREPARED])
@pytest.mark.parametrize("m", [-0.94, 0.4, 1.0])
def test_a_readout_is_what_the_bloch_equations_give_pulse_by_pulse(readout, m):
    for tissue in (MUSCLE, _signal.TISSUES["blood"], _signal.TISSUES["fat"]):
        signal, after = readout.signal(tissue, m)
        expected, left = bloch(readout, tissue, m)
        assert signal == pytest.approx(expected, abs=2e-4)
        assert after == pytest.approx(left, abs=2e-4)


def test_an_endless_readout_reaches_the_steady_state_of_balanced_ssfp():
    for flip in (0.6, 1.2):
        readout = _mapping_signal.Readout(flip, 2.5, 10**5)
        assert readout.signal(MUSCLE, 1.0)[0] == pytest.approx(
            _signal.balanced_ssfp(MUSCLE, flip), rel=1e-9
        )


def test_molli_takes_eight_images_at_rising_times_of_two_inversions():
    times, signal = _mapping_signal.molli(MUSCLE, 880.0)
    assert times == pytest.approx(TIMES)
    assert len(signal) == 8
    assert signal[0] < signal[1] < 0.0 < signal[2]


def test_maps_err_as_scanners_do():
    """MOLLI reads short, still shorter without the correction; T2-prepared SSFP reads long."""
    for beat in (700.0, 900.0, 1100.0):
        times, signal = _mapping_signal.molli(MUSCLE, beat)
        fit = _mapping_fit.fit_recovery(np.abs(signal)[:, None], times)
        corrected = _mapping_fit.look_locker(fit)[0]
        assert 0.84 < corrected / MUSCLE.t1 < 0.95
        assert fit.t1_star[0] < 0.9 * corrected
        echoes, decayed = _mapping_signal.t2_prepared(MUSCLE, beat)
        t2 = _mapping_fit.fit_decay(np.array(decayed)[:, None], echoes)[1][0]
        assert 1.02 < t2 / MUSCLE.t2 < 1.16


def test_the_delivered_map_is_the_fit_of_the_delivered_images(loaded):
    for case in loaded.values():
        name = case.study.attributes["map"]
        weighted = case.study.images[f"{name}_weighted"]
        again = fit_map(name, weighted.voxels, weighted.times_ms)
        step = np.float32(1.0 if name == "t1" else 10.0)
        assert np.array_equal(again.astype(np.float32) / step, case.study.target.voxels)


def test_tissues_have_their_times(loaded):
    for case_id, wall, blood in (
        ("map_p004_t1", (950, 1090), (1380, 1700)),
        ("map_p004_t2", (44, 58), (150, 250)),
    ):
        case = loaded[case_id]
        times, labels = case.study.target.voxels, case.reference.labels
        assert wall[0] < np.median(times[labels == 2]) < wall[1]
        assert blood[0] < np.median(times[labels == 1]) < blood[1]


# --- drawings -----------------------------------------------------------------------------------


def circle(endo: float, epi: float) -> tuple[ph.Heart, Grid]:
    """A heart of round slices that does not move."""
    drawn = ph.draw_heart(_portable.Stream(1), "normal", 0.0, 0.0, 1.1)
    heart = replace(
        drawn, cavity=endo, wall=epi - endo, septal=0.0, endo=(0, 0, 0, 0), epi=(0, 0, 0, 0),
        tilt=(0.0, 0.0), length=100.0, apex_cap=0.0,
    )  # fmt: skip
    return heart, Grid(MATRIX, PIXEL, (3.0, -6.0), 2)


def test_the_protocol_leaves_out_both_border_zones():
    """At the base of this heart the radii are 0.9 of their names: 18 and 27 mm."""
    heart, grid = circle(20.0, 30.0)
    nothing = np.zeros(POINTS)
    endo, epi = draw(heart, grid, 100.0, 0.0, (nothing, nothing))
    middle = np.array([0.5 * 127 - 6.0 / PIXEL, 0.5 * 143 + 3.0 / PIXEL])
    for points, radius in ((endo, 18.0 + 0.9), (epi, 27.0 - 0.7)):
        assert points.shape == (POINTS, 2)
        distance = PIXEL * np.hypot(*(points - middle).T)
        assert distance == pytest.approx(np.full(POINTS, radius), abs=PIXEL / 64)


def test_an_error_moves_a_contour_outwards_by_its_millimetres():
    heart, grid = circle(20.0, 30.0)
    nothing, one = np.zeros(POINTS), np.ones(POINTS)
    plain = draw(heart, grid, 100.0, 0.0, (nothing, nothing))
    moved = draw(heart, grid, 100.0, 0.0, (one, -one))
    centre = plain[0].mean(axis=0)
    for a, b, shift in ((plain[0], moved[0], 1.0), (plain[1], moved[1], -1.0)):
        radii = [PIXEL * np.hypot(*(p - centre).T) for p in (a, b)]
        assert radii[1] - radii[0] == pytest.approx(np.full(POINTS, shift), abs=PIXEL / 32)


def test_errors_have_the_size_and_the_habit_of_their_reader():
    reader = READERS["reader_1"]
    drawn = [errors(reader, "t1", _portable.Stream(9, i)) for i in range(400)]
    for level, factor in enumerate((1.3, 1.0, 0.92)):
        endo = np.stack([e[level][0] for e in drawn])
        epi = np.stack([e[level][1] for e in drawn])
        assert endo.mean() == pytest.approx(reader.endo, abs=0.12)
        assert epi.mean() == pytest.approx(reader.epi, abs=0.12)
        assert endo.std() == pytest.approx(reader.error * factor * 1.12, rel=0.06)
    assert all(not np.any(e) for pair in errors(None, "t1", _portable.Stream(1)) for e in pair)


def test_contours_are_ordered_closed_and_sub_pixel(loaded):
    for case in loaded.values():
        for drawn in (case.reference, *case.readers.values()):
            assert [(c.slice, c.kind) for c in drawn.contours] == [
                (i, kind) for i in range(3) for kind in ("endo", "epi")
            ]
            for contour in drawn.contours:
                points = contour.points
                steps = np.roll(points, -1, axis=0) - points
                lengths = PIXEL * np.hypot(*steps.T)
                assert lengths.min() > 0.0
                assert lengths.max() < 3.5  # also from the last to the first: closed
                centre = points.mean(axis=0)
                angles = np.unwrap(np.arctan2(*(points - centre).T))
                assert (np.diff(angles) > 0).all() or (np.diff(angles) < 0).all()
                assert abs(angles[-1] - angles[0]) < 2 * np.pi
                assert (points % 1 != 0).mean() > 0.5
                assert np.array_equal(points * 64, np.rint(points * 64))


def test_labels_are_what_the_contours_surround(loaded):
    for case in loaded.values():
        for drawn in (case.reference, *case.readers.values()):
            again = contours_to_labels(drawn.contours, case.study.target.shape)
            assert np.array_equal(drawn.labels, again)
            assert set(np.unique(drawn.labels)) == {0, 1, 2}


def test_three_readers_draw_test_cases_and_one_of_two_annotators_the_others(loaded):
    assert set(loaded["map_p004_t1"].readers) == {"reader_1", "reader_2", "reader_3"}
    assert not loaded["map_p001_t1"].readers
    # What is trained on has errors, what is tested on has none.
    for case_id, exact in (("map_p001_t1", False), ("map_p004_t1", True)):
        done = setup(PROBES[case_id])
        nothing = np.zeros(POINTS)
        section = done.sections[0]
        endo, _ = draw(
            done.subject.heart, section.grid, section.z, done.squeeze, (nothing, nothing)
        )
        drawn = loaded[case_id].reference.contours[0].points
        assert np.array_equal(drawn, endo) == exact


def test_readers_agree_about_as_much_as_those_of_the_paper():
    """mapping2023, Tables 2 to 4: means over both kinds of contour. Bands, not digits."""
    found: dict[tuple[str, str], list[float]] = {}
    for index, (patient, name) in enumerate(cases().values()):
        if patient.role != "test":
            continue
        arrays = drawings(setup(index))
        hands = {
            hand: Segmentation(contours=tuple(
                Contour(i, kind, arrays[f"{hand}_{kind}"][i])
                for i in range(3) for kind in ("endo", "epi")
            ))
            for hand in READERS
        }  # fmt: skip
        for a, b in itertools.combinations(hands, 2):
            grid = (3, *MATRIX), (20.0, PIXEL, PIXEL)
            wanted = ("dice", "hd_points", "masd")
            for score in score_contours(hands[a], hands[b], *grid, metrics=wanted):
                level = tuple(LEVELS)[score.slice]
                for group in ("all", name, level):
                    found.setdefault((group, score.metric), []).append(score.value)
    mean = {key: statistics.fmean(values) for key, values in found.items()}
    for group, dice, hausdorff, surface in (
        ("all", 0.908, 2.65, 1.12),
        ("t1", 0.898, 2.89, 1.34),
        ("t2", 0.917, 2.41, 1.00),
        ("base", 0.926, 2.51, 1.05),
        ("middle", 0.910, 2.68, 1.12),
        ("apex", 0.881, 2.91, 1.39),
    ):
        assert mean[group, "dice"] == pytest.approx(dice, abs=0.03)
        assert mean[group, "hd_points"] == pytest.approx(hausdorff, abs=0.4)
        assert mean[group, "masd"] == pytest.approx(surface, abs=0.3)
    assert mean["apex", "dice"] < mean["middle", "dice"] < mean["base", "dice"]


# --- as cases -----------------------------------------------------------------------------------


def test_a_case_has_one_geometry_and_its_slices_are_apex_middle_and_base(loaded):
    for case_id, case in loaded.items():
        study, name = case.study, case.study.attributes["map"]
        assert study.id == case_id
        assert set(study.images) == {name, f"{name}_weighted"}
        assert study.target is study.images[name]
        weighted = study.images[f"{name}_weighted"]
        assert study.target.shape == weighted.shape == (3, *MATRIX)
        assert study.target.voxels.dtype == np.float32
        assert weighted.voxels.dtype == np.int16
        assert weighted.n_frames == (8 if name == "t1" else 3)
        assert weighted.times_ms is not None
        assert len(weighted.times_ms) == weighted.n_frames
        assert study.target.spacing == weighted.spacing
        assert np.diff(study.target.positions) == pytest.approx([study.target.spacing[0]] * 2)
        present = case.reference.labels.any(axis=(1, 2))
        assert thirds(present, study.target.positions, study.apex) == {
            "apex": (0,),
            "middle": (1,),
            "base": (2,),
        }
        area = (case.reference.labels == 1).sum(axis=(1, 2))
        assert area[0] < area[1] < area[2] * 1.1


def test_the_two_maps_of_a_patient_are_two_breath_holds_of_one_heart(loaded):
    one, two = loaded["map_p004_t1"], loaded["map_p004_t2"]
    assert one.study.target.positions == two.study.target.positions
    centres = [
        np.argwhere(case.reference.labels[1] > 0).mean(axis=0) * PIXEL for case in (one, two)
    ]
    shift = np.hypot(*(centres[0] - centres[1]))
    assert 0.1 < shift < 12.0
    areas = [int((case.reference.labels[1] > 0).sum()) for case in (one, two)]
    assert areas[0] == pytest.approx(areas[1], rel=0.1)


def test_the_engine_scores_contours_and_sees_them_in_the_fingerprint(loaded):
    case = loaded["map_p004_t1"]
    reader = case.readers["reader_2"]
    spacing = case.study.target.spacing
    annotates = Mapping.annotates
    assert annotates == {Region.CAVITY, Region.MYOCARDIUM, Region.LV}
    task = ScoreTask(
        case=case.study.id,
        reference=case.reference.labels,
        prediction=reader.labels,
        spacing=spacing,
        annotates=annotates,
        produces=annotates,
        apex=case.study.apex,
        slice_positions=case.study.target.positions,
        reference_contours=case.reference.contours,
        compared_contours=reader.contours,
    )
    rows = score_case(task).scores
    contour = [r for r in rows if r["dim"] == "contour" and r["level"] == "apex"]
    assert {r["region"] for r in contour} == {"endo", "epi"}
    assert all(r["status"] == "ok" and r["message"] == "" for r in contour)
    dull = replace(case, reference=Segmentation(case.reference.labels))
    assert of_case(dull).reference != of_case(case).reference
    assert of_case(dull).study == of_case(case).study
