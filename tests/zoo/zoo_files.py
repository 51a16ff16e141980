"""Files that are damaged or made to do harm, beside healthy ones of the same folder."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from zoo_keeper import Specimen

__all__ = ["MASKS", "NO_FILES", "SHAPE", "healthy_mask"]

SHAPE = (6, 8, 3)  # (x, y, z), as a file has it


def _labels() -> Any:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[1:4, 2:6] = 3
    return labels


def _image(labels: Any = None, affine: Any = None) -> Any:
    affine = np.diag([1.5, 1.5, 8.0, 1.0]) if affine is None else affine
    return nib.Nifti1Image(_labels() if labels is None else labels, affine)


def healthy_mask(path: Path) -> None:
    """A mask that any reader takes."""
    nib.save(_image(), path)


def _raw(image: Any = None, **fields: Any) -> bytearray:
    """The bytes of a file, header fields set past every check."""
    image = image or _image()
    data = bytearray(image.to_bytes())
    header = nib.Nifti1Header(bytes(data[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    data[:348] = header.binaryblock
    return data


def _packed(**fields: Any) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(gzip.compress(bytes(_raw(**fields)), mtime=0))


def _saved(make: Callable[[], Any]) -> Callable[[Path], object]:
    return lambda path: nib.save(make(), path)


def _cut(path: Path) -> None:
    whole = gzip.compress(bytes(_raw()), mtime=0)
    path.write_bytes(whole[: len(whole) // 2])


def _flipped(path: Path) -> None:
    whole = bytearray(gzip.compress(bytes(_raw()), mtime=0))
    whole[-6] ^= 1
    path.write_bytes(whole)


def _bomb(path: Path) -> None:
    """A small volume, then a member of zeros again and again, of which its header says nothing."""
    zeros = gzip.compress(bytes(2**26), 9, mtime=0)
    path.write_bytes(gzip.compress(bytes(_raw()), mtime=0) + zeros * 8)


def _nested(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.compress(bytes(_raw()), mtime=0), mtime=0))


def _dicom(path: Path) -> None:
    path.write_bytes(bytes(128) + b"DICM" + bytes(400))


def _analyze(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(_raw(magic=b"ni1")), mtime=0))


def _big(path: Path) -> None:
    data = np.zeros(SHAPE, dtype=">i2")
    data[1:4, 2:6] = 3
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nib.save(nib.Nifti1Image(data, np.diag([1.5, 1.5, 8.0, 1.0]), header), path)


def _pickle(path: Path) -> None:
    path.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")


def _zip(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../owned", "slipped")


def _text(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>" * 30)


def _git_lfs(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")


#: Each is a mask of the case of its name; none keeps another from being scored.
MASKS = [
    Specimen("cut", "A gzip cut in half", "damaged gzip|cut off", make=_cut),
    Specimen("flipped", "A gzip with a wrong checksum", "damaged gzip", make=_flipped),
    Specimen("bomb", "0.5 MB that unpack to 512 MB behind a small volume", status="ok", make=_bomb),
    Specimen("nested", "A gzip in a gzip", "no NIfTI", make=_nested),
    Specimen("empty", "No byte at all", "is empty", make=lambda path: path.write_bytes(b"")),
    Specimen("magic", "Half of a pair of files", "magic", make=_analyze),
    Specimen("dicom", "A DICOM file", "no NIfTI", make=_dicom),
    Specimen("pickle", "A pickle that runs a command", "no NIfTI", make=_pickle),
    Specimen("zip", "A zip archive with ../ in it", "no NIfTI", make=_zip),
    Specimen("html", "An error page", "no NIfTI", make=_text),
    Specimen("pointer", "A pointer of Git LFS", "no NIfTI", make=_git_lfs),
    Specimen("random", "Random bytes", "no NIfTI|damaged",
             make=lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000))),
    Specimen("dims_zero", "A header with an axis of 0", "shape|axes",
             make=_packed(dim=[3, 6, 0, 3, 1, 1, 1, 1])),
    Specimen("dims_negative", "A header with an axis of -6", "shape|axes|promises",
             make=_packed(dim=[3, -6, 8, 3, 1, 1, 1, 1])),
    Specimen("dims_huge", "A header with 2^45 voxels", "promises",
             make=_packed(dim=[3, 32767, 32767, 32767, 1, 1, 1, 1])),
    Specimen("dims_none", "A header without axes", "axes",
             make=_packed(dim=[0, 0, 0, 0, 0, 0, 0, 0])),
    Specimen("dims_many", "A header with 30,000 axes", "axes|shape|dim",
             make=_packed(dim=[30000, 6, 8, 3, 1, 1, 1, 1])),
    Specimen("five_d", "Five axes", "5 axes",
             make=_saved(lambda: _image(np.zeros((6, 8, 3, 2, 2), np.uint8)))),
    Specimen("slice", "One slice", "2 axes", make=_saved(lambda: _image(_labels()[..., 0]))),
    Specimen("short", "Fewer voxels than its header promises", "promises",
             make=lambda path: path.write_bytes(gzip.compress(bytes(_raw()[:380]), mtime=0))),
    Specimen("offset", "Voxels that begin within the header", "vox_offset",
             make=_packed(vox_offset=12.0)),
    Specimen("offset_nan", "Voxels that begin at NaN", "damaged header",
             make=_packed(vox_offset=np.nan)),
    Specimen("dtype", "A data type there is not", "damaged header|dtype",
             make=_packed(datatype=9999)),
    Specimen("complex", "Complex numbers", "not real",
             make=_saved(lambda: _image(np.zeros(SHAPE, np.complex64)))),
    Specimen("rgb", "Colours", "not real|dtype",
             make=_packed(datatype=128, bitpix=24)),
    Specimen("spacing_zero", "A spacing of 0", "must be > 0",
             make=_packed(pixdim=[1, 0, 1.5, 8, 0, 0, 0, 0])),
    Specimen("spacing_nan", "A spacing of NaN", "must be > 0",
             make=_packed(pixdim=[1, np.nan, 1.5, 8, 0, 0, 0, 0])),
    Specimen("spacing_huge", "A spacing of 10^30 mm", "must be > 0",
             make=_packed(pixdim=[1, 1e30, 1.5, 8, 0, 0, 0, 0])),
    Specimen("unit", "A spacing in microns", "micron",
             make=_packed(xyzt_units=3)),
    Specimen("affine_nan", "An affine of NaN", "affine",
             make=_packed(srow_x=[np.nan] * 4)),
    Specimen("affine_flat", "An affine that cannot be inverted", "affine",
             make=_packed(srow_x=[0, 0, 0, 0])),
    Specimen("slope_infinite", "A slope that is infinite: none, as NIfTI readers have it",
             status="ok", make=_packed(scl_slope=np.inf, scl_inter=1.0)),
    Specimen("half", "Labels of 1.5", "1.5",
             make=_saved(lambda: _image(_labels() * np.float32(0.5)))),
    Specimen("nan", "A label that is NaN", "nan|NaN",
             make=_saved(lambda: _image(np.where(_labels() > 0, np.float32("nan"), 0)))),
    Specimen("three_hundred", "A label of 300", "300",
             make=_saved(lambda: _image(_labels().astype(np.int16) * 100))),
    Specimen("minus", "A label of -3", "-3",
             make=_saved(lambda: _image(-_labels().astype(np.int16)))),
    Specimen("big_endian", "Big-endian, and right", status="ok", make=_big),
    Specimen("symlink", "A symbolic link to a healthy mask elsewhere", status="ok",
             make=lambda path: (healthy_mask(path.parent.parent / "elsewhere.nii.gz"),
                                path.symlink_to(path.parent.parent / "elsewhere.nii.gz"))),
    Specimen("passwd", "A symbolic link to a file that is no mask", "no NIfTI",
             make=lambda path: path.symlink_to("/etc/passwd")),
    Specimen("loop", "A symbolic link to itself", "is a link that leads nowhere",
             make=lambda path: path.symlink_to(path)),
    Specimen("folder", "A folder called as a mask", "is a folder, no file",
             make=lambda path: path.mkdir()),
    Specimen("fifo", "A pipe that nobody writes to", "is a pipe, no file", make=os.mkfifo),
    Specimen("device", "A link to a device without end", "is a device, no file",
             make=lambda path: path.symlink_to("/dev/zero")),
    Specimen("nifti_2_lie", "A header that says it has 540 bytes and has 348", "no NIfTI|magic",
             make=lambda path: path.write_bytes(struct.pack("<i", 540) + bytes(_raw()[4:]))),
]  # fmt: skip

#: Those that are no file at all: beside references they are no case.
NO_FILES = ("loop", "folder", "fifo", "device")
