"""A whole segmentation program: calls scar what is brighter than a threshold.

Run as ``predict.py IMAGES OUTPUT [THRESHOLD]``. Standard library alone, so that it starts at once.
"""

import gzip
import struct
import sys
from array import array
from pathlib import Path

#: NIfTI datatype -> type code of ``array``.
TYPES = {2: "B", 4: "h", 8: "i", 16: "f", 64: "d", 256: "b", 512: "H", 768: "I"}


def main(images: Path, output: Path, threshold: float) -> None:
    for path in sorted(images.glob("*_0000.nii.gz")):
        content = gzip.decompress(path.read_bytes())
        header = bytearray(content[:352])
        (datatype,) = struct.unpack_from("<h", header, 70)
        voxels = array(TYPES[datatype], content[352:])
        struct.pack_into("<hh", header, 70, 2, 8)  # uint8
        labels = bytes(3 if value > threshold else 0 for value in voxels)
        name = path.name.replace("_0000.nii.gz", ".nii.gz")
        (output / name).write_bytes(gzip.compress(bytes(header) + labels))
        sys.stdout.write(f"segmented {name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 1500)
