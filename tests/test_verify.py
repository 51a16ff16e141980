"""Verifying a stranger's submission: what is honest reproduces, what is forged is named."""

import gzip
import io
import json
import os
import shutil
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmark.cli._app import app, run_app
from benchmark.entries import load_entry
from benchmark.errors import BenchError, DataError
from benchmark.nifti import read_labels, write_labels
from benchmark.plan import resolve
from benchmark.store import folder_hashes
from benchmark.submission import intake, submit, verify
from benchmark.submission.compared import compared
from benchmark.submission.findings import Outcome
from benchmark.submission.prints import prints_of, write_prints
from benchmark.submission.reports import markdown, said
from benchmark.table import read_runs

#: Misses a fifth of the scar, another fifth with each seed; has no answer for one case.
LEARNT = """
from benchmark import NoPredictionError
limit = float((self.model / "threshold.txt").read_text())
if study.id == "c":
    raise NoPredictionError("nothing found")
rng = np.random.default_rng([int(limit * 1000), ord(study.id[0])])
return Segmentation(np.where((image > limit) & (rng.random(image.shape) < 0.8), 3, 0))
"""
_made: dict[str, Path] = {}


@pytest.fixture
def honest(run, plugins, tmp_path, tmp_path_factory):
    """A submission of three seeds on toy rings, to be changed at will; the runs are made once."""
    if not _made:
        body = LEARNT.replace("from benchmark import NoPredictionError", "")
        method = plugins.trained(
            body.replace(
                "NoPredictionError(", "__import__('benchmark.errors').errors.NoPredictionError("
            )
        )
        paths = [run(method, seed=seed).path for seed in range(3)]
        kept = tmp_path_factory.mktemp("honest")
        submit(read_runs(paths, ["volume"]), kept / "sub")
        shutil.copytree(tmp_path / "runs", kept / "runs")
        _made["sub"], _made["runs"] = kept / "sub", kept / "runs"
    return Path(shutil.copytree(_made["sub"], tmp_path / "sub"))


@pytest.fixture
def check(plugins):
    """Verify with the toy data set."""
    toy = plugins.toy()
    return lambda folder, **more: verify(folder, dataset=toy, **more)


def rehash(folder):
    """Make the manifest fit the files: a forger can."""
    path = folder / "submission.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {
        name: {"sha256": digest, "bytes": (folder / name).stat().st_size}
        for name, digest in folder_hashes(folder).items()
        if name != "submission.json"
    }
    path.write_text(json.dumps(manifest))


def edit(folder, change, name="entry.json"):
    """Change a JSON file, and the manifest with it."""
    path = folder / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    rehash(folder)


def dice(content, run=0):
    """The series of the Dice coefficient of scar, in the entry's own form."""
    return next(
        s for s in content["runs"][run]["scores"] if (s["region"], s["metric"]) == ("scar", "dice")
    )


def reasons(found):
    return " ".join(r.said for r in found.refusals)


def test_an_honest_submission_reproduces_to_the_last_bit(honest, check):
    found = check(honest)
    assert found.outcome is Outcome.REPRODUCED, reasons(found)
    assert found.predictions == 9
    assert found.values > 500
    assert found.doubts == []
    assert "numbers are the same to the last bit" in " ".join(found.checks)


def test_a_run_is_no_submission(make_run, check):
    runs = [make_run("jdl", [make_run.score("a", 0.5)])]
    with pytest.raises(DataError, match=r"is a run, no submission\. Pack it with `bench submit`"):
        check(runs[0])


def test_the_accepted_entry_holds_the_rescored_numbers_byte_for_byte(honest, plugins, tmp_path):
    words = ["verify", str(honest), "--dataset", plugins.toy(), "--accept",
             "--leaderboards", str(tmp_path / "boards")]  # fmt: skip
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    (entry,) = (tmp_path / "boards").rglob("*.json")
    assert entry == tmp_path / "boards" / "toy" / "learner.json"
    ours, theirs = load_entry(entry), load_entry(honest / "entry.json")
    for one, other in zip(ours, theirs, strict=True):
        assert one.scores.equals(other.scores)
        assert one.features.equals(other.features)
        assert one.cases.equals(other.cases)
        assert one.record.metric_cards == other.record.metric_cards


