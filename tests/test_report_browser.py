"""The page in a browser: sorts, filters, keyboard, narrow, dark, printed; nothing is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.leaderboard import leaderboard
from benchmark.policies import Policy
from benchmark.report import page as page_of
from benchmark.table import read_runs

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROME = next(filter(None, map(shutil.which, NAMES)), None)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROME is None, reason=f"none of {', '.join(NAMES)} is installed")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--disable-default-apps", "--no-first-run",
         "--disable-domain-reliability", "--disable-dev-shm-usage"]  # fmt: skip
#: Dice of four cases: which method is best depends on the cases, the policy and the inputs.
DICE = {
    "steady": ({"a": 0.6, "b": 0.6, "c": 0.6, "d": 0.6}, ["lge"]),
    "swift": ({"a": 0.9, "b": 0.9, "c": 0.2, "d": None}, ["lge"]),
    "wide": ({"a": 0.7, "b": 0.7, "c": 0.9, "d": 0.9}, ["lge", "cine"]),
}
SITES = {"a": "north", "b": "north", "c": "south", "d": "south"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROME, args=FLAGS)
        yield running
        running.close()


class Opened:
    """A page in a tab of its own, with all that it said and asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        self.tab = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.address = path.resolve().as_uri()
        self.tab.route(lambda url: url.split("#")[0] != self.address, lambda route: route.abort())
        self.tab.goto(self.address)

    def methods(self) -> list[str]:
        """Names in the order of the table, of the rows that are shown."""
        return self.tab.eval_on_selector_all(
            "#ranking tbody tr:not([hidden]) th", "cells => cells.map(c => c.dataset.value)"
        )

    def column(self, at: int) -> list[str]:
        return self.tab.eval_on_selector_all(
            "#ranking tbody tr:not([hidden])",
            f"rows => rows.map(r => r.cells[{at}].textContent.trim())",
        )

    def head(self, name: str) -> Any:
        return self.tab.locator("#ranking thead button", has_text=name).first


