"""The synthetic cohort: frozen, the same everywhere, physically plausible, safe on disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchmark
import benchmark.datasets
from benchmark.datasets import _cache, _phantom, _portable, _signal, _synthesis, lge
from benchmark.datasets._lge_fingerprints import CASES, COHORT
from benchmark.datasets._protocol import SITES, patients, stratum
from benchmark.datasets.lge import Lge
from benchmark.errors import DataError
from benchmark.types import Region

# One of each: magnitude with scar, phase-sensitive external site, no-reflow, slices base first.
PROBES = (1, 2, 8, 19)
PRINT_PROBES = f"""
from benchmark.datasets._protocol import patients
from benchmark.datasets._synthesis import fingerprint, synthesise
for n in {PROBES}:
    print(fingerprint(*synthesise(patients()[n - 1]))[:16])
"""


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """An empty cache of a cohort cut down to its first three cases."""
    monkeypatch.setenv("SCARBENCH_CACHE", str(tmp_path / "cache"))
    cut = replace(lge.cohort(), ids=lge.cohort().ids[:3])
    monkeypatch.setattr(lge, "cohort", lambda: cut)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """The files of the first three cases."""
    folder = tmp_path_factory.mktemp("made") / "lge-1"
    folder.mkdir()
    _cache.work(lge.make, str(folder), list(enumerate(lge.cohort().ids[:3])))
    return folder


@pytest.fixture
def three_cases(empty_cache, made_once):
    """A filled cache of a cohort cut down to its first three cases."""
    shutil.copytree(made_once, empty_cache / "lge-1")
    return empty_cache


@pytest.fixture(scope="module")
def probes():
    """Arrays and description of the probe cases, freshly computed."""
    return {n: _synthesis.synthesise(patients()[n - 1]) for n in PROBES}


def digests(folder: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.glob("lge-1/*.npz")}


# --- the list -----------------------------------------------------------------------------------


def test_roles_are_two_to_one_to_one_and_an_external_site():
    index = Lge().index()
    assert Counter(c.role for c in index) == {
        "train": 40,
        "validation": 20,
        "test": 20,
        "external": 16,
    }
    sites = {role: {c.attributes["site"] for c in index if c.role == role} for role in
             ("train", "validation", "test", "external")}  # fmt: skip
    assert sites["external"] == {"G"}
    assert sites["train"] == sites["validation"] == sites["test"] == set("ABCDEF")
    assert len({site.vendor for site in SITES.values()}) == 3
    assert len({c.patient for c in index}) == len({c.id for c in index}) == 96


def test_burden_classes_are_balanced_over_roles():
    index = Lge().index()
    for role, expected in {
        "train": (14, 14, 12),
        "validation": (7, 7, 6),
        "test": (7, 7, 6),
        "external": (5, 6, 5),
    }.items():
        found = Counter(c.stratum for c in index if c.role == role)
        assert tuple(found[s] for s in ("<1%", "1-10%", ">10%")) == expected


def test_attributes_tell_nothing_of_the_reference():
    for info in Lge().index():
        assert set(info.attributes) == {"patient", "site", "vendor", "pathology"}


def test_listing_makes_no_pixels_and_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from benchmark.datasets.lge import Lge; Lge().index();"
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


def test_strata_have_their_borders_where_documented():
    assert [stratum(b) for b in (0.0, 0.0099, 0.01, 0.1, 0.1001)] == [
        "<1%", "<1%", "1-10%", "1-10%", ">10%",
    ]  # fmt: skip


def test_it_is_called_synthetic():
    assert Lge.synthetic
    assert "synthetic" in Lge.title
    assert Lge.redistributable


# --- the same on every machine ------------------------------------------------------------------


def test_probe_cases_have_the_committed_fingerprints(probes):
    assert len(CASES) == 96
    for n, (arrays, described) in probes.items():
        assert _synthesis.fingerprint(arrays, described)[:16] == CASES[n - 1]


def test_a_fingerprint_sees_one_voxel_and_one_number(probes):
    arrays, described = probes[1]
    changed = {**arrays, "lge": arrays["lge"].copy()}
    changed["lge"][0, 0, 0] += 1
    prints = {
        _synthesis.fingerprint(arrays, described),
        _synthesis.fingerprint(changed, described),
        _synthesis.fingerprint(arrays, described.replace("0", "1", 1)),
    }
    assert len(prints) == 3


def test_voxels_do_not_depend_on_the_processors_instructions():
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not features:
        pytest.skip("this processor has nothing beyond NumPy's baseline to switch off")
    child = "import numpy as np\n" + (
        "assert not np.show_config(mode='dicts')['SIMD Extensions'].get('found')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", child + PRINT_PROBES],
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [CASES[n - 1] for n in PROBES]


@pytest.mark.slow
def test_voxels_do_not_depend_on_the_numpy_version(tmp_path):
    old = "1.26.4" if sys.version_info < (3, 13) else "2.1.3"
    other = old if np.__version__ != old else "2.2.6"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    installed = subprocess.run(
        [*pip, str(tmp_path / "numpy"), f"numpy=={other}"], capture_output=True, text=True
    )
    if installed.returncode:
        pytest.skip(f"numpy {other} cannot be installed here: {installed.stderr[-300:]}")
    package = tmp_path / "package" / "benchmark"
    shutil.copytree(Path(benchmark.__file__).parent, package, dirs_exist_ok=True)
    shutil.copytree(
        Path(benchmark.datasets.__file__).parent, package / "datasets", dirs_exist_ok=True
    )
    paths = [str(tmp_path / "numpy"), str(tmp_path / "package")]
    code = f"import numpy; assert numpy.__version__ == {other!r}\n" + PRINT_PROBES
    done = subprocess.run(
        # -S: without site-packages, whose NumPy and editable install would come first.
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,  # not the checkout, whose benchmark folder would come first
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [CASES[n - 1] for n in PROBES]


def test_exponential_and_angles_agree_with_the_library_to_the_last_digits():
    for x in np.linspace(-30.0, 5.0, 141):
        assert _portable.exp(float(x)) == pytest.approx(math.exp(x), rel=1e-14)
        c, s = _portable.cos_sin(float(x))
        assert c == pytest.approx(math.cos(x), abs=1e-12)
        assert s == pytest.approx(math.sin(x), abs=1e-12)


def test_normal_numbers_are_quantiles_of_the_normal_distribution():
    table = _portable._normal_quantiles()
    exact = statistics.NormalDist()
    for i, error in (
        (0, 1e-3),
        (100, 1e-4),
        (2000, 1e-5),
        (32768, 1e-6),
        (60000, 1e-5),
        (65535, 1e-3),
    ):
        assert table[i] == pytest.approx(exact.inv_cdf((i + 0.5) / 65536), abs=error)


def test_streams_are_fixed_by_their_key_and_differ_between_keys():
    first, again, other = (_portable.Stream(1, k) for k in (2, 2, 3))
    assert first.uniform() == again.uniform() != other.uniform()
    assert np.array_equal(first.normals(7), again.normals(7))
    assert sorted(first.permutation(9)) == list(range(9))


def test_raw_pcg64_integers_are_the_published_stream():
    """The first output of PCG64 for this key; a change of NumPy's seeding would show here."""
    assert _portable.Stream(1, 0, 99).permutation(8) == [
        int(i) for i in np.argsort(np.random.PCG64([1, 0, 99]).random_raw(8), kind="stable")
    ]


