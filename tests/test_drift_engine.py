"""The engine gate: frozen predictions scored again, and the file they are frozen in."""

import dataclasses
import json
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from benchmark.drift import Outcome
from benchmark.drift.engine import check_engine
from benchmark.drift.frozen import (
    Frozen,
    FrozenCase,
    digest_of,
    frozen_path,
    read_frozen,
    write_frozen,
)
from benchmark.drift.tolerances import default_tolerances
from benchmark.entries import build_entry, write_entry
from benchmark.errors import DataError, UsageError
from benchmark.record import RunRecord
from benchmark.rescoring import engine_gate, freeze
from benchmark.results import load_run


def case_of(name="a", seed=0, labels=None, contours=()):
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) // 5 if labels is None else labels
    return FrozenCase(name, seed, "ok", "", labels, contours, digest_of(labels, contours))


def frozen_of(*cases):
    return Frozen("m", "toy", "g", tuple(cases))


def test_frozen_predictions_come_back_as_they_were(tmp_path):
    contours = ([0, "endo", [[1.0, 2.5], [2.0, 2.0], [0.5, 1.0]]],)
    missed = FrozenCase("c", 0, "error", "boom")
    wanted = [case_of(), case_of("b", contours=contours), missed]
    found = read_frozen(write_frozen(tmp_path / "m.npz", frozen_of(*wanted), redistributable=True))
    assert (found.method, found.dataset, found.group) == ("m", "toy", "g")
    for one, other in zip(found.cases, wanted, strict=True):
        assert (one.case, one.seed, one.status, one.message, one.digest, one.contours) == (
            other.case, other.seed, other.status, other.message, other.digest, other.contours
        )  # fmt: skip
    assert found.cases[0].labels.tolist() == wanted[0].labels.tolist()
    assert found.cases[0].labels.dtype == np.uint8
    assert found.cases[2].labels is None


def test_the_same_predictions_are_the_same_bytes_in_any_order(tmp_path):
    paths = [
        write_frozen(tmp_path / name, frozen_of(*cases), redistributable=True)
        for name, cases in {
            "1.npz": [case_of("a"), case_of("b")], "2.npz": [case_of("b"), case_of("a")]
        }.items()
    ]  # fmt: skip
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_data_that_must_not_be_passed_on_are_not_frozen(tmp_path):
    with pytest.raises(DataError, match="must not be passed on"):
        write_frozen(tmp_path / "m.npz", frozen_of(case_of()), redistributable=False)
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.drift.frozen.MAX_BYTES", 100)
    with pytest.raises(DataError, match="100 are allowed"):
        write_frozen(tmp_path / "m.npz", frozen_of(case_of()), redistributable=True)
    assert list(tmp_path.iterdir()) == []


def head_of(path):
    with np.load(path, allow_pickle=False) as arrays:
        return json.loads(arrays["about"].tobytes()), dict(arrays)


def rewritten(path, head, **arrays):
    with path.open("wb") as stream:
        about = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
        np.savez_compressed(stream, **{**arrays, "about": about})
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda h: h["cases"][0].update(shape=[1, 1, 1]), "do not fill"),
        (lambda h: h["cases"][0].update(shape=[10**9, 10**9, 10**9]), "damaged"),
        (lambda h: h["cases"][0].update(shape=[-1, 3, 4]), "damaged"),
        (lambda h: h["cases"][0].update(runs=10**9), "damaged"),
        (lambda h: h["cases"][0].update(digest="0" * 64), "not the one that was frozen"),
        (lambda h: h["cases"][0].pop("digest"), "damaged"),
        (lambda h: h.update(format=99), "reads up to 1"),
        (lambda h: h.update(kind="x"), "no frozen predictions"),
        (lambda h: h.update(cases=[3]), "damaged"),
    ],
)
def test_a_forged_file_is_refused(tmp_path, change, told):
    path = write_frozen(tmp_path / "m.npz", frozen_of(case_of()), redistributable=True)
    head, arrays = head_of(path)
    change(head)
    with pytest.raises(DataError, match=told):
        read_frozen(rewritten(path, head, values=arrays["values"], lengths=arrays["lengths"]))


