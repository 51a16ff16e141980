"""Volumes of real contours, counted by hand with another reader, and what ought to hold in them."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmark.clinical import Insertion, features
from benchmark.datasets.emidec import Emidec
from benchmark.metrics.levels import thirds

ROOT = Path(__file__).parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
pytestmark = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
#: In larger images contours may have been resampled: their volumes are of that grid.
_EXACT = 256
CODES = {"cavity": (1,), "myocardium": (2, 3, 4), "lv": (1, 2, 3, 4), "scar": (3, 4), "mvo": (4,)}


def drawn() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Id, voxels (column, row, slice) and pixdim of every case that is small enough."""
    found = []
    for path in sorted(EMIDEC.rglob("Contours/*.nii.gz")):
        image = nib.load(path)
        if max(image.shape[:2]) <= _EXACT:
            voxels = np.asanyarray(image.dataobj)
            found.append((path.name.removesuffix(".nii.gz"), voxels, image.header["pixdim"][1:4]))
    return found


def test_volumes_masses_and_shares_are_those_of_voxels_counted_by_hand() -> None:
    data, cases = Emidec(data_root=EMIDEC), drawn()
    assert cases
    for case_id, voxels, pixdim in cases:
        case = data.load(case_id)
        found = {
            f.feature: f
            for f in features(case.reference.labels, case.study.target.spacing)
            if f.level == "volume"
        }
        ml = float(np.prod(pixdim.astype(np.float64))) / 1000
        by_hand = {name: int(np.isin(voxels, codes).sum()) for name, codes in CODES.items()}
        for name, count in by_hand.items():
            assert found[f"{name}_ml"].value == pytest.approx(count * ml, rel=1e-6), case_id
        wall = by_hand["myocardium"]
        assert found["myocardium_mass_g"].value == pytest.approx(wall * ml * 1.05, rel=1e-6)
        assert found["scar_mass_g"].value == pytest.approx(by_hand["scar"] * ml * 1.05, rel=1e-6)
        for name in ("scar", "mvo"):
            share = 100 * by_hand[name] / wall
            assert found[f"{name}_percent"].value == pytest.approx(share, rel=1e-9)


def test_walls_are_of_a_heart_and_segments_make_it_up() -> None:
    """No insertion is known: any direction parts the wall, and its shares add up to the whole."""
    data, thick = Emidec(data_root=EMIDEC), []
    for info in data.index()[::4]:
        case = data.load(info.id)
        labels, spacing = case.reference.labels, case.study.target.spacing
        positions = case.study.target.positions
        parts = thirds(labels.any(axis=(1, 2)).tolist(), positions, case.study.apex)
        at = Insertion(1, angle=2.0)
        found = features(labels, spacing, image=case.study.target, thirds=parts, insertion=at)
        whole = {f.feature: f for f in found if f.level == "volume"}
        thick.append(whole["wall_thickness_mean_mm"].value)
        dense, gray, dark = (whole[n].value for n in ("core_scar_ml", "gray_zone_ml", "mvo_ml"))
        assert dense + gray <= whole["scar_ml"].value + 1e-9 <= dense + gray + dark + 2e-9
        if whole["scar_ml"].value:
            assert 0 < whole["scar_transmurality_percent"].value <= 100
        assert 0 <= whole["scar_segments"].value <= 17
    assert 5 < min(thick) <= max(thick) < 20