# --- physics and anatomy ------------------------------------------------------------------------


def test_inversion_recovery_is_nulled_at_the_null_time_and_negative_before():
    ti = _signal.null_time(470.0, 1700.0)
    assert ti == pytest.approx(470.0 * (math.log(2.0) - math.log1p(math.exp(-1700 / 470))))
    assert _signal.inversion_recovery(470.0, ti, 1700.0) == pytest.approx(0.0, abs=1e-12)
    assert _signal.inversion_recovery(470.0, 0.8 * ti, 1700.0) < 0.0


def test_cine_shows_blood_bright_and_scar_like_myocardium():
    s = {name: _signal.balanced_ssfp(t, 0.87) for name, t in _signal.TISSUES.items()}
    assert s["blood"] > 2.0 * s["myocardium"]
    assert s["scar"] == pytest.approx(s["myocardium"], rel=0.1)
    # S = M0 sin a / (1 + cos a + (1 - cos a) T1 / T2) by hand for T1 = T2: sin a / 2.
    assert _signal.balanced_ssfp(_signal.Tissue(1.0, 100.0, 100.0, 1.0), 0.87) == pytest.approx(
        math.sin(0.87) / 2
    )


def test_the_heart_contracts_once_a_beat():
    assert _phantom.contraction(0.0) == 0.0
    assert _phantom.contraction(0.36) == 1.0
    assert _phantom.contraction(0.7) == pytest.approx(0.22)
    assert _phantom.contraction(0.999) == pytest.approx(0.0)


def test_the_wall_keeps_its_volume_while_the_cavity_empties():
    heart = _phantom.draw_heart(_portable.Stream(5, 5), "normal", 0.0, 0.0, 1.1)
    x, y = np.arange(-60.0, 60.0)[None, :], np.arange(-60.0, 60.0)[:, None]

    def volumes(squeeze: float) -> tuple[float, float]:
        counted = np.zeros(7)
        for z in np.arange(0.5, 120.0, 1.0):
            p = _phantom.plane(heart, _phantom.rays(heart, z, x, y), squeeze)
            counted += np.bincount(_phantom.tissue_codes(heart, p).ravel(), minlength=7)
        blood = counted[_phantom.CAVITY] + counted[_phantom.PAPILLARY]
        return counted[_phantom.WALL] / 1000, blood / 1000

    (wall, full), (squeezed, left) = volumes(0.0), volumes(1.0)
    assert squeezed == pytest.approx(wall, rel=0.03)
    assert 0.5 < 1.0 - left / full < 0.72  # a normal ejection fraction
    assert 70.0 < full < 230.0  # mL