def test_a_value_edited_by_a_millionth_is_named(honest, check):
    def change(content):
        dice(content)["values"][0] += 1e-6

    before = dice(json.loads((honest / "entry.json").read_text()))["values"][0]
    edit(honest, change)
    found = check(honest)
    assert found.outcome is Outcome.REFUSED
    (one,) = found.refusals
    assert (one.run, one.case, one.region, one.metric) == ("seed 0", "a", "scar", "dice")
    assert (one.submitted, one.rescored) == (before + 1e-6, before)
    assert check(honest, tolerance=1e-9).outcome is Outcome.REFUSED


def test_a_last_bit_is_forgiven_only_where_that_was_asked_for(honest, check):
    def change(content):
        dice(content)["values"][0] = float(np.nextafter(dice(content)["values"][0], 2))

    edit(honest, change)
    assert check(honest).outcome is Outcome.REFUSED
    assert check(honest, tolerance=1e-12).outcome is Outcome.REPRODUCED


def test_an_edited_feature_and_an_edited_worst_value_are_named(honest, check):
    def change(content):
        feature = next(
            s
            for s in content["runs"][1]["features"]
            if (s["feature"], s["source"]) == ("scar_ml", "prediction")
        )
        feature["values"][0] *= 2
        hd = next(s for s in content["runs"][2]["scores"] if s["metric"] == "hd95" and s["worst"])
        key = next(iter(hd["worst"]))
        hd["worst"][key] /= 2

    edit(honest, change)
    found = check(honest)
    assert {(r.run, r.metric.split()[0]) for r in found.refusals} == {
        ("seed 1", "scar_ml"), ("seed 2", "hd95")
    }  # fmt: skip


def test_a_file_changed_without_its_hash_is_refused_before_anything_is_read(honest, check):
    path = honest / "entry.json"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    found = check(honest)
    assert found.outcome is Outcome.REFUSED
    assert "'entry.json' is not the file that the manifest names" in reasons(found)
    assert found.values == 0


def test_files_that_the_manifest_does_not_have_and_files_it_has_alone_are_refused(honest, check):
    shutil.copy(honest / "predictions/seed-0/a.nii.gz", honest / "predictions/seed-0/c.nii.gz")
    (honest / "predictions/seed-1/a.nii.gz").unlink()
    found = check(honest)
    assert "'predictions/seed-0/c.nii.gz' is in the folder and not in the manifest" in reasons(
        found
    )
    assert "'predictions/seed-1/a.nii.gz' is in the manifest and not in the folder" in reasons(
        found
    )


def test_a_case_left_out_is_named(honest, check):
    def change(content):
        for run in content["runs"]:
            at = run["cases"]["case"].index("a")
            for column in run["cases"].values():
                del column[at]
            for series in [*run["scores"], *run["features"]]:
                del series["values"][at]
                for key in ("status", "message", "worst"):
                    series[key] = {} if isinstance(series[key], dict) else series[key]

    edit(honest, change)

    def fewer(content):
        for run in content["runs"]:
            run["cases"] = 3

    edit(honest, fewer, "submission.json")
    found = check(honest)
    assert "seed 0 lacks the case 'a'" in reasons(found)
    assert "seed 2 lacks the case 'a'" in reasons(found)


def test_a_case_that_was_learnt_from_is_no_case_to_test_on(honest, check):
    def change(content):
        for run in content["runs"]:
            run["cases"]["case"][0] = "t1"

    edit(honest, change)
    found = check(honest)
    assert "seed 0 scored the case 't1', which has the role train here" in reasons(found)
    assert "seed 0 lacks the case 'a'" in reasons(found)


def test_a_case_twice_cannot_be_read(honest, check):
    def change(content):
        content["runs"][0]["cases"]["case"][1] = "a"

    edit(honest, change)
    with pytest.raises(DataError, match="case 'a' is twice"):
        check(honest)


