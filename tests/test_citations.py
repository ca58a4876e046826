"""What an installed flexloop tells its user to look at, the user has: no message cites a file of the checkout alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented import commands, help_of

PACKAGE = Path(__file__).parent.parent / "flexloop"
CHECKOUT_ONLY = re.compile(
    r"\b(docs|examples|benchmarks|tests|fuzz|docker)/\w|\b(README|CONTRIBUTING|CHANGELOG)\b|\w\.md\b"
)


def messages(source: str) -> Iterator[tuple[int, str]]:
    """The texts in a program and their lines, docstrings left out."""
    tree = ast.parse(source)
    docstrings = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_citations_are_noticed() -> None:
    program = 'def f():\n    """See docs/x.md."""\n    raise ValueError(f"{1}: docs/arch-specs.md has it")\n'
    assert [text for _, text in messages(program) if CHECKOUT_ONLY.search(text)] == [": docs/arch-specs.md has it"]


def test_no_message_cites_a_file_that_the_wheel_lacks() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in messages(path.read_text(encoding="utf-8"))
        if CHECKOUT_ONLY.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_no_help_cites_a_file_that_the_wheel_lacks(words: tuple[str, ...]) -> None:
    assert not CHECKOUT_ONLY.search(help_of(words))


@pytest.mark.parametrize(
    ("words", "definitions"),
    [
        ((), ["T, the tile sizes", "O, the order of loops", "P, the dimensions", "S, the shape", "rigid"]),
        (("run",), ["fixed (0), one of a few (p) or free (1)", "latency (cycles), energy (pJ) or edp, their product"]),
        (("compare",), ["A gain is the cost of the baseline class over that of the class"]),
        (("isolate",), ["alone: ", "last: ", "shapley: ", "share: "]),
        (("design",), ["Rigid: one tile"]),
        (("flexion",), ["H-F: the choices", "W-F: the same for a layer"]),
        (("taxonomy",), ["0 nothing, p a few choices, 1 any"]),
        (("explore",), ["On the front is each design"]),
    ],
)
def test_help_defines_the_words_that_it_uses(words: tuple[str, ...], definitions: list[str]) -> None:
    shown = " ".join(help_of(words).split())
    assert [it for it in definitions if it not in shown] == []