@pytest.mark.parametrize("n", PROBES)
def test_burden_is_what_was_asked_for_to_the_voxel(probes, n):
    labels = probes[n][0]["labels"]
    wall = Region.MYOCARDIUM.mask(labels).sum()
    scar = Region.SCAR.mask(labels).sum()
    assert abs(scar - patients()[n - 1].burden * wall) <= 0.5


def test_tissues_have_the_grey_values_that_make_lge_hard(probes):
    arrays, _ = probes[19]
    grey, labels = arrays["lge"].astype(float), arrays["labels"]
    blood, wall, scar, dark = (np.median(grey[labels == k]) for k in (1, 2, 3, 4))
    assert wall < 0.6 * blood
    assert 0.7 < scar / blood < 1.3
    assert dark < 0.8 * scar
    assert grey.min() >= 0
    assert 1000 < grey.max() <= 4095


def test_no_reflow_lies_inside_the_scar_and_scar_runs_through_slices(probes):
    labels = probes[19][0]["labels"]
    assert (labels == 4).sum() > 20
    holding = np.flatnonzero((labels >= 3).any(axis=(1, 2)))
    assert len(holding) >= 4
    assert np.array_equal(holding, np.arange(holding[0], holding[-1] + 1))


@pytest.mark.parametrize("n", PROBES)
def test_readers_disagree_as_people_do(probes, n):
    arrays, _ = probes[n]

    def dice(a: str, b: str) -> float:
        one, two = arrays[a] >= 2, arrays[b] >= 2
        return float(2 * (one & two).sum() / (one.sum() + two.sum()))

    for i, j in ((1, 2), (2, 3), (1, 3)):
        assert 0.65 < dice(f"reader_{i}", f"reader_{j}") < 0.98


# --- as cases -----------------------------------------------------------------------------------


def test_a_loaded_case_has_one_geometry_for_lge_and_cine(three_cases):
    for number in (1, 2, 3):
        case = Lge().load(f"S{number:03d}")
        study = case.study
        lge, cine = study.images["lge"], study.images["cine"]
        assert study.target is lge
        assert lge.voxels.dtype == cine.voxels.dtype == np.int16
        assert 8 <= lge.shape[0] <= 12
        assert lge.affine is not None
        assert cine.affine is not None
        for volume in (lge, cine):
            z, rows, columns = volume.shape
            middle = volume.affine @ [(columns - 1) / 2, (rows - 1) / 2, 0, 1]
            assert middle[:2] == pytest.approx([0.0, 0.0])
            steps = np.diff(volume.positions)
            assert steps == pytest.approx(np.full(z - 1, volume.spacing[0]))
        assert cine.times_ms is not None
        assert cine.times_ms[0] == 0.0
        rr = 60000.0 / float(study.attributes["heart_rate_bpm"])
        assert max(cine.times_ms) < rr
        assert lge.trigger_delay_ms is not None
        assert 0.6 * rr < lge.trigger_delay_ms < 0.82 * rr
        assert set(case.readers) == {"reader_1", "reader_2", "reader_3"}
        # The cavity is small at the apex, large at the base.
        area = (case.reference.labels == 1).sum(axis=(1, 2))
        apical, basal = area[:3].sum(), area[-4:-1].sum()
        assert (apical < basal) == (study.apex == "first")


def test_cine_cavity_is_smallest_at_end_systole(three_cases):
    study = Lge().load("S003").study  # hypertrophic: contracts well
    cine, lge = study.images["cine"], study.images["lge"]
    labels = Lge().load("S003").reference.labels
    k = int(np.argmax((labels == 1).sum(axis=(1, 2))))
    near = int(np.argmin(np.abs(np.array(cine.positions) - lge.positions[k])))
    row, column = (axis.mean() for axis in np.nonzero(labels[k] == 1))
    where = np.linalg.solve(cine.affine, lge.affine @ [column, row, k, 1])
    c, r = round(where[0]), round(where[1])
    patch = cine.voxels[:, near, r - 12 : r + 13, c - 12 : c + 13].astype(float)
    bright = (patch > 0.6 * np.percentile(patch[0], 90)).sum(axis=(1, 2))
    phase = np.array(cine.times_ms) / (60000.0 / float(study.attributes["heart_rate_bpm"]))
    assert 0.2 < phase[int(np.argmin(bright))] < 0.5


