"""nnU-Net behind our interface: what it is given, what it leaves, that it is the real one."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from benchmark import (
    Case,
    Contour,
    DataError,
    Method,
    Region,
    Segmentation,
    Study,
    TrainContext,
    Volume,
)
from benchmark.contract import made_case
from benchmark.errors import PluginError, UsageError
from benchmark.methods.nnunet import NnUNet

pytest.importorskip("nnunetv2", reason="nnU-Net is not installed: pip install 'scarbench[nnunet]'")

from benchmark.methods import _nnunet_surroundings as surroundings
from benchmark.methods._nnunet_workspace import NAME, Shrunk, Workspace

SMOKE = NnUNet.profiles["smoke"]
CASES = [made_case("a", (3, 40, 36)), made_case("b", (4, 36, 40), (8.0, 1.4, 1.4))]


def context(folder: Path, **others: Any) -> TrainContext:
    (folder / "model").mkdir(parents=True, exist_ok=True)
    others = {"validation": CASES[1:], **others}
    return TrainContext(folder / "model", folder / "scratch", **others)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> NnUNet:
    """The smoke profile, trained with a picky caller."""
    folder = tmp_path_factory.mktemp("nnunet")
    method = NnUNet(**SMOKE)
    method.train(CASES[:1], context(folder, seed=3))
    return method.at(folder / "model")


def test_predictions_lie_on_the_studys_grid_with_probabilities_that_add_up(
    trained: NnUNet,
) -> None:
    for shape, spacing in (((4, 41, 57), (9.0, 1.3, 1.7)), ((1, 23, 70), (13.0, 2.1, 2.1))):
        study = made_case("x", shape, spacing).study
        segmentation = trained.predict(study)
        found, labels = segmentation.probabilities, segmentation.labels
        assert found is not None
        assert labels is not None
        assert labels.shape == shape
        # Neither reference has no-reflow: it is not learnt, and nothing is said of it.
        assert set(found) == set(Region) - {Region.MVO, Region.CORE_SCAR}
        assert 4 not in labels
        background = 1.0 - found[Region.LV]
        total = background + found[Region.CAVITY] + found[Region.MYOCARDIUM]
        np.testing.assert_allclose(total, 1.0, atol=1e-5)
        assert (found[Region.SCAR] <= found[Region.MYOCARDIUM] + 1e-6).all()
        # the label is the likeliest of the four
        each = np.stack(
            [
                background,
                found[Region.CAVITY],
                found[Region.MYOCARDIUM] - found[Region.SCAR],
                found[Region.SCAR],
            ]
        )
        best = np.take_along_axis(each, labels[None].astype(np.intp), axis=0)[0]
        np.testing.assert_allclose(best, each.max(axis=0), atol=1e-5)


def test_what_is_left_needs_no_trust_and_tells_no_case(trained: NnUNet) -> None:
    left = files(trained.model)
    assert set(left) == {
        "plans.json", "dataset.json", "dataset_fingerprint.json", "history.json",
        str(Path("fold_0", "checkpoint_final.pth")),
    }  # fmt: skip
    state = torch.load(trained.model / "fold_0" / "checkpoint_final.pth", weights_only=True)
    assert set(state) == {
        "network_weights", "trainer_name", "init_args", "inference_allowed_mirroring_axes",
    }  # fmt: skip
    # nnU-Net's modules name a weight up to four times; it is stored once
    once = {v.data_ptr(): v.numel() for v in state["network_weights"].values()}
    assert sum(once.values()) == trained.parameter_count()
    assert NnUNet(**SMOKE).parameter_count() is None
    history = json.loads(left["history.json"], parse_constant=pytest.fail)
    assert [len(values) for values in history.values()] == [2, 2, 2, 2]
    assert history["lrs"] == pytest.approx([1e-3, 1e-3 * 0.5**0.9])  # nnU-Net's schedule


@pytest.mark.filterwarnings("ignore")  # importing every trainer of nnU-Net warns of much
def test_nnunets_own_predictor_takes_the_folder_and_says_the_same(trained: NnUNet) -> None:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    study = made_case("x", (3, 44, 48)).study
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(trained.model), (0,))
    image = study.target.voxels.astype(np.float32)[None]
    spacing = [float(np.float32(s)) for s in study.target.spacing]
    theirs = predictor.predict_single_npy_array(image, {"spacing": spacing})
    np.testing.assert_array_equal(theirs, trained.predict(study).labels)


@pytest.mark.filterwarnings("ignore")  # nnU-Net divides by nothing
def test_its_evaluator_on_real_predictions_says_what_our_preset_says(
    trained: NnUNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary.json that it writes, held against the same masks by ``bench score --summary``."""
    from nnunetv2.evaluation import evaluate_predictions
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    from benchmark.cli._app import app, run_app
    from benchmark.nifti import write_labels

    reference, prediction = tmp_path / "r", tmp_path / "p"
    scarless = Case(CASES[1].study, relabelled({3: 2})[1].reference)
    for case in (CASES[0], scarless):
        name = f"{case.study.id}.nii.gz"
        answer = trained.predict(case.study).labels
        assert answer is not None
        assert answer.any()
        write_labels(reference / name, np.asarray(case.reference.labels), case.study.target)
        write_labels(prediction / name, answer, case.study.target)
    regions = [(1,), (2, 3, 4), (1, 2, 3, 4), (3, 4), (4,)]
    with surroundings.in_this_process(evaluate_predictions):
        result = evaluate_predictions.compute_metrics_on_folder(
            str(reference), str(prediction), str(tmp_path / "summary.json"), NibabelIO(),
            ".nii.gz", regions, num_processes=1,
        )  # fmt: skip
    assert any(result["mean"][r]["TP"] > 0 for r in regions)
    words = ["score", "-r", reference, "-p", prediction, "-o", tmp_path / "s", "--json"]
    words += ["--metric", "dice", "--summary", tmp_path / "summary.json"]
    assert run_app(app, list(map(str, words))) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"] == {"compared": 2 * 5 * 8, "differences": []}
    means = {m["quantity"]: m["theirs"] for m in told["presets"]["nnunet"]["means"]}
    for region, codes in zip(("cavity", "myocardium", "lv", "scar", "mvo"), regions, strict=True):
        for metric, mean in result["mean"][codes].items():
            ours = float(means[f"{region} {metric}"])  # "nan" in JSON
            assert ours == pytest.approx(float(mean), nan_ok=True)


