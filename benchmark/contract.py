"""What every method must keep, tried on small made studies: ``bench check-method``."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from .answers import checked_prediction
from .fingerprint import of_segmentation, of_study
from .parameters import parse_spec
from .plan import resolve, trainer_of
from .plugins import Method, TrainContext
from .types import Attribute, Case, Label, Segmentation, Study, Volume

__all__ = ["Finding", "check_method", "made_case"]

#: Importing a method must not cost these: ``bench list`` and every worker would pay for it.
HEAVY = ("torch", "monai", "nnunetv2", "timm", "torchvision", "tensorflow", "matplotlib")


@dataclass(frozen=True)
class Finding:
    """One clause of the contract: whether it is kept, and what was seen."""

    check: str
    ok: bool
    detail: str = ""


def made_case(
    name: str = "a",
    shape: tuple[int, int, int] = (5, 64, 56),
    spacing: tuple[float, float, float] = (10.0, 1.6, 1.6),
    modalities: frozenset[str] = frozenset({"lge"}),
    dtype: str = "int16",
) -> Case:
    """A ring with a scar in every modality asked for: the input of the contract."""
    rng = np.random.default_rng(len(name) + shape[1])
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    y = (rows - shape[1] / 2) * spacing[1]
    x = (columns - shape[2] / 2) * spacing[2]
    radius = np.hypot(y, x)
    labels = np.zeros(shape, dtype=np.uint8)
    labels[:, radius < 32] = Label.MYOCARDIUM
    labels[:, (radius < 32) & (x > 0) & (y > 0)] = Label.SCAR
    labels[:, radius < 22] = Label.CAVITY
    levels = np.array([200, 1500, 300, 1800, 250], dtype=np.float64)
    images = {}
    for modality in sorted(modalities):
        frames = {"cine": 6, "t1_weighted": 8, "t2_weighted": 3}.get(modality)
        size = shape if frames is None else (frames, *shape)
        voxels = np.broadcast_to(levels[labels], size) + rng.normal(0, 40, size)
        times = None if frames is None else tuple(100.0 * i for i in range(frames))
        images[modality] = Volume(
            voxels.clip(0, 4000).astype(dtype), spacing, times_ms=times, trigger_delay_ms=500.0
        )
    attributes: dict[str, Attribute] = {"patient": name, "site": "1", "vendor": "A"}
    study = Study(name, images, attributes, apex="first")
    return Case(study, Segmentation(labels), {"reader1": Segmentation(labels)})


def check_method(spec_text: str) -> list[Finding]:
    """Run every check; a failed one never stops the others that do not need it.

    Uses the profile ``smoke`` where the method has one, so that training takes seconds.

    Raises:
        UsageError, PluginError: The method cannot even be loaded.
    """
    findings = [_imports_cheaply(spec_text)]
    quick = resolve("methods", spec_text, {}).plugin
    assert isinstance(quick, Method)
    profile = "smoke" if "smoke" in type(quick).profiles else "quick"
    resolved = resolve("methods", spec_text, {}, profile)
    method = resolved.plugin
    assert isinstance(method, Method)
    summary = resolved.info.source.summary if resolved.info.source else ""
    findings.append(Finding("says in one line what it does", bool(summary), summary))
    produced = frozenset(method.produces)
    findings.append(
        Finding("names the regions it segments", bool(produced), ", ".join(sorted(produced)))
    )
    with tempfile.TemporaryDirectory(prefix="scarbench-contract-") as folder:
        findings += _behaviour(method, spec_text, profile, Path(folder))
    return findings


def _studies(needs: frozenset[str]) -> list[Study]:
    """Three studies, made anew for each check: a method that spoils one fails one check."""
    return [
        made_case("a", modalities=needs).study,
        made_case("b", (4, 60, 72), (8.0, 1.4, 1.4), needs, "float32").study,
        made_case("one-slice", (1, 41, 97), (13.0, 1.9, 1.9), needs, "float64").study,
    ]


def _behaviour(method: Method, spec: str, profile: str, folder: Path) -> list[Finding]:
    # a method that needs no image at all still gets one
    needs = frozenset(method.needs) or frozenset({"lge"})
    findings: list[Finding] = []

    def keeps(check: str, action: Callable[[], None]) -> bool:
        findings.append(_try(check, action))
        return findings[-1].ok

    first, second = folder / "first", folder / "second"
    bound = method.at(first)
    answers: list[str] = []

    def predicts() -> None:
        answers.extend(_hash(bound, study) for study in _studies(needs))

    if not keeps("trains", partial(_train, method, needs, first)) or not keeps(
        "predicts on the study's grid, whatever its shape and dtype", predicts
    ):
        return findings
    keeps("leaves its input untouched", partial(_untouched, bound, needs))
    keeps("prints nothing to stdout", partial(_silent, bound, needs))
    keeps("says why it skips a study without its modalities", partial(_skips, method))
    same = keeps("predicts the same twice", partial(_same, bound, needs, answers))
    # of a method that is not the same twice, the following could say nothing
    expected = answers if same else []
    keeps(
        "predicts in a spawned process, and the same",
        partial(_spawns, spec, profile, first, needs, expected),
    )
    if method.trains and same:
        keeps(
            "trains the same twice with one seed",
            partial(_retrains, method, needs, second, expected),
        )
    return findings


def _train(method: Method, needs: frozenset[str], folder: Path) -> None:
    scratch = folder.with_name(folder.name + "-scratch")
    folder.mkdir()
    scratch.mkdir()
    cases = [
        made_case("a", modalities=needs),
        made_case("b", (4, 60, 72), (8.0, 1.4, 1.4), needs, "float32"),
    ]
    learner = trainer_of(method, type(method).__name__) if method.trains else method
    learner.train(cases, TrainContext(folder, scratch, validation=cases[:1], seed=7))


def _hash(method: Method, study: Study) -> str:
    return of_segmentation(checked_prediction(method.predict(study), study))


def _try(check: str, action: Callable[[], None]) -> Finding:
    """``action`` raises what is wrong."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            action()
    except _BrokenError as broken:
        return Finding(check, False, str(broken))
    except (Exception, SystemExit) as error:
        return Finding(check, False, f"{type(error).__name__}: {error}")
    return Finding(check, True)