def test_an_archive_of_objects_or_of_anything_else_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    with pytest.raises(DataError, match="Cannot read"):
        read_frozen(path)
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="damaged"):
        read_frozen(path)
    np.savez(path, about=np.array([{"a": 1}], dtype=object), values=1, lengths=1)
    with pytest.raises(DataError, match="damaged"):
        read_frozen(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.npy", b"x")
    with pytest.raises(DataError, match="it holds"):
        read_frozen(path)
    write_frozen(path, frozen_of(case_of()), redistributable=True)
    monkeypatch.setattr("benchmark.drift.frozen._MAX_UNPACKED", 10)
    with pytest.raises(DataError, match="unpacked it has"):
        read_frozen(path)


#: The run that is made once for all tests of this file; each has a copy of its own.
MADE = {}


@pytest.fixture
def accepted(run, tmp_path, plugins):
    """A run of a method that learns nothing, its entry, and its folder."""
    if "path" not in MADE:
        MADE["path"] = run(plugins.method()).path
    folder = tmp_path / "copy" / MADE["path"].name
    shutil.copytree(MADE["path"], folder)
    entry = write_entry(tmp_path / "boards", build_entry([load_run(folder)]))
    return entry, folder


def only(check):
    assert len(check.findings) == 1, check.findings
    return check.findings[0]


def test_a_run_scored_again_is_the_same_to_the_last_bit(accepted):
    entry, folder = accepted
    check = engine_gate(entry, [folder])
    one = only(check)
    assert (check.outcome, check.exit_code, one.gate) == (Outcome.SAME, 0, "engine")
    assert one.n_cases == 4
    assert one.reason.startswith("All ")


def test_frozen_predictions_are_enough(accepted):
    entry, folder = accepted
    toy = RunRecord.load(folder).dataset.spec
    path = freeze([folder], entry)
    assert path == frozen_path(entry) == entry.parent / "frozen" / f"{entry.stem}.npz"
    assert engine_gate(entry, dataset=toy).outcome is Outcome.SAME


def test_without_frozen_predictions_nothing_passes(accepted):
    with pytest.raises(DataError, match="has no frozen predictions"):
        engine_gate(accepted[0])


def test_an_edited_prediction_is_refused(accepted):
    entry, folder = accepted
    mask = min((folder / "predictions").glob("*.nii.gz"))
    image = nib.load(mask)
    labels = np.asarray(image.dataobj).copy()
    labels[0, 0, 0] = 3
    nib.save(nib.Nifti1Image(labels, image.affine, image.header), mask)
    with pytest.raises(DataError, match="not the one that was scored"):
        engine_gate(entry, [folder])


def test_predictions_of_another_run_are_refused(accepted):
    entry, folder = accepted
    record = json.loads((folder / "record.json").read_text())
    record["stages"]["predict"]["key"] = "other"
    (folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="does not hold the predictions that were accepted"):
        engine_gate(entry, [folder])


def nudged(entry, change):
    """The runs of an entry after ``change(scores)``."""
    from benchmark.entries import load_entry

    return [dataclasses.replace(r, scores=change(r.scores.copy())) for r in load_entry(entry)]


def test_one_bit_of_one_value_is_a_regression(accepted):
    from benchmark.entries import load_entry

    def up(scores):
        at = scores.index[(scores["metric"] == "dice") & (scores["value"] > 0)][0]
        scores.loc[at, "value"] = np.nextafter(scores.loc[at, "value"], 2)
        return scores

    check = check_engine(nudged(accepted[0], up), load_entry(accepted[0]))
    assert (check.outcome, check.exit_code) == (Outcome.REGRESSION, 1)
    assert "1 values of 1 quantities differ" in check.findings[-1].reason
    assert check.findings[0].quantity.metric == "dice"
    assert len(check.findings[0].worst) == 1
    rule = default_tolerances().engine.model_copy(update={"absolute": 1e-12})
    loose = default_tolerances().model_copy(update={"engine": rule})
    check = check_engine(nudged(accepted[0], up), load_entry(accepted[0]), loose)
    assert check.outcome is Outcome.EQUAL


def test_a_status_is_never_a_matter_of_tolerance(accepted):
    from benchmark.entries import load_entry

    def fail(scores):
        at = scores.index[scores["metric"] == "dice"][0]
        scores.loc[at, "status"] = "error"
        return scores

    rule = default_tolerances().engine.model_copy(update={"absolute": 1e9})
    loose = default_tolerances().model_copy(update={"engine": rule})
    check = check_engine(nudged(accepted[0], fail), load_entry(accepted[0]), loose)
    assert check.outcome is Outcome.REGRESSION


def test_rows_that_are_gone_are_a_regression(accepted):
    from benchmark.entries import load_entry

    check = check_engine(
        nudged(accepted[0], lambda scores: scores[scores["metric"] != "dice"]),
        load_entry(accepted[0]),
    )
    assert check.outcome is Outcome.REGRESSION
    assert [f.subject for f in check.findings] == ["rows", "all values"]


def test_a_changed_card_closes_the_gate_and_its_values_are_not_compared(accepted):
    from benchmark.entries import load_entry

    def halved(scores):
        return scores.assign(value=pd.to_numeric(scores["value"]).where(
            scores["metric"] != "dice", 0.5))  # fmt: skip

    runs = nudged(accepted[0], halved)
    cards = {**runs[0].record.metric_cards, "dice": "new"}
    runs = [dataclasses.replace(r, record=r.record.model_copy(update={"metric_cards": cards}))
            for r in runs]  # fmt: skip
    check = check_engine(runs, load_entry(accepted[0]))
    assert (check.outcome, check.exit_code) == (Outcome.CHANGED, 1)
    assert "Defined otherwise: dice." in check.findings[0].reason
    assert check.findings[-1].outcome is Outcome.SAME


def test_other_data_close_the_gate(accepted):
    from benchmark.entries import load_entry

    runs = load_entry(accepted[0])
    data = runs[0].record.dataset.model_copy(update={"fingerprint": "other"})
    runs = [dataclasses.replace(r, record=r.record.model_copy(update={"dataset": data}))
            for r in runs]  # fmt: skip
    check = check_engine(runs, load_entry(accepted[0]))
    assert check.outcome is Outcome.CHANGED


def test_nothing_in_common_is_not_measured_and_other_methods_are_refused(accepted):
    from benchmark.entries import load_entry

    entry = load_entry(accepted[0])
    other = [dataclasses.replace(r, record=r.record.model_copy(update={"seed": 7})) for r in entry]
    check = check_engine(other, entry)
    assert (check.outcome, check.exit_code) == (Outcome.NOT_MEASURED, 3)
    method = entry[0].record.method.model_copy(update={"name": "n"})
    other = [dataclasses.replace(r, record=r.record.model_copy(update={"method": method}))
             for r in entry]  # fmt: skip
    with pytest.raises(UsageError, match="is of n on"):
        check_engine(other, entry)


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [
        ("overlap", "dice", lambda was, pair: was(pair) * (1 - 1e-13)),
        ("volume", "absolute_volume_error_ml", lambda was, pair: was(pair) + 1e-9),
        ("overlap", "iou", lambda was, pair: None),
    ],
)
def test_arithmetic_that_changes_behind_the_same_card_is_found(
    accepted, monkeypatch, module, name, other
):
    """Whoever edits a metric and forgets its definition: only the numbers can tell."""
    from benchmark.metrics.cards import metrics

    entry, folder = accepted
    edited = metrics()[name]
    was = edited.function
    assert was.__module__ == f"benchmark.metrics.{module}"
    card = edited.card.hash
    monkeypatch.setitem(edited.__dict__, "function", lambda pair: other(was, pair))
    assert metrics()[name].card.hash == card
    check = engine_gate(entry, [folder])
    assert (check.outcome, check.exit_code) == (Outcome.REGRESSION, 1)
    assert {f.quantity.metric for f in check.findings if f.quantity} == {name}
    assert "though prediction and definition are the same" in check.findings[0].reason