class Stop(BaseException):
    """As an interruption comes: from anywhere, and of no kind that anybody catches."""


def test_a_training_interrupted_and_started_again_ends_the_same(
    trained: NnUNet, tmp_path: Path
) -> None:
    whole = files(trained.model)

    def stop(at: int) -> Any:
        def report(step: int, of: int, values: Mapping[str, float]) -> None:
            assert 0 < step <= of == 4
            assert np.isfinite(values["loss"])
            if step == at:
                raise Stop

        return report

    method = NnUNet(**SMOKE)
    for step in (3, 4):  # within the second epoch, after the checkpoint of the first
        with pytest.raises(Stop):
            method.train(CASES[:1], context(tmp_path, seed=3, report=stop(step)))
        assert not files(tmp_path / "model")
    assert torch.load(tmp_path / "scratch" / "checkpoint.pth", weights_only=True)["epochs"] == 1
    method.train(CASES[:1], context(tmp_path, seed=3, report=stop(-1)))
    assert files(tmp_path / "model") == whole


@pytest.mark.slow  # some 25 s on one core
def test_the_shipped_quick_optimiser_learns_one_case_by_heart(tmp_path: Path) -> None:
    # Smaller in image, batch and feature maps; optimiser, loss and augmentation as shipped.
    method = NnUNet(epochs=30, iterations=20, features=8, batch=2, patch=48, pixel_mm=None)
    case = CASES[0]
    method.train([case], context(tmp_path, validation=()))
    labels = method.at(tmp_path / "model").predict(case.study).labels
    for region in (Region.CAVITY, Region.MYOCARDIUM, Region.SCAR):
        predicted = region.mask(np.asarray(labels))
        truth = region.mask(np.asarray(case.reference.labels))
        dice = 2 * (predicted & truth).sum() / (predicted.sum() + truth.sum())
        assert dice > 0.95, region


def test_another_seed_gives_other_weights(trained: NnUNet, tmp_path: Path) -> None:
    NnUNet(**{**SMOKE, "epochs": 1}).train(CASES[:1], context(tmp_path, seed=4))
    name = str(Path("fold_0", "checkpoint_final.pth"))
    first, other = (
        torch.load(io.BytesIO(files(folder)[name]), weights_only=True)["network_weights"]
        for folder in (trained.model, tmp_path / "model")
    )
    assert first.keys() == other.keys()
    assert not all(torch.equal(first[k], other[k]) for k in first)


