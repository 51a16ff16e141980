"""The one parser for parameters, and what it says to those that do not fit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, model_validator

from benchmark import Method, Segmentation, Study
from benchmark.errors import UsageError
from benchmark.parameters import parse_settings, parse_spec, validated


class Made(Method):
    epochs: int = Field(3, gt=0)
    rate: float = 0.1
    backbone: Literal["unet", "transunet"] = "unet"
    sizes: tuple[int, ...] = ()
    command: str | None = None
    weights: str = Field("none", min_length=1)
    stage: Annotated[Literal["whole", "none"] | int, "how many"] = 1
    maybe: Literal["none"] | None = "none"

    @model_validator(mode="after")
    def _fits(self) -> Made:
        if self.epochs == 13:
            raise ValueError("13 brings bad luck")
        return self

    def predict(self, study: Study) -> Segmentation:
        raise NotImplementedError


class Needy(Made):
    root: str


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("jdl", "jdl", {}),
        (" jdl ", "jdl", {}),
        ("jdl[]", "jdl", {}),
        ("jdl[a=1]", "jdl", {"a": "1"}),
        ("jdl[ a = 1 , b = x y ,]", "jdl", {"a": "1", "b": "x y"}),
        ("jdl[a=[1, 2],b={\"x\": [3, 4]},c=5]", "jdl", {"a": [1, 2], "b": {"x": [3, 4]}, "c": "5"}),
        ('jdl[a="x,y]",b=2]', "jdl", {"a": "x,y]", "b": "2"}),
        (r'jdl[a="x\",y",b=2]', "jdl", {"a": 'x",y', "b": "2"}),
        ("jdl[a=f(1,2),b=3]", "jdl", {"a": "f(1,2)", "b": "3"}),
        ("jdl[a=none,b=NULL]", "jdl", {"a": None, "b": None}),
        ("./my[1]/plug.py", "./my[1]/plug.py", {}),
        ("./my[1]/plug.py[a=[1,2]]", "./my[1]/plug.py", {"a": [1, 2]}),
        (
            "command[command=python predict.py {images} {output}]",
            "command",
            {"command": "python predict.py {images} {output}"},
        ),
        ("m[a=b=c]", "m", {"a": "b=c"}),
    ],
)  # fmt: skip
def test_a_spec_is_a_name_and_settings(text: str, name: str, settings: dict[str, Any]) -> None:
    spec = parse_spec(text)
    assert (spec.name, dict(spec.settings)) == (name, settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' names no plugin"),
        ("[a=1]", "names no plugin"),
        ("jdl[a=1", "does not end with ']'"),
        ("jdl[a=1]x", "does not end with ']'"),
        ("jdl[a]", "'a' is not a parameter. Write key=value"),
        ("jdl[1a=2]", "'1a=2' is not a parameter"),
        ("jdl[=2]", "'=2' is not a parameter"),
        ("jdl[a=1,a=2]", "'a' is given twice"),
        ("jdl[a=[1,]]", r"a=\[1,\]: not valid JSON"),
        ("jdl[a=f(1,b=2]", r"lacks a closing '\)'"),
        ('jdl[a=5" wide,b=2]', "lacks a closing '\"'"),
    ],
)
def test_a_broken_spec_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_spec(text)


def test_only_the_first_equals_sign_parts() -> None:
    given = parse_settings(["command=a --x=1, {images}", "rate = 2e-3"])
    assert given == {"command": "a --x=1, {images}", "rate": "2e-3"}


def test_text_is_converted_by_the_fields_types() -> None:
    spec = parse_spec("made[epochs=20,rate=1e-3,sizes=[1,2],command=none]")
    made = validated(Made, "made", spec.settings)
    assert (made.epochs, made.rate, made.sizes, made.command) == (20, 0.001, (1, 2), None)


@pytest.mark.parametrize("text", ["weights=none,stage=none", 'weights="none",stage="none"'])
def test_none_is_a_word_where_a_field_takes_words_and_not_none(text: str) -> None:
    made = validated(Made, "made", parse_spec(f"made[{text},maybe=none]").settings)
    assert (made.weights, made.stage, made.maybe) == ("none", "none", None)


def test_the_ablations_that_are_documented_work_as_typed() -> None:
    from benchmark.plan import resolve

    for spec, field in (
        ("mapping[encoder_weights=none]", "encoder_weights"),
        ("jdl[backbone=transunet,encoder_weights=none]", "encoder_weights"),
        ("acsnet[roi=none]", "roi"),
    ):
        for profile in ("quick", "paper"):
            resolved = resolve("methods", spec, {}, profile)
            assert getattr(resolved.plugin, field) == "none"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"epoch": 1}, "'made' has no parameter 'epoch'. Did you mean 'epochs'"),
        ({"zzz": 1}, "There are: backbone, command, epochs, maybe, rate, sizes"),
        ({"epochs": "many"}, "epochs='many': Input should be a valid integer"),
        ({"epochs": "0"}, "epochs='0': Input should be greater than 0"),
        ({"epochs": "1.5"}, "epochs='1.5': .*integer"),
        ({"rate": "nan"}, "rate='nan': .*finite"),
        ({"rate": "inf"}, "rate='inf': .*finite"),
        ({"rate": None}, "rate=None: .*number"),
        ({"backbone": None}, "backbone=None: .*'unet' or 'transunet'"),
        ({"backbone": "vnet"}, "backbone='vnet': .*'unet' or 'transunet'"),
        ({"sizes": ["a"]}, r"sizes\.0='a'"),
        ({"epochs": 13}, "13 brings bad luck"),
        ({"epochs": "x", "rate": "y"}, "epochs='x'.*; rate='y'.*"),
    ],
)
def test_a_value_that_does_not_fit_names_field_value_and_expectation(
    values: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        validated(Made, "made", values)


def test_a_missing_value_is_named_without_the_others() -> None:
    with pytest.raises(UsageError, match=r"do not fit: root: Field required\.") as caught:
        validated(Needy, "needy", {"epochs": "4"})
    assert "'4'" not in str(caught.value)


def test_our_own_refusals_are_said_in_our_own_words() -> None:
    from benchmark.methods.predictions import Predictions

    with pytest.raises(UsageError, match=r": folder='/nowhere': /nowhere is not a folder\."):
        validated(Predictions, "predictions", {"folder": "/nowhere"})
