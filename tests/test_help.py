"""The help of every command says in words what its arguments and options take."""

from __future__ import annotations

import re

import pytest
from documented import commands, help_of

TYPES = re.compile(r"<[\w\[\], |]+>|\b(list|dict|tuple)\[|\b(TEXT|INTEGER|FLOAT|BOOLEAN)\b|x[<>]=|<=x")
"""How programs, not people, say what a value may be."""


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words) or "flexloop")
def test_help_names_values_in_words(words: tuple[str, ...]) -> None:
    shown = help_of(words).replace("NAME=INTEGER", "")
    assert [line.strip("│ ") for line in shown.splitlines() if TYPES.search(line)] == []


@pytest.mark.parametrize(
    ("words", "option", "row"),
    [
        (("mapper",), "FILES", "FILES Timeloop's files"),
        (("run",), "--time-limit", "--time-limit SECONDS [0 or more] Seconds"),
        (("run",), "--net", "--net -n NETWORK Network"),
        (("run",), "--objective", "--objective OBJECTIVE What to minimise"),
        (("run",), "--no-store", "--no-store Neither read nor keep"),
        (("flexion",), "--samples", "--samples N [100 to 10000000] Samples"),
        (("cache", "prune"), "--older-than", "--older-than AGE Remove"),
        ((), "--install-completion", "--install-completion Install completion"),
    ],
)
def test_help_says_what_stands_for_a_value(words: tuple[str, ...], option: str, row: str) -> None:
    line = next(line for line in help_of(words).splitlines() if line.strip("│ *").startswith(option))
    assert " ".join(line.strip("│ *").split()).startswith(row)
