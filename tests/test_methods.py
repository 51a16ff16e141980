"""The methods: how the networks are chained, what is predicted, and the floors."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from benchmark import Case, DataError, Method, Region, Segmentation, Study, TrainContext, Volume
from benchmark.errors import PluginError, UsageError
from benchmark.methods._losses import segmentation_loss
from benchmark.methods._networks import parameter_count
from benchmark.methods._slicewise import SlicewiseMethod
from benchmark.methods.all_myocardium import AllMyocardium
from benchmark.methods.direct import Direct
from benchmark.methods.empty import Empty
from benchmark.methods.jdl import JDL
from benchmark.methods.mtl import MTL
from benchmark.methods.otsu import Otsu, threshold
from benchmark.methods.two_step import TwoStep
from benchmark.nifti import write_labels

NETWORKS = [Direct, TwoStep, MTL, JDL]
ALL: list[type[Method]] = [*NETWORKS, Empty, AllMyocardium, Otsu]
TINY: dict[str, Any] = {"size": 16, "pixel_mm": 3.0, "channels": (4, 6), "epochs": 2, "batch": 4}
MYOCARDIUM, SCAR = Region.MYOCARDIUM, Region.SCAR


def heart(name: str = "a", slices: int = 3, n: int = 24) -> Case:
    """A ring about the centre, a third of it bright, in noise; 48 mm wide."""
    rng = np.random.default_rng(slices)
    y, x = (np.mgrid[:n, :n] - (n - 1) / 2) * 48 / n
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    labels = np.zeros((slices, n, n), dtype=np.uint8)
    labels[:, radius < 17] = 2
    labels[:, (radius < 17) & (angle > 1)] = 3
    labels[:, radius < 9] = 1
    voxels = np.array([0.1, 0.7, 0.3, 1.0])[labels] + rng.normal(0, 0.05, labels.shape)
    volume = Volume(voxels.astype(np.float32), (10.0, 48 / n, 48 / n))
    return Case(Study(name, {"lge": volume}), Segmentation(labels))


def context(folder: Path, **others: Any) -> TrainContext:
    return TrainContext(folder / "model", folder / "scratch", **others)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def gradients(method: SlicewiseMethod, region: Region) -> Mapping[str, bool]:
    """Which networks the loss of one region, at training, reaches."""
    torch.manual_seed(0)
    networks = method.build()
    images = torch.rand(2, 1, method.size, method.size)
    truth = {r: (torch.rand_like(images) > 0.5).float() for r in (MYOCARDIUM, SCAR)}
    for forward in method.stages(networks).values():
        logits = forward(images, truth)
        if region in logits:
            segmentation_loss(logits[region], truth[region]).backward()
    return {
        name: any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())
        for name, network in networks.items()
    }


def test_the_scars_loss_reaches_the_myocardium_network_through_the_message_in_jdl() -> None:
    assert gradients(JDL(**TINY), SCAR) == {"myocardium": True, "scar": True}
    assert gradients(JDL(**TINY), MYOCARDIUM) == {"myocardium": True, "scar": False}


def test_neither_loss_reaches_the_other_network_in_two_step() -> None:
    assert gradients(TwoStep(**TINY), SCAR) == {"myocardium": False, "scar": True}
    assert gradients(TwoStep(**TINY), MYOCARDIUM) == {"myocardium": True, "scar": False}


def seen_by_scar(method: SlicewiseMethod, images: torch.Tensor) -> torch.Tensor:
    """What the scar network is given at prediction."""
    networks = method.build().eval()
    seen: list[torch.Tensor] = []
    networks["scar"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        logits = method.logits(networks, images)
        probability = networks["myocardium"](images).sigmoid()
    torch.testing.assert_close(logits[MYOCARDIUM].sigmoid(), probability)
    return torch.stack([seen[0], probability])


def test_the_message_is_probability_times_image_and_the_mask_is_binary() -> None:
    images = torch.rand(2, 1, 16, 16)
    given, probability = seen_by_scar(JDL(**TINY), images)
    torch.testing.assert_close(given, probability * images)
    given, probability = seen_by_scar(TwoStep(**TINY), images)
    torch.testing.assert_close(given, images * (probability >= 0.5))


def test_two_step_trains_its_scar_network_under_the_manual_mask() -> None:
    method = TwoStep(**TINY)
    networks = method.build()
    seen: list[torch.Tensor] = []
    networks["scar"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images, mask = torch.rand(2, 1, 16, 16), (torch.rand(2, 1, 16, 16) > 0.5).float()
    stages = method.stages(networks)
    assert list(stages) == ["myocardium", "scar"]
    assert list(stages["scar"](images, {MYOCARDIUM: mask, SCAR: mask})) == [SCAR]
    assert torch.equal(seen[0], images * mask)


def test_lambda_weighs_the_myocardium_alone() -> None:
    for cls in (JDL, MTL):
        assert cls(**TINY).region_weights() == {MYOCARDIUM: 1.02}
        assert cls(**TINY, myocardium_weight=3).region_weights() == {MYOCARDIUM: 3.0}
    assert Direct(**TINY).region_weights() == {}


def test_parameter_counts_follow_from_what_is_shared() -> None:
    counts = {cls: cls(**TINY).parameter_count() for cls in NETWORKS}
    one = counts[Direct]
    assert one is not None
    encoder = parameter_count(Direct(**TINY).build()["scar"].get_submodule("encoder"))
    assert counts[JDL] == counts[TwoStep] == 2 * one
    assert counts[MTL] == 2 * one - encoder
    assert Otsu(**TINY).parameter_count() == one
    assert Otsu(myocardium="atlas").parameter_count() is None
    assert Empty().parameter_count() is None


def test_the_quick_networks_have_these_parameters() -> None:
    assert {cls.__name__: cls().parameter_count() for cls in NETWORKS} == {
        "Direct": 885_233,
        "TwoStep": 2 * 885_233,
        "MTL": 2 * 885_233 - 469_200,  # the encoder only once
        "JDL": 2 * 885_233,
    }


def test_the_paper_profile_has_the_papers_numbers() -> None:
    for cls in NETWORKS:
        method = cls(**cls.profiles["paper"])
        given = method.batch, method.epochs, method.size, method.learning_rate, method.dropout
        assert given == (40, 500, 224, 4.73e-4, 0.39)
        assert method.weight_decay == 5.58e-6
        assert method.schedule == "constant"
        assert cls(**cls.profiles["quick"]) == cls()
    assert JDL().myocardium_weight == 1.02


@pytest.mark.parametrize(
    "wrong", [{"size": 90}, {"channels": (4,)}, {"channels": (4, 0)}, {"backbone": "resnet"}]
)
def test_parameters_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        JDL(**wrong)


def test_the_shipped_quick_optimiser_learns_one_case_by_heart(tmp_path: Path) -> None:
    # Smaller in image, widths and epochs; optimiser, schedule and loss as shipped.
    method = JDL(size=32, pixel_mm=1.5, channels=(8, 16, 24), epochs=100, augment=False)
    case = heart(n=32)
    method.train([case], context(tmp_path))
    predicted = method.at(tmp_path / "model").predict(case.study).labels
    assert predicted is not None
    assert case.reference.labels is not None
    for region in (MYOCARDIUM, SCAR):
        assert dice(region.mask(predicted), region.mask(case.reference.labels)) > 0.95


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Method]:
    """Each method trained for two epochs on two hearts."""
    methods = {}
    for cls in ALL:
        folder = tmp_path_factory.mktemp(cls.__name__)
        method = cls(**TINY) if issubclass(cls, SlicewiseMethod) else cls()
        method.train([heart("a"), heart("b", 4)], context(folder, validation=[heart("c")]))
        methods[cls.__name__] = method.at(folder / "model")
    return methods


@pytest.mark.parametrize("name", [cls.__name__ for cls in ALL])
def test_predictions_lie_on_the_studys_grid_and_hold_only_what_is_promised(
    trained: Mapping[str, Method], name: str
) -> None:
    study, method = heart("d", 5, n=30).study, trained[name]
    segmentation = method.predict(study)
    assert segmentation.labels is not None
    assert segmentation.labels.shape == (5, 30, 30)
    allowed = {0, 2, 3} if Region.MYOCARDIUM in method.produces else {0, 3}
    assert set(np.unique(segmentation.labels)) <= allowed
    np.testing.assert_array_equal(method.predict(study).labels, segmentation.labels)


@pytest.mark.parametrize("name", [cls.__name__ for cls in NETWORKS])
def test_probabilities_cut_at_one_half_are_the_labels(
    trained: Mapping[str, Method], name: str
) -> None:
    method = trained[name]
    segmentation = method.predict(heart("d", 4, n=30).study)
    assert segmentation.probabilities is not None
    assert segmentation.labels is not None
    assert set(segmentation.probabilities) == method.produces
    for region, probability in segmentation.probabilities.items():
        np.testing.assert_array_equal(probability >= 0.5, region.mask(segmentation.labels))


def test_a_loaded_network_is_kept_but_does_not_travel(trained: Mapping[str, Method]) -> None:
    method, study = trained["JDL"], heart("d").study
    before = len(pickle.dumps(trained["JDL"].at(trained["JDL"].model)))
    labels = method.predict(study).labels
    assert isinstance(method, JDL)
    assert method.network() is method.network()
    sent = pickle.dumps(method)
    assert len(sent) == before
    np.testing.assert_array_equal(pickle.loads(sent).predict(study).labels, labels)


def test_a_method_bound_elsewhere_does_not_keep_the_old_weights(
    trained: Mapping[str, Method], tmp_path: Path
) -> None:
    trained["JDL"].predict(heart().study)
    with pytest.raises(PluginError, match="no weights"):
        trained["JDL"].at(tmp_path).predict(heart().study)


def test_looking_at_a_method_does_not_import_torch() -> None:
    names = ["direct", "two_step", "mtl", "jdl", "empty", "all_myocardium", "otsu"]
    imports = "; ".join(f"import benchmark.methods.{name}" for name in names)
    code = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_floors_train_the_very_myocardium_network_of_two_step(
    trained: Mapping[str, Method],
) -> None:
    def weights(name: str) -> dict[str, torch.Tensor]:
        state = torch.load(trained[name].model / "model.pt", weights_only=True)
        return {k: v for k, v in state.items() if k.startswith("myocardium.")}

    two_step = weights("TwoStep")
    assert two_step
    for name in ("Otsu", "AllMyocardium"):
        floor = weights(name)
        assert floor.keys() == two_step.keys()
        assert all(torch.equal(floor[k], two_step[k]) for k in floor)


def test_empty_predicts_background_in_every_region() -> None:
    labels = Empty().predict(heart().study).labels
    assert labels is not None
    assert not labels.any()
    assert Empty().produces == {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR}
    assert not Empty().trains


def given(case: Case, folder: Path) -> str:
    """A folder with the case's own labels as masks."""
    assert case.reference.labels is not None
    write_labels(folder / f"{case.study.id}.nii.gz", case.reference.labels, case.study.target)
    return str(folder)


