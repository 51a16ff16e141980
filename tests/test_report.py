"""The offline page of a leaderboard: what is in it, what can never be in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from benchmark.cli._app import app, run_app
from benchmark.leaderboard import leaderboard
from benchmark.policies import Policy
from benchmark.report import MAX_BYTES, page
from benchmark.report.cells import scores_of, strata
from benchmark.report.gallery import Picture, Strip, fitted, strips
from benchmark.report.methods import groups
from benchmark.table import read_runs

ROLES = ("test", "external")
HOSTILE = "</script><img src=x onerror=alert(1)><b a='\"{{7*7}}&amp;"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 30
SITES = {"a": "one", "b": "one", "c": "two", "d": "two", "e": "two"}


class Reader(HTMLParser):
    """Every element with its attributes, the text of the data block, and the visible text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.blocks, self.words, self.inside = [], {}, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = dict(attrs).get("id", tag)
            self.blocks[self.inside] = ""

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.blocks[self.inside] += data
        else:
            self.words.append(data)

    @property
    def data(self):
        return json.loads(self.blocks["data"])

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def dice(make_run, method="one", shift=0.0, seed=0, **more):
    """Dice of five cases of two sites; in case e only this method's first seed finds nothing."""
    values = {"a": 0.9, "b": 0.7, "c": 0.5, "d": 0.3, "e": None}
    rows = [
        make_run.score(case, None if v is None else round(v - shift, 3),
                       "ok" if v is not None else "pred_empty")
        for case, v in values.items()
    ]  # fmt: skip
    scar = [row for i, case in enumerate(values)
            for row in make_run.scar(case, 5.0 + i, 4.0 + i + shift)]  # fmt: skip
    cases = {case: {"site": site, "role": "external" if site == "two" else "test"}
             for case, site in SITES.items()}  # fmt: skip
    return make_run(method, rows, seed=seed, cases=cases, features=scar, **more)


#: Tests of what figures could break; the others go without, for a figure takes longest.
DRAWN = ("every_link", "same_bytes", "no_address", "weigh_less", "nothing_else", "figures")


@pytest.fixture(autouse=True)
def _figures(request, monkeypatch):
    if any(word in request.node.name for word in DRAWN):
        return
    for name in ("value_figures", "rank_figures", "cost_figures"):
        monkeypatch.setattr(f"benchmark.report.parts.{name}", lambda board, what=None: [])
    none = lambda board, members: {row.label: [] for row in board.rows}  # noqa: E731
    monkeypatch.setattr(sys.modules["benchmark.report.page"], "agreement_figures", none)


@pytest.fixture
def paths(make_run):
    return [
        dice(make_run, "one", method_record={"needs": ["lge"]}),
        dice(make_run, "two", 0.1, method_record={"needs": ["lge", "cine"]}),
        dice(make_run, "three", 0.2, method_record={"needs": ["lge"]}),
    ]


def made(paths, gallery=False, limit=MAX_BYTES, **options):
    runs = read_runs(paths, ["volume"])
    board = leaderboard(runs, roles=ROLES, resamples=50, **options)
    return page(board, runs, gallery=gallery, limit=limit), board, runs


def pictures(paths, size=0):
    for path in paths:
        (path / "pictures").mkdir()
        for case in SITES:
            (path / "pictures" / f"{case}.png").write_bytes(PNG + b"1" * size)


def test_the_page_holds_every_mean_with_its_interval_and_counts(paths):
    text, board, _ = made(paths)
    read = Reader(text)
    for row in board.rows:
        cell = row.cells[0]
        shown = f"{cell.mean:.3f} [{cell.low:.3f}, {cell.high:.3f}] {cell.n_defined}/{cell.n_total}"
        assert shown in read.text
    assert "Toy hearts" in read.text
    assert "CC0" in read.text
    assert "5 cases of 5 patients" in read.text


