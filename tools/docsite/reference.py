"""Pages of reference, each read off the code: commands, Python, fields of files, columns of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer.cli
import typer.main
from pydantic import BaseModel

import flexloop
from flexloop.arch.spec import ArchSpec
from flexloop.cli import app
from flexloop.fields import describe_fields
from flexloop.tables.columns import BY_LEVEL, COLUMNS, TOTALS, UNITS
from flexloop.workloads.layers import Layer
from flexloop.workloads.read import NetworkFile

_FORMATS = ("results.files", "results.load", "errors", "fields", "timeloop_api")
"""Modules that have no name at top level and are meant for users all the same."""


def pages() -> dict[str, str]:
    """The Markdown of every page of reference, by its place below the documentation's root."""
    return {
        "reference/commands.md": commands(),
        "reference/python.md": python(),
        "reference/arch.md": fields_page("Arch spec, field by field", "arch", ArchSpec, {}),
        "reference/network.md": fields_page("Network, field by field", "net", NetworkFile, {"layers": Layer}),
        "reference/results.md": columns(),
    }


def commands() -> str:
    """Every command with its arguments and options, as Typer tells them."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("flexloop", [], resilient_parsing=True)
    return typer.cli.get_docs_for_click(obj=command, ctx=context, name="flexloop", title="Commands")


def python() -> str:
    """The public names, each with its docstring."""
    names = [name for name in flexloop.__all__ if name != "__version__"]
    blocks = [_documented(f"flexloop.{name}", f"flexloop.{name}") for name in names]
    blocks += [_documented(f"flexloop.{name}", f"flexloop.{name}") for name in _FORMATS]
    return "# Python\n\n`import flexloop` has these names; each is imported when it is first used.\n\n" + "\n".join(
        blocks
    )


def _documented(path: str, heading: str) -> str:
    return f"::: {path}\n    options:\n      heading: {heading}\n      toc_label: {heading.removeprefix('flexloop.')}\n"


def fields_page(title: str, command: str, model: type[BaseModel], within: Mapping[str, type[BaseModel]]) -> str:
    """The fields of a file as one table for each of its parts; `flexloop COMMAND fields` shows the same."""
    parts: dict[str, list[str]] = {}
    for field in describe_fields(model, within):
        part, _, name = field.path.rpartition(".")
        default = "**required**" if field.default is None else f"`{field.default}`"
        meaning = field.meaning.replace("``", "`").replace("|", "\\|")
        parts.setdefault(part, []).append(f"| `{name}` | {field.holds} | {default} | {meaning} |")
    tables = (
        f"## {f'`{part}`' if part else 'The file'}\n\n| field | takes | default | meaning |\n|---|---|---|---|\n"
        + "\n".join(rows)
        for part, rows in parts.items()
    )
    return (
        f"# {title}\n\nRead off the model that every file is checked against; `flexloop {command} fields` shows it in "
        "the terminal. Parts are named by their path: `[]` is each entry of a list, `.*` each of a mapping.\n\n"
        + "\n\n".join(tables)
        + "\n"
    )


def columns() -> str:
    """The columns of a study's tables, with their units."""
    return (
        "# Columns of results\n\n`flexloop columns` shows them in the terminal. Figures of a row are of one occurrence "
        "of its layer, without its `count`.\n\n"
        + _column_table("Rows", "A row is one layer on one arch in one class: `results.rows`, `results.csv`.", COLUMNS)
        + _column_table(
            "Totals",
            "One network on one arch in one class: `results.totals`, `totals.csv`; gains are in `results.speedups()`.",
            TOTALS,
        )
        + _column_table("Levels", "Rows and totals have these for each level of the arch.", BY_LEVEL)
    )


def _column_table(title: str, text: str, meanings: Mapping[str, str]) -> str:
    rows = "\n".join(f"| `{name}` | {UNITS.get(name, '')} | {meaning} |" for name, meaning in meanings.items())
    return f"## {title}\n\n{text}\n\n| column | unit | meaning |\n|---|---|---|\n{rows}\n\n"
