"""The methods of fahmy2021: networks, what they see, how they are trained, what they answer."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from benchmark import Case, DataError, Region, Segmentation, Study, TrainContext, Volume
from benchmark.errors import PluginError, UsageError
from benchmark.methods._centred import CentredMethod, _share
from benchmark.methods._localiser import FILE, build
from benchmark.methods._networks import parameter_count
from benchmark.methods._schedule import Rate
from benchmark.methods._tissues import NETWORK
from benchmark.methods.fusion import Fusion
from benchmark.methods.lge_only import LgeOnly
from benchmark.registry import find

BOTH = [Fusion, LgeOnly]
TINY: dict[str, Any] = {"size": 32, "pixel_mm": 2.0, "channels": (4, 6), "epochs": 2,
                        "locate_epochs": 1}  # fmt: skip
Labels = NDArray[np.uint8]


def heart(name: str = "a", slices: int = 3, n: int = 60, pixel: float = 2.0, **others: Any) -> Case:
    """LGE and cine of a ring about a place beside the middle, a third of it scar, in noise."""
    rng = np.random.default_rng(slices + n)
    line = (np.arange(n) - (n - 1) / 2) * pixel
    y, x = line[:, None] - 6.0, line + 4.0
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    labels = np.zeros((slices, n, n), dtype=np.uint8)
    labels[:, radius < 24] = 2
    labels[:, (radius < 24) & (angle > 1)] = 3
    labels[:, radius < 13] = 1
    lge = np.array([0.2, 0.7, 0.1, 1.0])[labels] + rng.normal(0, 0.05, labels.shape)
    cine = np.array([0.2, 1.0, 0.4, 0.4])[labels] + rng.normal(0, 0.05, (4, *labels.shape))
    images = {
        "lge": Volume(lge.astype(np.float32), (10, pixel, pixel), trigger_delay_ms=600),
        "cine": Volume(cine.astype(np.float32), (10, pixel, pixel), times_ms=(0, 200, 400, 600)),
    }
    return Case(Study(name, images, others), Segmentation(labels))


def context(folder: Path, **others: Any) -> TrainContext:
    return TrainContext(folder / "model", folder / "scratch", **others)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def labels_of(method: CentredMethod, study: Study) -> Labels:
    labels = method.predict(study).labels
    assert labels is not None
    return labels


def test_the_papers_networks_have_these_parameters() -> None:
    """0.58 and 1.3 million in the paper: about what the way down has without short skips."""

    def network(cls: type[CentredMethod]) -> Any:
        return cls(**cls.profiles["paper"]).build()[NETWORK]

    def way_down(network: Any, shorts: bool) -> int:
        blocks = [network.first, *network.down]
        return sum(parameter_count(b if shorts else b.layers) for b in blocks)

    assert [parameter_count(network(cls)) for cls in BOTH] == [1_244_836, 2_890_336]
    assert [way_down(network(cls), shorts=True) for cls in BOTH] == [593_120, 1_378_116]
    assert [way_down(network(cls), shorts=False) for cls in BOTH] == [582_592, 1_354_304]
    assert [cls().parameter_count() for cls in BOTH] == [312_148, 723_886]
    assert parameter_count(build(["lge"])) == 74_953


def test_the_paper_profile_has_the_papers_numbers() -> None:
    for cls, channels in ((Fusion, (32, 64, 128, 128)), (LgeOnly, (48, 96, 196, 196))):
        method = cls(**cls.profiles["paper"])
        assert (method.size, method.pixel_mm, method.channels) == (160, 1.2, channels)
        assert (method.epochs, method.batch, method.dropout) == (250, 4, 0.25)
        assert (method.closing, method.dilation) == (3, 1)
        assert (cls().closing, cls().dilation) == (3, 0)
        recipe = method.recipe
        assert (recipe.learning_rate, recipe.schedule) == (0.005, "plateau")
        plateau = recipe.plateau
        assert (plateau.factor, plateau.interval, plateau.minimum) == (0.8, 30, 0.0005)
        assert recipe.augment is not None
        moved = recipe.augment
        assert (moved.flip_rows, moved.flip_columns, moved.scale, moved.shear) == (True, True, 0, 0)
        assert cls(**cls.profiles["quick"]) == cls()
        assert method.produces == {Region.MYOCARDIUM, Region.SCAR}


def test_the_papers_rate_falls_by_a_fifth_every_30_epochs_of_no_progress() -> None:
    recipe = Fusion(**Fusion.profiles["paper"]).recipe
    rate = Rate(recipe.learning_rate)
    rates = []
    for epoch in range(400):
        rate.see(0.4 if epoch else 1.0, recipe.plateau)  # progress in the first two epochs only
        rates.append(rate.value)
    assert rates[30] == 0.005  # 29 epochs without progress
    assert rates[31:61] == pytest.approx([0.004] * 30)
    assert rates[61] == pytest.approx(0.0032)
    assert rates[249] == pytest.approx(0.005 * 0.8**8)  # cut at 31, 61 ... 211 and 241
    assert rates[399] == 0.0005  # and no further, where 0.005 * 0.8 ** 12 is 0.00034


def test_short_skips_go_round_the_convolutions_of_every_level() -> None:
    network = Fusion(**TINY).build()[NETWORK]
    blocks = [network.first, *network.down, *network.up]
    assert len(blocks) == 3
    for block in blocks:
        torch.nn.init.zeros_(block.layers[-1].weight)  # the convolutions say nothing
        before = block.layers[0].in_channels
        image = torch.randn(1, before, 6, 6)
        torch.testing.assert_close(block.eval()(image), block.short(image).relu())


def test_shapes_and_softmax_of_both_networks() -> None:
    for cls, inputs in ((Fusion, 2), (LgeOnly, 1)):
        method = cls(**TINY)
        images = torch.rand(3, inputs, 32, 32)
        assert method.build()[NETWORK](images).shape == (3, 4, 32, 32)
        with pytest.raises(RuntimeError, match="channels"):
            method.build()[NETWORK](torch.rand(3, 3 - inputs, 32, 32))


@pytest.mark.parametrize(
    "wrong", [{"size": 30}, {"channels": (4,)}, {"channels": (4, 0)}, {"dilation": -1}]
)
def test_parameters_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Fusion(**wrong)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Mapping[type[CentredMethod], Any]:
    """Each method after two epochs on two hearts."""
    methods = {}
    for cls in BOTH:
        folder = tmp_path_factory.mktemp(cls.__name__)
        method = cls(**TINY)
        method.train([heart("a"), heart("b", 4)], context(folder, validation=[heart("c", 2)]))
        methods[cls] = method.at(folder / "model")
    return methods


def test_the_network_sees_lge_and_its_cine_about_their_own_centres(
    trained: Mapping[type[CentredMethod], Any],
) -> None:
    case = heart("d")
    told = {"lv_centre": "32.5,27.5", "lv_centre_cine": "32.5,27.5"}  # as heart() places it
    study = Study("d", case.study.images, told)
    moved = np.roll(study.images["cine"].voxels, (3, -5), axis=(-2, -1))
    cine = Volume(moved, (10, 2, 2), times_ms=study.images["cine"].times_ms)
    shifted = Study("e", {**study.images, "cine": cine}, {**told, "lv_centre_cine": "35.5,22.5"})
    seen, centres = trained[Fusion].seen(study)
    assert seen.shape == (3, 2, 32, 32)
    assert (seen.min(), seen.max()) == (0, 1)
    np.testing.assert_allclose(centres, [[6, -4]] * 3)
    np.testing.assert_allclose(trained[Fusion].seen(shifted)[0], seen, atol=1e-5)
    alone, centres = trained[LgeOnly].seen(shifted)
    np.testing.assert_array_equal(alone, seen[:, :1])
    # The cavity is in the middle: bright in the cine throughout.
    assert seen[:, 1, 12:20, 12:20].min() > 0.6


def test_where_no_cine_slice_is_near_the_network_sees_black(
    trained: Mapping[type[CentredMethod], Any],
) -> None:
    images = heart("d").study.images
    cine = images["cine"]
    far = Volume(cine.voxels[:, :1], cine.spacing, None, cine.times_ms, (0.0,))
    seen, _ = trained[Fusion].seen(Study("far", {**images, "cine": far}))
    assert seen[0, 1].any()
    assert seen[1, 1].any()  # 10 mm away: one slice distance
    assert not seen[2, 1].any()
    assert seen[2, 0].any()


def test_a_batch_is_made_of_whole_patients(trained: Mapping[type[CentredMethod], Any]) -> None:
    cases = [heart("a1", 3, patient="a"), heart("b1", 2, patient="b"), heart("a2", 4, patient="a")]
    samples = trained[LgeOnly].samples(cases)
    assert samples.patients.tolist() == [0] * 3 + [1] * 2 + [0] * 4
    assert samples.units == 2
    batches = samples.batches(2, np.random.default_rng(0))
    assert sorted(map(len, batches)) == [2, 7]
    assert trained[LgeOnly].samples([heart("a"), heart("b")]).patients.tolist() == [0] * 3 + [1] * 3


@pytest.mark.parametrize("cls", BOTH)
def test_predictions_lie_on_the_studys_grid_and_within_the_square(
    trained: Mapping[type[CentredMethod], Any], cls: type[CentredMethod]
) -> None:
    method = trained[cls]
    study = heart("d", 2, n=90, pixel=1.7).study
    segmentation = method.predict(study)
    assert segmentation.labels.shape == (2, 90, 90)
    assert set(np.unique(segmentation.labels)) <= {0, 2, 3}
    assert set(segmentation.probabilities) == method.produces
    probability = segmentation.probabilities[Region.MYOCARDIUM]
    assert (probability >= segmentation.probabilities[Region.SCAR]).all()
    _, centres = method.seen(study)
    line = (np.arange(90) - 44.5) * 1.7
    for plane, labels, (row, column) in zip(probability, segmentation.labels, centres, strict=True):
        # 32 pixels of 2 mm, and the half pixel that interpolation fades over.
        far = np.abs(line[:, None] - row) > 33.1
        far = far | (np.abs(line - column) > 33.1)
        assert not plane[far].any()
        assert not labels[far].any()
        assert plane[~far].any()


@pytest.mark.parametrize("cls", BOTH)
def test_the_shipped_quick_optimiser_learns_one_case_by_heart(
    cls: type[CentredMethod], tmp_path: Path
) -> None:
    # Smaller in pixels and widths; optimiser, schedule, loss and post-processing as shipped.
    small = {"size": 32, "pixel_mm": 2.0, "channels": (8, 16, 16), "epochs": 100, "augment": False}
    method = cls(**small, locate_epochs=1)
    # The square's pixels are the image's: what is lost is the network's.
    case = heart(slices=2, lv_centre="32.5,27.5", lv_centre_cine="32.5,27.5")
    method.train([case], context(tmp_path))
    predicted = labels_of(method.at(tmp_path / "model"), case.study)
    assert case.reference.labels is not None
    for region in (Region.MYOCARDIUM, Region.SCAR):
        assert dice(region.mask(predicted), region.mask(case.reference.labels)) > 0.95


def test_post_processing_follows_its_parameters(
    trained: Mapping[type[CentredMethod], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that says scar left of the middle and normal myocardium right of it, in a bar."""
    said = np.zeros((1, 4, 32, 32), dtype=np.float32)
    said[:, 0] = 1
    said[:, :, 15:18, 8:24] = 0
    said[:, 3, 15:18, 8:16] = said[:, 2, 15:18, 16:24] = 1
    said[:, :, 15:18, 12] = np.array([1, 0, 0, 0])[:, None]  # a gap of one pixel
    monkeypatch.setattr(CentredMethod, "shares", lambda self, images: said)
    blank = Volume(np.zeros((1, 32, 32)), (10, 2, 2))
    study = Study("a", {"lge": blank}, {"lv_centre": "15.5,15.5"})
    model = trained[LgeOnly].model

    def answer(**others: float) -> Labels:
        return labels_of(LgeOnly(**TINY, **others).at(model), study)

    plain = answer(closing=0, dilation=0)  # only the larger part is left
    assert np.flatnonzero(plain[0, 16]).tolist() == list(range(13, 24))
    # The disk dips into the gap by one pixel from above and below: the middle row alone is filled.
    closed = answer(closing=3, dilation=0)
    assert closed[0, 16, 8:24].tolist() == [3, 3, 3, 3, 2, 3, 3, 3] + [2] * 8
    assert (closed > 0).sum() == 3 * 16 - 2
    # Three rows longer by a pixel at either end, and one more row above and below but for the dent.
    dilated = answer(closing=3, dilation=1)
    assert (dilated > 0).sum() == 3 * 18 + 2 * 15
    assert (dilated == 3).sum() == (closed == 3).sum() == 3 * 7


