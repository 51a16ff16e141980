"""Other evaluators' numbers: by hand, from the real packages where they are, on real hearts."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import benchmark
from benchmark.doctor import conformance
from benchmark.errors import DataError, UsageError
from benchmark.nifti import write_labels
from benchmark.presets import beside, preset, presets
from benchmark.regions import Region
from benchmark.types import Volume

EMIDEC = Path(
    os.environ.get("SCARBENCH_EMIDEC", Path(__file__).parents[2] / "shared" / "data" / "emidec")
)
NAMES = ["emidec-official", "myosaiq-official", "acdc-official", "nnunet", "medpy", "monai"]
SPACING = (10.0, 1.5, 1.5)
STRUCTURES = ("cavity", "myocardium", "lv", "scar", "mvo")


def heart():
    """Slices 1 to 3 of 5 hold a square ventricle of 10 x 10 voxels; slice 2 scar, with MVO."""
    labels = np.zeros((5, 24, 24), dtype=np.uint8)
    labels[1:4, 7:17, 7:17] = 2
    labels[1:4, 10:14, 10:14] = 1
    labels[2, 7:10, 7:12] = 3
    labels[2, 8, 8] = 4
    return labels


def noisy(seed):
    """A heart up to the image's edges with speckle: holes, islands, all labels in all slices."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((5, 17, 15), dtype=np.uint8)
    y, x = np.mgrid[:17, :15]
    radius = np.hypot(y - rng.uniform(7, 9), x - rng.uniform(6, 8))
    labels[:, radius < 8] = 2
    labels[:, radius < 4] = 1
    labels[1:4, (radius >= 4) & (radius < 8) & (y > 9)] = 3
    labels[2, (radius >= 5) & (radius < 7) & (y > 10)] = 4
    speckle = rng.random(labels.shape) < 0.05
    labels[speckle] = rng.integers(0, 5, np.count_nonzero(speckle))
    return labels


def emptied(reference, prediction, labels, which):
    """Both without ``labels`` in the ``reference``, the ``prediction`` or ``both``."""
    pair = [reference.copy(), prediction.copy()]
    for name, array in zip(("reference", "prediction"), pair, strict=True):
        if which in (name, "both"):
            array[np.isin(array, labels)] = 0
    return pair


def same(found, expected, rel=1e-12):
    if expected is None:
        assert found is None
    else:
        assert found == pytest.approx(expected, rel=rel, abs=1e-12, nan_ok=True)


def test_every_preset_of_the_list_says_what_it_is_and_what_is_wrong_with_it():
    assert list(presets()) == NAMES
    for name, one in presets().items():
        assert one.name == name
        assert one.summary
        assert one.source
        assert one.wrong
        found = one.values(heart(), heart(), SPACING)
        assert list(found) == [q.name for q in one.quantities]
        assert len(set(found)) == len(found)


def test_an_unknown_preset_suggests_a_near_one():
    with pytest.raises(UsageError, match="emidec-official"):
        preset("emidec-oficial")


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_a_data_error(name):
    with pytest.raises(DataError, match="shape"):
        preset(name).values(heart(), heart()[:, :, 1:], SPACING)
    with pytest.raises(DataError, match="not canonical"):
        preset(name).values(heart(), heart() * 2, SPACING)
    with pytest.raises(DataError, match="Spacing"):
        preset(name).values(heart(), heart(), (10, 1.5))


@pytest.mark.parametrize(
    ("axis", "official", "right"), [(0, 1.5, 10.0), (1, 1.5, 1.5), (2, 10.0, 1.5)]
)
def test_emidec_applies_the_spacing_to_the_axes_in_the_wrong_order(axis, official, right):
    rows = beside(preset("emidec-official"), heart(), np.roll(heart(), 1, axis), SPACING)
    row = next(r for r in rows if r.name == "Myocardium HD")
    assert row.theirs == official
    assert row.ours == right
    assert row.difference == official - right


def test_emidec_by_hand():
    reference, prediction = heart(), heart()
    prediction[2, 7, 7:9] = 2  # two of the 14 + 1 scar voxels
    prediction[0, 0, 0] = 3  # a false alarm in a slice without a heart
    found = preset("emidec-official").values(reference, prediction, (10.0, 1.25, 1.5))
    # Slices: false alarm 0, empty 1, scar 2 * 13 / (15 + 13), empty 1, empty 1.
    assert found["Infarction Dice"] == pytest.approx((3 + 26 / 28) / 5, rel=1e-15)
    assert found["NoReflow Dice"] == 1.0
    assert found["Infarction volume difference"] == 18.75  # one voxel of 18.75 mm3
    myocardium = 3 * 84
    assert found["Infarction volume difference ratio"] == pytest.approx(1 / myocardium, rel=1e-15)
    assert found["Myocardium volume difference"] == 18.75
    assert found["Myocardium Dice"] == pytest.approx(4 / 5, rel=1e-15)


