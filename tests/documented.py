"""The commands that there are, and their help, for tests of what is said about them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import typer.main
from typer.testing import CliRunner

from flexloop.cli import app


@cache
def commands() -> list[tuple[str, ...]]:
    """The words of each command and group of commands, without the program's own; that of the program is empty."""
    return list(_below(typer.main.get_command(app), ()))


def _below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below(inner, (*words, name))


@cache
def help_of(words: tuple[str, ...]) -> str:
    """What ``--help`` says of a command."""
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "400", "TERM": "dumb"})
    assert result.exit_code == 0, result.output
    return result.output
