"""Every block of code in the documentation runs and prints what its page says; `make docs-outputs` writes it anew."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from docsite.blocks import ROOT, Block, PageError, abridged, differs, pages, read_blocks
from docsite.run import faults, rewritten, run_page
from markdown_it import MarkdownIt

from flexloop.cli import app

NOT_RUN = {
    "CONTRIBUTING.md": ["packages"],
    "README.md": ["packages"],
    "docs/clusters.md": ["cluster"] * 6,
    "docs/containers.md": ["container"] * 4,
    "docs/designs.md": ["yours", "yours"],
    "docs/energy.md": ["yours"],
    "docs/figures/README.md": ["minutes"],
    "docs/formats.md": ["Timeloop"],
    "docs/install.md": ["packages", "container"],
    "docs/networks.md": ["yours"],
    "docs/paper.md": ["minutes"],
    "docs/questions.md": ["minutes", "yours"],
    "docs/studies.md": ["minutes", "minutes"],
    "docs/timeloop.md": ["yours"],
}
"""Every block that is marked as one that cannot be run here, by page: a new one is a decision."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def blocks_of(page: Path) -> list[Block]:
    return read_blocks(text_of(page), str(page.relative_to(ROOT)))


LONG = tuple(
    f"docs/{name}.md"
    for name in (
        *("clusters", "energy", "engines", "extending", "formalism", "formats", "paper"),
        *("questions", "scripting", "studies", "timeloop", "tutorial"),
    )
)
"""Pages whose blocks take two seconds of processor time and more; `.ci/run docs` runs them for every change."""

WITH_BLOCKS = [
    pytest.param(page, id=name, marks=pytest.mark.slow if name in LONG else ())
    for page in pages()
    if any(block.is_run for block in blocks_of(page))
    for name in [str(page.relative_to(ROOT))]
]


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_every_block_of_a_page_runs_and_prints_what_the_page_says(page: Path) -> None:
    assert "\n\n".join(faults(page)) == ""


def test_blocks_that_are_not_run_are_marked_and_counted() -> None:
    found = {str(page.relative_to(ROOT)): [b.not_run for b in blocks_of(page) if b.not_run] for page in pages()}
    assert {page: reasons for page, reasons in found.items() if reasons} == NOT_RUN


def flexloop_commands() -> list[tuple[str, str]]:
    """Commands that pages show but do not run, in marked blocks and in sentences, each with its page."""
    found = []
    for page in pages():
        name = str(page.relative_to(ROOT))
        lines = [line for block in blocks_of(page) if block.not_run for line in block.text.splitlines()]
        tokens = MarkdownIt("commonmark").enable("table").parse(text_of(page))
        inline = [child for token in tokens for child in token.children or () if child.type == "code_inline"]
        lines += [" ".join(child.content.split()) for child in inline]
        found += [(name, line.partition(" #")[0].rstrip("\\")) for line in lines if line.startswith("flexloop ")]
    return found


@cache
def whole_command() -> Any:
    return typer.main.get_command(app)


def wrong_words(line: str) -> list[str]:
    """The words of a command that flexloop does not know: commands and options; values may be anything."""
    command = whole_command()
    wrong = []
    for word in shlex.split(line)[1:]:
        inner = getattr(command, "commands", None)
        if word.startswith("-") and not word.startswith("-j"):
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            known |= {"--help", "-h"}
            wrong += [] if word.partition("=")[0] in known else [word]
        elif inner and re.fullmatch(r"[a-z][a-z-]*", word):
            wrong += [] if word in inner else [word]
            command = inner.get(word, command)
    return wrong


def test_wrong_commands_are_noticed() -> None:
    assert wrong_words("flexloop compare --net bert --arch X -o out") == []
    assert wrong_words("flexloop energy shew --arch edge256") == ["shew", "--arch"]
    assert wrong_words("flexloop run --klass T0O0P0S0") == ["--klass"]


def test_commands_that_are_shown_but_not_run_are_commands_of_flexloop() -> None:
    shown = flexloop_commands()
    assert len(shown) > 30
    assert [(page, line, wrong) for page, line in shown if (wrong := wrong_words(line))] == []


def test_fields_and_columns_are_listed_by_the_reference_alone() -> None:
    """The reference is made from the code; a table beside it would say the same once more, and age."""
    heads = re.compile(r"^\| *`?(field|column)s?`?\b.*\n\| *[-:| ]+\|$", re.MULTILINE)
    assert heads.search("| field of a layer | meaning |\n|---|---|\n")
    found = {str(page.relative_to(ROOT)): heads.findall(text_of(page)) for page in pages()}
    assert {page: tables for page, tables in found.items() if tables} == {}


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("    flexloop nets\n", "page:1: code without a fence"),
        ("```\nflexloop nets\n```\n", "page:1: the block's language is ''"),
        ("```bash\nflexloop nets\n```\n", "page:1: the block's language is 'bash'"),
        ("<!-- not run: too hard -->\n```sh\nfalse\n```\n", "page:1: 'too hard' is no reason"),
        ("```yaml\na: 1\n```\n\n```output\n1\n```\n", "page:5: an output belongs right after"),
    ],
)
def test_a_block_is_run_or_marked(page: str, problem: str) -> None:
    with pytest.raises(PageError, match=re.escape(problem)):
        read_blocks(page)


PAGE = """
<!-- run first: echo 20 > known -->
```python
x = int(open("known").read()) + 1
print(x)
```

```output
22
```

```python
>>> x + 1
23
>>> x
21
```

```text title="list"
a
b
```

```sh
cat list; seq 5
```

```output
a
...
6
```

<!-- not run: minutes -->
```sh
exit 1
```
"""

RIGHT = PAGE.replace("\n22\n", "\n21\n").replace("\n23\n", "\n22\n").replace("\n6\n", "\n5\n")


def test_what_differs_is_told_and_written_anew() -> None:
    assert [bool(it.fault()) for it in run_page(PAGE)] == [False, True, True, True]
    assert rewritten(PAGE) == (RIGHT, [])
    assert [it.fault() for it in run_page(RIGHT)] == [None] * 4


@pytest.mark.parametrize(
    "block", ["```sh\nfalse\ntrue\n```\n", "```python\n1 / 0\n```\n", "```python\n>>> 1 / 0\n0.0\n```\n"]
)
def test_what_fails_is_told_and_not_written(block: str) -> None:
    text, left = rewritten(block)
    assert text == block
    assert len(left) == 1 and "failed" in left[0]


def test_lines_left_out_stay_left_out() -> None:
    assert not differs("a\n...\nd", "a\nb\nc\nd") and not differs("a\n...\n", "a\n")
    assert differs("a\n...\nd", "a\nb\nc\n") and differs("b\n...", "a\nb\n") and differs("a.c", "abc")
    assert abridged("a\n...\nd", "1\n2\n3\n4\n") == "1\n...\n4\n"
    assert abridged("a\nb", "1\n\n2  \n") == "1\n\n2\n"
