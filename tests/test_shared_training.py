"""Methods that share a trainer train once; what it depends on is the trainer's alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import DataError, PluginError
from benchmark.plan import RunRequest, prepare
from benchmark.progress import Reporter

LEARNER = '''
"""What is shared."""
import os
from pathlib import Path
from benchmark import Method, Segmentation
import numpy as np
from . import _loop


def happened(what):
    with open(os.environ["TOY_EVENTS"], "a") as file:
        file.write(what + "\\n")


class Learner(Method):
    level: float = 0.5

    def train(self, cases, context):
        happened(f"train {self.level} seed {context.seed}")
        limit = _loop.learn(cases, self.level, context.seed)
        (context.folder / "limit").write_text(repr(limit))

    def predict(self, study):
        raise NotImplementedError

    def parameter_count(self):
        return 7

    @property
    def epoch_count(self):
        return 4
'''
LOOP = """
def learn(cases, level, seed):
    images = [case.study.images["lge"].voxels for case in cases]
    return float(sum(level * i.max() for i in images) / len(images)) + seed
"""
READER = '''"""A reading of what is shared."""
import numpy as np
from benchmark import Method, Segmentation
from ._learner import Learner, happened


class Reader(Method):
    level: float = 0.5
    code: int = {code}

    def trainer(self):
        return Learner(level=self.level)

    def train(self, cases, context):
        self.trainer().train(cases, context)

    def predict(self, study):
        happened(f"{name} {{study.id}}")
        limit = float((self.model / "limit").read_text())
        return Segmentation(np.where(study.images["lge"].voxels > limit, self.code, 0))
'''
Keys = Callable[..., tuple[str, str]]
PREDICTED = ["a", "b", "c", "x"]


@pytest.fixture
def readers(plugins: Any) -> Callable[..., str]:
    plugins.file("_learner", LEARNER.strip())
    plugins.file("_loop", LOOP)

    def write(name: str, code: int = 3, more: str = "") -> str:
        return str(plugins.file(name, READER.format(name=name, code=code) + more))

    return write


def model(result: Any) -> bytes:
    return bytes((result.path / "model" / "limit").read_bytes())


def test_a_second_method_with_the_same_trainer_trains_nothing(
    run: Any, readers: Callable[..., str], events: Any
) -> None:
    one = run(readers("one"))
    assert events() == ["train 0.5 seed 0", *(f"one {i}" for i in PREDICTED)]
    two = run(readers("two", code=2))
    assert events() == [f"two {i}" for i in PREDICTED]
    assert model(two) == model(one)
    assert two.path != one.path
    assert two.record.stages["train"] == one.record.stages["train"]
    assert (two.record.parameter_count, two.record.stages["train"]["epochs"]) == (7, 4)


def test_only_fields_of_the_trainer_and_the_seed_train_again(
    run: Any, readers: Callable[..., str], events: Any
) -> None:
    method = readers("one")
    run(method)
    events()
    assert run(method, settings={"code": 2}).cases == {"ok": 4}
    assert events() == [f"one {i}" for i in PREDICTED]
    run(method, settings={"level": 0.25})
    assert events()[0] == "train 0.25 seed 0"
    run(method, seed=2)
    assert events()[0] == "train 0.5 seed 2"


def test_editing_the_method_predicts_again_and_editing_the_trainer_trains_again(
    run: Any, plugins: Any, readers: Callable[..., str], events: Any
) -> None:
    first = run(readers("one"))
    events()
    edited = run(readers("one", more="\n# another rule\n"))
    assert events() == [f"one {i}" for i in PREDICTED]
    assert edited.path != first.path
    plugins.file("_loop", LOOP + "\n# another loop\n")
    run(readers("one"))
    assert events() == ["train 0.5 seed 0", *(f"one {i}" for i in PREDICTED)]


def test_a_trainer_that_is_none_or_has_another_is_refused(
    run: Any, plugins: Any, readers: Callable[..., str]
) -> None:
    wrong = readers("one").replace("one.py", "wrong.py")
    text = READER.format(name="wrong", code=3)
    Path(wrong).write_text(text.replace("return Learner(level=self.level)", "return 3"))
    with pytest.raises(PluginError, match="trainer of 'wrong' is 3, which is no Method"):
        run(wrong)
    Path(wrong).write_text(text.replace("return Learner(level=self.level)", "return Reader()"))
    with pytest.raises(PluginError, match=r"trainer of 'wrong', Reader, has a trainer of its own"):
        run(wrong)


@pytest.fixture
def keys(plugins: Any, tmp_path: Path) -> Keys:
    """Of training and of the method."""
    dataset = plugins.toy()

    def of(spec: str, **settings: Any) -> tuple[str, str]:
        request = RunRequest(spec, dataset, settings=settings, runs=tmp_path / "runs", threads=1,
                             device="cpu")  # fmt: skip
        plan = prepare(request, Reporter())
        return plan.train_key, plan.method_key

    return of


SHARING = ["all_myocardium", "otsu", "n_sd", "fwhm", "gmm"]


def test_the_methods_inside_a_myocardium_share_their_training(keys: Keys) -> None:
    found = {name: keys(name) for name in SHARING}
    assert len({train for train, _ in found.values()}) == 1
    assert len({own for _, own in found.values()}) == len(SHARING)
    atlas = {keys(name, myocardium="atlas")[0] for name in SHARING}
    assert len(atlas) == 1
    assert atlas.isdisjoint(train for train, _ in found.values())
    assert keys("otsu", epochs=3)[0] != found["otsu"][0]
    assert keys("two_step")[0] != found["otsu"][0]


def test_a_stranger_s_rule_shares_it_too(keys: Keys, plugins: Any) -> None:
    """A file of one's own, of a dozen lines, trains nothing where otsu has been run."""
    mine = plugins.file(
        "brightest",
        '"""The brightest twentieth."""\nimport numpy as np\n'
        "from benchmark.methods._myocardium import InMyocardium\n\n\n"
        "class Brightest(InMyocardium):\n    share: float = 0.05\n\n"
        "    def scar(self, values):\n"
        "        return values >= np.quantile(values, 1 - self.share)\n",
    )
    assert keys(mine)[0] == keys("otsu")[0]
    assert keys(mine)[1] != keys("otsu")[1]


