"""The fixture ``bench`` of pytest: a test that fails where a method has drifted.

::

    def test_jdl(bench):
        bench.check("jdl", "lge", seeds=[0])

The same fixture is called ``scarbench`` too, for projects that have a ``bench`` of their own: a
fixture of a ``conftest.py`` or a test file goes before a plugin's. Nothing of the benchmark is
imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .drift.verdict import Check

__all__ = ["Bench", "bench", "pytest_addoption", "scarbench"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--bench-baseline`` and the ini option ``bench_baseline``."""
    group = parser.getgroup("scarbench", "drift of segmentation methods (scarbench)")
    told = "Folder of accepted entries; by default 'leaderboards' below pytest's root."
    group.addoption("--bench-baseline", metavar="DIR", default=None, help=told)
    parser.addini("bench_baseline", told, default="")


class Bench:
    """What the fixture gives.

    Args:
        baseline: Folder of accepted entries, or one entry.
    """

    def __init__(self, baseline: Path) -> None:
        self.baseline = baseline

    def check(
        self,
        method: str,
        dataset: str,
        *,
        seeds: Sequence[int] | None = None,
        baseline: str | Path | None = None,
        tolerances: str | Path | None = None,
        data_root: str | Path | None = None,
        runs: str | Path | None = None,
        fresh: bool = True,
        device: str | None = None,
        threads: int | None = None,
    ) -> Check:
        """Run a method as its entry was run, and fail the test unless that is no regression.

        Args:
            method: NAME, ``NAME[key=value]`` or FILE.py.
            dataset: The same of the data set.
            seeds: By default the first of the entry.
            baseline: Another than the fixture's.
            tolerances: By default ``tolerances.toml`` beside the baseline.
            data_root: Folder of the data, for data sets that need one.
            runs: Where the new runs go; by default they are not kept.
            fresh: Never read a kept train or predict stage.
            device: By default as the entry was run.
            threads: By default the entry's.

        Returns:
            What was found; ``check.findings`` has all of it.
        """
        __tracebackhide__ = True
        # Here, not above: other tests of the same session need none of it.
        from .drift.text import text
        from .errors import BenchError
        from .gate import again, tolerances_of
        from .progress import Reporter

        where = Path(baseline) if baseline is not None else self.baseline
        rules = None if tolerances is None else Path(tolerances)
        try:
            checks, _ = again(
                [method], dataset, where, tolerances_of(rules, where), Reporter(),
                seeds=seeds or (), fresh=fresh, runs=None if runs is None else Path(runs),
                data_root=None if data_root is None else Path(data_root), device=device,
                threads=threads,
            )  # fmt: skip
        except BenchError as error:
            pytest.fail(f"{method} on {dataset} cannot be checked: {error}", pytrace=False)
        if checks[0].exit_code:
            pytest.fail(text(checks), pytrace=False)
        return checks[0]


@pytest.fixture(scope="session")
def scarbench(pytestconfig: pytest.Config) -> Bench:
    """Checks methods against their accepted entries; see :class:`Bench`."""
    named = pytestconfig.getoption("--bench-baseline") or pytestconfig.getini("bench_baseline")
    root = pytestconfig.rootpath
    return Bench(root / (named or "leaderboards"))


@pytest.fixture(scope="session")
def bench(scarbench: Bench) -> Bench:
    """Checks methods against their accepted entries; see :class:`Bench`."""
    return scarbench
