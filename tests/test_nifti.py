"""NIfTI in and out: axis order, spacing, geometry, and one clear error per kind of bad file."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark.errors import DataError
from benchmark.grid import Grid, same_grid
from benchmark.nifti import (
    file_stem,
    read_grid,
    read_image,
    read_labels,
    write_image,
    write_labels,
)
from benchmark.types import Volume

ROOT = Path(__file__).resolve().parents[1]
EMIDEC = Path(os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec"))
needs_emidec = pytest.mark.skipif(not EMIDEC.is_dir(), reason=f"no EMIDEC data at {EMIDEC}")

AFFINE = np.diag([-1.5, -1.25, 10.0, 1.0])


def save(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> Path:
    """Save an (x, y, z) array as it is, then overwrite header fields byte by byte."""
    image = nib.Nifti1Image(voxels, affine)
    for name, value in header.items():
        image.header[name] = value
    raw = bytearray(image.to_bytes())
    for name, value in header.items():  # nibabel mends some fields as it saves
        field = image.header.template_dtype.fields[name]
        data = np.asarray(value, dtype=field[0].base).tobytes()
        raw[field[1] : field[1] + len(data)] = data
    path.write_bytes(gzip.compress(bytes(raw)) if path.suffix == ".gz" else bytes(raw))
    return path


def refusal(path: Path, labels: bool = False) -> str:
    """The message with which a file is refused; it names the file."""
    with pytest.raises(DataError) as caught:
        (read_labels if labels else read_image)(path)
    assert str(path) in caught.value.problem
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_axes_are_reversed_and_spacing_is_z_y_x(tmp_path: Path, suffix: str) -> None:
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)  # x, y, z
    image = read_image(save(tmp_path / f"a{suffix}", voxels))
    assert image.shape == (4, 3, 2)
    assert image.voxels[3, 1, 0] == voxels[0, 1, 3]
    assert image.spacing == (10.0, 1.25, 1.5)
    assert image.voxels.dtype == np.int16
    assert np.array_equal(image.affine, AFFINE)


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "uint16", "int32", "float32"])
def test_unscaled_voxels_keep_their_type(tmp_path: Path, dtype: str) -> None:
    voxels = np.arange(24).reshape(2, 3, 4).astype(dtype)
    image = read_image(save(tmp_path / "a.nii", voxels))
    assert image.voxels.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(image.voxels, voxels.T)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0, 4095.0], "int16"), ([0.5, 1.0], "float32"), ([0.0, 40000.0], "float32")],
)
def test_float64_becomes_int16_only_where_that_is_exact(
    tmp_path: Path, values: list[float], expected: str
) -> None:
    voxels = np.array(values).reshape(2, 1, 1)
    image = read_image(save(tmp_path / "a.nii", voxels))
    assert image.voxels.dtype == expected
    assert np.array_equal(image.voxels, voxels.T)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    voxels = np.arange(4, dtype=np.int16).reshape(2, 2, 1)
    path = save(tmp_path / "a.nii", voxels, scl_slope=0.5, scl_inter=10)
    assert np.array_equal(read_image(path).voxels, voxels.T * 0.5 + 10)
    assert read_image(path).voxels.dtype == np.float32


def test_a_trailing_axis_of_one_is_dropped(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.nii", np.zeros((2, 3, 4, 1), np.int16))).shape == (4, 3, 2)


def test_an_affine_that_says_another_spacing_is_noted_and_pixdim_holds(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.nii",
        np.zeros((2, 3, 4), np.uint8),
        np.diag([-1.0, -1, 1, 1]),
        pixdim=[1, 1.5, 1.25, 8, 0, 0, 0, 0],
    )
    grid = read_grid(path)
    assert grid.spacing == (8.0, 1.25, 1.5)
    assert grid.affine_spacing == (1.0, 1.0, 1.0)
    note = "The affine says a spacing of 1x1x1 mm, pixdim says 1.5x1.25x8 mm"
    assert grid.disagreement is not None
    assert grid.disagreement.startswith(note)
    assert read_grid(save(tmp_path / "b.nii", np.zeros((2, 3, 4), np.uint8))).disagreement is None


def test_missing_empty_and_foreign_files_are_named(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.nii.gz")
    (tmp_path / "empty.nii.gz").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.nii.gz")
    (tmp_path / "text.nii").write_text("hello, this is no image" * 50)
    assert "is no NIfTI file: it begins with b'hell'" in refusal(tmp_path / "text.nii")
    (tmp_path / "folder.nii").mkdir()
    assert "cannot be read: Is a directory" in refusal(tmp_path / "folder.nii")


def test_a_truncated_gzip_is_noticed_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.nii.gz", np.arange(24, dtype=np.int16).reshape(2, 3, 4)).read_bytes()
    for length in (15, len(whole) // 2, len(whole) - 4):
        (tmp_path / "cut.nii.gz").write_bytes(whole[:length])
        message = refusal(tmp_path / "cut.nii.gz")
        assert f"is a damaged gzip file of {length} bytes" in message
        assert message.endswith("Copy or download it again.")


def test_a_changed_byte_in_a_gzip_is_noticed(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (9, 9, 9)).astype(np.int16)
    raw = bytearray(save(tmp_path / "a.nii.gz", noise).read_bytes())
    raw[len(raw) // 2] ^= 16
    (tmp_path / "a.nii.gz").write_bytes(raw)
    assert "is a damaged gzip file" in refusal(tmp_path / "a.nii.gz")


def test_missing_voxels_are_counted(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.int16)).read_bytes()
    (tmp_path / "a.nii").write_bytes(whole[:-10])
    assert "promises 48 bytes of voxels, 38 are there" in refusal(tmp_path / "a.nii")


@pytest.mark.parametrize(("shape", "axes"), [((4, 5, 6, 7), 4), ((4, 5), 2)])
def test_a_series_or_a_single_slice_is_refused(
    tmp_path: Path, shape: tuple[int, ...], axes: int
) -> None:
    message = refusal(save(tmp_path / "a.nii", np.zeros(shape, np.int16)))
    assert f"has {axes} axes, shape {shape}; one 3-D volume (x, y, z) is needed" in message


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, 2e6, 2.0**-24])
def test_an_impossible_spacing_is_refused(tmp_path: Path, bad: float) -> None:
    pixdim = [1, 1.5, bad, 10, 0, 0, 0, 0]
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.uint8), pixdim=pixdim)
    assert f"has spacing (pixdim) (1.5, {bad}, 10.0) mm (x, y, z)" in refusal(path)


def test_voxels_that_are_not_finite_are_counted_and_located(tmp_path: Path) -> None:
    voxels = np.zeros((2, 3, 4), np.float32)
    voxels[1, 2, 3], voxels[0, 0, 1] = np.nan, np.inf
    message = refusal(save(tmp_path / "a.nii", voxels))
    assert "2 of 24 voxels are NaN or infinite" in message
    assert "the first at (slice, row, column) (1, 0, 0)" in message


def test_complex_voxels_and_other_units_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.complex64))
    assert "holds dtype complex64, not real numbers" in refusal(path)
    path = save(tmp_path / "b.nii", np.zeros((2, 3, 4), np.uint8), xyzt_units=1)
    assert "has its spacing in meter" in refusal(path)


def test_a_singular_affine_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.uint8), srow_x=[0, 0, 0, 0])
    assert "has an affine that cannot be inverted" in refusal(path)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_whole_labels_of_any_type_are_read_as_uint8(tmp_path: Path, dtype: str) -> None:
    labels = np.arange(24).reshape(2, 3, 4).astype(dtype) % 5
    found = read_labels(save(tmp_path / "a.nii", labels))
    assert found.labels.dtype == np.uint8
    assert np.array_equal(found.labels, labels.T)
    assert found.grid.spacing == (10.0, 1.25, 1.5)


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (0.5, "float32", "holds 0.5 where labels are whole numbers"),
        (np.nan, "float32", "holds nan where labels are whole numbers"),
        (1e30, "float32", "holds 1e+30 as a label"),
        (-1, "int16", "holds the negative label -1"),
        (7, "uint8", "holds the unknown label 7; known are 0, 1, 2, 3, 4"),
        (7.0, "float64", "holds the unknown label 7; known are 0, 1, 2, 3, 4"),
    ],
)
def test_values_that_are_no_label_are_named(
    tmp_path: Path, value: float, dtype: str, message: str
) -> None:
    labels = np.zeros((2, 3, 4), dtype)
    labels[1, 1, 1] = value
    assert message in refusal(save(tmp_path / "a.nii", labels), labels=True)


def test_other_codes_are_read_where_they_are_known(tmp_path: Path) -> None:
    labels = np.zeros((2, 3, 4), np.int16)
    labels[0] = 500
    path = save(tmp_path / "a.nii", labels)
    assert read_labels(path, known=(0, 500)).labels.max() == 500
    assert read_labels(path, known=None).labels.max() == 500


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.b.nii.gz", "a.b"), ("a.nii", "a"), ("a.txt", None), (".nii.gz", None), ("a.gz", None)],
)
def test_the_stem_of_a_file_is_its_name_without_the_suffix(name: str, stem: str | None) -> None:
    assert file_stem(Path(name)) == stem


@settings(max_examples=25, deadline=None)
@given(
    labels=arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3), elements=st.integers(0, 4)),
    spacing=st.tuples(*[st.floats(0.5, 20, width=32)] * 3),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray, spacing: tuple[float, ...]
) -> None:
    path = tmp_path_factory.mktemp("w") / "a.nii.gz"
    z, y, x = spacing
    like = Volume(np.zeros(labels.shape, np.uint8), (z, y, x))
    write_labels(path, labels, like)
    found = read_labels(path)
    assert np.array_equal(found.labels, labels)
    assert found.grid.spacing == spacing
    assert same_grid(found.grid, Grid.of(like)) is None
    # And so does another program's reader.
    other = nib.load(path)
    assert np.array_equal(np.asanyarray(other.dataobj), labels.T)
    assert other.get_data_dtype() == np.uint8
    assert np.allclose(other.get_qform(), np.diag([x, y, z, 1]), atol=1e-6)


def test_the_same_labels_give_the_same_bytes_and_no_file_but_one(tmp_path: Path) -> None:
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5) % 5
    like = Volume(np.zeros((3, 4, 5)), (8.0, 1.5, 1.5), AFFINE)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_labels(tmp_path / name, labels, like)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_labels_of_another_shape_are_refused(tmp_path: Path) -> None:
    like = Volume(np.zeros((3, 4, 5)), (8.0, 1.5, 1.5))
    with pytest.raises(DataError, match=r"labels have shape \(3, 5, 4\), .* has \(3, 4, 5\)"):
        write_labels(tmp_path / "a.nii.gz", np.zeros((3, 5, 4), np.uint8), like)


def test_an_oblique_affine_is_kept(tmp_path: Path) -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [1.5, 1.25, 10], (5, -7, 30)
    like = Volume(np.zeros((3, 4, 5)), (10.0, 1.25, 1.5), affine)
    write_labels(tmp_path / "a.nii.gz", np.zeros((3, 4, 5), np.uint8), like)
    image = nib.load(tmp_path / "a.nii.gz")
    assert np.allclose(image.get_sform(), affine, atol=1e-5)
    assert np.allclose(image.get_qform(), affine, atol=1e-5)


@needs_emidec
def test_what_is_written_for_emidec_has_the_geometry_of_its_source(tmp_path: Path) -> None:
    folder = EMIDEC / "emidec-dataset-1.0.1"
    for name in ("Case_N014", "Case_P003", "Case_P036"):
        source = folder / name / "Contours" / f"{name}.nii.gz"
        image = read_image(folder / name / "Images" / f"{name}.nii.gz")
        write_labels(tmp_path / f"{name}.nii.gz", read_labels(source).labels, image)
        ours, theirs = nib.load(tmp_path / f"{name}.nii.gz"), nib.load(source)
        assert np.array_equal(ours.affine, theirs.affine)
        assert ours.header.get_zooms() == theirs.header.get_zooms()
        assert np.array_equal(np.asanyarray(ours.dataobj), np.asanyarray(theirs.dataobj))


def test_a_header_that_promises_the_moon_is_a_cut_off_file(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.nii.gz", np.zeros((2, 3, 4), np.int16), dim=[3] + [32767] * 3 + [1] * 4
    )
    message = refusal(path)
    size = path.stat().st_size
    assert "is cut off: its header promises 70362301923326 bytes of voxels, more than a" in message
    assert f"file of {size} bytes can hold" in message


def test_a_header_that_promises_the_moon_makes_nothing_be_held(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.nii.gz", np.zeros((2, 3, 4), np.int16), dim=[3] + [32767] * 3 + [1] * 4
    )
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(96 << 20)))
    tracemalloc.start()
    try:
        assert "bytes can hold" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("offset", [0, 347, -8])
def test_voxels_do_not_begin_within_the_header(tmp_path: Path, offset: float) -> None:
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.int16))
    raw = bytearray(path.read_bytes())
    raw[108:112] = np.float32(offset).tobytes()
    path.write_bytes(raw)
    assert f"its voxels begin at byte {offset} (vox_offset), within the 348" in refusal(path)


def test_a_file_that_grows_past_its_header_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", np.full((2, 3, 4), 7, np.int16))
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(96 << 20)))
    tracemalloc.start()
    try:
        assert read_image(path).voxels.tolist() == np.full((4, 3, 2), 7).tolist()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("offset", [np.inf, np.nan])
def test_an_offset_that_is_no_number_is_a_damaged_header(tmp_path: Path, offset: float) -> None:
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.int16))
    raw = bytearray(path.read_bytes())
    raw[108:112] = np.float32(offset).tobytes()
    path.write_bytes(raw)
    assert "has a damaged header" in refusal(path)


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_codes_with_gaps_are_known_or_not(tmp_path: Path, dtype: str) -> None:
    labels = np.zeros((2, 3, 4), dtype)
    labels[0] = 4
    path = save(tmp_path / "a.nii", labels)
    assert read_labels(path, known=(0, 2, 4)).labels.max() == 4
    with pytest.raises(DataError, match="holds the unknown label 4; known are 0, 1, 2"):
        read_labels(path, known=(0, 1, 2))
    labels[1] = 3
    with pytest.raises(DataError, match="holds the unknown label 3; known are 0, 2, 4"):
        read_labels(save(tmp_path / "b.nii", labels), known=(0, 2, 4))


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("int16", "int16"), ("uint16", "uint16"), (">i2", "int16"), ("float32", "float32"),
     ("float16", "float32"), ("float64", "float64"), ("bool", "uint8"), ("int64", "int32"),
     ("uint64", "int32")],
)  # fmt: skip
def test_an_image_is_read_as_it_was_written(tmp_path: Path, dtype: str, stored: str) -> None:
    voxels = np.arange(24).reshape(4, 3, 2).astype(dtype)
    written = Volume(voxels, (10.0, 1.25, 1.5), AFFINE)
    write_image(tmp_path / "a.nii.gz", written)
    assert nib.load(tmp_path / "a.nii.gz").get_data_dtype() == np.dtype(stored)
    image = read_image(tmp_path / "a.nii.gz")
    assert np.array_equal(image.voxels, voxels)
    assert same_grid(Grid.of(image), Grid.of(written)) is None


def test_whole_numbers_too_large_for_int32_are_written_as_doubles(tmp_path: Path) -> None:
    voxels = np.full((1, 2, 2), 2**40, dtype=np.int64)
    write_image(tmp_path / "a.nii", Volume(voxels, (1.0, 1.0, 1.0)))
    stored = nib.load(tmp_path / "a.nii")
    assert stored.get_data_dtype() == np.float64
    assert (np.asarray(stored.dataobj) == 2.0**40).all()