@pytest.fixture
def made(make_run: Any, tmp_path: Path) -> tuple[Path, Any]:
    paths = []
    for method, (values, needs) in DICE.items():
        rows = [
            make_run.score(case, value, "ok" if value is not None else "pred_empty")
            for case, value in values.items()
        ]
        scar = [row for i, case in enumerate(values) for row in make_run.scar(case, 5 + i, 4 + i)]
        path = make_run(
            method, rows, features=scar, cases={c: {"site": s} for c, s in SITES.items()},
            method_record={"needs": needs}, dataset_record={"redistributable": True},
        )  # fmt: skip
        (path / "pictures").mkdir()
        (path / "pictures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        paths.append(path)
    runs = read_runs(paths)
    board = leaderboard(runs, resamples=50)
    path = tmp_path / "toy page.html"
    path.write_text(page_of(board, runs), encoding="utf-8")
    return path, runs


@pytest.fixture
def opened(browser: Any, made: Any) -> Iterator[Opened]:
    found = Opened(browser, made[0])
    yield found
    found.context.close()


def test_it_opens_from_a_file_says_nothing_and_asks_for_nothing(opened: Opened) -> None:
    opened.tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    opened.tab.wait_for_timeout(200)
    assert opened.said == []
    elsewhere = [url for url in opened.asked if url != opened.address]
    assert [url for url in elsewhere if not url.startswith("data:image/png")] == []


def test_a_click_sorts_the_better_first_and_a_second_turns_it_round(opened: Opened) -> None:
    assert opened.methods() == ["wide", "steady", "swift"]
    opened.head("scar dice").click()
    assert opened.methods() == ["wide", "steady", "swift"]
    head = opened.tab.locator("#ranking thead th[aria-sort]")
    assert head.count() == 1
    assert head.get_attribute("aria-sort") == "descending"
    opened.head("scar dice").click()
    assert opened.methods() == ["swift", "steady", "wide"]
    assert opened.tab.locator("#ranking thead th[aria-sort=ascending]").count() == 1
    opened.head("method").click()
    assert opened.methods() == ["steady", "swift", "wide"]


def test_every_column_sorts_both_ways_and_what_is_missing_stays_last(opened: Opened) -> None:
    buttons = opened.tab.locator("#ranking thead button")
    for at in range(buttons.count()):
        for _ in range(2):
            buttons.nth(at).click()
            values = opened.tab.eval_on_selector_all(
                "#ranking tbody tr", f"rows => rows.map(r => r.cells[{at}].dataset.value)"
            )
            known = [v for v in values if v != ""]
            assert values == known + [""] * (len(values) - len(known))
            down = opened.tab.locator("th[aria-sort=descending]").count() == 1
            try:
                order = sorted(known, key=float, reverse=down)
            except ValueError:
                order = sorted(known, reverse=down)
            assert known == order


def test_a_stratum_and_a_policy_show_what_a_leaderboard_of_them_says(
    opened: Opened, made: Any
) -> None:
    """Of the cases of the south, swift is last by worst_case; without its miss it still is."""
    _, runs = made
    for site in ("north", "south"):
        opened.tab.select_option("#stratum", f"site={site}")
        for policy in Policy:
            opened.tab.select_option("#policy", policy.value)
            cases = {case for case, at in SITES.items() if at == site}
            own = leaderboard(
                [
                    _replace(run, cases)
                    for run in runs
                ],
                resamples=50,
                policy=policy,
            )  # fmt: skip
            assert opened.methods() == [row.label for row in own.rows]
            assert opened.column(0) == [str(row.rank) for row in own.rows]
            shown = [
                f"{c.mean:.3f} [{c.low:.3f}, {c.high:.3f}] {c.n_defined}/{c.n_total}"
                if c.low is not None else f"{c.mean:.3f} {c.n_defined}/{c.n_total}"
                for c in (row.cells[0] for row in own.rows)
            ]  # fmt: skip
            assert opened.column(2) == shown
            assert f"{site}: 2 cases of 2 patients" in opened.tab.inner_text("#said")


def _replace(run: Any, cases: set[str]) -> Any:
    from dataclasses import replace

    keep = {name: getattr(run, name) for name in ("cases", "scores", "features")}
    return replace(run, **{n: f[f["case"].isin(cases)] for n, f in keep.items()})


def test_a_track_hides_the_others_and_ranks_those_that_are_left(opened: Opened) -> None:
    opened.tab.select_option("#track", "LGE")
    assert opened.methods() == ["steady", "swift"]
    assert opened.column(0) == ["1", "2"]
    assert "2 methods" in opened.tab.inner_text("#said")
    opened.tab.click("#filters button[type=reset]")
    # Not wait_for_function: asking twice, it needs eval, which the page's policy forbids.
    opened.tab.wait_for_selector("#ranking tr[hidden]", state="detached")
    assert opened.methods() == ["wide", "steady", "swift"]


def test_the_keyboard_reaches_the_table_and_sorts_it(opened: Opened) -> None:
    tab = opened.tab
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == "#ranking-title"
    names = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        names.append(tab.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if names[-1] == "BUTTON" and tab.evaluate("!!document.activeElement.closest('thead')"):
            break
    assert names[:3] == ["track", "stratum", "policy"]
    outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    tab.keyboard.press("Enter")
    assert tab.locator("th[aria-sort=descending]").count() == 1


def test_every_control_has_a_name_and_every_picture_a_text(opened: Opened) -> None:
    nameless = opened.tab.evaluate(
        """() => [...document.querySelectorAll('select, button, a[href], summary')].filter(
            e => !(e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent)
                .trim()).length"""
    )
    assert nameless == 0
    assert opened.tab.locator("main img:not([alt])").count() == 0
    assert opened.tab.locator("main svg:not([aria-labelledby])").count() == 0


def test_a_link_to_a_method_unfolds_its_card(opened: Opened) -> None:
    opened.tab.click("#ranking tbody tr:first-child th a")
    opened.tab.wait_for_selector("details.card[open]")
    assert opened.tab.locator("details.card[open] summary").inner_text().startswith("wide")


def test_a_phone_scrolls_the_table_and_never_the_page(browser: Any, made: Any) -> None:
    phone = Opened(browser, made[0], viewport={"width": 390, "height": 844})
    phone.tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert phone.tab.evaluate("document.documentElement.scrollWidth") <= 390
    wide = phone.tab.evaluate(
        "[...document.querySelectorAll('.wide')].map(e => [e.scrollWidth, e.clientWidth])"
    )
    assert wide[0][0] > wide[0][1]
    phone.context.close()


def test_dark_mode_has_other_colours_that_contrast_as_well(browser: Any, made: Any) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        page = Opened(browser, made[0], color_scheme=scheme)
        seen[scheme] = page.tab.evaluate(
            """() => ['body', 'caption', '#ranking thead th', 'nav a', '.facts dt'].map(s => {
                const e = document.querySelector(s), style = getComputedStyle(e);
                return [style.color, getComputedStyle(document.body).backgroundColor];
            })"""
        )
        page.context.close()
    assert all(a != b for a, b in zip(seen["light"], seen["dark"], strict=True))
    for pairs in seen.values():
        for ink, paper in pairs:
            assert _contrast(ink, paper) >= 4.5


def test_on_paper_controls_are_gone_and_everything_is_unfolded(opened: Opened) -> None:
    opened.tab.emulate_media(media="print", color_scheme="dark")
    for hidden in ("#filters", "nav", ".skip"):
        assert not opened.tab.locator(hidden).first.is_visible()
    assert opened.tab.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
    )
    opened.tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.tab.locator("details:not([open])").count() == 0
    opened.tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.tab.locator("details:not([open])").count() > 0


def test_without_javascript_the_table_is_whole(browser: Any, made: Any) -> None:
    page = Opened(browser, made[0], java_script_enabled=False)
    assert page.tab.locator("#ranking tbody tr").count() == 3
    assert not page.tab.locator("#filters").is_visible()
    page.context.close()


def _contrast(one: str, two: str) -> float:
    """Contrast ratio of two ``rgb(...)`` colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(p) / 255 for p in colour[4:-1].split(",")[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