def test_emidec_rounds_volumes_to_hundredths_of_a_cubic_millimetre():
    prediction = heart()
    prediction[1, 0, 0] = 2
    found = preset("emidec-official").values(heart(), prediction, (10.0, 1.4583334, 1.4583334))
    assert pytest.approx(21.2673630, abs=1e-7) == 10 * 1.4583334**2
    assert found["Myocardium volume difference"] == 21.27


def test_emidec_stops_where_a_myocardium_is_empty():
    official, nothing = preset("emidec-official"), np.zeros_like(heart())
    missed = official.values(heart(), nothing, SPACING)
    assert missed["Myocardium HD"] is None
    assert missed["Infarction Dice"] == 4 / 5  # a scar missed altogether
    assert official.mean([1.0, missed["Myocardium HD"]]) is None
    alarm = official.values(nothing, heart(), SPACING)
    assert alarm["Infarction volume difference ratio"] == math.inf
    both = official.values(nothing, nothing, SPACING)
    assert math.isnan(both["Infarction volume difference ratio"])
    assert both["Myocardium Dice"] == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_emidec_is_medpy_with_the_spacing_reversed(seed):
    binary = pytest.importorskip("medpy.metric.binary")
    reference, prediction = noisy(seed), noisy(seed + 50)
    spacing = (10.0, 1.3, 1.7)
    found = preset("emidec-official").values(reference, prediction, spacing)
    masks = Region.MYOCARDIUM.mask(prediction), Region.MYOCARDIUM.mask(reference)
    assert found["Myocardium HD"] == binary.hd(*masks, voxelspacing=spacing[::-1])
    slices = [binary.dc(*pair) for pair in zip(*masks, strict=True) if np.any(pair)]
    assert len(slices) == len(reference)
    assert found["Myocardium Dice"] == pytest.approx(np.mean(slices), rel=1e-14)


def itk(reference, prediction, label, spacing):
    """The MYOSAIQ quantities of one label, with the filters that it takes from SimpleITK."""
    sitk = pytest.importorskip("SimpleITK")
    images = [sitk.GetImageFromArray(a.astype(np.uint16)) for a in (reference, prediction)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    masks = [image == label for image in images]
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*masks)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    contours = [sitk.GetArrayFromImage(sitk.LabelContour(m)) == 1 for m in masks]
    maps = [
        np.abs(sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(m, squaredDistance=False)))
        for m in masks
    ]
    pooled = np.concatenate([maps[0][contours[1]], maps[1][contours[0]]]).astype(float)
    return {
        "DICE": overlap.GetDiceCoefficient(label),
        "HD": hausdorff.GetHausdorffDistance(),
        "ASSD": pooled.mean(),
    }


@pytest.mark.parametrize("seed", range(6))
def test_myosaiq_is_what_simpleitk_makes_of_it(seed):
    reference, prediction = noisy(seed), noisy(seed + 50)
    found = preset("myosaiq-official").values(reference, prediction, (9.0, 1.25, 1.75))
    for name, label in {"LV": 1, "MYO": 2, "MI": 3, "MVO": 4}.items():
        for metric, expected in itk(reference, prediction, label, (9.0, 1.25, 1.75)).items():
            assert found[f"{name} {metric}"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("full", [0, 1])
def test_myosaiq_knows_no_surface_where_a_mask_fills_the_image(full):
    pair = [np.ones((3, 8, 8), np.uint8) for _ in range(2)]
    pair[full][:, :, 7] = 0
    found = preset("myosaiq-official").values(*pair, SPACING)
    for metric, expected in itk(*pair, 1, SPACING).items():
        assert found[f"LV {metric}"] == pytest.approx(expected, rel=1e-6)
    assert found["LV ASSD"] > 1e19


def test_myosaiq_of_a_missed_label_is_what_simpleitk_makes_of_it():
    sitk = pytest.importorskip("SimpleITK")
    reference, prediction = emptied(heart(), heart(), [4], "prediction")
    found = preset("myosaiq-official").values(reference, prediction, SPACING)
    masks = [sitk.GetImageFromArray((a == 4).astype(np.uint8)) for a in (reference, prediction)]
    with pytest.raises(RuntimeError):
        sitk.HausdorffDistanceImageFilter().Execute(*masks)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(masks[1])
    with pytest.raises(RuntimeError):
        shape.GetNumberOfPixels(1)
    nowhere = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(masks[1], squaredDistance=False))
    assert found["MVO ASSD"] == pytest.approx(float(abs(nowhere[2, 8, 8])), rel=1e-6)
    assert found["MVO DICE"] == 0.0
    for metric in ("VOLUME", "VOLUME MAE", "HD"):
        assert math.isnan(found[f"MVO {metric}"])


