"""Any program: images in a folder of nnU-Net's layout in, label maps out.

``bench run -m command --set 'command=python predict.py {images} {output}'`` runs, once for each
study, the program with ``{images}`` and ``{output}`` replaced by two folders. The first holds
``CASE_0000.nii.gz`` and, with several ``modalities``, ``CASE_0001.nii.gz`` and so on, each in its
own geometry (frames as a fourth axis); into the second the program writes ``CASE.nii.gz``, integer
labels in the geometry of the LGE image. ``{device}`` becomes ``cpu`` or ``cuda``.

The words are split as a shell does, but no shell runs: no variables, pipes or wildcards. The
program runs in the folder where bench was started, with its environment. What it prints goes to
the run's ``plugin.log`` where a case fails, and the error shows the last lines. The reference is
nowhere near: training is the program's own business, before.

A process for each study is simple and honest, and costs its start each time: seconds, where it
loads a network. That is part of the seconds recorded; the memory recorded is not the program's.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, field_validator

from benchmark import Segmentation, Study
from benchmark.errors import DataError, UsageError
from benchmark.nifti import SUFFIXES, write_image
from benchmark.types import Labels

from ._external import External
from ._program import kept, run_program

__all__ = ["Command"]

_EXAMPLE = "Write for instance command='python predict.py {images} {output}'."


class Command(External):
    """A program that is run for each study."""

    command: str = Field(
        min_length=1, description="Program and arguments, with {images} and {output}"
    )
    modalities: tuple[str, ...] = Field(
        ("lge",), min_length=1, description="Images by channel: _0000, _0001 and so on"
    )
    timeout: float = Field(600.0, gt=0, description="Seconds that it may take for a study")

    @field_validator("command")
    @classmethod
    def _can_be_run(cls, command: str) -> str:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"command={command!r} cannot be split: {error}.", _EXAMPLE) from None
        for place in ("{images}", "{output}"):
            if not any(place in word for word in words[1:]):
                raise UsageError(f"command={command!r} does not say where {place} goes.", _EXAMPLE)
        if shutil.which(words[0]) is None:
            raise UsageError(
                f"command={command!r}: there is no program {words[0]!r}.",
                "Name one that is on the PATH, or by a path from the folder where bench is "
                "started, such as ./predict.",
            )
        return command

    @field_validator("modalities")
    @classmethod
    def _differ(cls, modalities: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(modalities)) < len(modalities):
            raise ValueError(f"modalities {', '.join(modalities)} are not all different")
        return modalities

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The modalities it is given."""
        return frozenset(self.modalities)

    def files(self) -> Sequence[Path]:
        """The files that the command names: the script, a model.

        What these import is not seen, nor a program on the PATH, nor what a folder holds: where one
        of those changed, the stored predictions stay. Name the file to have it seen.
        """
        words = shlex.split(self.command)
        parts = [part for word in words for part in (word, word.partition("=")[2]) if part]
        return sorted({path for path in map(Path, parts) if _is_file(path)})

    def predict(self, study: Study) -> Segmentation:
        """What the program writes for ``study``.

        Raises:
            PluginError: It cannot be started, fails or takes too long.
            DataError: It writes no label map, or one that cannot be read, holds other codes or
                lies on another grid.
        """
        with tempfile.TemporaryDirectory(
            prefix="scarbench-command-", ignore_cleanup_errors=True
        ) as name:
            images, output, log = (Path(name) / part for part in ("images", "output", "log.txt"))
            images.mkdir()
            output.mkdir()
            for number, modality in enumerate(self.modalities):
                write_image(images / f"{study.id}_{number:04d}.nii.gz", study.images[modality])
            places = {"{images}": images, "{output}": output, "{device}": self.device}
            words = shlex.split(self.command)
            for place, value in places.items():
                words = [word.replace(place, str(value)) for word in words]
            run_program(words, log, self.timeout)
            try:
                return Segmentation(self._read(output, study))
            except DataError as error:
                failure = DataError(
                    f"The program {words[0]!r} left no labels of {study.id!r} that can be used. "
                    f"{error.problem}",
                    error.fix,
                )
                failure.add_note(kept(log))
                raise failure from None

    def _read(self, output: Path, study: Study) -> Labels:
        found = [p for p in (output / f"{study.id}{s}" for s in SUFFIXES) if p.is_file()]
        if not found:
            names = sorted(
                path.name if path.is_file() else f"{path.name} (no file)"
                for path in (output.iterdir() if output.is_dir() else ())
            )
            there = f"there are {', '.join(names[:5])}" if names else "the folder is empty"
            raise DataError(
                f"It wrote no {study.id}.nii.gz into {{output}}: {there}.",
                "Name the label map as the image, without _0000.",
            )
        return self.labels_of(found[0], study)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than names can be: a script within the command
        return False
