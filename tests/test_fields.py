"""The fields of arch specs and networks, and the columns of results, as commands and documentation show them."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel
from report_study import small_study
from typer.testing import CliRunner

from flexloop.arch.spec import ArchSpec
from flexloop.cli import app
from flexloop.fields import FieldDescription, describe_fields
from flexloop.tables.columns import BY_LEVEL, COLUMNS, TOTALS, UNITS
from flexloop.workloads.layers import Layer
from flexloop.workloads.read import NetworkFile


class Inner(BaseModel):
    """One of several.

    Attributes:
        size, width: rows, in words
            of eight bits.
    """

    size: int = 4
    width: float


class Outer(BaseModel):
    """A file.

    Attributes:
        parts: what it is made of.
        named: the same by name.
    """

    parts: list[Inner]
    named: dict[str, Inner] = {}


def test_fields_are_told_from_the_outside_in_with_the_meaning_that_the_docstring_gives() -> None:
    meaning = "rows, in words of eight bits."
    assert describe_fields(Outer) == [
        FieldDescription("parts", "list of: fields, see below", None, "what it is made of."),
        FieldDescription("parts[].size", "whole number", "4", meaning),
        FieldDescription("parts[].width", "number", None, meaning),
        FieldDescription("named", "mapping of a name to: fields, see below", "{}", "the same by name."),
        FieldDescription("named.*.size", "whole number", "4", meaning),
        FieldDescription("named.*.width", "number", None, meaning),
    ]


@pytest.mark.parametrize("model", [ArchSpec, NetworkFile, Layer])
def test_every_field_that_a_user_may_write_has_a_meaning(model: type[BaseModel]) -> None:
    assert [field.path for field in describe_fields(model) if not field.meaning] == []


def test_the_commands_show_every_field() -> None:
    arch = CliRunner().invoke(app, ["arch", "fields"])
    assert arch.exit_code == 0
    assert all(field.path in arch.output for field in describe_fields(ArchSpec))
    assert "words a cycle" in arch.output
    network = CliRunner().invoke(app, ["net", "fields"])
    assert network.exit_code == 0
    assert "layers[].Wstride" in network.output and "output strides" in network.output


def test_the_columns_of_results_are_shown_with_their_units() -> None:
    shown = CliRunner().invoke(app, ["columns"])
    assert shown.exit_code == 0
    rows, totals = shown.output.split("Totals:")
    assert re.search(r"energy_pj +pJ +energy of one occurrence", rows)
    assert re.search(r"energy_pj +pJ +energy of the whole network", totals)
    lines = {line.split()[0] for line in shown.output.splitlines() if line.strip()}
    assert set(COLUMNS) | set(TOTALS) | set(BY_LEVEL) == set(lines) & {*COLUMNS, *TOTALS, *BY_LEVEL}
    assert set(UNITS) <= set(lines)


def test_the_columns_of_totals_are_those_that_are_described() -> None:
    made = small_study().speedups()
    assert {c for c in made.columns if not c.startswith(("energy_pj_", "accesses_"))} | {"area_mm2"} == set(TOTALS)