def test_a_study_whose_cine_cannot_be_matched_is_not_applicable() -> None:
    study = heart().study
    assert Fusion().skip(study) is None
    assert LgeOnly().skip(Study("a", {"lge": study.images["lge"]})) is None
    assert Fusion().skip(Study("a", {"lge": study.images["lge"]})) == "needs cine"
    cine = study.images["cine"]
    untimed = Study("a", {**study.images, "cine": Volume(cine.voxels, cine.spacing)})
    assert "when in the heart beat its frames are" in str(Fusion().skip(untimed))
    with pytest.raises(DataError, match="heart beat"):
        Fusion(**TINY).samples([Case(untimed, heart().reference)])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> list[bytes]:
        method, folder = Fusion(**TINY), tmp_path / name
        method.train([heart("a"), heart("b", 4)], context(folder, seed=seed))
        return [(folder / "model" / file).read_bytes() for file in (FILE, "model.pt")]

    first = weights("first", 1)
    assert weights("second", 1) == first
    assert all(a != b for a, b in zip(weights("third", 2), first, strict=True))


def test_a_training_killed_and_started_again_leaves_the_same_bytes(tmp_path: Path) -> None:
    def train(folder: Path, stop: int | None = None) -> bytes:
        def report(step: int, of: int, values: Mapping[str, float]) -> None:
            assert 0 < step <= of
            if stop is not None and step >= stop:
                raise KeyboardInterrupt

        Fusion(**TINY).train([heart("a"), heart("b", 4)], context(folder, report=report))
        return (folder / "model" / "model.pt").read_bytes()

    whole = train(tmp_path / "whole")
    for stop in (50, 600):  # while the centre is learned, and after
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / str(stop), stop)
        assert train(tmp_path / str(stop)) == whole