def test_of_the_atlas_only_its_grid_is_in_the_key(keys: Keys) -> None:
    first = keys("otsu", myocardium="atlas")[0]
    assert keys("otsu", myocardium="atlas", epochs=3)[0] == first
    assert keys("otsu", myocardium="atlas", size=96)[0] != first


@pytest.mark.slow
def test_otsu_after_all_myocardium_trains_nothing(
    run: Any, plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {"size": 16, "pixel_mm": 3.0, "channels": [4, 6], "epochs": 2, "batch": 4}
    first = run("all_myocardium", settings=tiny)
    from benchmark.methods._slicewise import SlicewiseMethod

    def never(*_: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(SlicewiseMethod, "train", never)
    second = run("otsu", settings=tiny)
    weights = [(r.path / "model" / "model.pt").read_bytes() for r in (first, second)]
    assert weights[0] == weights[1]
    assert second.cases == {"ok": 4}
    assert second.record.stages["train"]["epochs"] == 2
    assert os.listdir(second.path / "model") == ["model.pt"]  # noqa: PTH208


def test_a_file_of_the_parameters_that_cannot_be_read_is_named(keys: Keys, plugins: Any) -> None:
    path = plugins.file(
        "named",
        '"""Reads a file."""\n'
        "from pathlib import Path\n"
        "from benchmark import Method\n"
        "class Named(Method):\n"
        '    """Reads a file."""\n'
        "    def files(self):\n"
        '        return (Path("gone.pth"),)\n'
        "    def predict(self, study): ...\n",
    )
    with pytest.raises(DataError, match=r"'named': cannot read gone\.pth: No such file"):
        keys(path)
