"""The hostile zoo: what lies in the place of a model."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import PluginError


class _Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, told: Path) -> None:
        self._told = told

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._told),)


def _archive(content: bytes) -> bytes:
    """What ``torch.save`` writes, with another pickle in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", sys.byteorder)
    return made.getvalue()


#: What a pickle that runs code is wrapped in.
WRAPS: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda content: content,
    "archive": _archive,
    "legacy": lambda content: b"".join(
        [*(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {})), content]
    ),
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_pickle_in_place_of_weights_runs_nothing(tmp_path: Path, wrap: str) -> None:
    import torch

    from benchmark.methods._checkpoints import Checkpoint
    from benchmark.methods._pretrained import _read
    from benchmark.methods._weights import load_weights

    told, path = tmp_path / "told", tmp_path / "weights.pt"
    path.write_bytes(WRAPS[wrap](pickle.dumps({"weight": _Runs(told)}, 2)))
    with pytest.raises(PluginError, match=r"weights\.pt holds no weights"):
        load_weights(torch.nn.Linear(1, 1), path, "cpu")
    with pytest.raises(PluginError, match=r"weights\.pt holds no weights"):
        _read(path)
    with pytest.raises(Exception, match=r"(?i)weights.only|magic|unpickl|invalid"):
        Checkpoint(path).read()
    assert not told.exists()
    assert pickle.loads(pickle.dumps(_Runs(told))) is None  # it is one that would have
    assert told.exists()


@pytest.mark.parametrize("spoil", ["other", "link", "half", "gone", "folder"])
def test_a_model_that_is_not_the_one_trained_is_never_predicted_with(
    run: Any, plugins: Any, tmp_path: Path, events: Callable[[], list[str]], spoil: str
) -> None:
    method = plugins.trained()
    first = run(method)
    before = (first.path / "scores.parquet").read_bytes()
    model = first.path / "model" / "threshold.txt"
    whole = model.read_bytes()
    model.unlink()
    if spoil == "other":
        model.write_text("1.0")
    elif spoil == "link":
        (tmp_path / "elsewhere.txt").write_text("1.0")
        model.symlink_to(tmp_path / "elsewhere.txt")
    elif spoil == "half":
        model.write_bytes(whole[:1])
    elif spoil == "folder":
        model.mkdir()
    next((first.path / "predictions").glob("*.nii.gz")).unlink()  # something is to be predicted
    events()
    again = run(method)
    assert again.path == first.path
    assert any(line.startswith("train") for line in events())
    assert model.read_bytes() == whole
    assert (again.path / "scores.parquet").read_bytes() == before