def test_given_masks_need_no_training(tmp_path: Path) -> None:
    case = heart()
    for cls in (AllMyocardium, Otsu):
        method = cls(myocardium=given(case, tmp_path))
        assert not method.trains
        assert method.estimate_seconds([case], context(tmp_path)) is None
        labels = method.predict(case.study).labels
        assert labels is not None
        assert case.reference.labels is not None
        ring = MYOCARDIUM.mask(case.reference.labels)
        np.testing.assert_array_equal(MYOCARDIUM.mask(labels), ring)
        # The ring is .3 and 1.0 in noise of .05: Otsu finds the scar exactly.
        scar = ring if cls is AllMyocardium else SCAR.mask(case.reference.labels)
        np.testing.assert_array_equal(SCAR.mask(labels), scar)


def test_a_mask_of_0_and_1_is_a_myocardium(tmp_path: Path) -> None:
    case = heart()
    ring = MYOCARDIUM.mask(np.asarray(case.reference.labels))
    write_labels(tmp_path / "a.nii.gz", ring.astype(np.uint8), case.study.target)
    labels = AllMyocardium(myocardium=str(tmp_path)).predict(case.study).labels
    np.testing.assert_array_equal(np.asarray(labels) == 3, ring)


def test_a_missing_or_misplaced_mask_is_named(tmp_path: Path) -> None:
    method = Otsu(myocardium=given(heart("a"), tmp_path))
    with pytest.raises(DataError, match=r"no myocardium mask .*b\.nii\.gz"):
        method.predict(heart("b").study)
    with pytest.raises(DataError, match=r"a\.nii\.gz does not lie on its study's grid"):
        method.predict(heart("a", slices=4).study)