def test_myosaiq_measures_surface_distances_in_voxels():
    """A block of 10 x 10 x 5 shifted by a pixel: the same in every spacing."""
    reference = np.zeros((9, 20, 20), dtype=np.uint8)
    reference[2:7, 5:15, 5:15] = 1
    prediction = np.roll(reference, 1, axis=2)
    one, other = (
        {r.name: r for r in beside(preset("myosaiq-official"), reference, prediction, spacing)}
        for spacing in ((10.0, 1.5, 1.5), (10.0, 3.0, 3.0))
    )
    # Surface: two slices of 100 and three rings of 36, all at distance 0 or 1. Off the other
    # surface are a column of 10 in each slice, and in the rings the 8 inner voxels of the column
    # on the other side; in the slices next to the outer ones those find a face at 1 as well.
    expected = (5 * 10 + 3 * 8) / (2 * 100 + 3 * 36)
    assert one["LV ASSD"].theirs == pytest.approx(expected, rel=1e-14)
    assert one["LV ASSD"].ours == pytest.approx(1.5 * expected, rel=1e-12)
    assert other["LV ASSD"].theirs == one["LV ASSD"].theirs
    assert other["LV ASSD"].ours == pytest.approx(3 * expected, rel=1e-12)
    assert one["LV HD"].theirs == one["LV HD"].ours == 1.5


def test_myosaiq_leaves_false_alarms_and_misses_out_of_its_means():
    official = preset("myosaiq-official")
    alarm = official.values(*emptied(heart(), heart(), [3, 4], "reference"), SPACING)
    missed = official.values(*emptied(heart(), heart(), [3, 4], "prediction"), SPACING)
    right = official.values(heart(), heart(), SPACING)
    assert math.isnan(alarm["MI DICE"])
    assert official.mean([alarm["MI DICE"], right["MI DICE"]]) == 1.0
    assert official.mean([missed["MI DICE"], right["MI DICE"]]) == 0.5
    for metric in ("HD", "VOLUME MAE"):
        assert official.mean([missed[f"MI {metric}"], right[f"MI {metric}"]]) == 0.0
    assert math.isnan(official.mean([alarm["MI DICE"]]))


def test_acdc_by_hand():
    prediction = heart()
    prediction[1, 10, 10:14] = 2  # four cavity voxels called myocardium
    found = preset("acdc-official").values(heart(), prediction, (10.0, 1.25, 1.5))
    voxel = 0.01875
    assert found["Dice LV"] == pytest.approx(2 * 44 / 92, rel=1e-15)
    assert found["Volume LV"] == pytest.approx(44 * voxel, rel=1e-14)
    assert found["Err LV(ml)"] == pytest.approx(-4 * voxel, rel=1e-12)
    assert found["Err MYO(ml)"] == pytest.approx(4 * voxel, rel=1e-12)
    nothing = preset("acdc-official").values(0 * heart(), 0 * heart(), SPACING)
    assert nothing["Dice LV"] == nothing["Dice MYO"] == 1.0
    assert preset("acdc-official").mean([-1.0, 1.0]) == 0.0


def test_nnunet_by_hand():
    prediction = heart()
    prediction[2, 7, 7:9] = 2
    prediction[0, 0, 0] = 3
    nnunet = preset("nnunet")
    found = nnunet.values(heart(), prediction, SPACING)
    assert [found[f"scar {n}"] for n in ("TP", "FP", "FN", "n_pred", "n_ref")] == [13, 1, 2, 14, 15]
    assert found["scar TN"] == 5 * 24 * 24 - 16
    assert found["scar Dice"] == 26 / 29
    assert found["scar IoU"] == 13 / 16
    missed = nnunet.values(*emptied(heart(), heart(), [3, 4], "prediction"), SPACING)
    alarm = nnunet.values(*emptied(heart(), heart(), [3, 4], "reference"), SPACING)
    neither = nnunet.values(*emptied(heart(), heart(), [3, 4], "both"), SPACING)
    assert missed["scar Dice"] == alarm["scar Dice"] == 0.0
    assert math.isnan(neither["scar Dice"])
    assert nnunet.mean([1.0, 0.0, neither["scar Dice"]]) == 0.5