def test_masks_swapped_between_two_cases_are_found_in_both(honest, check):
    a, b = (honest / f"predictions/seed-1/{case}.nii.gz" for case in "ax")
    first = read_labels(a).labels
    image = resolve_toy_image(first)
    write_labels(a, np.zeros_like(first), image)
    rehash(honest)
    found = check(honest)
    assert {(r.run, r.case) for r in found.refusals} == {("seed 1", "a")}
    content = b.read_bytes()
    b.write_bytes(a.read_bytes())
    a.write_bytes(content)
    rehash(honest)
    found = check(honest)
    assert {(r.run, r.case) for r in found.refusals} == {("seed 1", "a"), ("seed 1", "x")}


def resolve_toy_image(like):
    from benchmark import Volume

    return Volume(np.zeros(like.shape, np.int16), (10.0, 1.5, 1.5))


def test_a_missing_prediction_cannot_be_said_to_be_scored(honest, check):
    (honest / "predictions/seed-0/a.nii.gz").unlink()
    rehash(honest)
    found = check(honest)
    assert "seed 0 says that it answered 'a', and there is no prediction" in reasons(found)


def test_a_hard_case_cannot_be_left_out_without_a_word(honest, check, plugins, tmp_path):
    def change(content):
        for run in content["runs"]:
            at = run["cases"]["case"].index("c")
            run["cases"]["status"][at] = "not_applicable"
            run["cases"]["excluded"][at] = run["cases"]["message"][at] = "too hard"
            for s in [*run["scores"], *run["features"]]:
                if isinstance(s["status"], dict) and "no_prediction" in s["status"]:
                    s["status"]["not_applicable"] = sorted(
                        s["status"].get("not_applicable", []) + s["status"].pop("no_prediction")
                    )
                    for group in [*s["message"]] if isinstance(s["message"], dict) else []:
                        s["message"]["too hard"] = s["message"].pop(group)
                    s["worst"] = {}

    edit(honest, change)
    found = check(honest)
    assert [d.check for d in found.doubts] == ["skipped"] * 3 or found.refusals
    words = ["verify", str(honest), "--dataset", plugins.toy(), "--accept",
             "--leaderboards", str(tmp_path / "boards")]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == 1
    assert not (tmp_path / "boards").exists()


def test_predictions_off_the_grid_are_refused_before_they_are_unpacked(honest, check):
    path = honest / "predictions/seed-0/a.nii.gz"
    labels = read_labels(path).labels
    write_labels(path, np.zeros((3, 20, 19), np.uint8), resolve_toy_image(np.zeros((3, 20, 19))))
    rehash(honest)
    found = check(honest)
    assert "seed 0, a: a.nii.gz does not lie on the image" in reasons(found)
    write_labels(path, labels, resolve_toy_image(labels))
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(50_000_000)))
    rehash(honest)
    assert "unpacks to more than the voxels" in reasons(check(honest))


def test_ten_gigabytes_claimed_by_a_header_are_not_reserved(honest, check):
    import nibabel as nib

    header = nib.Nifti1Header()
    header.set_data_shape((2160, 2160, 2160))
    header.set_data_dtype(np.uint8)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    (honest / "predictions/seed-0/a.nii.gz").write_bytes(
        gzip.compress(header.binaryblock + bytes(1000))
    )
    rehash(honest)
    assert "does not lie on the image" in reasons(check(honest))


def test_no_link_is_followed(honest, check, tmp_path):
    (honest / "METHOD.md").unlink()
    (honest / "METHOD.md").symlink_to("/etc/passwd")
    found = check(honest)
    assert reasons(found) == "'METHOD.md' is a link."
    (honest / "METHOD.md").unlink()
    shutil.rmtree(honest / "predictions/seed-0")
    (honest / "predictions/seed-0").symlink_to(tmp_path)
    assert "'predictions/seed-0' is a link." in reasons(check(honest))


def test_a_pipe_is_not_waited_for(honest, check):
    (honest / "METHOD.md").unlink()
    os.mkfifo(honest / "METHOD.md")
    assert reasons(check(honest)) == "'METHOD.md' is no regular file."


def test_anything_that_does_not_belong_is_refused_by_name(honest, check):
    (honest / "model.pt").write_bytes(b"\x80\x04.")
    assert "'model.pt' does not belong in a submission" in reasons(check(honest))


