"""Figures: the same bytes, safe in a page, and legible whatever the values are."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest

import benchmark.figures as f
from benchmark.errors import UsageError
from benchmark.figures.pareto import front
from benchmark.figures.style import INK, PALETTE, PAPER, marks, plain, short

NAN = float("nan")
RNG = np.random.default_rng(0)
NASTY = '$\\frac{1}{0}$ <script>alert("x")</script> & id="a"'
FIFTEEN = [f"a_method_whose_name_is_long_enough_to_hurt_{i}" for i in range(15)]


def line(**more):
    facts = {"slope": 0.9, "intercept": None, "slope_low": 0.8, "slope_high": 1.0}
    return SimpleNamespace(**{**facts, **more})


def limits(bias=0.1, half=1.0):
    return SimpleNamespace(
        bias=bias, bias_low=bias - 0.1, bias_high=bias + 0.1,
        lower=bias - half, lower_low=bias - half - 0.2, lower_high=bias - half + 0.2,
        upper=bias + half, upper_low=bias + half - 0.2, upper_high=bias + half + 0.2,
    )  # fmt: skip


def steady(names, resamples=10):
    k = len(names)
    ranks = np.arange(1, k + 1)
    return SimpleNamespace(names=tuple(names), ranks=ranks, counts=np.eye(k) * resamples,
                           low=ranks, median=ranks, high=ranks)  # fmt: skip


def drawn_by(names, column):
    """Every figure of these methods, each with ``column`` as its values."""
    held = {name: np.asarray(column, dtype=float) for name in names}
    values = np.stack(list(held.values()), axis=1)
    first = np.asarray(column, dtype=float)
    value = float(first[0]) if len(first) else NAN
    k = len(names)
    return {
        "box": f.box_strip(held, label="Dice"),
        "box log": f.box_strip(held, label="Dice", log=True),
        "violins": f.violins(held, label="Dice"),
        "violins log": f.violins(held, label="Dice", log=True),
        "dots": f.dots(held, label="error", unit="%"),
        "split": f.split_violins({name: {"model": v, "expert": v} for name, v in held.items()},
                                 label="Dice"),
        "regression": f.regression_plot(first, first, line(), label="scar", unit="mL"),
        "no line": f.regression_plot(first, first, None, label="scar", title=names[0]),
        "bland": f.bland_altman_plot(first, first, limits(), label="scar", unit="mL"),
        "bland log": f.bland_altman_plot(first, first, limits(1.1, 0.5), label="scar", log=True),
        "bare": f.bland_altman_plot(first, first, None, label="scar"),
        "podium": f.podium(names, values, label="Dice"),
        "blobs": f.blobs(steady(names)),
        "map": f.significance_map(names, np.full((k, k), 0.01)),
        "pareto": f.pareto(dict.fromkeys(names, (value, value)), cost="s", quality="Dice"),
        "classes": f.stacked_classes({n: {"poor": 1, "good": 2} for n in names}),
        "bars": f.bars_with_letters(dict.fromkeys(names, (value, value - 1, value + 1)),
                                    dict.fromkeys(names, "a"), label="Dice"),
        "levels": f.level_histograms({"apex": held, "base": held}, label="Dice"),
    }  # fmt: skip


def words(figure):
    """All text of the drawing, with what a screen reader says."""
    return "\n".join(t for t in ET.fromstring(f.svg_text(figure)).itertext() if t.strip())


@pytest.mark.parametrize(
    ("names", "column"),
    [
        pytest.param(["one"], [0.5], id="one method, one case"),
        pytest.param(["a", "b"], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5], id="all equal"),
        pytest.param(["a", "b"], [0.0, 0.0], id="all zero"),
        pytest.param(["a", "b"], [NAN, NAN], id="all undefined"),
        pytest.param(["a"], [], id="no case"),
        pytest.param([NASTY], [0.2, NAN, 0.9, 0.4, 0.6, 0.7], id="a nasty name"),
        pytest.param(["\x00\x08漢字"], [0.2, 0.9], id="no letters of the font"),
    ],
)
def test_every_figure_of_hard_values_is_drawn_without_a_warning(names, column):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, figure in drawn_by(names, column).items():
            text = f.svg_text(figure)
            root = ET.fromstring(text)
            assert root.get("role") == "img", name
            assert "<script" not in text, name


def test_fifteen_long_names_keep_within_their_figure():
    # What is cut off at the edge is not said.
    cut = []
    for name, figure in drawn_by(FIFTEEN, [0.2, 0.5, 0.9, 0.4, 0.6, 0.7]).items():
        try:
            f.svg_text(figure)  # lays it out
        except UserWarning as warning:
            cut.append((name, str(warning)))
            continue
        box = figure.get_tightbbox(figure.canvas.get_renderer())
        wide, high = figure.get_size_inches()
        # Half a millimetre.
        if min(box.x0, box.y0, wide - box.x1, high - box.y1) < -0.02:
            cut.append((name, box.extents, wide, high))
    assert not cut


def test_what_has_no_value_says_so():
    for name, figure in drawn_by(["a"], [NAN, NAN]).items():
        if name not in ("blobs", "map", "classes"):
            assert "Nothing to draw" in words(figure), name
    assert "Nothing to draw" in words(f.significance_map(["a"], [[NAN]]))
    assert "Nothing to draw" in words(f.stacked_classes({"a": {"poor": 0}}))
    assert "Nothing to draw" in words(f.blobs(steady(["a"], resamples=0)))


def test_numbers_of_cases_and_of_undefined_values_are_written():
    held = {"a": [0.1, 0.2, NAN, 0.4], "b": [0.3, 0.3, 0.3, 0.3]}
    for figure in (
        f.box_strip(held, label="d"),
        f.violins(held, label="d"),
        f.dots(held, label="d"),
    ):
        said = words(figure)
        assert "a (n = 3)" in said
        assert "b (n = 4)" in said
        assert said.count("1 undefined") == 1
    said = words(f.box_strip({"a": [0.0, 1.0, 10.0]}, label="d", log=True))
    assert "a (n = 2)" in said
    assert "1 undefined" in said
    x, y = [1.0, 2.0, NAN], [1.0, 2.0, 3.0]
    assert "1 pair without a value not shown" in words(f.regression_plot(x, y, None, label="d"))
    said = words(f.bland_altman_plot([0, 0, 1.0], [1, 2, 1.0], None, label="d", log=True))
    assert "2 pairs without a ratio not shown" in said
    said = words(f.split_violins({"basal": {"m": held["a"], "e": held["b"]}}, label="d"))
    assert "n = 3 | 4" in said
    assert "undefined 1 | 0" in said
    said = words(f.stacked_classes({"a": {"poor": 3}}, undefined={"a": 1}))
    assert "a (n = 4)" in said
    assert "75" in said
    said = words(f.level_histograms({"apex": {"m": [0.5, NAN]}}, label="d"))
    assert "n = 1" in said
    assert "1 undefined" in said
    said = words(f.podium(["a", "b"], [[0.5, NAN], [0.4, 0.6]], label="d"))
    assert "1 undefined values" in said
    said = words(f.pareto({"a": (1.0, 0.5), "b": (None, 0.4)}, cost="s", quality="d"))
    assert "not shown, no number: b" in said
    assert "undefined" in words(f.bars_with_letters({"a": (1, None, None), "b": (None,) * 3},
                                                    label="d"))  # fmt: skip


def test_the_same_figure_is_the_same_bytes_again_and_in_another_process(tmp_path):
    code = (
        "import sys, benchmark.figures as f\n"
        "held = {'b': [.1, .2, .3, .4, .5, .9], 'a': [.5, .6, .6, .7, .8, .8]}\n"
        "for name, draw in (('box', f.box_strip), ('violin', f.violins)):\n"
        "    for kind in ('png', 'svg'):\n"
        "        f.save(draw(held, label='Dice'), f'{sys.argv[1]}/{name}.{kind}')\n"
    )
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        subprocess.run([sys.executable, "-c", code, str(tmp_path / folder)], check=True)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    png = (tmp_path / "one" / "box.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert b"tEXt" not in png
    assert b"Matplotlib" not in (tmp_path / "one" / "box.svg").read_bytes()


def test_a_figure_is_not_changed_by_being_written(tmp_path):
    figure = f.regression_plot([1.0, 2, 3], [1.0, 2.2, 2.9], line(), label="scar")
    first = f.svg_text(figure)
    f.save(figure, tmp_path / "a.png")
    assert f.svg_text(figure) == first


def test_a_users_settings_change_nothing_and_are_left_alone():
    import matplotlib as mpl

    first = f.svg_text(f.box_strip({"a": [0.1, 0.5]}, label="d"))
    with mpl.rc_context({"font.size": 30, "text.usetex": False, "axes.facecolor": "red",
                         "svg.fonttype": "path"}):  # fmt: skip
        assert f.svg_text(f.box_strip({"a": [0.1, 0.5]}, label="d")) == first
        assert mpl.rcParams["font.size"] == 30


def test_drawing_needs_no_pyplot_and_importing_no_matplotlib():
    code = (
        "import sys, benchmark.figures as f\n"
        "assert not {'matplotlib', 'scipy', 'seaborn', 'pandas'} & set(sys.modules)\n"
        "f.svg_text(f.box_strip({'a': [.1, .2]}, label='d'))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def ids(text):
    return re.findall(r' id="([^"]+)"', text)


def test_two_figures_of_a_page_share_no_id_and_refer_to_their_own():
    one = f.svg_text(f.box_strip({"a": RNG.random(9), "b": RNG.random(9)}, label="d"))
    two = f.svg_text(f.box_strip({"a": RNG.random(9), "b": RNG.random(9)}, label="d"))
    assert ids(one)
    assert not set(ids(one)) & set(ids(two))
    for text in (one, two):
        assert len(set(ids(text))) == len(ids(text))
        used = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
        assert used
        assert set(used) <= set(ids(text))
    named = f.svg_text(f.violins({"a": [1, 2]}, label="d"), "fig7")
    assert all(name.startswith("fig7-") for name in ids(named))


def test_long_names_leave_the_values_their_room():
    for draw in (f.box_strip, f.violins, f.dots):
        widths = []
        for name in ("a", "method[first=False,second=False]"):
            figure = draw({name: [0.90, 0.92, 0.95, 0.96, 0.97]}, label="d")
            f.svg_text(figure)
            (axes,) = figure.axes
            widths.append(axes.get_position().width * figure.get_figwidth() * 25.4)
        assert widths[1] > 40, draw.__name__


def test_an_element_for_a_page_takes_the_pages_colours():
    text = f.svg_text(f.box_strip({"a": [0.1, 0.5, 0.7, NAN]}, label="d"))
    assert text.startswith("<svg ")
    assert text.endswith("</svg>")
    assert "currentColor" in text
    assert "var(--paper, Canvas)" in text
    assert "fill: var(--faint, #6a7078)" in text
    assert INK not in text
    assert PAPER not in text
    assert "<style" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    root = ET.fromstring(text)
    names = root.get("aria-labelledby").split()
    said = [e for e in root if e.get("id") in names]
    assert [e.tag.rpartition("}")[2] for e in said] == ["title", "desc"]
    assert "median 0.5, n = 3" in said[1].text


def test_a_file_of_its_own_is_on_white_with_colours(tmp_path):
    text = f.save(f.box_strip({"a": [0.1, 0.5]}, label="d"), tmp_path / "x.svg").read_text()
    assert "currentColor" not in text
    assert INK in text
    assert 'fill="#ffffff"' in text
    ET.fromstring(text)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"x\.jpg"):
        f.save(f.box_strip({"a": [0.1]}, label="d"), tmp_path / "x.jpg")


def test_a_strangers_name_stays_text_in_every_figure():
    for name, figure in drawn_by([NASTY, "b"], [0.2, 0.9, 0.4]).items():
        text = f.svg_text(figure)
        assert "<script" not in text, name
        if name in ("box", "dots", "violins", "bars"):
            assert "$" in text, name
            shown = "".join(ET.fromstring(text).itertext())
            assert plain(NASTY) in shown, name


def test_plain_text_is_one_line_and_loses_its_middle():
    assert plain("a\n b\tc") == "a b c"
    assert plain("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"
    assert plain("abcdefghij", 7) == "abcd\N{HORIZONTAL ELLIPSIS}ij"
    assert plain("abcdefg", 7) == "abcdefg"


def test_colours_follow_the_sorted_names_and_never_share_a_mark():
    names = [f"m{i:02}" for i in range(20)]
    assert f.colours(names) == f.colours(names[::-1])
    assert f.colours(["b", "a"])["a"] == PALETTE[0]
    tone, mark = f.colours(names), marks(names)
    assert len({(tone[n], mark[n]) for n in names}) == 20


def linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    lms = np.cbrt(
        np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                  [0.2119034982, 0.6806995451, 0.1073969566],
                  [0.0883024619, 0.2817188376, 0.6299787005]]) @ rgb)  # fmt: skip
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                     [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ lms  # fmt: skip


#: Machado, Oliveira and Fernandes 2009, severity 1.
SEEN = {
    "everybody": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


@pytest.mark.parametrize("eyes", SEEN)
def test_colours_are_told_apart_by_everybody(eyes):
    seen = [oklab(np.clip(SEEN[eyes] @ linear(colour), 0, 1)) for colour in PALETTE]
    least = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    # Okabe and Ito's eight have .07 at the least.
    assert least > 0.09


def test_colours_stand_out_on_a_light_and_on_a_dark_page():
    for colour in PALETTE:
        luminance = float(linear(colour) @ [0.2126, 0.7152, 0.0722])
        assert 1.05 / (luminance + 0.05) > 2.5
        assert (luminance + 0.05) / 0.058 > 2.5


def test_the_front_is_who_nobody_beats():
    points = {"cheap": (1, 0.5), "good": (9, 0.9), "beaten": (9, 0.8), "middle": (3, 0.7),
              "worse": (4, 0.6), "none": (None, 1.0), "odd": (2, NAN)}  # fmt: skip
    assert front(points) == ["cheap", "middle", "good"]
    assert front({"a": (1, 5.0), "b": (1, 5.0)}) == ["a", "b"]
    assert front({"a": (1, 5.0), "b": (2, 3.0), "c": (3, 4.0)}, "lower") == ["a", "b"]
    assert front({"a": (1, -5.0), "b": (2, 3.0)}, "zero") == ["a", "b"]
    assert front({}) == []


def test_names_of_a_pareto_plot_do_not_overlap():
    rng = np.random.default_rng(3)
    points = {f"method_{i}": (10 ** rng.random(), 0.5 + 0.3 * rng.random()) for i in range(12)}
    figure = f.pareto(points, cost="s", quality="Dice")
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [t.get_window_extent(renderer) for t in figure.axes[0].texts]
    assert len(boxes) == 12
    clashes = [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
    assert not clashes


def test_axis_numbers_are_plain():
    shown = [short(v) for v in (0.00001, 0.5, 250.0, 15000.0, 2e6, 3e9, 0.0)]
    assert shown == ["0.00001", "0.5", "250", "15 k", "2 M", "3 G", "0"]


def test_a_podium_counts_who_took_which_place():
    values = [[0.9, 0.5], [0.4, 0.6], [0.8, 0.7], [NAN, 0.1], [NAN, NAN]]
    said = words(f.podium(["a", "b"], values, label="Dice"))
    assert "a is first in 2 of 4 cases" in said
    assert "b is first in 2 of 4 cases" in said
    said = words(f.podium(["a", "b"], values, label="HD", better="lower"))
    assert "a is first in 1 of 4 cases" in said


def test_a_significance_map_says_who_beats_whom():
    p = [[1, 0.01, 0.05], [0.9, 1, NAN], [0.8, NAN, 1]]
    said = words(f.significance_map(["a", "b", "c"], p))
    assert "a significantly better than b, c" in said
    assert ".010" in said
    assert "No difference is significant" in words(f.significance_map(["a", "b"], [[1, 1], [1, 1]]))


def test_methods_are_ordered_by_their_median_with_the_undefined_last():
    held = {"none": [NAN], "low": [0.1, 0.2], "high": [0.8, 0.9]}
    assert f.order_by_median(held, higher=True) == ["high", "low", "none"]
    assert f.order_by_median(held, higher=False) == ["low", "high", "none"]


def test_a_regression_says_its_line():
    x = [1.0, 2.0, 3.0]
    said = words(f.regression_plot(x, x, line(), label="scar", r=0.987))
    assert "y = 0.900 x  [0.800, 1.00]" in said
    assert "r = 0.99" in said
    said = words(f.regression_plot(x, x, line(intercept=-0.5), label="scar"))
    assert "y = 0.900 x \N{MINUS SIGN} 0.500" in said
    said = words(f.bland_altman_plot(x, x, limits(), label="scar"))
    assert "bias" in said
    assert "\N{MINUS SIGN}0.900" in said
