"""Overlays: the right colours in the right place, the same bytes, few of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.pictures import overlay

EMIDEC = Path(
    os.environ.get("SCARBENCH_EMIDEC", Path(__file__).parents[2] / "shared" / "data" / "emidec")
)
SPACING = (8.0, 1.5, 1.5)


def heart(slices=3, size=100):
    """A ring of myocardium with scar on its right half in the middle slice; labels 0, 1, 2, 3."""
    row, column = np.mgrid[:size, :size]
    radius = np.hypot(row - 50, column - 45)
    labels = np.zeros((slices, size, size), dtype=np.uint8)
    labels[:, radius < 20] = 2
    labels[:, radius < 12] = 1
    labels[slices // 2, (radius < 20) & (radius >= 12) & (column > 45)] = 3
    return labels


def pixels(path):
    from matplotlib.image import imread

    return np.round(imread(path)[..., :3] * 255).astype(int)


def coloured(rgb, kind):
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    masks = {
        "red": (red > 180) & (green < 90) & (blue < 90),
        "yellow": (red > 180) & (green > 160) & (blue < 90),
    }
    return masks[kind]


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    image = np.random.default_rng(0).normal(size=(3, 100, 100))
    for name in ("1", "2"):
        overlay(tmp_path / f"{name}.png", image, heart(), heart(), SPACING, title="case")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.png", "2.png"]


def test_reference_is_above_prediction_in_the_papers_colours(tmp_path):
    """The prediction lacks scar: yellow is in the upper row only, red in both."""
    image = np.zeros((3, 100, 100))
    prediction = np.where(heart() == 3, 2, heart()).astype(np.uint8)
    overlay(tmp_path / "x.png", image, heart(), prediction, SPACING)
    rgb = pixels(tmp_path / "x.png")
    upper, lower = rgb[16:128], rgb[131:240]
    assert coloured(upper, "yellow").any()
    assert not coloured(lower, "yellow").any()
    assert coloured(upper, "red").any()
    assert coloured(lower, "red").any()


def test_contours_lie_on_the_borders_of_the_labels(tmp_path):
    """Bright is where myocardium is: every red pixel has both bright and dark pixels near it."""
    labels = heart(1)
    labels[labels == 3] = 2
    overlay(tmp_path / "x.png", (labels == 2).astype(float), labels, labels, SPACING)
    rgb = pixels(tmp_path / "x.png")[16:128, 16:128]
    bright = (rgb.min(axis=2) > 128).astype(int)
    rows, columns = np.nonzero(coloured(rgb, "red"))
    assert len(rows) > 100
    for r, c in zip(rows, columns, strict=True):
        near = bright[max(r - 3, 0) : r + 4, max(c - 3, 0) : c + 4]
        assert 0 < near.sum() < near.size


def test_contours_do_not_leave_their_panel(tmp_path):
    """A prediction beside the heart is cut off, and told in words."""
    prediction = np.zeros((3, 200, 200), dtype=np.uint8)
    prediction[:, 50:54, 100:200] = 2
    reference = np.zeros_like(prediction)
    reference[:, :100, :100] = heart()
    image = np.zeros(reference.shape)
    overlay(tmp_path / "x.png", image, reference, prediction, SPACING)
    rgb = pixels(tmp_path / "x.png")
    assert not coloured(rgb[:, -5:], "red").any()  # beyond the last panel
    orange = (rgb[-14:, 200:, 0] > 180) & (rgb[-14:, 200:, 2] < 60)
    assert orange.any()


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [
        (np.zeros((2, 30, 40), np.uint8), None),
        (np.zeros((2, 30, 40), np.uint8), np.zeros((2, 30, 40), np.uint8)),
        (np.full((1, 9, 9), 2, np.uint8), np.full((1, 9, 9), 3, np.uint8)),
        (np.full((1, 1, 1), 2, np.uint8), None),
    ],
)
def test_empty_full_and_tiny_stacks_have_a_picture(tmp_path, reference, prediction):
    overlay(tmp_path / "x.png", np.ones(reference.shape, np.int16), reference, prediction, SPACING)
    assert pixels(tmp_path / "x.png").max() > 100


def test_a_dollar_sign_in_an_id_is_no_mathematics(tmp_path):
    overlay(tmp_path / "a$x_{$.png", np.zeros((3, 100, 100)), heart(), None, SPACING)
    assert (tmp_path / "a$x_{$.png").is_file()


def test_stacks_of_different_shape_are_refused(tmp_path):
    with pytest.raises(DataError, match="one shape"):
        overlay(tmp_path / "x.png", np.zeros((2, 100, 100)), heart(), None, SPACING)


def test_twelve_slices_of_noise_stay_below_150_kilobytes(tmp_path):
    image = np.random.default_rng(0).normal(size=(12, 100, 100))
    overlay(tmp_path / "x.png", image, heart(12), heart(12), (8.0, 1.0, 1.0))
    assert (tmp_path / "x.png").stat().st_size < 150_000


def test_drawing_leaves_no_global_state_and_importing_needs_no_matplotlib(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from benchmark.pictures import overlay;"
        "assert 'matplotlib' not in sys.modules;"
        "z = np.zeros((1, 20, 20), np.uint8); overlay(Path(sys.argv[1]), z, z, z, (8, 1, 1));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.png")], check=True, timeout=60)


@pytest.mark.skipif(not EMIDEC.is_dir(), reason="EMIDEC is not there (set SCARBENCH_EMIDEC)")
def test_real_cases_stay_below_150_kilobytes(tmp_path):
    import nibabel as nib

    root = EMIDEC / "emidec-dataset-1.0.1"
    for case in sorted(root.glob("Case_*"))[:6]:
        image = nib.load(case / "Images" / f"{case.name}.nii.gz")
        labels = nib.load(case / "Contours" / f"{case.name}.nii.gz")
        spacing = tuple(float(s) for s in image.header.get_zooms()[:3][::-1])
        reference = np.asarray(labels.dataobj).T.astype(np.uint8)
        shifted = np.roll(reference, (3, -2), (1, 2))
        path = tmp_path / f"{case.name}.png"
        overlay(path, np.asarray(image.dataobj).T, reference, shifted, spacing)
        assert path.stat().st_size < 150_000
        assert coloured(pixels(path), "red").sum() > 200
