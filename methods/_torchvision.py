"""Makes an installed torchvision importable beside a torch that it was not built for.

timm and other libraries import torchvision for its transforms. The wheel that registries offer is
built for CUDA; beside a CPU build of torch its compiled operators do not load, and importing it
fails with a RuntimeError ("operator torchvision::nms does not exist") which no guard for a missing
package catches.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any

__all__ = ["usable_torchvision"]

_declared: list[object] = []  # a declaration ends with the object that made it


def usable_torchvision() -> bool:
    """Call before importing what imports torchvision; whether torchvision is installed.

    Where torch is a CPU build and torchvision is not, the two operators that its import asks for
    are declared without code: everything in it works but its compiled operators. Does nothing
    where that is not needed, or a second time.
    """
    try:
        version = metadata.version("torchvision")
    except metadata.PackageNotFoundError:
        return False
    import torch
    from torch.library import Library

    mismatched = torch.__version__.endswith("+cpu") and not version.endswith("+cpu")
    if mismatched and "torchvision" not in sys.modules and not _declared:
        library: Any = Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
    return True