def cases():
    """Name, reference and prediction: noisy hearts, scar missing in each way, one slice."""
    for seed in range(3):
        yield f"noisy{seed}", noisy(seed), noisy(seed + 50)
    for which in ("reference", "prediction", "both"):
        yield f"{which}_empty", *emptied(noisy(0), noisy(50), [3, 4], which)
    yield "one_slice", noisy(0)[2:3], noisy(50)[2:3]


@pytest.mark.parametrize(("name", "reference", "prediction"), list(cases()))
def test_medpy_is_medpy(name, reference, prediction, monkeypatch):
    binary = pytest.importorskip("medpy.metric.binary")
    monkeypatch.setattr(binary, "numpy", PythonCounts())
    spacing = (9.0, 1.25, 1.75)
    found = preset("medpy").values(reference, prediction, spacing)
    for structure in STRUCTURES:
        masks = Region(structure).mask(prediction), Region(structure).mask(reference)
        for metric in ("dc", "jc", "precision", "recall", "specificity", "ravd"):
            same(found[f"{structure} {metric}"], tried(getattr(binary, metric), *masks))
        for metric in ("hd", "hd95", "assd", "asd"):
            expected = tried(getattr(binary, metric), *masks, voxelspacing=spacing)
            same(found[f"{structure} {metric}"], expected)