def test_the_atlas_finds_a_heart_where_the_training_hearts_were(tmp_path: Path) -> None:
    method = AllMyocardium(**TINY, myocardium="atlas")
    assert method.trains
    method.train([heart("a"), heart("b", 4), heart("c", 7)], context(tmp_path))
    case = heart("d", 5, n=36)
    labels = method.at(tmp_path / "model").predict(case.study).labels
    ring = MYOCARDIUM.mask(np.asarray(case.reference.labels))
    assert dice(MYOCARDIUM.mask(np.asarray(labels)), ring) > 0.8
    assert not (tmp_path / "model" / "model.pt").exists()


def test_the_atlas_knows_which_end_is_the_apex(tmp_path: Path) -> None:
    labels = np.zeros((4, 16, 16), dtype=np.uint8)
    labels[0, 6:10, 6:10] = labels[1, 5:11, 5:11] = 2
    labels[2:, 3:13, 3:13] = 2
    volume = Volume(np.zeros(labels.shape), (8.0, 3.0, 3.0))
    train = Case(Study("a", {"lge": volume}, apex="first"), Segmentation(labels))
    method = AllMyocardium(**TINY, myocardium="atlas")
    method.train([train], context(tmp_path))
    bound = method.at(tmp_path / "model")
    for apex, expected in (("first", labels), (None, labels), ("last", labels[::-1])):
        study = Study("b", {"lge": volume}, apex=apex)  # type: ignore[arg-type]
        np.testing.assert_array_equal(bound.mask(study), expected == 2)