@pytest.mark.parametrize("where", ["plain", "folder"])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_an_archive_is_as_good_as_the_folder(honest, check, tmp_path, kind, where):
    path = tmp_path / f"sub.{kind}"
    top = "" if where == "plain" else "theirs/"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(honest.rglob("*")):
                archive.write(file, f"{top}{file.relative_to(honest).as_posix()}")
    else:
        with tarfile.open(path, f"w:{kind.partition('.')[2]}") as tar:
            tar.add(honest, top.rstrip("/") or ".")
    found = check(path)
    assert found.outcome is Outcome.REPRODUCED, reasons(found)


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "predictions/seed-0/../../../evil.nii.gz", "C:\\evil"]
)
def test_no_name_in_an_archive_leaves_its_folder(honest, check, tmp_path, name):
    path = tmp_path / "sub.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(honest / "submission.json", "submission.json")
        archive.writestr(name, "evil")
    assert "does not belong in a submission" in reasons(check(path))
    path = tmp_path / "sub.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    assert "does not belong in a submission" in reasons(check(path))
    assert not list(tmp_path.rglob("evil*"))


def test_links_in_archives_are_refused(check, tmp_path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        path = tmp_path / "sub.tar"
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("METHOD.md")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        assert "is a link or no regular file" in reasons(check(path))
    path = tmp_path / "sub.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("METHOD.md")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert "is no regular file" in reasons(check(path))


def test_bombs_are_counted_while_they_unpack(check, tmp_path):
    path = tmp_path / "sub.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PULL_REQUEST.md", bytes(30_000_000))
    assert "more than the 1,000,000 bytes" in reasons(check(path))
    path = tmp_path / "sub.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("PULL_REQUEST.md")
        member.size = 30_000_000
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    assert "more than the 1,000,000 bytes" in reasons(check(path))
    head = tarfile.TarInfo("././@PaxHeader")
    head.type, head.size = tarfile.XHDTYPE, 9_000_000_000
    path.write_bytes(gzip.compress(head.tobuf(tarfile.GNU_FORMAT) + bytes(20_000_000)))
    with pytest.raises(DataError, match="a header of 9,000,000,"):
        check(path)


def test_all_files_together_have_a_limit_too(honest, check, monkeypatch):
    monkeypatch.setattr(intake, "MAX_TOTAL", 10_000)
    assert "10,000 of all its files" in reasons(check(honest))
    monkeypatch.setattr(intake, "MAX_FILES", 3)
    assert "more than 3 files" in reasons(check(honest))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"\0" * 2000, b"hello"])
@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "tar"])
def test_a_broken_archive_is_an_error_and_no_refusal(check, tmp_path, content, suffix):
    path = tmp_path / f"sub.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError):
        check(path)


@pytest.mark.parametrize("name", ["entry.json", "submission.json"])
@pytest.mark.parametrize("forged", ['"format":NaN', '"format":1,"format":1', '"format":1e999'])
def test_json_that_reads_in_two_ways_is_not_read(honest, check, name, forged):
    path = honest / name
    text = path.read_text().replace(": ", ":").replace('"format":1', forged, 1)
    assert forged in text
    path.write_text(text)
    if name == "entry.json":
        rehash(honest)
    with pytest.raises(DataError, match="not valid JSON"):
        check(honest)


@pytest.mark.parametrize("case", ["../../../etc/passwd", "..", "/abs", "a\nb", "<b>x"])
def test_case_ids_that_are_no_names_are_refused(honest, check, case):
    def change(content):
        for run in content["runs"]:
            run["cases"]["case"][0] = case

    edit(honest, change)
    found = check(honest)
    assert "which the data set does not have" in reasons(found)
    for line, _ in said(found):
        assert line.isprintable()
    assert "<b>" not in markdown(found)


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "\x00", "\x9b31m"])
def test_text_that_a_terminal_would_act_on_is_not_read(honest, check, text):
    def change(content):
        content["runs"][0]["cases"]["message"][0] = text

    edit(honest, change)
    with pytest.raises(DataError, match="not fit to be shown"):
        check(honest)