def test_strata_and_policies_are_the_leaderboards_of_their_cases(paths):
    """Every cell of the data block is the cell of a leaderboard of that stratum alone."""
    text, board, runs = made(paths)
    data = Reader(text).data
    assert set(data["strata"]) == {"all", "role=test", "role=external", "site=one", "site=two"}
    members = {"all": set(SITES), "role=test": {"a", "b"}, "role=external": {"c", "d", "e"},
               "site=one": {"a", "b"}, "site=two": {"c", "d", "e"}}  # fmt: skip
    for key, cases in members.items():
        alone = [
            replace(
                run,
                cases=run.cases[run.cases["case"].isin(cases)],
                scores=run.scores[run.scores["case"].isin(cases)],
                features=run.features[run.features["case"].isin(cases)],
            )
            for run in runs
        ]
        assert data["strata"][key]["cases"] == len(cases)
        for policy in Policy:
            own = leaderboard(alone, roles=ROLES, resamples=50, policy=policy)
            cells = {row.label: row.cells for row in own.rows}
            for row, listed in zip(board.rows, data["tables"][policy.value][key], strict=True):
                for cell, found in zip(cells[row.label], listed, strict=True):
                    expected = [cell.mean, cell.low, cell.high, cell.n_defined, cell.n_total]
                    assert [v is None for v in found] == [v is None for v in expected]
                    known = [(f, e) for f, e in zip(found, expected, strict=True) if e is not None]
                    assert [f for f, _ in known] == pytest.approx([e for _, e in known], rel=1e-8)


def test_a_stratum_of_one_patient_has_means_no_intervals_and_a_reason(make_run):
    rows = [make_run.score("a", 0.5), make_run.score("b", 0.7), make_run.score("c", 0.9)]
    sites = {"a": {"site": "x"}, "b": {"site": "y"}, "c": {"site": "y"}}
    text, _, _ = made([make_run("one", rows, cases=sites)])
    data = Reader(text).data
    assert data["tables"]["worst_case"]["site=x"][0][0] == [0.5, None, None, 1, 1]
    assert "one patient" in data["strata"]["site=x"]["note"]
    assert data["strata"]["site=y"]["note"] == ""


def test_what_is_the_same_for_all_cases_or_unknown_makes_no_stratum(make_run):
    rows = [make_run.score(case, 0.5) for case in "abc"]
    cases = {"a": {"vendor": "v", "site": "x"}, "b": {"vendor": "v", "site": "y"},
             "c": {"vendor": "v", "site": None}}  # fmt: skip
    runs = read_runs([make_run("one", rows, cases=cases)])
    board = leaderboard(runs, resamples=10)
    found = strata(scores_of(board, runs))
    assert [part.key for part in found] == ["all", "site=x", "site=y"]
    assert [len(part.cases) for part in found] == [3, 1, 1]


def test_names_ids_and_notes_are_text_and_nothing_else(make_run):
    """No element, attribute or script comes from a method, a case, a site or a reason."""
    rows = [make_run.score("a", 0.5), make_run.score("b", 0.7),
            make_run.score("c", None, "not_applicable", message=HOSTILE)]  # fmt: skip
    cases = {"a": {"site": HOSTILE}, "b": {"site": "</option>"}, "c": {"site": HOSTILE}}
    scar = [row for case in "abc" for row in make_run.scar(case, 5, 4)]
    path = make_run(
        "one", rows, cases=cases, features=scar,
        method_record={"asked": {"x": HOSTILE}, "parameters": {"x": HOSTILE}, "summary": HOSTILE,
                       "needs": [HOSTILE], "version": HOSTILE},
        dataset_record={"title": HOSTILE, "licence": HOSTILE, "citation": HOSTILE},
        record={"provenance": {"versions": {HOSTILE: HOSTILE}, "git": {"commit": HOSTILE}}},
    )  # fmt: skip
    clean = make_run("two", rows[:2], cases={c: cases[c] for c in "ab"}, features=scar[:4])
    text, _, _ = made([path, clean])
    read = Reader(text)
    assert not [tag for tag, _ in read.tags if tag in ("img", "b0", "iframe", "object", "link")]
    assert len([tag for tag, _ in read.tags if tag == "script"]) == 2
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on")]
    assert "onerror=alert(1)" in read.text
    assert f"site={HOSTILE}" in read.data["strata"]


