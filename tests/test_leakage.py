"""Who is learnt from and tested on: by name, by voxels, by reference, and by looks."""

import json
import os
from dataclasses import replace
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from typer.testing import CliRunner

from benchmark import Case, CaseInfo, Segmentation, Study, Volume
from benchmark.cli._app import app
from benchmark.errors import DataError
from benchmark.submission.duplicates import THRESHOLD, alike, distances, sides
from benchmark.submission.leakage import dealt, leaks_among, leaks_by_name
from benchmark.submission.prints import (
    BITS,
    HASH_SIZE,
    hash_bits,
    print_of,
    prints_of,
    read_prints,
    write_prints,
)

#: Torsos of smooth noise, each its own; {copies} says which case is a copy of which, and how.
DATASET = '''"""Torsos in noise."""
import numpy as np
from scipy import ndimage
from benchmark import Case, CaseInfo, Dataset, Segmentation, Study, Volume

ROLES = {roles!r}
COPIES = {copies!r}
PATIENTS = {patients!r}


class Torsos(Dataset):
    """Smooth noise around a ventricle."""

    redistributable = True

    def index(self):
        return [CaseInfo(name, role, PATIENTS.get(name, ""), attributes={{}})
                for name, role in ROLES.items()]

    def load(self, case_id):
        of, change = COPIES.get(case_id, (case_id, "same"))
        rng = np.random.default_rng([ord(c) for c in of])
        image = ndimage.gaussian_filter(rng.normal(size=(5, 120, 110)), (0.5, 6, 6)) * 4000
        labels = np.zeros(image.shape, np.uint8)
        y, x = np.mgrid[-60:60, -55:55]
        labels[:, np.hypot(y, x * rng.uniform(0.8, 1.2)) < 20] = 2
        labels[:, np.hypot(y, x) < 12] = 1
        labels[(labels == 2) & (rng.random(labels.shape) < 0.1)] = 3
        image, spacing = image.astype(np.int16), (8.0, 1.5, 1.5)
        if change == "flipped":
            image, labels = image[:, ::-1], labels[:, ::-1]
        if change == "windowed":
            image = np.clip(image, *np.percentile(image, [3, 97])) // 3 + 100
        if change == "turned":
            image, labels = np.rot90(image, 1, (1, 2)), np.rot90(labels, 1, (1, 2))
        if change == "cropped":
            image, labels = image[:, 5:-5, 5:-5], labels[:, 5:-5, 5:-5]
        if change == "relabelled":
            image = image[::-1] * 0 + rng.integers(0, 2000, image.shape).astype(np.int16)
        study = Study(case_id, {{"lge": Volume(np.ascontiguousarray(image), spacing)}})
        return Case(study, Segmentation(np.ascontiguousarray(labels)))
'''
ROLES = {
    "t1": "train",
    "t2": "train",
    "v1": "validation",
    "a": "test",
    "b": "test",
    "x": "external",
}


@pytest.fixture
def torsos(plugins):
    """A data set with copies: ``torsos({"a": ("t1", "flipped")})``."""

    def make(copies=None, patients=None, roles=ROLES):
        text = DATASET.format(roles=roles, copies=copies or {}, patients=patients or {})
        return plugins.file("torsos", text)

    return make


def lint(dataset, *words):
    result = CliRunner().invoke(
        app, ["doctor", "leakage", "-d", dataset, "--json", *map(str, words)]
    )
    assert result.exit_code in (0, 1), result.output
    told = json.loads(result.stdout)
    assert result.exit_code == bool(told["leaks"])
    return [(k["kind"], k["one"]["case"], k["one"]["role"], k["other"]["case"], k["other"]["role"])
            for k in told["leaks"]]  # fmt: skip


def torso(seed, spacing=(8.0, 1.5, 1.5)):
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(size=(5, 120, 120)), (0.5, 6, 6)) * 4000
    y, x = np.mgrid[-60:60, -60:60]
    labels = np.zeros(image.shape, np.uint8)
    labels[:, np.hypot(y, x) < 20] = 2
    return image, labels, spacing


def printed(image, labels, spacing, name="one", role="test"):
    volume = Volume(np.ascontiguousarray(image, dtype=np.float32), spacing)
    labels = Segmentation(np.ascontiguousarray(labels))
    return print_of(Case(Study(name, {"lge": volume}), labels), name, role)


def test_a_clean_data_set_is_clean(torsos):
    assert lint(torsos()) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    # the reference of a re-windowed image is the same, and says more
    [("flipped", "alike"), ("windowed", "reference"), ("turned", "alike"), ("cropped", "alike")],
)
def test_a_changed_copy_in_another_role_is_found(torsos, change, kind):
    assert lint(torsos({"a": ("t2", change)})) == [(kind, "t2", "train", "a", "test")]


def test_the_same_voxels_and_the_same_reference_are_told_as_such(torsos):
    assert lint(torsos({"x": ("v1", "same")})) == [("voxels", "v1", "validation", "x", "external")]
    found = lint(torsos({"b": ("t1", "relabelled")}))
    assert found == [("reference", "t1", "train", "b", "test")]