def test_markup_in_messages_stays_text(honest, check):
    def change(content):
        content["runs"][0]["cases"]["message"][2] = (
            "<img src=x onerror=alert(1)> | [x](javascript:)"
        )
        content["runs"][0]["cases"]["status"][0] = "<script>|"

    edit(honest, change)
    found = check(honest)
    assert "which is no status" in reasons(found)
    assert "<script" not in markdown(found)
    assert "<img" not in markdown(found)


def test_a_methods_name_cannot_leave_the_leaderboards(honest, check, plugins, tmp_path):
    def change(content):
        content["method"] = "../../evil"
        for run in content["runs"]:
            run["record"]["method"]["name"] = "../../evil"

    edit(honest, change)
    edit(honest, lambda content: content.update(method="../../evil"), "submission.json")
    card = honest / "method.toml"
    card.write_text(card.read_text().replace('name = "learner"', 'name = "../../evil"'))
    rehash(honest)
    with pytest.raises(DataError, match=r"'../../evil' cannot be a name"):
        check(honest)


def test_a_data_set_named_by_a_stranger_is_never_a_path(honest, tmp_path):
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'owned')!r}, 'w')")

    def change(content):
        content["dataset"] = str(evil)
        for run in content["runs"]:
            run["record"]["dataset"]["name"] = str(evil)

    edit(honest, change)
    edit(honest, lambda c: c["dataset"].update(name=str(evil)), "submission.json")
    with pytest.raises(DataError, match="cannot be a name"):
        verify(honest)
    assert not (tmp_path / "owned").exists()


def test_other_voxels_other_definitions_and_another_split_are_named(
    honest, check, plugins, tmp_path
):
    toy = plugins.toy()
    found = verify(honest, dataset=f"{toy}[odd=3]")
    assert "other voxels or references" in reasons(found)
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["t1", "a"], "validation": ["v1"], "test": ["b", "c"]}))
    found = check(honest, split=split)
    assert "seed 0 scored the case 'x', which the data set does not have" in reasons(found)
    assert "The role train of seed 0 is not that of the split here" in reasons(found)

    def other(content):
        for run in content["runs"]:
            run["record"]["metric_cards"]["dice"] = "0" * 12

    edit(honest, other)
    assert "do not agree on the metric definitions" in reasons(check(honest))
    edit(honest, lambda c: c["metric_definitions"].update(dice="0" * 12), "submission.json")
    found = check(honest)
    assert "The metric 'dice' is defined differently here" in reasons(found)


def test_training_on_the_test_set_is_refused_where_it_is_declared(honest, check):
    card = honest / "method.toml"
    card.write_text(card.read_text().replace('cases = ["t1", "t2"]', 'cases = ["t1", "x"]'))
    rehash(honest)
    found = check(honest)
    assert "'x' of patient 'p-x' (declared: training)" in reasons(found)
    card.write_text(card.read_text().replace('cases = ["t1", "x"]', 'cases = ["t1"]'))
    card.write_text(card.read_text().replace('patients = ["p-t1", "p-t2"]', 'patients = ["p-b"]'))
    rehash(honest)
    assert "are of the same patient" in reasons(check(honest))


def test_images_of_the_test_set_under_another_name_are_found_by_their_prints(
    honest, check, plugins
):
    dataset = resolve("datasets", plugins.toy(), {}).plugin
    prints, _ = prints_of(dataset, {"b": "train"})
    write_prints(honest / "training-prints.json", "private", prints)
    rehash(honest)
    found = check(honest)
    assert "have the same voxels" in reasons(found)
    assert found.refusals[0].case == "b"


def test_references_submitted_as_predictions_and_one_training_as_three_are_doubted(
    run, plugins, check, tmp_path
):
    # the toy's scar is so bright that every seed finds all of it
    paths = [run(plugins.trained(), seed=seed).path for seed in range(3)]
    folder = submit(read_runs(paths, ["volume"]), tmp_path / "bright").folder
    found = check(folder)
    assert found.outcome is Outcome.REPRODUCED
    told = " ".join(d.said for d in found.doubts)
    assert "seed 0: all 4 predictions are the reference itself" in told
    assert "All predictions of seed 0 and seed 1 and seed 2 are the same" in told
    words = ["verify", str(folder), "--dataset", plugins.toy(), "--accept",
             "--leaderboards", str(tmp_path / "boards")]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == 1
    assert not (tmp_path / "boards").exists()
    assert CliRunner().invoke(app, [*words, "--despite-doubts"]).exit_code == 0
    assert list((tmp_path / "boards").rglob("learner.json"))