class PythonCounts:
    """NumPy as it was when papers used medpy: what it counts are Python integers, 0 / 0 raises."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def count_nonzero(array):
        return int(np.count_nonzero(array))


def tried(function, *arguments, **options):
    """What it returns, or None where it raises."""
    try:
        return float(function(*arguments, **options))
    except RuntimeError:
        return None


def tensors(structure, *labels):
    torch = pytest.importorskip("torch")
    masks = [Region(structure).mask(array) for array in labels]
    return [torch.from_numpy(m[None, None].astype(np.float32)) for m in masks]


@pytest.mark.filterwarnings("ignore")  # MONAI and torch warn about themselves and about empty masks
@pytest.mark.parametrize(("name", "reference", "prediction"), list(cases()))
def test_monai_is_monai(name, reference, prediction):
    monai = pytest.importorskip("monai.metrics")
    spacing = (9.0, 1.25, 1.75)
    found = preset("monai").values(reference, prediction, spacing)
    for structure in STRUCTURES:
        pair = tensors(structure, prediction, reference)
        options = {"include_background": True, "spacing": list(spacing)}
        expected = {
            "Dice": monai.compute_dice(*pair),
            "IoU": monai.compute_iou(*pair),
            "HD": monai.compute_hausdorff_distance(*pair, **options),
            "HD95": monai.compute_hausdorff_distance(*pair, percentile=95, **options),
            "ASD": monai.compute_average_surface_distance(*pair, **options),
            "ASSD": monai.compute_average_surface_distance(*pair, symmetric=True, **options),
            "NSD@2mm": monai.compute_surface_dice(*pair, [2.0], **options),
        }
        for metric, value in expected.items():
            same(found[f"{structure} {metric}"], float(value), rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # nnU-Net divides by nothing and imports what is deprecated
def test_nnunet_is_nnunet(tmp_path):
    """Its evaluator on files, one after the other instead of in a pool, and its mean over them."""
    nn = pytest.importorskip("nnunetv2.evaluation.evaluate_predictions")
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    regions = {s: tuple(map(int, Region(s).labels)) for s in STRUCTURES}
    ours, theirs = preset("nnunet"), []
    found = []
    for name, *pair in cases():
        paths = [str(tmp_path / f"{name}_{side}.nii.gz") for side in ("reference", "prediction")]
        for path, labels in zip(paths, pair, strict=True):
            like = Volume(labels, SPACING, np.diag([*SPACING[::-1], 1.0]))
            write_labels(Path(path), labels, like)
        told = nn.compute_metrics(*paths, SimpleITKIO(), list(regions.values()))["metrics"]
        theirs.append({f"{s} {m}": v for s, r in regions.items() for m, v in told[r].items()})
        found.append(ours.values(*pair, SPACING))
        assert list(found[-1]) == list(ours.values(heart(), heart(), SPACING))
        assert set(theirs[-1]) == set(found[-1])
        for quantity, expected in theirs[-1].items():
            same(found[-1][quantity], float(expected), rel=1e-15)
    for quantity in found[0]:
        expected = np.nanmean([told[quantity] for told in theirs])
        same(ours.mean([values[quantity] for values in found]), float(expected))
    assert math.isnan(theirs[5]["scar Dice"])


@pytest.mark.filterwarnings("ignore")
def test_monai_averages_misses_as_monai_does():
    monai = pytest.importorskip("monai.metrics")
    ours = preset("monai")
    missed = emptied(noisy(0), noisy(50), [3, 4], "prediction")
    for given in ([missed, missed], [missed, (noisy(0), noisy(50))]):
        theirs = monai.HausdorffDistanceMetric(include_background=True, percentile=95)
        values = []
        for reference, prediction in given:
            theirs(*tensors("scar", prediction, reference), spacing=list(SPACING))
            values.append(ours.values(reference, prediction, SPACING)["scar HD95"])
        assert ours.mean(values) == pytest.approx(float(theirs.aggregate()), rel=1e-6)
    assert ours.mean([math.nan, math.nan]) == 0.0


def stored(name):
    """A conformance pair as labels of the cavity, and its spacing."""
    case = next(c for c in conformance() if c.name == name)
    return case.reference.astype(np.uint8), case.prediction.astype(np.uint8), case.spacing


def test_the_pair_that_parts_pooled_from_directed_percentiles():
    given = stored("separator_pooled_vs_directed_4x4_blob")
    assert preset("medpy").values(*given)["cavity hd95"] == 0.0
    directed = preset("monai").values(*given)["cavity HD95"]
    assert directed == pytest.approx(33.36716903818499, rel=1e-6)


def test_the_pair_whose_surface_distance_is_given_in_voxels():
    row = next(
        r
        for r in beside(preset("myosaiq-official"), *stored("shift_x_1vox"))
        if r.name == "LV ASSD"
    )
    assert row.theirs == pytest.approx(76 / 472, rel=1e-14)  # 0.161 voxels
    assert row.ours == pytest.approx(1.5 * 76 / 472, rel=1e-12)  # 0.2415 mm


@pytest.mark.parametrize("name", NAMES)
def test_ours_beside_is_what_score_says_alone(name):
    reference, prediction = noisy(0), noisy(50)
    table = benchmark.score(reference, prediction, SPACING)
    ours = {
        (r["region"], " ".join(p for p in (r["metric"], r["dim"]) if isinstance(p, str))): r
        for r in table.to_dict("records")
    }
    regions = {tuple(map(int, r.labels)): r.value for r in Region if r is not Region.CORE_SCAR}
    compared = 0
    for row, q in zip(
        beside(preset(name), reference, prediction, SPACING), preset(name).quantities, strict=True
    ):
        assert row.name == q.name
        if row.metric and q.labels in regions:
            alone = ours[regions[q.labels], row.metric]
            assert row.ours == pytest.approx(alone["value"] * q.factor, rel=1e-12)
            assert row.status == alone["status"]
            compared += 1
    assert compared >= 2


def test_a_preset_that_raises_has_no_difference_from_ours():
    rows = beside(preset("medpy"), heart(), np.zeros_like(heart()), SPACING)
    row = next(r for r in rows if r.name == "lv hd")
    assert (row.theirs, row.ours, row.difference, row.status) == (None, None, None, "pred_empty")


@pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")
def test_real_hearts_shifted_by_a_voxel_score_the_wrong_axis():
    from benchmark.datasets.emidec import Emidec

    data = Emidec(data_root=EMIDEC)
    for info in list(data.index())[::8]:
        case = data.load(info.id)
        labels, spacing = case.reference.labels, case.study.images["lge"].spacing
        for axis in (1, 2):
            moved = np.roll(labels, 1, axis)
            rows = {r.name: r for r in beside(preset("emidec-official"), labels, moved, spacing)}
            hd = rows["Myocardium HD"]
            assert hd.ours == pytest.approx(spacing[axis], rel=1e-12)
            assert hd.theirs == pytest.approx(spacing[::-1][axis], rel=1e-12)
            assert rows["Infarction volume difference"].theirs == 0.0


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for one in presets().values():
            one.values(np.zeros_like(heart()), np.zeros_like(heart()), SPACING)
            one.values(np.ones_like(heart()), heart(), SPACING)