def test_a_copy_in_the_same_role_is_no_leak(torsos):
    assert lint(torsos({"t2": ("t1", "flipped"), "b": ("a", "same")})) == []


def test_a_patient_in_two_roles_is_a_leak_whatever_the_images(torsos):
    found = lint(torsos(patients={"t1": "p", "a": "p", "b": "p"}))
    assert found == [("patient", "t1", "train", "a", "test")]


def test_a_split_file_that_bench_run_would_refuse_is_told_as_leaks(torsos, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["t1", "a"], "test": ["a", "b"]}))
    assert lint(torsos(), "--split", split) == [("case", "a", "train", "a", "test")]


def test_copies_in_two_folds_are_found_and_those_of_one_patient_are_not_parted(torsos):
    roles = dict.fromkeys("abcdef", "train")
    copies = {"b": ("a", "flipped")}
    kinds = {found[0] for found in lint(torsos(copies, roles=roles), "--folds", "6")}
    assert kinds == {"alike"}
    together = torsos(copies, patients={"a": "p", "b": "p"}, roles=roles)
    assert lint(together, "--folds", "5") == []


def test_what_is_declared_is_compared_by_name_and_by_prints(torsos, tmp_path):
    prints = tmp_path / "prints.json"
    assert lint(torsos(), "--write-prints", prints) == []
    told = json.loads(prints.read_text())
    assert sorted(told["cases"]) == ["t1", "t2", "v1"]
    assert len(told["cases"]["t1"]["slices"][0]) == BITS // 4
    moved = torsos({"b": ("t1", "turned")}, roles={**ROLES, "t1": "external"})
    found = lint(moved, "--training", prints)
    assert ("case", "t1", "external", "t1", "declared") in found
    assert ("alike", "b", "test", "t1", "declared") in found
    told["dataset"] = "theirs"
    prints.write_text(json.dumps(told))
    assert ("voxels", "t1", "external", "theirs/t1", "declared") in lint(
        moved, "--training", prints
    )
    card = tmp_path / "method.toml"
    card.write_text('[method]\nname = "m"\n[[training.data]]\ndataset = "torsos"\npatients = ["x"]')
    assert lint(torsos(), "--training", card) == [
        ("patient", "", "declared: training", "x", "external")
    ]


def test_a_leak_is_named_with_both_cases_and_their_distance(torsos):
    result = CliRunner().invoke(app, ["doctor", "leakage", "-d", torsos({"a": ("t2", "flipped")})])
    assert result.exit_code == 1
    assert (
        "LEAK (alike): 't2' (train) and 'a' (test) look alike: 0.0 % of bits differ"
        in result.output
    )


def test_prints_made_in_another_way_are_refused(torsos, tmp_path):
    prints = tmp_path / "prints.json"
    lint(torsos(), "--write-prints", prints)
    told = json.loads(prints.read_text())
    for change, said in (
        ({"hash_size": 8}, "hashes of 8 x 8 bits"),
        ({"format": 2}, "no prints of format 1"),
        ({"cases": {"a": {"voxels": "0" * 64, "slices": ["ff"]}}}, "has 8 bits"),
        ({"cases": {"a": {"voxels": "0" * 64, "slices": ["zz"]}}}, "non-hexadecimal"),
    ):
        prints.write_text(json.dumps({**told, **change}))
        with pytest.raises(DataError, match=said):
            read_prints(prints)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("noise", lambda i, d: (i + np.random.default_rng(1).normal(0, 80, i.shape), d, 1)),
        ("half the pixels", lambda i, d: (ndimage.zoom(i, (1, 0.5, 0.5), order=1),
                                          ndimage.zoom(d, (1, 0.5, 0.5), order=0), 2)),
        ("ends left out", lambda i, d: (i[1:-1], d[1:-1], 1)),
        ("upside down", lambda i, d: (i[::-1, :, ::-1], d[::-1, :, ::-1], 1)),
        ("brighter", lambda i, d: (i * 3 + 500, d, 1)),
    ],
)  # fmt: skip
def test_a_copy_lies_near_and_another_patient_far(name, change):
    image, labels, spacing = torso(3)
    one = printed(image, labels, spacing)
    image, labels, scale = change(image, labels)
    copy = printed(image, labels, (spacing[0], spacing[1] * scale, spacing[2] * scale))
    others = [printed(*torso(seed)) for seed in range(4, 10)]
    near, *far = distances(one, [copy, *others])
    assert near <= THRESHOLD
    assert min(far) > 1.5 * THRESHOLD


