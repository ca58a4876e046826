"""The catalogue of published accelerators: complete, cited, and consistent with the shipped arch specs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from flexloop.arch.load import arch_names
from flexloop.classes import Axis, FlexClass
from flexloop.errors import SpecError, UnsupportedError
from flexloop.published.accelerators import (
    OPEN,
    Accelerator,
    load_taxonomy,
    taxonomy_cells,
    taxonomy_markdown,
)
from flexloop.timeloop import yamlio

ASKED_FOR = {
    "NVDLA", "Eyeriss", "Eyeriss v2", "TPUv1", "ShiDianNao", "DianNao", "DaDianNao", "Simba", "MAERI", "SIGMA",
    "FlexFlow", "Cambricon", "SCNN", "Gemmini", "Herald (Maelstrom)", "SARA (SAGAR)", "ReDas",
}  # fmt: skip


def by_name(name: str) -> Accelerator:
    return next(a for a in load_taxonomy() if a.name == name)


def entry(**changes: Any) -> dict[str, Any]:
    axis = {"degree": "0", "reason": "It is wired that way.", "source": "paper"}
    axes = {a.name.lower(): copy.deepcopy(axis) for a in Axis}
    return {"name": "Test", "year": 2020, "sources": {"paper": "A. Author, 2020"}, **axes, **changes}


def test_the_catalogue_holds_the_accelerators_that_readers_ask_for() -> None:
    names = {a.name for a in load_taxonomy()}
    assert names >= ASKED_FOR
    assert len(names) >= 20


def test_every_axis_has_a_reason_and_a_citation_that_says_where_and_when() -> None:
    for accelerator in load_taxonomy():
        for axis in Axis:
            cited = accelerator.axis(axis)
            assert cited.reason[0].isupper() or cited.reason[0].isdigit(), accelerator.name
            assert accelerator.sources[cited.source]
        assert set(accelerator.sources) >= {accelerator.axis(axis).source for axis in Axis}


@pytest.mark.parametrize("name", [a.name for a in load_taxonomy() if a.arch_specs])
def test_linked_arch_specs_exist(name: str) -> None:
    assert set(by_name(name).arch_specs) <= set(arch_names())


def test_an_axis_in_part_counts_as_flexible_in_the_class() -> None:
    nvdla = by_name("NVDLA")
    assert nvdla.degrees == "TpOpP0S0"
    assert nvdla.class_name == str(nvdla.lowest.bits) == "T1O1P0S0"


def test_an_open_axis_leaves_a_range_of_classes() -> None:
    accelerator = Accelerator.model_validate(
        entry(shape={"degree": OPEN, "reason": "The paper does not say.", "source": "paper"})
    )
    assert accelerator.open_axes == (Axis.SHAPE,)
    assert accelerator.class_name == "T0O0P0S?"
    assert (accelerator.lowest, accelerator.highest) == (FlexClass.parse("T0O0P0S0"), FlexClass.parse("T0O0P0S1"))


def test_the_table_names_every_accelerator() -> None:
    columns, rows = taxonomy_cells()
    assert [row[0] for row in rows] == [a.name for a in load_taxonomy()]
    assert all(len(row) == len(columns) for row in rows)


def test_the_documentation_shows_the_catalogue_as_it_is() -> None:
    document = Path(__file__).parent.parent / "docs" / "taxonomy.md"
    assert taxonomy_markdown() in document.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tiling": {"degree": "2", "reason": "It is wired that way.", "source": "paper"}}, "tiling.degree"),
        ({"tiling": {"degree": "1", "reason": "It is wired that way.", "source": "other"}}, "sources has no 'other'"),
        ({"sources": {}}, "sources"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_wrong_catalogue_is_answered_by_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(yamlio.dump({"accelerators": [entry(**changes)]}), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load_taxonomy(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(yamlio.dump({"accelerators": [entry(), entry()]}), encoding="utf-8")
    with pytest.raises(SpecError, match="Test stands twice"):
        load_taxonomy(path)


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_the_figure_is_written_in_the_format_of_its_name(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    from flexloop.published.figure import taxonomy_figure

    path = taxonomy_figure(tmp_path / f"taxonomy{suffix}")
    assert path.stat().st_size > 5000


def test_the_figure_places_every_accelerator_and_class(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from flexloop.published.figure import taxonomy_figure

    drawn = taxonomy_figure(tmp_path / "taxonomy.svg").read_text(encoding="utf-8")
    assert all(a.name in drawn for a in load_taxonomy())
    assert "T1O0P1S1" in drawn


def test_an_unknown_figure_format_is_refused_by_name(tmp_path: Path) -> None:
    from flexloop.published.figure import taxonomy_figure

    with pytest.raises(UnsupportedError, match=r"\.svg, \.pdf, \.png"):
        taxonomy_figure(tmp_path / "taxonomy.jpeg")
