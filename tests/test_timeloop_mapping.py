"""Mappings to and from Timeloop's directives, their one-line form, and the safe reading of YAML."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import LevelMapping, Mapping

EXAMPLE = Mapping(
    (
        LevelMapping("Spad", {"P": 7, "R": 3, "C": 1}, ("R", "P", "C"), keep=("Weights", "Inputs", "Outputs")),
        LevelMapping(
            "GlobalBuffer",
            {"P": 1, "R": 1, "C": 4},
            ("C", "R", "P"),
            spatial_factors={"P": 2, "R": 1, "C": 16},
            spatial_permutation=("C", "P", "R"),
            split=1,
            keep=("Inputs", "Outputs"),
            bypass=("Weights",),
        ),
        LevelMapping("DRAM", {"P": 2, "R": 1, "C": 2}, ("C", "P", "R"), keep=("Weights", "Inputs", "Outputs")),
    )
)


def test_one_line() -> None:
    assert EXAMPLE.one_line() == "DRAM[WIO] P2 C2 | GlobalBuffer[IO] C4 X:C16 Y:P2 | Spad[WIO] P7 R3"


def test_bounds_are_the_products_of_all_factors() -> None:
    assert EXAMPLE.bounds() == {"P": 28, "R": 3, "C": 128}


def test_directives_are_timeloops() -> None:
    assert EXAMPLE.to_directives() == [
        {"target": "Spad", "type": "datatype", "keep": ["Weights", "Inputs", "Outputs"], "bypass": []},
        {"target": "GlobalBuffer", "type": "datatype", "keep": ["Inputs", "Outputs"], "bypass": ["Weights"]},
        {"target": "DRAM", "type": "datatype", "keep": ["Weights", "Inputs", "Outputs"], "bypass": []},
        {"target": "Spad", "type": "temporal", "factors": "P=7 R=3 C=1", "permutation": "RPC"},
        {"target": "GlobalBuffer", "type": "temporal", "factors": "P=1 R=1 C=4", "permutation": "CRP"},
        {"target": "GlobalBuffer", "type": "spatial", "factors": "P=2 R=1 C=16", "permutation": "CPR", "split": 1},
        {"target": "DRAM", "type": "temporal", "factors": "P=2 R=1 C=2", "permutation": "CPR"},
    ]


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    dimensions = draw(st.lists(st.sampled_from("CMRSNPQG"), min_size=1, max_size=8, unique=True))

    def factors() -> dict[str, int]:
        return {d: draw(st.integers(1, 64)) for d in dimensions}

    levels = []
    for name in draw(st.lists(st.sampled_from(["Spad", "GlobalBuffer", "L2", "DRAM"]), min_size=1, unique=True)):
        keep = draw(st.lists(st.sampled_from(["Weights", "Inputs", "Outputs"]), unique=True))
        bypass = [t for t in ("Weights", "Inputs", "Outputs") if t not in keep]
        level = LevelMapping(
            name, factors(), tuple(draw(st.permutations(dimensions))), keep=(*keep,), bypass=(*bypass,)
        )
        if draw(st.booleans()):
            order = tuple(draw(st.permutations(dimensions)))
            split = draw(st.integers(0, len(dimensions)))
            level = LevelMapping(
                name, level.factors, level.permutation, factors(), order, split, level.keep, level.bypass
            )
        levels.append(level)
    return Mapping(tuple(levels))


@given(mappings())
def test_round_trip_through_yaml(mapping: Mapping) -> None:
    directives = yamlio.load(yamlio.dump(mapping.to_directives()))
    assert Mapping.from_directives(directives) == mapping


def spad(**entries: Any) -> Mapping:
    return Mapping.from_directives([{"target": "Spad", "type": "temporal", **entries}])


@pytest.mark.parametrize("text", ["C=4 M=2", "C4 M2", "C = 4, M = 2", "C=4,M=2"])
def test_spellings_of_factors(text: str) -> None:
    assert spad(factors=text).levels[0].factors == {"C": 4, "M": 2}


@pytest.mark.parametrize("text", ["in,out", "in out", "in, out"])
def test_long_names_of_dimensions(text: str) -> None:
    level = spad(factors="in=4 out=2", permutation=text).levels[0]
    assert level.permutation == ("in", "out")
    assert Mapping.from_directives(Mapping((level,)).to_directives()).levels[0].permutation == ("in", "out")


@pytest.mark.parametrize(
    ("directives", "message"),
    [
        ("none", "not a list of directives"),
        ([3], "not a mapping with target and type"),
        ([{"target": "Spad"}], "give target and type"),
        ([{"target": "Spad", "type": "temporal", "factors": "C=4 C=2"}], "factor of C stands twice"),
        ([{"target": "Spad", "type": "temporal", "factors": "C=4 ?"}], "cannot read"),
        ([{"target": "Spad", "type": "temporal", "permutation": "CC"}], "stands twice in permutation"),
        ([{"target": "Spad", "type": "spatial", "split": -1}], "split is -1"),
        ([{"target": "Spad", "type": "datatype", "keep": "Weights"}], "lists of data spaces"),
        ([{"target": "Spad", "type": "temporal"}, {"target": "Spad", "type": "temporal"}], "stands twice"),
    ],
)
def test_wrong_directives(directives: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Mapping.from_directives(directives)


def test_skews_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="type 'skew'"):
        Mapping.from_directives([{"target": "Spad", "type": "skew"}])


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line 6: expands to more than"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice"),
        ("[" * 500, "nested deeper than 100 levels"),
        ("[" * 5000, "line 1: (nested deeper|exceeded maximum nesting depth)"),  # libyaml has a limit of its own
        ("a: &a [*a]", "contains itself"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: tag .*os.getcwd is none of plain data"),
        ("!!set {a, b}", "tag .*:set is none of plain data"),
        ("a: 1\nb: !!omap [a: 1]", "line 2: tag .*:omap is none of plain data"),
        ("!!pairs [[1]]", "tag .*:pairs is none of plain data"),
        ("!!binary aGk=", "tag .*:binary is none of plain data"),
        ("!own 3", "tag !own is none of plain data"),
        ("? !!binary aGk=\n: 3", "tag .*:binary is none of plain data"),
        ("a:\n  - [1, 2\nb: 3", "line 3: did not find"),
        ('a: !!int ""', "not what its tag says"),
        ("a: 1\nb: !!bool foo", "line 2: a value that is not what its tag says"),
        ("a: 1\nb: [!!float x]", "line 2: a value that is not what its tag says"),
        ("a: 1\nb: !!null x", "line 2: 'x' is not what its tag says"),
        ("!!seq a: 1", "line 1: a key that is a list or a mapping"),
        ("? !!set {a}\n: 1", "line 1: a key that is a list or a mapping"),
        ("b: 1\na: !!map [1]", "line 2: expected a mapping node"),
        ("a: {<<: 3}", "expected a mapping or list of mappings for merging"),
        ("a: &x [1]\n*x : 2", "a key that is a list or a mapping"),
        ("a: !!timestamp x", "tag .*:timestamp is none of plain data"),
        ("1: 2\n01: 3", "line 2: key '01' is given twice"),
        ("1: a\n1.0: b", "line 2: key '1.0' is given twice"),
        ("1: a\ntrue: b", "line 2: key 'true' is given twice"),
        ("<<: {a: 1}\n<<: {a: 2}", "line 2: key '<<' is given twice"),
        ("a: 1:30", "1:30 is a number in base 60"),
        ("a: 0x" + "f" * 5000, "a number of 5002 characters"),
        ("? [1, 2]\n: 3", "a key that is a list"),
        ("a: \x07", "control characters"),
    ],
)
def test_yaml_that_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        yamlio.load(text)


def test_anchors_and_merge_keys_work() -> None:
    text = "base: &base {depth: 4, width: 8}\nmine: {<<: *base, depth: 2}"
    assert yamlio.load(text)["mine"] == {"depth": 2, "width": 8}


def test_a_date_is_a_text() -> None:
    assert yamlio.load("a: 2001-01-01") == {"a": "2001-01-01"}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nothing\.yaml: cannot be read: No such file"):
        yamlio.load(tmp_path / "nothing.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="is not UTF-8 text"):
        yamlio.load(binary)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (yamlio.MAX_BYTES + 1))
    with pytest.raises(SpecError, match="larger than"):
        yamlio.load(large)


def drawn_texts(mapping: Mapping) -> list[str]:
    """The texts of a mapping's drawing, from its top."""
    root = ElementTree.fromstring(mapping.draw().create_svg())  # noqa: S314 - our own
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_mapping_draws_itself_as_a_loop_nest() -> None:
    assert drawn_texts(EXAMPLE) == [
        "DRAM", "Weights", "Inputs", "Outputs", "whole problem C128 P28 R3", "for p in 0:2", "for c in 0:2",
        "GlobalBuffer", "Inputs", "Outputs", "tile C64 P14 R3",
        "for c in 0:4", "par-for c in 0:16 along X", "par-for p in 0:2 along Y",
        "Spad", "Weights", "Inputs", "Outputs", "tile P7 R3", "for p in 0:7", "for r in 0:3",
        "compute",
    ]  # fmt: skip
    assert EXAMPLE._repr_svg_().startswith("<svg")


def test_a_drawing_tells_residuals_and_levels_that_keep_nothing_and_escapes_names() -> None:
    mapping = Mapping((LevelMapping("R<b>", {"M": 4}, ("M",), residuals={"M": 3}),))
    assert drawn_texts(mapping) == [
        "R<b>",
        "keeps nothing",
        "whole problem M3",
        "for m in 0:4 (last pass 0:3)",
        "compute",
    ]
    assert "<b>" not in mapping._repr_svg_()


def test_every_box_of_a_drawing_lies_in_the_box_around_it() -> None:
    root = ElementTree.fromstring(EXAMPLE.draw().create_svg())  # noqa: S314 - our own
    boxes = [
        tuple(float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 4, "the ground and three levels"
    for (x, y, width, height), (inner_x, inner_y, inner_width, inner_height) in pairwise(boxes):
        assert x < inner_x
        assert y < inner_y
        assert inner_x + inner_width < x + width
        assert inner_y + inner_height < y + height