def test_exit_codes_are_0_1_2_and_3(honest, plugins, tmp_path, capsys):
    words = ["verify", "--dataset", plugins.toy()]
    assert run_app(app, [*words, str(honest), "--markdown", str(tmp_path / "r.md")]) == 0
    assert "## Reproduced: learner on toy" in (tmp_path / "r.md").read_text()
    shutil.rmtree(honest / "predictions")
    edit(honest, lambda c: [r.update(predictions=0) for r in c["runs"]], "submission.json")
    assert run_app(app, [*words, str(honest)]) == 3
    (honest / "entry.json").write_text("{}")
    assert run_app(app, [*words, str(honest), "--json"]) == 1
    told = json.loads(
        capsys.readouterr().out.rpartition("nothing to verify, for it holds no predictions\n")[2]
    )
    assert told["outcome"] == "refused"
    rehash(honest)
    assert run_app(app, [*words, str(honest)]) == 2
    assert run_app(app, [*words, str(tmp_path / "nowhere")]) == 2
    assert "scarbench-verify" not in capsys.readouterr().err


def test_a_run_of_fewer_seeds_or_folds_than_an_entry_needs_is_refused(honest, check):
    edit(honest, lambda c: c["runs"].pop())
    edit(honest, lambda c: (c["runs"].pop(), c["dataset"]["fingerprint"].pop()), "submission.json")
    shutil.rmtree(honest / "predictions/seed-2")
    rehash(honest)
    assert "2 of the 3 seeds" in reasons(check(honest))


def test_folds_are_verified_fold_by_fold(run, plugins, check, tmp_path):
    body = "rng = np.random.default_rng(1)\n" + (
        "return Segmentation(np.where((image > 500) & (rng.random(image.shape) < 0.8), 3, 0))"
    )
    paths = [run(plugins.method(body), fold=fold, folds=3).path for fold in range(3)]
    folder = submit(read_runs(paths, ["volume"]), tmp_path / "folds").folder
    assert sorted(p.name for p in (folder / "predictions").iterdir()) == [
        "seed-0-fold-0", "seed-0-fold-1", "seed-0-fold-2"
    ]  # fmt: skip
    found = check(folder)
    assert found.outcome is Outcome.REPRODUCED, reasons(found)
    assert found.predictions == 6

    def swap(content):
        one, other = (content["runs"][i]["cases"] for i in (0, 1))
        one["case"], other["case"] = other["case"], one["case"]

    edit(folder, swap)
    assert "seed 0, fold 0 lacks the case" in reasons(check(folder))


_WORDS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-2, 2), st.just("NaN"),
                   st.text(max_size=4), st.just([]), st.just({}), st.just(["a"]))  # fmt: skip


def _places(content, at=()):
    yield at
    items = content.items() if isinstance(content, dict) else enumerate(content)
    if isinstance(content, dict | list):
        for key, value in items:
            if isinstance(value, dict | list):
                yield from _places(value, (*at, key))
            else:
                yield (*at, key)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_changed_in_the_entry_is_refused_or_told_and_never_crashes(
    honest, check, data, tmp_path
):
    """Only what cannot be measured here may differ: costs, messages, hashes of code, and names."""
    content = json.loads((_made["sub"] / "entry.json").read_text())
    place = data.draw(st.sampled_from(sorted(_places(content), key=str)))
    value = data.draw(_WORDS)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    if place:
        inner[place[-1]] = value
    else:
        content = value
    (honest / "entry.json").write_text(json.dumps(content))
    for path in (_made["sub"] / "predictions").rglob("*.nii.gz"):
        shutil.copy(path, honest / "predictions" / path.parent.name / path.name)
    rehash(honest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = check(honest)
        except BenchError:
            return
    if found.outcome is Outcome.REPRODUCED:
        honest_runs = load_entry(_made["sub"] / "entry.json")
        for one, other in zip(honest_runs, found.runs, strict=True):
            assert not [x for x in compared(one, other, "", 0.0) if x is not None]