def test_a_training_in_parts_is_reported_as_one() -> None:
    told: list[tuple[int, int]] = []
    for low, high in ((0.0, 0.1), (0.1, 1.0)):
        part = _share(lambda step, of, values: told.append((step, of)), low, high)
        for step in range(1, 4):
            part(step, 3, {})
    assert told == [(n, 1000) for n in (33, 67, 100, 400, 700, 1000)]


def test_loaded_networks_do_not_travel(trained: Mapping[type[CentredMethod], Any]) -> None:
    method = trained[Fusion]
    fresh = len(pickle.dumps(method.at(method.model)))
    labels = labels_of(method, heart("d").study)
    assert method._localisers() is method._localisers()
    sent = pickle.dumps(method)
    assert len(sent) == fresh
    np.testing.assert_array_equal(labels_of(pickle.loads(sent), heart("d").study), labels)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no training cases"):
        Fusion(**TINY).train([], context(tmp_path))
    with pytest.raises(PluginError, match=r"no weights.*centre\.pt"):
        Fusion(**TINY).at(tmp_path).predict(heart().study)
    with pytest.raises(PluginError, match="not trained"):
        Fusion(**TINY).predict(heart().study)


def test_a_training_can_be_estimated_before_there_is_anything_trained(tmp_path: Path) -> None:
    method = Fusion(**TINY)
    seconds = method.estimate_seconds([heart("a"), heart("b")], context(tmp_path))
    assert seconds is not None
    assert seconds > 0
    assert method.estimate_seconds([], context(tmp_path)) is None


def test_both_are_found_by_their_names() -> None:
    for name in ("fusion", "lge_only"):
        assert find("methods", name).source is not None
