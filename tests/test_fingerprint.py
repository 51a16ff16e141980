"""The identity of data: what changes it, what does not, and when voxels are read again."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import (
    Case,
    CaseInfo,
    Contour,
    DataError,
    Dataset,
    Segmentation,
    Study,
    Volume,
    fingerprint,
)
from benchmark.fingerprint import combined, fingerprints, of_case, of_segmentation, of_study
from benchmark.nifti import read_image, write_labels

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
LABELS = (VOXELS % 5).astype(np.uint8)


def study(voxels: Any = VOXELS, **more: Any) -> Study:
    names = ("spacing", "affine", "times_ms", "slice_positions", "trigger_delay_ms")
    image = {"spacing": (10.0, 1.5, 1.25), "affine": np.eye(4)}
    image |= {k: v for k, v in more.items() if k in names}
    rest = {k: v for k, v in more.items() if k not in names}
    return Study(**{"id": "a", "images": {"lge": Volume(voxels, **image)}, **rest})


def test_every_part_of_a_study_is_in_its_fingerprint() -> None:
    one_voxel = VOXELS.copy()
    one_voxel[1, 2, 3] += 1
    image = Volume(VOXELS, (10.0, 1.5, 1.25), np.eye(4))
    variants = [
        study(),
        study(one_voxel),
        study(VOXELS.astype(np.int32)),
        study(VOXELS.reshape(3, 2, 4)),
        study(spacing=(10.0, 1.5, 1.5)),
        study(affine=np.diag([1, 1, 1.5, 1])),
        study(affine=None),
        study(times_ms=(1.0,)),
        study(slice_positions=(0.0, 11.0)),
        study(trigger_delay_ms=5.0),
        study(attributes={"site": "1"}),
        study(attributes={"site": 1}),
        study(attributes={"site": None}),
        study(apex="first"),
        study(apex="last"),
        study(id="b"),
        study(images={"t1": image}),
        study(images={"lge": image, "t1": image}),
    ]
    assert len({of_study(v) for v in variants}) == len(variants)


def test_how_an_array_lies_in_memory_is_not() -> None:
    order = np.asfortranarray(VOXELS)
    big = VOXELS.astype(">i2")
    strided = np.repeat(VOXELS, 2, axis=2)[:, :, ::2]
    same = {of_study(study(v)) for v in (VOXELS, order, big, strided)}
    assert len(same) == 1
    one = study(attributes={"a": 1, "b": 2})
    assert of_study(one) == of_study(study(attributes={"b": 2, "a": 1}))


def test_a_file_packed_again_has_the_same_fingerprint(tmp_path: Path) -> None:
    first, second = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    write_labels(first, LABELS, study().target)
    second.write_bytes(gzip.compress(gzip.decompress(first.read_bytes()), 1))
    assert first.read_bytes() != second.read_bytes()
    one, two = (Study("a", {"lge": read_image(p)}) for p in (first, second))
    assert of_study(one) == of_study(two)


def test_labels_contours_and_readers_are_in_the_reference_s_fingerprint() -> None:
    triangle = np.array([[0, 0], [1, 0], [0, 1.0]])
    moved = triangle + np.array([0, 0.01])
    drawn = [
        Segmentation(LABELS),
        Segmentation(LABELS[::-1].copy()),
        Segmentation(LABELS, (Contour(0, "endo", triangle),)),
        Segmentation(LABELS, (Contour(1, "endo", triangle),)),
        Segmentation(LABELS, (Contour(0, "epi", triangle),)),
        Segmentation(LABELS, (Contour(0, "endo", moved),)),
    ]
    assert len({of_segmentation(d) for d in drawn}) == len(drawn)
    alone = of_case(Case(study(), drawn[0]))
    read = of_case(Case(study(), drawn[0], {"r1": drawn[0]}))
    other = of_case(Case(study(), drawn[0], {"r2": drawn[0]}))
    assert alone.study == read.study == other.study
    assert len({alone.reference, read.reference, other.reference}) == 3


def test_one_hash_of_a_mapping_does_not_hang_on_its_order() -> None:
    assert combined({"a": 1, "b": [2]}) == combined({"b": [2], "a": 1})
    assert combined({"a": 1}) != combined({"a": "1"})


class Stored(Dataset):
    """Two cases, each a text file that holds the value of all its voxels."""

    root: Path
    listed: bool = True

    def index(self) -> list[CaseInfo]:
        return [CaseInfo("a", "test"), CaseInfo("b", "test")]

    def files(self, case_id: str) -> list[Path]:
        return [self.root / f"{case_id}.txt"] if self.listed else []

    def load(self, case_id: str) -> Case:
        LOADED.append(case_id)
        text = (self.root / f"{case_id}.txt").read_text()
        if text == "contours":
            drawn = Segmentation(contours=(Contour(0, "epi", np.eye(3)[:, :2]),))
        else:
            drawn = Segmentation(LABELS)
        if text == "bad":
            raise DataError(f"{case_id}.txt is bad.")
        name = "other" if text == "lost" else case_id
        value = 0 if text in ("contours", "lost") else int(text)
        return Case(study(np.full((2, 3, 4), value), id=name), drawn)


LOADED: list[str] = []
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Fingerprints of the two cases, and which of them were loaded for it."""
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "b.txt").write_text("2")

    def ask(identity: str = "code", **more: Any) -> dict[str, Any]:
        LOADED.clear()
        dataset = Stored(root=tmp_path, **more)
        found = fingerprints(dataset, identity, ["b", "a"], tmp_path / "cache.json")
        assert list(found) == ["b", "a"]
        return {"found": found, "loaded": sorted(LOADED)}

    return ask