class _BrokenError(Exception):
    """A clause that is not kept."""


def _untouched(method: Method, needs: frozenset[str]) -> None:
    for study in _studies(needs):
        before = of_study(study)
        method.predict(study)
        if of_study(study) != before:
            raise _BrokenError("predict changed the voxels or attributes it was given")


def _silent(method: Method, needs: frozenset[str]) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        method.predict(_studies(needs)[0])
    if printed.getvalue():
        raise _BrokenError(f"printed {printed.getvalue()[:80]!r}; use the logging module")


def _skips(method: Method) -> None:
    image = made_case().study.target
    # of no name that a method may need
    reason = method.skip(Study("lacking", {"none of the modalities": image}))
    if method.needs and not (isinstance(reason, str) and reason):
        raise _BrokenError(f"skip() gave {reason!r} for a study without {sorted(method.needs)}")


def _same(method: Method, needs: frozenset[str], expected: list[str]) -> None:
    for study, before in zip(_studies(needs), expected, strict=True):
        if _hash(method, study) != before:
            raise _BrokenError(f"two predictions of study {study.id!r} differ")


def _retrains(method: Method, needs: frozenset[str], folder: Path, expected: list[str]) -> None:
    _train(method, needs, folder)
    try:
        _same(method.at(folder), needs, expected)
    except _BrokenError:
        raise _BrokenError("two trainings with one seed predict differently") from None


def _imports_cheaply(spec_text: str) -> Finding:
    """Import in a fresh process and look for the libraries that must wait until they are needed."""
    program = (
        "import json, sys\n"
        "from benchmark.registry import find, plugin_class\n"
        "plugin_class(find('methods', sys.argv[1]))\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    name = parse_spec(spec_text).name
    done = subprocess.run(
        [sys.executable, "-c", program, name], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding("imports cheaply", False, last)
    heavy = json.loads(done.stdout.splitlines()[-1])
    detail = f"imports {', '.join(heavy)} at the top of the file" if heavy else ""
    return Finding("imports cheaply", not heavy, detail)


def _spawns(
    spec: str, profile: str, model: Path, needs: frozenset[str], expected: list[str]
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        answers = pool.submit(_predict_elsewhere, spec, profile, model, needs).result()
    if expected and answers != expected:
        raise _BrokenError("another process predicts differently from the same model folder")


def _predict_elsewhere(spec: str, profile: str, model: Path, needs: frozenset[str]) -> list[str]:
    method = resolve("methods", spec, {}, profile).plugin
    assert isinstance(method, Method)
    with contextlib.redirect_stdout(io.StringIO()):
        return [_hash(method.at(model), study) for study in _studies(needs)]
