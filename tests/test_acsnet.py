"""acsnet: its networks, what is done to their answers, and the promise at the end."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from benchmark import Case, DataError, Region, Segmentation, Study, TrainContext, Volume
from benchmark.contained import Contained
from benchmark.errors import PluginError, UsageError
from benchmark.methods._acs_anatomy import Limits, failed, is_c_shaped
from benchmark.methods._acs_autoencoder import SHAPES
from benchmark.methods._acs_cine import aligned_cine
from benchmark.methods._acs_drawn import drawn
from benchmark.methods._acs_networks import ResUNet
from benchmark.methods._acs_pipeline import agreed
from benchmark.methods._acs_preprocess import Frame
from benchmark.methods._acs_roi import cleaned, middle_centre, nearest_component, pruned
from benchmark.methods._acs_samples import (
    enhanced,
    gathered,
    roi_samples,
    shapes,
    tissue_samples,
)
from benchmark.methods._acs_stages import _tissues
from benchmark.methods._acs_tissue import MARGIN, Window, cavity, seen, whole
from benchmark.methods._acs_training import limits_for
from benchmark.methods._acs_volume import kept_slices
from benchmark.methods._networks import parameter_count
from benchmark.methods.acsnet import AcsNet
from benchmark.store import folder_hashes

Mask = NDArray[np.bool_]
TINY: dict[str, Any] = {
    "size": 64, "square": 48, "roi_epochs": 70, "epochs": 70, "code_channels": 8,
    "anatomy_epochs": 80, "latent_points": 30, "components": 2, "augment": False,
    "precision": "float32",
}  # fmt: skip
#: What learns no image worth having, but shapes.
TINIEST: dict[str, Any] = {
    **TINY, "roi_epochs": 2, "epochs": 2, "filters": 2, "anatomy_epochs": 60, "style": False,
}  # fmt: skip

QUICK_PARAMETERS = 1_471_096
PAPER_PARAMETERS = {"roi": 8_288_673, "tissue": 33_133_442, "anatomy": 3_212_049}


def ring(outer: float, inner: float, n: int = 64, at: tuple[float, float] | None = None) -> Mask:
    """A ring about ``at``, by default the middle; radii in pixels."""
    y, x = np.mgrid[:n, :n]
    middle = ((n - 1) / 2, (n - 1) / 2) if at is None else at
    radius = np.hypot(y - middle[0], x - middle[1])
    return np.asarray((radius <= outer) & (radius > inner))


def heart(
    name: str = "a",
    slices: int = 4,
    scar: bool = True,
    cine: tuple[float, float] | None = None,
    apex: Literal["first", "last"] = "first",
) -> Case:
    """Rings of 1.5 mm pixels that grow from the apex; ``cine`` lies so many pixels off."""
    labels = np.zeros((slices, 64, 64), dtype=np.uint8)
    angle = np.arctan2(*(np.mgrid[:64, :64] - 31.5))
    for k, slice_ in enumerate(labels):
        outer = 14 + k
        slice_[ring(outer, -1)] = 1
        slice_[ring(outer, outer - 6)] = 2
        slice_[ring(outer, outer - 6) & (angle > 1) & scar] = 3
    rng = np.random.default_rng(slices)
    lge = np.array([0.3, 0.7, 0.1, 1.0])[labels] + rng.normal(0, 0.04, labels.shape)
    images = {"lge": Volume(lge.astype(np.float32), (8.0, 1.5, 1.5))}
    if cine is not None:
        still = np.array([0.3, 1.0, 0.2, 0.2])[labels] + rng.normal(0, 0.02, labels.shape)
        moved = np.roll(still, [int(c) for c in cine], axis=(1, 2))
        images["cine"] = Volume(moved.astype(np.float32), (8.0, 1.5, 1.5))
    if apex == "last":
        labels = labels[::-1]
        images = {m: Volume(v.voxels[::-1], v.spacing) for m, v in images.items()}
    return Case(Study(name, images, apex=apex), Segmentation(labels))


def context(folder: Path, **others: Any) -> TrainContext:
    for name in ("model", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    return TrainContext(folder / "model", folder / "scratch", **others)


def dice(a: Mask, b: Mask) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> AcsNet:
    """Two hearts learnt by heart, with the shipped optimiser, schedule, widths and loss."""
    folder = tmp_path_factory.mktemp("acsnet")
    method = AcsNet(**TINY, style=False)
    with Contained(folder).printing("train"):  # as the engine does
        method.train([heart("a"), heart("b", 5)], context(folder))
    return method.at(folder / "model")


# The networks


def level(before: int, after: int) -> int:
    """Two 3x3 convolutions with bias, two normalisations, and a 1x1 one where widths differ."""
    convolutions = 9 * before * after + after + 9 * after * after + after
    return convolutions + 4 * after + (before * after + after if before != after else 0)


@pytest.mark.parametrize(("filters", "outputs"), [(4, 1), (8, 2), (32, 1), (64, 2)])
def test_a_residual_u_net_has_four_pooled_levels_of_two_blocks(filters: int, outputs: int) -> None:
    f = filters
    expected = level(1, f) + f * outputs + outputs
    for i in range(4):
        fine, deep = f * 2**i, f * 2 ** (i + 1)
        expected += level(fine, deep) + level(fine + deep, fine)
    assert parameter_count(ResUNet(filters, outputs)) == expected


def test_the_networks_have_these_parameters() -> None:
    method, paper = AcsNet(), AcsNet(**AcsNet.profiles["paper"])
    counts = {name: parameter_count(n) for name, n in paper.build().items()}
    assert counts["roi"] == parameter_count(ResUNet(32, 1))
    assert counts["tissue"] == parameter_count(ResUNet(64, 2))
    assert paper.parameter_count() == sum(counts.values())
    assert (paper.size, paper.square, paper.latent_points, paper.components) == (
        192, 128, 10_000, 5,
    )  # fmt: skip
    assert paper.learning_rate == 1e-3
    assert paper.schedule == "constant"
    assert method.parameter_count() == QUICK_PARAMETERS
    assert counts == PAPER_PARAMETERS


def test_dropout_follows_each_pooling_and_normalisation_each_relu() -> None:
    network = ResUNet(2, 1)
    order = [type(m).__name__ for m in network.down[0].blocks]
    assert order == ["Conv2d", "ReLU", "BatchNorm2d"] * 2
    assert network.dropout.p == 0.2
    seen_by: list[Any] = []
    network.dropout.register_forward_hook(lambda _, i, o: seen_by.append(tuple(i[0].shape[2:])))
    assert network.eval()(torch.zeros(1, 1, 32, 48)).shape == (1, 1, 32, 48)
    assert seen_by == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_a_level_adds_what_went_in() -> None:
    block = ResUNet(4, 1).down[0]
    with torch.no_grad():
        for parameter in block.blocks.parameters():
            parameter.zero_()
        image = torch.rand(1, 1, 4, 4)
        torch.testing.assert_close(block.eval()(image), block.short(image))


@pytest.mark.parametrize("wrong", [{"size": 100}, {"square": 40}, {"style_weight": 0}])
def test_parameters_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        AcsNet(**wrong)


# Stage 1's clean-up


def blobs(n: int, *squares: tuple[int, int, int, int]) -> Mask:
    """``(n, 20, 20)`` with a square (slice, row, column, side) each."""
    out = np.zeros((n, 20, 20), dtype=bool)
    for k, row, column, side in squares:
        out[k, row : row + side, column : column + side] = True
    return out


def test_the_centre_of_mass_is_that_of_the_middle_slices() -> None:
    # percentiles 20 and 80 of slices 0 to 10 are 2 and 8, both counted
    masks = blobs(11, (1, 0, 0, 3), (2, 4, 6, 1), (8, 8, 10, 1), (9, 17, 17, 3))
    assert middle_centre(masks) == (6.0, 8.0)
    assert middle_centre(blobs(11, (0, 4, 6, 3))) == (5.0, 7.0)
    assert middle_centre(blobs(3)) is None


def test_the_kept_component_is_the_nearest_not_the_largest() -> None:
    mask = blobs(1, (0, 0, 0, 8), (0, 12, 12, 3))[0]
    kept = nearest_component(mask, (12.0, 12.0))
    np.testing.assert_array_equal(kept, blobs(1, (0, 12, 12, 3))[0])
    diagonal = np.eye(20, dtype=bool)
    np.testing.assert_array_equal(nearest_component(diagonal, (0.0, 0.0)), diagonal)


def test_cleaning_keeps_one_component_a_slice_near_the_middle_of_the_heart() -> None:
    heart_of = [(k, 8, 8, 4) for k in range(5)]
    strays = [(0, 0, 0, 6), (2, 17, 0, 2), (4, 0, 15, 5)]
    np.testing.assert_array_equal(cleaned(blobs(5, *heart_of, *strays)), blobs(5, *heart_of))
    assert not cleaned(blobs(4)).any()


@pytest.mark.parametrize(
    ("sides", "left"),
    [
        ([4, 4, 4, 4, 4, 4], 6),
        ([4, 4, 4, 4, 4, 6], 5),  # more than twice 16
        ([4, 4, 4, 4, 6, 4], 4),  # and what lies beyond goes too
        ([4, 4, 4, 4, 4, 2], 5),
        ([2, 4, 8, 8, 8, 8], 6),  # jumps far from the base are the apex
        ([6, 6, 6, 6, 6, 0], 5),
    ],
)
def test_basal_slices_go_from_the_first_large_jump_of_the_area(
    sides: Sequence[int], left: int
) -> None:
    masks = blobs(6, *((k, 2, 2, side) for k, side in enumerate(sides) if side))
    expected = masks.copy()
    expected[left:] = False
    np.testing.assert_array_equal(pruned(masks), expected)


# Stage 2's square


@settings(deadline=None)
@given(row=st.integers(0, 19), column=st.integers(0, 19), size=st.integers(1, 30))
def test_a_square_cut_out_goes_back_where_it_was(row: int, column: int, size: int) -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[row, column] = True
    window = Window.about(mask, size)
    part = window.cut(mask)
    assert part.shape == (size, size)
    assert part.sum() == 1
    at = np.argwhere(part)[0]
    assert abs(at - (size - 1) / 2).max() <= 0.5
    image = np.random.default_rng(0).normal(size=(20, 20))
    back = np.zeros_like(image)
    window.paste(window.cut(image), back)
    inside = np.zeros((20, 20), dtype=bool)
    window.paste(np.ones((size, size), dtype=bool), inside)
    np.testing.assert_array_equal(back, np.where(inside, image, 0))


def test_the_network_sees_a_tight_square_rescaled_by_the_region() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (64, 64)).astype(np.float32)
    roi = np.zeros((64, 64), dtype=bool)
    roi[20:30, 30:36] = True
    got, window = seen(image, roi, 32)
    assert (window.top, window.left, window.size) == (9, 17, 32)
    # 10 rows and twice the margin on a side, about the middle of the region
    tight = np.zeros((64, 64), dtype=bool)
    tight[20 - MARGIN : 30 + MARGIN, 28 - MARGIN : 38 + MARGIN] = True
    assert not got[~window.cut(tight)].any()
    low, high = np.percentile(image[roi], (1, 99))
    expected = np.clip((image - low) / (high - low), 0, 1) * tight
    np.testing.assert_allclose(got, window.cut(expected), atol=1e-6)


def test_a_region_of_one_value_gives_no_division_by_zero() -> None:
    got, _ = seen(np.full((20, 20), 3, dtype=np.float32), blobs(1, (0, 5, 5, 4))[0], 16)
    assert np.isfinite(got).all()
    assert got.max() == 0


def test_without_a_first_stage_the_region_is_the_middle_of_the_image() -> None:
    region = whole((64, 48), 32)
    assert region[16:48, 8:40].all()
    assert region.sum() == 32 * 32
    assert whole((20, 20), 32).all()


def test_the_cavity_is_what_a_ring_encloses_also_when_it_is_open() -> None:
    closed = ring(20, 14)
    np.testing.assert_array_equal(cavity(closed, c_shaped=False), ring(14, -1))
    opened = closed & ~((np.mgrid[:64, :64][1] > 31) & (abs(np.mgrid[:64, :64][0] - 31.5) < 4))
    assert is_c_shaped(opened)
    assert dice(cavity(opened, c_shaped=True), ring(14, -1)) > 0.94  # and some of the gap
    assert not (cavity(opened, c_shaped=True) & opened).any()


# What there is to learn from


def test_slices_without_myocardium_are_not_learnt_from() -> None:
    case = heart(slices=5, apex="last")
    assert case.reference.labels is not None
    labels = case.reference.labels.copy()
    labels[0] = 0  # the base
    found = drawn(Case(case.study, Segmentation(labels)), 64)
    assert found is not None
    assert len(found.images) == 4
    assert found.myocardium.sum(axis=(1, 2)).tolist() == sorted(
        int((slice_ >= 2).sum()) for slice_ in labels[1:]
    )
    assert drawn(Case(case.study, Segmentation(np.zeros_like(labels))), 64) is None


def test_the_region_is_filled_where_a_data_set_has_no_cavity() -> None:
    case = heart()
    labels = case.reference.labels
    assert labels is not None
    full, bare = (
        drawn(Case(case.study, Segmentation(given)), 64)
        for given in (labels, np.where(labels == 1, 0, labels))
    )
    assert full is not None
    assert bare is not None
    np.testing.assert_array_equal(full.lv, bare.lv)


def test_stage_2_learns_from_cases_with_enhancement_and_stage_3_from_all() -> None:
    stacks = gathered([heart("a"), heart("b", 5, scar=False)], 64, style=False, rng=_rng)
    assert [s.has_enhancement for s in stacks] == [True, False]
    assert len(roi_samples(stacks, 0.5)) == 9
    assert len(shapes(stacks, 48)[0]) == 9
    (scarred,) = enhanced(stacks)
    learnt = tissue_samples([scarred], [scarred.lv], 48, 0.5)
    assert len(learnt) == 4
    assert learnt.masks.shape == (4, 2, 48, 48)
    assert learnt.masks[:, 1].sum() == stacks[0].enhancement.sum()


def test_a_region_that_misses_the_ventricle_is_not_learnt_on() -> None:
    (stack,) = gathered([heart()], 64, style=False, rng=_rng)
    missed = np.zeros_like(stack.lv)
    missed[:, :3, :3] = True
    right = tissue_samples([stack], [stack.lv], 48, 1.0)
    assert torch.equal(tissue_samples([stack], [missed], 48, 1.0).images, right.images)


def _rng(i: int) -> np.random.Generator:
    return np.random.default_rng([0, i])


def test_cine_is_learnt_from_as_lge_with_less_weight() -> None:
    stacks = gathered([heart("a", cine=(2, -1)), heart("b", 5)], 64, style=True, rng=_rng)
    assert [s.lge_like for s in stacks] == [False, False, True]
    weights = roi_samples(stacks, 0.25).weights
    assert weights is not None
    assert weights.tolist() == [1.0] * 9 + [0.25] * 4
    assert not (stacks[2].enhancement & ~stacks[2].myocardium).any()
    assert len(shapes(stacks, 48)[0]) == 9
    again = gathered([heart("a", cine=(2, -1)), heart("b", 5)], 64, style=True, rng=_rng)
    np.testing.assert_array_equal(stacks[2].images, again[2].images)


def test_cine_is_moved_to_where_the_reference_lies() -> None:
    case = heart(cine=(4, -4))  # 6 mm
    assert case.reference.labels is not None
    found = aligned_cine(case.study, case.reference.labels)
    assert found is not None
    moved, present = found
    assert present.all()
    still = np.roll(case.study.images["cine"].voxels, (-4, 4), axis=(1, 2))
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(moved[inner], still[inner], atol=1e-5)


def test_data_without_cine_are_trained_on_with_one_loud_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="benchmark"):
        assert len(gathered([heart()], 64, style=True, rng=_rng)) == 1
        gathered([heart()], 64, style=False, rng=_rng)
    assert [r.getMessage()[:19] for r in caplog.records] == ["NO LGE-LIKE IMAGES:"]


def test_what_cannot_be_learnt_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no training cases"):
        AcsNet(**TINY).train([], context(tmp_path))
    with pytest.raises(DataError, match="No training case has enhancement"):
        enhanced(gathered([heart(scar=False)], 64, style=False, rng=_rng))
    case = heart()
    bare = Case(case.study, Segmentation(np.zeros(case.study.target.shape, dtype=np.uint8)))
    with pytest.raises(DataError, match="No training case has myocardium"):
        gathered([bare], 64, style=False, rng=_rng)


def test_limits_are_loosened_only_where_the_defaults_discard_too_much() -> None:
    normal, thin = ring(20, 14), ring(20, 18.6)
    pixel = (1.5, 1.5)
    assert limits_for([normal] * 5, [pixel] * 5) == Limits()
    small = (0.7, 0.7)
    assert failed(thin, small, Limits())
    loose = limits_for([normal, thin], [small, small])
    assert not failed(thin, small, loose)
    assert loose.thickest_mm == Limits().thickest_mm


# The whole


def test_the_shipped_quick_optimiser_learns_two_cases_by_heart(trained: AcsNet) -> None:
    case = heart("a")
    found, truth = trained.find(case.study), drawn(case, 64)
    assert truth is not None
    assert dice(found.roi, truth.lv) > 0.95
    assert dice(found.segmented, truth.myocardium) > 0.95
    assert dice(found.enhancement, truth.enhancement) > 0.95


def test_every_stage_is_timed(trained: AcsNet) -> None:
    found = trained.find(heart().study)
    assert list(found.seconds) == ["preprocess", "roi", "tissue", "cleanup", "anatomy", "volume"]
    assert all(seconds > 0 for seconds in found.seconds.values())
    head, line = (trained.model.parent / "plugin.log").read_text().splitlines()
    assert head == "--- train"
    told = json.loads(line)
    stages = ["preprocess", "roi", "tissue", "cleanup", "anatomy", "latent"]
    assert list(told["train_seconds"]) == stages
    assert list(told["predict_seconds_per_slice"]) == list(found.seconds)
    assert all(seconds >= 0 for kind in told.values() for seconds in kind.values())


def promised(method: AcsNet, study: Study) -> int:
    """How many slices of the answer have myocardium; all keep the promise."""
    found = method.find(study)
    labels = method.predict(study).labels
    assert labels is not None
    assert labels.shape == study.target.shape
    limits = method.fitted()[1].limits
    wall, lv = Region.MYOCARDIUM.mask(labels), Region.LV.mask(labels)
    for k, slice_ in enumerate(wall):
        if slice_.any():
            assert failed(slice_, study.target.spacing[1:], limits) == ()
            inside = cavity(slice_, is_c_shaped(slice_))
            np.testing.assert_array_equal(labels[k] == 1, inside)
    order = slice(None, None, -1 if study.apex == "last" else 1)
    shown = wall.any(axis=(1, 2))[order]
    assert not (shown & ~kept_slices(lv[order], wall[order]).slices).any()
    np.testing.assert_array_equal(wall, found.frame.to_grid(found.myocardium))
    return int(shown.sum())


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["noise", "heart", "bright", "empty", "blobs"]),
    turn=st.sampled_from([None, 0, 1, 2, 3]),
    apex=st.sampled_from(["first", "last"]),
    shape=st.tuples(st.integers(1, 6), st.integers(9, 90), st.integers(9, 90)),
    spacing=st.tuples(st.floats(0.8, 3.0), st.floats(0.8, 3.0)),
    seed=st.integers(0, 10_000),
)
def test_every_answer_passes_the_checks_of_slice_and_volume(
    trained: AcsNet,
    kind: str,
    turn: int | None,
    apex: Any,
    shape: tuple[int, int, int],
    spacing: tuple[float, float],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    voxels = {
        "noise": lambda: rng.normal(size=shape),
        "bright": lambda: np.full(shape, 4000.0),
        "empty": lambda: np.zeros(shape),
        "blobs": lambda: np.kron(rng.random((shape[0], 12, 12)), np.ones((1, 8, 8))),
        "heart": lambda: (
            heart(slices=shape[0]).study.target.voxels + rng.normal(0, 0.3, (shape[0], 64, 64))
        ),
    }[kind]()
    affine = None
    if turn is not None:
        affine = np.eye(4)
        c, s = round(np.cos(turn * np.pi / 2)), round(np.sin(turn * np.pi / 2))
        affine[:2, :2] = [[-c, s], [-s, -c]]
    study = Study("x", {"lge": Volume(voxels, (8.0, *spacing), affine)}, apex=apex)
    promised(trained, study)


def test_a_heart_is_kept_in_every_slice(trained: AcsNet) -> None:
    assert promised(trained, heart().study) == 4
    assert promised(trained, heart(slices=5, apex="last").study) == 5


def test_what_the_image_cuts_off_is_dropped_and_the_volume_checked_again() -> None:
    study = Study("x", {"lge": Volume(np.zeros((5, 64, 40)), (8.0, 1.5, 1.5))}, apex="first")
    frame = Frame.of(study, 64)
    rings = np.stack([ring(16, 10)] * 5)
    rings[2] = ring(16, 10, at=(31.5, 12.0))  # half of it beyond the image's 40 columns
    walls, dropped = agreed(rings, frame, Limits(), volumetric=False)
    assert list(dropped) == [2]
    assert "on the image's grid" in dropped[2]
    assert walls.any(axis=(1, 2)).tolist() == [True, True, False, True, True]
    walls, dropped = agreed(rings, frame, Limits(), volumetric=True)
    # two runs of equal length: the first stays
    assert walls.any(axis=(1, 2)).tolist() == [True, True, False, False, False]
    assert {k: why for k, why in dropped.items() if k != 2} == dict.fromkeys(
        (3, 4), "above the base"
    )
    unchecked, nothing = agreed(rings, frame, None, volumetric=False)
    assert not nothing
    assert unchecked.any(axis=(1, 2)).all()


def test_scar_lies_in_the_final_myocardium(trained: AcsNet) -> None:
    found = trained.find(heart().study)
    labels = found.labels()
    scar = found.frame.to_grid(found.enhancement & found.myocardium)
    np.testing.assert_array_equal(labels == 3, scar)
    assert scar.any()


# The switches


def test_each_stage_of_prediction_can_be_switched_off(trained: AcsNet) -> None:
    study = Study(
        "n", {"lge": Volume(np.random.default_rng(0).random((5, 64, 64)), (8.0, 1.5, 1.5))}
    )
    full = trained.find(study)

    def without(**fields: Any) -> Any:
        return trained.model_copy(update=fields).at(trained.model).find(study)

    plain = without(anatomy=False)
    np.testing.assert_array_equal(plain.corrected, full.segmented)
    assert "anatomy" not in plain.seconds
    bare = without(anatomy=False, volumetric=False)
    np.testing.assert_array_equal(bare.myocardium, full.segmented)
    assert "cleanup" not in without(cleanup=False).seconds
    kept = without(keep_valid=True)
    for before, after in zip(kept.segmented, kept.corrected, strict=True):
        if before.any() and not failed(before, (1.5, 1.5), trained.fitted()[1].limits):
            np.testing.assert_array_equal(before, after)


def test_what_differs_in_prediction_alone_shares_one_training() -> None:
    switched = AcsNet(cleanup=False, anatomy=False, volumetric=False, keep_valid=True)
    assert switched.trainer() == AcsNet().trainer() == AcsNet()
    for fields in ({"style": False}, {"roi": "none"}, {"tversky": "usual"}):
        assert AcsNet(**fields).trainer() != AcsNet()  # type: ignore[arg-type]


def test_without_a_first_stage_the_rest_works(tmp_path: Path) -> None:
    method = AcsNet(**{**TINIEST, "epochs": 30, "filters": 4}, roi="none")
    assert set(method.build()) == {"tissue", "anatomy"}
    assert method.epoch_count == 30 + 60
    method.train([heart("a"), heart("b", 5)], context(tmp_path))
    found = method.at(tmp_path / "model").find(heart().study)
    assert (found.roi == whole((64, 64), 48)).all()
    assert promised(method.at(tmp_path / "model"), heart().study) > 0


def test_the_paper_moves_no_training_sample() -> None:
    quick, paper = AcsNet(), AcsNet(**AcsNet.profiles["paper"])
    for stage in ("roi", "tissue", "anatomy"):
        assert quick.recipe_of(stage).augment is not None
        assert paper.recipe_of(stage).augment is None
    assert quick.recipe_of("anatomy").augment == SHAPES
    assert paper.recipe_of("anatomy").epochs == paper.anatomy_epochs


def test_nothing_is_said_outside_the_square_that_stage_2_is_shown() -> None:
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64)).astype(np.float32)
    roi = np.zeros((2, 64, 64), dtype=bool)
    roi[0, 20:30, 24:32] = True

    def everything(stage: str, squares: Tensor) -> Mask:
        return np.ones((len(squares), 2, *squares.shape[2:]), dtype=bool)

    for found in _tissues(images, roi, 48, everything):
        rows, columns = np.nonzero(found[0])
        side = 10 + 2 * MARGIN
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1, len(rows)) == (side, side, side * side)
        assert not found[1].any()


def test_each_stage_has_epochs_of_its_own() -> None:
    method = AcsNet(roi_epochs=3, epochs=5, anatomy_epochs=7)
    assert [method.recipe_of(s).epochs for s in ("roi", "tissue", "anatomy")] == [3, 5, 7]
    assert method.epoch_count == 15
    assert method.model_copy(update={"roi": "none"}).epoch_count == 12


# Files and processes


class _Killed(BaseException):
    """As if the process had ended."""


def test_a_training_killed_in_its_stages_leaves_the_same_folder(tmp_path: Path) -> None:
    cases, method = [heart("a"), heart("b", 5)], AcsNet(**TINIEST)
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
    method.train(cases, context(tmp_path / "straight", seed=3))
    # per mille of the whole: in stage 2, and well into the autoencoder's training
    for end in (500, 900):

        def report(step: int, of: int, values: Any, end: int = end) -> None:
            assert of == 1000
            if step > end:
                raise _Killed

        with pytest.raises(_Killed):
            method.train(cases, context(tmp_path / "killed", seed=3, report=report))
    method.train(cases, context(tmp_path / "killed", seed=3))
    first, second = (folder_hashes(tmp_path / name / "model") for name in ("straight", "killed"))
    assert set(first) == {"model.pt", "fitted.pt"}  # and no time, which differs
    assert first == second


def test_damaged_and_missing_files_are_said(trained: AcsNet, tmp_path: Path) -> None:
    study = heart().study
    with pytest.raises(PluginError, match="no latent space"):
        trained.at(tmp_path).predict(study)
    (tmp_path / "fitted.pt").write_bytes((trained.model / "fitted.pt").read_bytes()[:-99])
    with pytest.raises(PluginError, match="holds no clean-up and latent space"):
        trained.at(tmp_path).predict(study)
    for state in ({"cleanup": {}}, {"cleanup": {"erosion": 1}, "latent": {}}, [1]):
        torch.save(state, tmp_path / "fitted.pt")
        with pytest.raises(PluginError, match="Train the method again"):
            trained.at(tmp_path).predict(study)
    (tmp_path / "fitted.pt").write_bytes((trained.model / "fitted.pt").read_bytes())
    with pytest.raises(PluginError, match="no weights"):
        trained.at(tmp_path).predict(study)


def test_a_trained_method_travels_without_what_it_loaded(trained: AcsNet) -> None:
    before = len(pickle.dumps(trained.at(trained.model)))
    labels = trained.predict(heart().study).labels
    sent = pickle.dumps(trained)
    assert len(sent) == before
    np.testing.assert_array_equal(pickle.loads(sent).predict(heart().study).labels, labels)


def test_the_time_of_training_is_estimated_from_a_few_steps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    method = AcsNet(**{**TINY, "filters": 2})
    case = heart(scar=False)
    bare = Case(case.study, Segmentation(np.zeros(case.study.target.shape, dtype=np.uint8)))
    with caplog.at_level(logging.WARNING, logger="benchmark"):
        seconds = method.estimate_seconds([case], context(tmp_path))
        # of the rest of the cases, which are not looked at, these few say nothing
        assert method.estimate_seconds([bare], context(tmp_path)) is None
    assert not caplog.records
    assert seconds is not None
    assert seconds > 0
    assert method.estimate_seconds([], context(tmp_path)) is None
    assert method.epoch_count == 70 + 70 + 80


def test_looking_at_it_imports_neither_torch_nor_scikit_image() -> None:
    code = (
        "import sys, benchmark.methods.acsnet; "
        "sys.exit(bool({'torch', 'skimage'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