def test_a_case_is_read_once_until_its_file_changes(ask: Ask, tmp_path: Path) -> None:
    first = ask()
    assert first["loaded"] == ["a", "b"]
    assert ask() == {"found": first["found"], "loaded": []}
    (tmp_path / "a.txt").write_text("33")
    second = ask()
    assert second["loaded"] == ["a"]
    assert second["found"]["a"].study != first["found"]["a"].study
    assert second["found"]["a"].reference == first["found"]["a"].reference
    assert second["found"]["b"] == first["found"]["b"]


def test_other_code_or_parameters_read_everything_again(ask: Ask) -> None:
    ask("code")
    assert ask("other code")["loaded"] == ["a", "b"]
    assert ask("other code")["loaded"] == []


def test_a_data_set_that_names_no_files_is_always_read(ask: Ask) -> None:
    ask(listed=False)
    assert ask(listed=False)["loaded"] == ["a", "b"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"identity": "code"}',
        b'{"identity": "code", "cases": []}',
        b'{"identity": "code", "cases": {"a": "x", "b": {"stamp": 1}}}',
    ],
)
def test_a_damaged_memory_is_forgotten(ask: Ask, tmp_path: Path, content: bytes) -> None:
    first = ask()
    (tmp_path / "cache.json").write_bytes(content)
    assert ask() == first
    assert json.loads((tmp_path / "cache.json").read_text())["identity"] == "code"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("bad", "a.txt is bad."),
        ("no number", "a: ValueError: invalid literal"),
        ("lost", "gave case 'other' when asked for 'a'"),
        ("contours", "'a' has contours only"),
    ],
)
def test_a_case_that_cannot_be_used_is_an_error_that_is_tried_again(
    ask: Ask, tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "a.txt").write_text(content)
    found = ask()["found"]
    assert says in found["a"].error
    assert (found["a"].study, found["a"].reference, found["b"].error) == ("", "", "")
    assert ask()["loaded"] == ["a"]


def test_a_missing_file_is_the_loader_s_to_explain(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "a.txt").unlink()
    assert ask()["found"]["a"].error.startswith("a: FileNotFoundError")


# --- several processes, and files whose times lie ---


def test_two_processes_that_hash_other_cases_forget_nothing_of_each_other(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one began before the first had written what it knows."""
    cache = tmp_path / "cache.json"
    remembered = fingerprint._remembered
    dataset = Stored(root=tmp_path)
    first = []

    def late(path: Path, identity: str) -> dict[str, Any]:
        found = remembered(path, identity)
        if not first:
            first.append(1)
            (tmp_path / "a.txt").write_text("1")
            fingerprints(dataset, identity, ["a"], path)
        return found

    (tmp_path / "a.txt").write_text("1")
    monkeypatch.setattr(fingerprint, "_remembered", late)
    fingerprints(dataset, "code", ["b"], cache)
    assert sorted(json.loads(cache.read_text())["cases"]) == ["a", "b"]
    monkeypatch.undo()
    assert ask()["loaded"] == []


def test_what_was_hashed_is_kept_before_all_is(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_KEPT_EVERY", -1.0)

    def killed(case_id: str) -> None:
        if case_id == "a":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fingerprints(Stored(root=tmp_path), "code", ["b", "a"], tmp_path / "cache.json", killed)
    assert ask()["loaded"] == ["a"]


def test_another_content_of_the_same_size_with_the_time_set_back_is_noticed(
    ask: Ask, tmp_path: Path
) -> None:
    first = ask()
    path = tmp_path / "a.txt"
    before = path.stat()
    path.write_text("7")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    second = ask()
    if os.name != "nt":
        assert second["loaded"] == ["a"]
        assert second["found"]["a"] != first["found"]["a"]


def test_a_cache_that_cannot_be_written_is_named(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cache\.json cannot be written"):
        fingerprints(Stored(root=tmp_path), "code", ["a"], tmp_path / "file" / "cache.json")