def test_an_unknown_case_names_its_neighbours():
    with pytest.raises(DataError, match=r"no case 'S0011'.*S001"):
        Lge().load("S0011")


# --- on disk ------------------------------------------------------------------------------------


def test_first_use_in_two_processes_at_once_leaves_one_good_cohort(tmp_path):
    code = (
        "from dataclasses import replace; from benchmark.datasets import lge;"
        "cut = replace(lge.cohort(), ids=lge.cohort().ids[:3]); lge.cohort = lambda: cut;"
        "print(lge.Lge().load('S002').study.id)"
    )
    environment = os.environ | {"SCARBENCH_CACHE": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [p.communicate()[0].split() for p in running] == [[b"S002"], [b"S002"]]
    names = sorted(f.name for f in tmp_path.glob("lge-1/*") if f.name != ".lock")
    assert names == ["S001.npz", "S002.npz", "S003.npz"]


@pytest.mark.parametrize("damage", ["truncated", "a flipped bit", "other voxels", "empty", "gone"])
def test_a_damaged_case_is_made_anew(three_cases, damage):
    good = Lge().load("S001").study.images["lge"].voxels.copy()
    before = digests(three_cases)
    file = three_cases / "lge-1" / "S001.npz"
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "a flipped bit":
        data[len(data) // 2] ^= 16
        file.write_bytes(data)
    elif damage == "other voxels":
        np.savez(file, lge=good + 1, description=np.frombuffer(b"{}", dtype=np.uint8))
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        file.unlink()
    assert np.array_equal(Lge().load("S001").study.images["lge"].voxels, good)
    assert digests(three_cases) == before


def test_one_core_and_many_make_the_same_files(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(_cache, "_cores", lambda: 1)
    Lge().files("S001")
    alone = digests(empty_cache)
    monkeypatch.setenv("SCARBENCH_CACHE", str(tmp_path / "second"))
    monkeypatch.setattr(_cache, "_cores", lambda: 2)
    (file,) = Lge().files("S001")
    assert file == tmp_path / "second" / "lge-1" / "S001.npz"
    assert digests(tmp_path / "second") == alone
    assert len(alone) == 3


def test_a_dead_worker_is_made_up_for(empty_cache, monkeypatch):
    monkeypatch.setattr(_cache, "_WORKER", "raise SystemExit(3)")
    monkeypatch.setattr(_cache, "_cores", lambda: 2)
    assert Lge().load("S001").study.id == "S001"


def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCARBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="SCARBENCH_CACHE"):
        Lge().load("S001")


def test_a_machine_that_computes_other_voxels_is_told_so(three_cases, monkeypatch):
    other = replace(lge.cohort(), prints=("0" * 16, *CASES[1:]))
    monkeypatch.setattr(lge, "cohort", lambda: other)
    with pytest.raises(DataError, match=r"S001 .* does not come out as it must"):
        Lge().load("S001")


# --- the whole cohort (in the user's cache, made here if need be) -------------------------------


@pytest.mark.slow
def test_the_whole_cohort_is_the_frozen_one_and_as_varied_as_promised():
    digest, overlap, classes = hashlib.sha256(), [], Counter()
    for patient in patients():
        arrays, described = lge.cohort().read(patient.id)
        digest.update(_synthesis.fingerprint(arrays, described).encode())
        labels, grey = arrays["labels"], arrays["lge"]
        wall, scar = labels >= 2, labels >= 3
        site = SITES[patient.site]
        cavity = (labels == 1).sum() * site.pixel**2 * site.pitch / 1000
        assert 40 < cavity < 260  # mL
        assert 8 <= len(labels) <= 12
        assert stratum(float(scar.sum() / wall.sum())) == stratum(patient.burden)
        assert json.loads(described)["inversion_time_ms"] > 200
        classes["scar-free"] += int(not scar.any())
        classes["no-reflow"] += int((labels == 4).any())
        if patient.burden > 0.01:
            bright = wall & (grey > _otsu(grey[wall]))
            overlap.append(2 * (bright & scar).sum() / (bright.sum() + scar.sum()))
    assert digest.hexdigest() == COHORT
    assert classes == {"scar-free": 28, "no-reflow": 16}
    # An intensity rule that knows the true myocardium is neither perfect nor useless.
    assert 0.5 < statistics.median(overlap) < 0.85


def _otsu(values):
    """The threshold of largest between-class variance."""
    ordered = np.sort(values.astype(float))
    low = np.cumsum(ordered)[:-1] / np.arange(1, len(ordered))
    high = (ordered.sum() - np.cumsum(ordered)[:-1]) / np.arange(len(ordered) - 1, 0, -1)
    share = np.arange(1, len(ordered)) / len(ordered)
    return ordered[int(np.argmax(share * (1 - share) * (high - low) ** 2))]