def test_an_atlas_of_other_parameters_or_none_is_refused(tmp_path: Path) -> None:
    method = Otsu(**TINY, myocardium="atlas")
    with pytest.raises(UsageError, match="no training cases"):
        method.train([], context(tmp_path))
    with pytest.raises(PluginError, match="no atlas"):
        method.at(tmp_path / "model").predict(heart().study)
    method.train([heart()], context(tmp_path))
    other = Otsu(**{**TINY, "size": 32}, myocardium="atlas").at(tmp_path / "model")
    with pytest.raises(PluginError, match="has shape"):
        other.predict(heart().study)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0, 0, 10, 10, 10], 0),
        ([5, 1, 9, 2, 8, 1], 2),  # 9^2 / (3 * 3) for 1 1 2 | 5 8 9 against (25/3)^2 / (4 * 2)
        ([1, 2, 3, 100], 3),
        ([4, 4, 4], 4),
        ([7], 7),
    ],
)
def test_otsu_threshold_of_values_split_by_hand(values: list[int], expected: float) -> None:
    assert threshold(np.array(values)) == expected


def test_otsu_threshold_is_the_best_of_all_splits() -> None:
    values = np.random.default_rng(3).integers(0, 4096, 200)
    cut = threshold(values)

    def between(at: float) -> float:
        low, high = values[values <= at], values[values > at]
        return float(len(low) * len(high) * (low.mean() - high.mean()) ** 2)

    splits = np.unique(values)[:-1]
    assert between(cut) == pytest.approx(max(map(between, splits)))
    assert threshold(values.astype(np.int16)) == cut


def test_given_masks_are_part_of_the_key(tmp_path: Path) -> None:
    """A changed mask is another input, though no parameter changed."""
    from benchmark.closure import hash_files
    from benchmark.methods.otsu import Otsu

    mask = tmp_path / "a.nii.gz"
    mask.write_bytes(b"one")
    method = Otsu(myocardium=str(tmp_path))
    before = hash_files(method.files())
    mask.write_bytes(b"two")
    assert list(method.files()) == [mask]
    assert hash_files(method.files()) != before
    assert Otsu().files() == ()