def test_the_hash_is_imagehashs_own_and_its_distance_counts_bits():
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (2, 4 * HASH_SIZE, 4 * HASH_SIZE), dtype=np.uint8)
    own = [imagehash.phash(Image.fromarray(tile), hash_size=HASH_SIZE) for tile in tiles]
    assert [hash_bits(t).tolist() for t in tiles] == [h.hash.ravel().tolist() for h in own]
    image, labels, spacing = torso(1)
    one, other = (printed(i, labels[:1], spacing) for i in (image[:1], torso(2)[0][:1]))
    turned = [imagehash.phash(Image.fromarray(t[0]), hash_size=HASH_SIZE) for t in sides(one.tiles)]
    there = imagehash.phash(Image.fromarray(other.tiles[0]), hash_size=HASH_SIZE)
    (found,) = distances(one, [other])
    assert found == pytest.approx(min(h - there for h in turned) / BITS, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_distances_are_those_of_a_plain_loop(n, m, seed):
    rng = np.random.default_rng(seed)
    side = 4 * HASH_SIZE
    base = printed(*torso(0))

    def some(count):
        tiles = rng.integers(0, 256, (count, side, side), dtype=np.uint8)
        return replace(base, tiles=tiles, bits=np.array([hash_bits(t) for t in tiles]))

    one, others = some(n), [some(m), some(3)]
    for found, other in zip(distances(one, others), others, strict=True):
        best = 1.0
        for turned in sides(one.tiles):
            gaps = np.array([[np.mean(hash_bits(t) != b) for b in other.bits] for t in turned])
            short = gaps.min(axis=0 if len(other.bits) < n else 1)
            best = min(best, short.mean())
        assert found == pytest.approx(best, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_eight_sides_of_a_square_are_eight_and_closed_under_turning(seed):
    tile = np.random.default_rng(seed).integers(0, 256, (1, 6, 6), dtype=np.uint8)
    found = {side.tobytes() for side in sides(tile)}
    turned = {side.tobytes() for side in sides(np.rot90(tile, 1, (1, 2)))}
    assert found == turned
    assert tile.tobytes() in found


def test_cases_without_a_ventricle_or_a_reference_are_compared_by_voxels_alone():
    image, labels, spacing = torso(5)
    one = printed(image, labels * 0, spacing, "one", "train")
    other = printed(image, labels * 0, spacing, "other", "test")
    assert len(one.bits) == 0
    assert list(alike([one], [other])) == []
    (leak,) = leaks_among([one, other])
    assert leak.kind == "voxels"


def test_a_flat_image_is_no_warning_and_equals_itself():
    _, labels, spacing = torso(5)
    flat = np.zeros(labels.shape, np.float32)
    one, other = (printed(flat, labels, spacing, name) for name in ("one", "other"))
    assert distances(one, [other])[0] == 0


def test_a_case_that_cannot_be_read_is_named_and_the_others_are_compared(plugins):
    dataset = f"{plugins.toy()}[unreadable=b]"
    result = CliRunner().invoke(app, ["doctor", "leakage", "-d", dataset])
    assert "error: b: b.nii.gz is cut off" in result.output


def test_an_unknown_case_or_role_in_a_split_is_an_error(tmp_path):
    index = [CaseInfo("a", "train"), CaseInfo("b", "test")]
    split = tmp_path / "split.json"
    for content, said in (
        ({"train": ["zz"]}, "no case 'zz'"), ({"trian": ["a"]}, "no role 'trian'"),
        ({"train": "a"}, "must be a list"), (["a"], "no mapping"),
    ):  # fmt: skip
        split.write_text(json.dumps(content))
        with pytest.raises(DataError, match=said):
            dealt(index, split)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["train", "test"])), max_size=12))
def test_names_leak_exactly_where_a_case_or_a_patient_has_both_roles(drawn):
    """Case k is of patient k // 2."""
    roles = [(str(k), role) for k, role in drawn]
    found = leaks_by_name(roles, {str(k): f"p{k // 2}" for k in range(6)})
    of = {role: {k for k, r in drawn if r == role} for role in ("train", "test")}
    both = of["train"] & of["test"]
    assert {leak.one.case for leak in found if leak.kind == "case"} == set(map(str, both))
    parted = {f"p{a // 2}" for a in of["train"] for b in of["test"] if a // 2 == b // 2 and a != b}
    assert {leak.one.patient for leak in found if leak.kind == "patient"} == parted


def test_prints_go_to_a_file_and_back(plugins, tmp_path):
    from benchmark.plan import resolve

    dataset = resolve("datasets", plugins.toy(), {}).plugin
    prints, unread = prints_of(dataset, {"a": "test", "t1": "train"})
    assert unread == {}
    path = tmp_path / "prints.json"
    write_prints(path, "toy", prints)
    again = read_prints(path).as_prints()
    for one, other in zip(again, sorted(prints, key=lambda p: p.id), strict=True):
        assert (one.id, one.voxels) == (other.id, other.voxels)
        assert np.array_equal(one.bits, other.bits)


ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))


@pytest.mark.skipif(not EMIDEC.is_dir(), reason="EMIDEC is not there; it may not be passed on")
def test_emidec_is_clean():
    assert lint("emidec", "--data-root", EMIDEC) == []
