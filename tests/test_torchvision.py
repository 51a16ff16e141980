"""torchvision beside a torch that it was not built for."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec

import pytest

from benchmark.methods import _torchvision
from benchmark.methods._torchvision import usable_torchvision


def test_torchvision_can_be_imported_after_it_was_made_usable() -> None:
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    code = (
        "from benchmark.methods._torchvision import usable_torchvision as usable\n"
        "assert usable() and usable()\n"
        "from torchvision.transforms import InterpolationMode\n"
        "assert usable()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torchvision_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    before = list(_torchvision._declared)
    assert not usable_torchvision()
    assert _torchvision._declared == before


@pytest.mark.parametrize(
    ("torch_build", "vision_build"), [("2.13.0+cpu", "0.28.0+cpu"), ("2.13.0", "0.28.0+cu130")]
)
def test_builds_that_belong_together_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, torch_build: str, vision_build: str
) -> None:
    monkeypatch.setattr("torch.__version__", torch_build)
    monkeypatch.setattr(metadata, "version", lambda name: vision_build)
    monkeypatch.setattr(_torchvision, "_declared", [])
    assert usable_torchvision()
    assert _torchvision._declared == []