def test_a_grid_that_is_read_otherwise_is_found(run, plugins, tmp_path, monkeypatch):
    """What is common to all metrics is outside their functions and cards."""
    from benchmark import rescoring

    more = plugins.method("return Segmentation(np.where(image > 0.0, 3, 0))", name="more")
    folder = run(more).path
    entry = write_entry(tmp_path / "boards", build_entry([load_run(folder)]))
    assert engine_gate(entry, [folder]).outcome is Outcome.SAME
    whole = rescoring.task_of

    def wider(*words, **more):
        task = whole(*words, **more)
        return dataclasses.replace(task, spacing=tuple(s * (1 + 1e-9) for s in task.spacing))

    monkeypatch.setattr(rescoring, "task_of", wider)
    check = engine_gate(entry, [folder])
    assert check.outcome is Outcome.REGRESSION
    names = {f.quantity.metric for f in check.findings if f.quantity}
    assert {"absolute_volume_error_ml", "hd95"} <= names


def test_what_is_scored_again_says_where_that_was(accepted):
    """A digit that differs is looked for in the machine and the versions first."""
    import platform

    entry, folder = accepted
    content = json.loads(entry.read_text())
    for packed in content["runs"]:
        packed["record"]["provenance"]["versions"]["numpy"] = "1.0"
    entry.write_text(json.dumps(content))
    facts = engine_gate(entry, [folder]).facts
    assert facts["numpy version"] == ("1.0", np.__version__)
    assert facts["python"].now == platform.python_version()


def test_a_tolerated_digit_is_not_called_the_same(accepted):
    from benchmark.entries import load_entry

    def up(scores):
        return scores.assign(value=pd.to_numeric(scores["value"]) * (1 + 1e-14))

    rule = default_tolerances().engine.model_copy(update={"relative": 1e-12})
    loose = default_tolerances().model_copy(update={"engine": rule})
    check = check_engine(nudged(accepted[0], up), load_entry(accepted[0]), loose)
    assert check.outcome is Outcome.EQUAL
    assert check.findings[-1].reason.endswith(
        "within the engine's tolerance of 1e-12 of the value."
    )
    exact = check_engine(load_entry(accepted[0]), load_entry(accepted[0]), loose)
    assert exact.outcome is Outcome.SAME