def test_the_policy_names_the_hashes_of_the_script_and_the_style(paths):
    read = Reader(made(paths)[0])
    policy = next(a["content"] for t, a in read.tags if a.get("http-equiv"))
    for block, rule in (("script", "script-src"), ("style", "style-src-elem")):
        digest = base64.b64encode(hashlib.sha256(read.blocks[block].encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_no_address_in_the_page_leaves_it(paths):
    read = Reader(made(paths)[0])
    for tag, attrs in read.tags:
        for name in ("src", "href", "action", "srcset", "data", "xlink:href"):
            if tag != "html" and name in attrs:
                assert attrs[name].startswith(("#", "data:")), (tag, attrs)
    assert "@import" not in read.blocks["style"]
    assert "url(" not in read.blocks["style"]
    assert not re.search(r"fetch|XMLHttp|WebSocket|import\(", read.blocks["script"])


def test_every_link_inside_the_page_leads_somewhere_and_ids_are_unique(paths):
    read = Reader(made(paths)[0])
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"][1:] for _, attrs in read.tags if attrs.get("href", "").startswith("#")}
    assert links <= set(ids)
    named = {attrs["aria-labelledby"] for _, attrs in read.tags if "aria-labelledby" in attrs}
    assert {part for name in named for part in name.split()} <= set(ids)


def test_the_same_runs_give_the_same_bytes_in_any_order(paths):
    assert made(paths)[0] == made(paths[::-1])[0]


def test_a_synthetic_data_set_is_called_so(make_run):
    path = dice(make_run, dataset_record={"synthetic": True, "redistributable": True})
    assert "SYNTHETIC data." in Reader(made([path])[0]).text


def test_the_figures_are_those_of_values_ranks_costs_and_agreement(paths):
    text, board, _ = made(paths)
    words = Reader(text).text
    for title in ("Values", "Ranks"):
        assert title in words
    # Strip, violins, blobs, map, podium; these runs recorded no cost.
    assert text.count("<svg") >= 5 + 2 * len(board.rows)
    assert "Bland-Altman, prediction - reference." in words
    assert "undefined" not in text[text.index("<svg") : text.index("</svg>")]
    # Nothing that a style sheet would be needed for, and no second sheet.
    assert text.count("<style") == 1


def test_cases_that_stay_undefined_are_counted_in_the_figures_of_values(make_run):
    rows = [make_run.score("a", 0.5), make_run.score("b", None, "both_empty")]
    text, _, _ = made([make_run("half", rows)], policy=Policy.EXCLUDE)
    strip, violin = text.split("<svg")[1:3]
    for drawn in (strip, violin):
        assert "half (n = 1)" in drawn
        assert "1 undefined" in drawn


def test_tracks_are_those_of_the_rows(paths):
    text, board, _ = made(paths)
    assert Reader(text).data["tracks"] == [row.track for row in board.rows]
    assert {row.label: row.track for row in board.rows}["two"] == "LGE + cine"


def test_data_that_must_not_be_passed_on_leave_no_pixel(paths):
    pictures(paths)
    text, _, _ = made(paths)
    assert "data:image/png" not in text
    assert "No pictures: the licence" in Reader(text).text


def test_whoever_asks_for_the_gallery_is_told_not_to_publish_it(paths):
    pictures(paths)
    text, _, _ = made(paths, gallery=True)
    assert "data:image/png" in text
    assert "Not to be published." in Reader(text).text


def redistributable(make_run, **more):
    return [dice(make_run, name, 0.1 * i, dataset_record={"redistributable": True}, **more)
            for i, name in enumerate(("one", "two", "three"))]  # fmt: skip


def test_the_gallery_has_best_median_and_worst_of_each_method(make_run):
    """Of .9, .7, .5, .3 and a miss, which counts 0: a, c and e."""
    paths = redistributable(make_run)
    pictures(paths)
    text, _, _ = made(paths)
    words = Reader(text).text
    assert "Not to be published" not in words
    assert "best: a, 0.900 (picture of seed 0)" in words
    assert "median: c, 0.500 (picture of seed 0)" in words
    assert "worst: e, 0.000 (picture of seed 0)" in words
    assert text.count("data:image/png;base64,") == 9


def test_a_page_of_accepted_entries_says_that_it_has_no_pictures(make_run):
    text, _, _ = made(redistributable(make_run))
    assert "No pictures: made from accepted entries" in Reader(text).text


def test_the_page_stays_below_its_limit_and_says_what_it_left_out(make_run):
    paths = redistributable(make_run)
    bare = len(made(paths)[0].encode())
    pictures(paths, size=30_000)
    limit = bare + 20_000 + 4 * 41_000
    text, _, _ = made(paths, limit=limit)
    assert len(text.encode()) <= limit
    words = Reader(text).text
    assert text.count("data:image/png;base64,") == 4
    assert "5 pictures are left out" in words
    # Three worst cases and the best of the first.
    assert "left out: the page would be too large" in words
    assert words.count("worst: e") == 3


def test_pictures_fit_in_the_order_of_their_importance():
    def strip(name):
        return Strip(name, tuple(
            Picture(which, f"{name}{which}", 0.5, 0, PNG) for which in ("best", "median", "worst")
        ))  # fmt: skip

    one = Picture("best", "x", 0.5, 0, PNG).size
    for room, shown in ((0, 0), (one, 1), (2 * one + 1, 2), (6 * one, 6)):
        kept, dropped = fitted([strip("a"), strip("b")], room)
        found = [p.case for s in kept for p in s.pictures if p.png]
        assert (len(found), dropped) == (shown, 6 - shown)
    kept, _ = fitted([strip("a"), strip("b")], 3 * one)
    assert [p.case for s in kept for p in s.pictures if p.png] == ["abest", "aworst", "bworst"]


def test_an_id_that_could_leave_the_folder_names_no_picture(make_run, tmp_path):
    path = make_run("one", [make_run.score("../../../../secret", 0.5)],
                    dataset_record={"redistributable": True})  # fmt: skip
    (path / "pictures").mkdir()
    (path.parent.parent.parent.parent / "secret.png").write_bytes(PNG)
    (path / "pictures" / "secret.png").write_bytes(PNG)
    runs = read_runs([path])
    board = leaderboard(runs, resamples=10)
    values = pd.DataFrame({"one": [0.5]}, index=["../../../../secret"])
    (found,) = strips(board, groups(runs), values)
    assert [p.png for p in found.pictures] == [b""]


def test_what_is_no_png_is_no_picture(make_run):
    path = make_run("one", [make_run.score("a", 0.5)], dataset_record={"redistributable": True})
    (path / "pictures").mkdir()
    (path / "pictures" / "a.png").write_bytes(b"<svg onload=alert(1)>")
    assert "data:image/png" not in made([path])[0]


def test_one_case_is_best_median_and_worst_at_once(make_run):
    path = make_run("one", [make_run.score("a", 0.5)], dataset_record={"redistributable": True})
    (path / "pictures").mkdir()
    (path / "pictures" / "a.png").write_bytes(PNG)
    assert "best and median and worst: a" in Reader(made([path])[0]).text


def test_a_method_without_any_value_has_a_reason_and_the_page_stands(make_run):
    rows = [make_run.score(case, None, "not_applicable", message="gives no scar") for case in "ab"]
    good = make_run("good", [make_run.score(case, 0.5) for case in "ab"])
    text, board, _ = made([make_run("none", rows), good])
    words = Reader(text).text
    assert "not ranked" in words
    assert "gives no scar" in words
    assert [row.rank for row in board.rows] == [1, None]


def test_a_card_tells_the_parameters_the_training_data_and_the_versions(make_run):
    path = dice(
        make_run,
        method_record={"trains": True, "asked": {"epochs": 3}, "needs": ["lge"], "code": "c0de",
                       "parameters": {"epochs": 3, "size": 80}, "licence": "MIT"},
        dataset_record={"training_fingerprint": "ab" * 32},
        record={"split": {"train": ["x", "y"], "test": ["a"]},
                "provenance": {"versions": {"numpy": "2.4.6"}}},
    )  # fmt: skip
    words = Reader(made([path])[0]).text
    for part in ("epochs=3 (asked for)", "size=80", "2 train cases", "fingerprint abababababababab",
                 "seeds 0", "c0de", "numpy 2.4.6", "MIT"):  # fmt: skip
        assert part in words


def test_a_definition_that_the_runs_did_not_use_is_not_shown_as_theirs(paths):
    assert "Not the definition of this version of scarbench (card dice-1)" in made(paths)[0]


def test_metric_cards_of_this_version_are_written_out(make_run):
    from benchmark.metrics.cards import cards

    path = dice(make_run, record={"metric_cards": {"dice": cards()["dice"].hash}})
    words = Reader(made([path])[0]).text
    assert cards()["dice"].formula in words
    assert f"Card {cards()['dice'].hash}." in words


def test_other_fingerprints_are_cautioned_against(make_run):
    other = dice(make_run, "two", dataset_record={"fingerprint": "e" * 64})
    assert "CAUTION: the methods saw different versions" in made([dice(make_run), other])[0]


def test_ten_methods_of_a_hundred_cases_weigh_less_than_five_megabytes(make_run):
    values = np.random.default_rng(0).uniform(0.3, 0.9, (10, 100))
    paths = []
    for i, row in enumerate(values):
        scores = [make_run.score(f"case{k:03d}", float(v)) for k, v in enumerate(row)]
        cases = {f"case{k:03d}": {"site": f"s{k % 30}", "vendor": f"v{k % 3}"} for k in range(100)}
        scar = [r for k, v in enumerate(row) for r in make_run.scar(f"case{k:03d}", 9.0, 9 * v)]
        path = make_run(f"m{i}", scores, cases=cases, features=scar,
                        dataset_record={"redistributable": True})  # fmt: skip
        paths.append(path)
        (path / "pictures").mkdir()
        for k in range(100):
            (path / "pictures" / f"case{k:03d}.png").write_bytes(PNG + b"1" * 300_000)
    text, _, _ = made(paths)
    assert 1_000_000 < len(text.encode()) <= MAX_BYTES
    assert "are left out" in text
    # Of thirty sites the largest are shown.
    assert sum(key.startswith("site=") for key in Reader(text).data["strata"]) == 24


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Run ``bench leaderboard`` on the runs; gives the exit code and all it said."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = run_app(app, ["leaderboard", "-d", "toy", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_the_command_writes_the_page_beside_the_others_unless_told_not_to(paths, bench, tmp_path):
    code, said = bench()
    assert code == 0
    written = tmp_path / "leaderboards" / "toy.html"
    assert str(written.relative_to(tmp_path)) in said
    first = written.read_bytes()
    assert first.startswith(b"<!DOCTYPE html>")
    bench()
    assert written.read_bytes() == first
    written.unlink()
    assert bench("--no-html")[0] == 0
    assert not written.exists()


def test_a_data_set_named_where_runs_belong_is_told_from_a_missing_run(paths, capsys, tmp_path):
    root = str(paths[0].parent.parent)
    for command in ("leaderboard", "compare"):
        assert run_app(app, [command, paths[0].parent.name, "--runs", root]) == 2
        assert f"Name it as '-d {paths[0].parent.name}'." in capsys.readouterr().err
        assert run_app(app, [command, str(tmp_path / "gone"), "--runs", root]) == 2
        assert "gone. Name run folders" in capsys.readouterr().err


def test_the_command_keeps_pictures_that_must_not_be_passed_on_out_of_the_leaderboards(
    paths, bench, tmp_path
):
    pictures(paths)
    code, said = bench("--gallery")
    assert code != 0
    assert "--out" in said
    assert not (tmp_path / "leaderboards" / "toy.html").exists()
    assert bench("--gallery", "--out", "mine")[0] == 0
    assert "data:image/png" in (tmp_path / "mine" / "toy.html").read_text()