def test_the_guest_leaves_the_house_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("nnUNet_raw", "/mine")
    monkeypatch.setenv("nnUNet_wandb_enabled", "1")
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    monkeypatch.chdir(tmp_path)

    def house() -> list[Any]:
        return [
            dict(os.environ), Path.cwd(), torch.get_num_threads(), random.getstate(),
            np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(),
            torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark,
            torch.utils.deterministic.fill_uninitialized_memory,
        ]  # fmt: skip

    before = house()
    method = NnUNet(**{**SMOKE, "epochs": 1, "iterations": 1})
    method.train(CASES[:1], context(tmp_path))
    assert house() == before
    method.at(tmp_path / "model").predict(CASES[0].study)
    assert house() == before
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert "Epoch 0" in (tmp_path / "scratch" / "nnunet.log").read_text()
    # also where it fails
    drawn = Case(CASES[0].study, Segmentation(contours=(Contour(0, "epi", np.eye(3, 2)),)))
    with pytest.raises(DataError, match="no label map"):
        method.train([drawn], context(tmp_path))
    assert house() == before


def test_importing_it_leaves_the_house_as_it_was() -> None:
    # In an interpreter that has not imported it before.
    script = """
import os, random, matplotlib, torch
matplotlib.use("svg")
from benchmark.methods import nnunet
house = lambda: (dict(os.environ), random.getstate(), matplotlib.get_backend())
before = house()
nnunet._installed()
import sys
assert "nnunetv2.training.logging.nnunet_logger" in sys.modules
assert house() == before
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_loaded_network_does_not_travel(trained: NnUNet) -> None:
    fresh = trained.at(trained.model)
    small = len(pickle.dumps(fresh))
    labels = fresh.predict(CASES[0].study).labels
    sent = pickle.dumps(fresh)
    assert len(sent) == small
    np.testing.assert_array_equal(pickle.loads(sent).predict(CASES[0].study).labels, labels)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


def relabelled(codes: Mapping[int, int]) -> list[Case]:
    """The cases with canonical labels put in place of others."""
    lookup = np.arange(5, dtype=np.uint8)
    for old, new in codes.items():
        lookup[old] = new
    return [Case(c.study, Segmentation(lookup[np.asarray(c.reference.labels)])) for c in CASES]


def test_labels_are_numbered_without_gaps_and_mapped_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    from benchmark.nifti import read_labels

    cases = relabelled({2: 0, 3: 4})  # cavity and no-reflow alone
    workspace.fill(cases, ())
    assert workspace.labels == [0, 1, 4]
    assert workspace.dataset()["labels"] == {"background": 0, "cavity": 1, "mvo": 2}
    for i, case in enumerate(cases):
        stored = read_labels(workspace.raw / "labelsTr" / f"case_{i:04d}.nii", None)
        truth = np.asarray(case.reference.labels)
        np.testing.assert_array_equal(stored.labels, np.where(truth == 4, 2, truth))
    method = NnUNet(**{**SMOKE, "epochs": 1, "iterations": 1})
    method.train(cases, context(tmp_path, validation=()))
    segmentation = method.at(tmp_path / "model").predict(cases[0].study)
    assert set(np.unique(segmentation.labels)) <= {0, 1, 4}
    assert segmentation.probabilities is not None
    np.testing.assert_array_equal(
        segmentation.probabilities[Region.MVO], segmentation.probabilities[Region.SCAR]
    )


def test_validation_cases_are_its_validation_split_and_ids_name_no_file(
    workspace: Workspace,
) -> None:
    workspace.fill(CASES[:1], [CASES[0], CASES[1]])  # one of them is a training case too
    splits = json.loads((workspace.preprocessed / "splits_final.json").read_text())
    assert splits == [{"train": ["case_0000"], "val": ["case_0001", "case_0002"]}]
    names = {p.name for p in workspace.raw.rglob("*.nii")}
    stems = ("case_0000", "case_0001", "case_0002")
    assert names == {f"{stem}{end}.nii" for stem in stems for end in ("", "_0000")}
    workspace.fill(CASES[:1], ())
    splits = json.loads((workspace.preprocessed / "splits_final.json").read_text())
    assert splits == [{"train": ["case_0000"], "val": ["case_0000"]}]


def test_the_paper_profile_is_nnunets_own_plan(workspace: Workspace) -> None:
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import (
        ExperimentPlanner,
    )

    large = [made_case("a", (9, 160, 150)), made_case("b", (10, 150, 160))]
    paper = NnUNet(**NnUNet.profiles["paper"])
    assert (paper.epochs, paper.iterations, paper.mirroring) == (1000, 250, True)
    assert (paper.optimiser, paper.oversample) == ("sgd", 0.33)
    assert NnUNet(**NnUNet.profiles["quick"]) == NnUNet()
    shrunk = Shrunk(paper.patch, paper.batch, paper.features, paper.pixel_mm)
    log = io.StringIO()
    with surroundings.guest(log, "cpu", **workspace.environment):
        workspace.fill(large, ())
        ours = workspace.prepare("2d", shrunk)
        os.environ[surroundings.WORKERS] = "1"
        planner = ExperimentPlanner(NAME, plans_name="theirs")
        theirs = planner.plan_experiment()
        small = workspace.prepare("3d_fullres", Shrunk(32, 3, 8, 2.5))["configurations"]
    for plans in (ours, theirs):
        del plans["experiment_planner_used"], plans["plans_name"]
        for name, plan in plans["configurations"].items():
            assert plan.pop("data_identifier").endswith(name)
    assert ours == theirs
    assert ours["configurations"]["2d"]["architecture"]["arch_kwargs"]["features_per_stage"] == (
        32, 64, 128, 256, 512, 512,
    )  # fmt: skip
    assert set(small) == {"2d", "3d_fullres"}
    for name, spacing in (("2d", [2.5, 2.5]), ("3d_fullres", [10.0, 2.5, 2.5])):
        plan = small[name]
        assert plan["batch_size"] == 3
        assert plan["spacing"] == spacing
        assert max(plan["patch_size"]) == 32
        assert plan["architecture"]["arch_kwargs"]["features_per_stage"][:2] == (8, 16)


@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", 0.01), ("adam", 1e-3)])
def test_optimisers_are_those_of_nnunets_trainers(
    workspace: Workspace, optimiser: Any, rate: float
) -> None:
    method = NnUNet(**SMOKE, optimiser=optimiser)
    with surroundings.guest(io.StringIO(), "cpu", **workspace.environment):
        workspace.fill(CASES, ())
        trainer = method._trainer(workspace, TrainContext(workspace.root, workspace.root))
    settings = trainer.optimizer.defaults
    assert (settings["lr"], settings["weight_decay"]) == (rate, 3e-5)
    if optimiser == "sgd":
        assert isinstance(trainer.optimizer, torch.optim.SGD)
        assert (settings["momentum"], settings["nesterov"]) == (0.99, True)
    else:
        assert isinstance(trainer.optimizer, torch.optim.AdamW)
        assert settings["amsgrad"]
    assert trainer.oversample_foreground_percent == 0.75
    assert (trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch) == (2, 1)


def test_blurring_always_convolves() -> None:
    from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    from benchmark.methods._nnunet_trainer import Trainer, _blurs

    arguments = ([32, 32], (-0.1, 0.1), [[1, 1], [0.5, 0.5]], (0, 1), False)
    (theirs,) = _blurs(nnUNetTrainer.get_training_transforms(*arguments))
    (ours,) = _blurs(Trainer.get_training_transforms(*arguments))
    assert isinstance(ours, GaussianBlurTransform)
    assert (theirs.benchmark, ours.benchmark) == (True, False)


def test_jobs_of_a_pool_run_here() -> None:
    import multiprocessing

    from nnunetv2.preprocessing.preprocessors import default_preprocessor

    with surroundings.in_this_process(default_preprocessor):
        pool = default_preprocessor.multiprocessing.get_context("spawn").Pool(4)
        with pool as entered:
            job = entered.starmap_async(lambda a, b: (a + b, os.getpid()), [(1, 2), (3, 4)])
            assert job.ready()
            assert job.get() == [(3, os.getpid()), (7, os.getpid())]
    assert default_preprocessor.multiprocessing is multiprocessing


def test_the_whole_stack_takes_a_single_slice(tmp_path: Path) -> None:
    method = NnUNet(**{**SMOKE, "epochs": 1, "iterations": 1}, configuration="3d_fullres")
    method.train(CASES, context(tmp_path))
    one = made_case("one", (1, 41, 97), (13.0, 1.9, 1.9)).study
    labels = method.at(tmp_path / "model").predict(one).labels
    assert labels is not None
    assert labels.shape == (1, 41, 97)
    thin = made_case("thin", (1, 41, 97), (3.0, 1.9, 1.9)).study  # no half of 8 mm
    with pytest.raises(DataError, match=r"1 x 3 mm.*of 8 mm.*configuration=2d"):
        method.at(tmp_path / "model").predict(thin)


def test_single_slices_alone_make_no_stack(tmp_path: Path) -> None:
    cases = [made_case("a", (1, 40, 40)), made_case("b", (1, 36, 40))]
    method = NnUNet(**SMOKE, configuration="3d_fullres")
    with pytest.raises(UsageError, match="configuration=2d"):
        method.train(cases, context(tmp_path, validation=()))


def test_what_cannot_be_learnt_from_is_refused(tmp_path: Path) -> None:
    method = NnUNet(**SMOKE)
    with pytest.raises(UsageError, match="no training cases"):
        method.train([], context(tmp_path))
    with pytest.raises(UsageError, match="Nothing is labelled"):
        method.train(relabelled(dict.fromkeys(range(5), 0)), context(tmp_path, validation=()))
    frames = Volume(np.zeros((2, 3, 20, 20)), (8.0, 1.5, 1.5))
    film = Case(Study("film", {"lge": frames}), Segmentation(np.zeros((3, 20, 20), dtype=np.uint8)))
    with pytest.raises(DataError, match=r"film.*frames"):
        method.train([film], context(tmp_path))


@pytest.mark.parametrize(
    "wrong", [{"configuration": "3d_lowres"}, {"patch": 8}, {"batch": 1}, {"epochs": 0}]
)
def test_parameters_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NnUNet(**wrong)


def test_a_missing_package_is_one_line_away(
    trained: NnUNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    tries = (
        lambda: NnUNet().train(CASES, context(tmp_path)),
        lambda: trained.predict(CASES[0].study),
        lambda: NnUNet().estimate_seconds(CASES, context(tmp_path)),
    )
    for attempt in tries:
        with pytest.raises(PluginError, match=r"pip install 'scarbench\[nnunet\]'"):
            attempt()


def copied(trained: Method, folder: Path) -> NnUNet:
    for name, content in files(trained.model).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return NnUNet(**SMOKE).at(folder)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("plans.json", None, "There is no"),
        ("plans.json", b"{", "no JSON"),
        ("plans.json", b"[" * 100_000, "no JSON"),
        ("plans.json", b"[]", "list"),
        ("plans.json", b"{}", "no plan"),
        ("dataset.json", b'{"channel_names": {"0": "x"}, "labels": {"a": 0}}', "do not fit"),
        ("fold_0/checkpoint_final.pth", None, "no weights"),
        ("fold_0/checkpoint_final.pth", b"PK\x03\x04", "no weights"),
        ("fold_0/checkpoint_final.pth", pickle.dumps({"network_weights": Stop}), "no weights"),
    ],
)
def test_a_damaged_model_is_named(
    trained: NnUNet, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    method = copied(trained, tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PluginError, match=says) as error:
        method.predict(CASES[0].study)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("where", "name"),
    [("network_class_name", "os.system"), ("nonlin", "os.system"), ("conv_op", "builtins.exec")],
)
def test_plans_that_name_other_code_are_not_followed(
    trained: NnUNet, tmp_path: Path, where: str, name: str
) -> None:
    method = copied(trained, tmp_path)
    plans = json.loads((tmp_path / "plans.json").read_text())
    architecture = plans["configurations"]["2d"]["architecture"]
    (architecture if where in architecture else architecture["arch_kwargs"])[where] = name
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(PluginError, match="default network has not"):
        method.predict(CASES[0].study)


def test_the_estimate_is_steps_times_the_time_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.methods._nnunet_trainer import Trainer

    real = Trainer.step_seconds
    seen: list[float] = []
    monkeypatch.setattr(Trainer, "step_seconds", lambda self: seen.append(real(self)) or 0.5)
    method = NnUNet(**{**SMOKE, "epochs": 30, "iterations": 10})
    seconds = method.estimate_seconds(CASES, context(tmp_path))
    assert seconds == pytest.approx(300 * 0.5 * (1 + 0.2 / 3))
    assert seen[0] > 0
    assert method.estimate_seconds([], context(tmp_path)) is None
    assert method.numerics("cpu") == "float32"
    assert method.numerics("cuda:1") == "float16"
