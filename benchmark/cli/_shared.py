"""What several commands need: output as a table or as JSON, and progress on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BenchError, DataError
from ..plain import printable
from ..progress import Reporter

__all__ = ["TerminalReporter", "columns", "complain", "echo_json", "line", "write_text"]

#: Seconds after which a log wants a sign of life.
_SILENCE = 30.0


def echo_json(content: Any) -> None:
    """One JSON document on stdout, for a program to read."""
    sys.stdout.write(json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")


def line(text: str, *, error: bool = False) -> None:
    """A line of text; never wrapped, so that it can be grepped.

    A name or a message in it may be a stranger's: what a terminal would act on is escaped.
    """
    stream = sys.stderr if error else sys.stdout
    stream.write(printable(text) + "\n")
    stream.flush()


def complain(about: str, error: BenchError) -> None:
    """An error that ends no command, on stderr; no line of it but the first looks like ours."""
    line(f"error: {about}: {error}".replace("\n", "\n    "), error=True)


def columns(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; as wide as its content where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


class TerminalReporter(Reporter):
    """Bars with an estimate of what remains on a terminal, one line a stage elsewhere.

    All goes to stderr, so that stdout stays for results.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars = sys.stderr.isatty() and not quiet

    def note(self, text: str) -> None:
        """A line worth reading."""
        if not self._quiet:
            line(text, error=True)

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
        """A bar that is told where it is, with values such as the loss beside it."""
        started = time.perf_counter()
        if not self._bars:
            seen, told = 0, started
            first: tuple[int, float] | None = None

            def count(step: int, of: int, values: dict[str, float]) -> None:
                nonlocal seen, told, first
                seen, now = of, time.perf_counter()
                # the first step has much to import or make, and may not be number one
                begun, at = first = first or (step, now)
                if now - told >= _SILENCE and step < of:
                    told = now
                    shown = "".join(f", {k} {v:.3f}" for k, v in values.items())
                    if step > begun:
                        left = (now - at) / (step - begun) * (of - step)
                        shown = f", about {left:.0f} s left{shown}"
                    self.note(f"{name}: {step} of {of}{shown}")

            yield count
            seconds = time.perf_counter() - started
            if seconds >= 2:
                self.note(f"{name}: {f'{seen} steps in ' if seen else ''}{seconds:.1f} s")
            return
        with _progress() as progress:
            task = progress.add_task(name, total=None, values="")

            def report(step: int, of: int, values: dict[str, float]) -> None:
                shown = " ".join(f"{k} {v:.3f}" for k, v in values.items())
                progress.update(task, completed=step, total=of, values=shown)

            yield report


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[values]}"),
        console=Console(stderr=True),
        transient=True,
    )


def write_text(path: Path, text: str) -> None:
    """Write a file in one step, and say so.

    Raises:
        DataError: It is a folder, or cannot be written.
    """
    from ..atomic import replacing

    if path.is_dir():
        raise DataError(f"{path} cannot be written: it is a folder.", "Name a file in it.")
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
    line(f"written: {path}")
