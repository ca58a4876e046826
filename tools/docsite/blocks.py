"""The blocks of code in the documentation: which there are, which are run, and what each should print.

In a page's Markdown

- a block in ``sh`` or ``python`` is run, in the order of the page, all of a page in one folder and one interpreter;
- a block in ``output`` is what the block before it prints; a line ``...`` in it stands for any number of lines;
- a ``python`` block with prompts (``>>>``) holds what it prints itself, as in doctest;
- a block with a title, as in ``yaml title="mine.yaml"``, is written to a file of that name in the page's folder;
- ``<!-- not run: REASON -->`` before a block says that it cannot be run, for one of `REASONS`;
- ``<!-- run first: ... -->`` holds shell commands that prepare what a reader has already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent.parent

REASONS = {
    "container": "needs Docker or Podman",
    "Timeloop": "needs programs that do not come with flexloop",
    "cluster": "needs other machines",
    "packages": "installs packages",
    "minutes": "takes minutes",
    "yours": "needs files of your own",
}
"""Why a block may stay without a run."""

RUN = ("sh", "python")
SHOWN = ("yaml", "toml", "text", "json", "csv")
"""Languages of blocks that are run, and of those that are only shown."""

_MARK = re.compile(r"\s*<!-- not run: (.+?) -->\s*")
_FIRST = re.compile(r"\s*<!-- run first:(.*?)-->\s*", re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        line: of its first line, after the fence, counted from 0.
        language: the first word after the fence.
        text: what it holds.
        not_run: why it is not run; None where it is.
        hidden: whether readers of the page do not see it.
        title: the name of the file that it is; None where it is none.
        output: where what it should print stands, and that text; None where the page does not say.
    """

    line: int
    language: str
    text: str
    not_run: str | None = None
    hidden: bool = False
    title: str | None = None
    output: Printed | None = None

    @property
    def prompts(self) -> bool:
        """Whether it holds what it prints itself."""
        return self.language == "python" and self.text.lstrip().startswith(">>>")

    @property
    def is_run(self) -> bool:
        """Whether it is to be run."""
        return self.language in RUN and self.not_run is None


@dataclass(frozen=True)
class Printed:
    """What a block should print: the line at which it stands in the page, counted from 0, and the text."""

    line: int
    text: str


class PageError(Exception):
    """A page holds what can neither be run nor passed over: file, line and what to do."""


def pages() -> list[Path]:
    """All pages whose blocks are run."""
    outside = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")]
    return [*outside, *sorted((ROOT / "docs").rglob("*.md"))]


def read_blocks(text: str, where: str = "page") -> list[Block]:
    """The blocks of a page in order, each with what it should print.

    Raises:
        PageError: for a block without a language that is known, code without a fence, or a mark without a reason.
    """
    found: list[Block] = []
    mark: str | None = None
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        place = f"{where}:{(token.map or [0])[0] + 1}"
        if token.type == "code_block":
            raise PageError(f"{place}: code without a fence; fence it and name its language")
        if token.type == "html_block":
            mark = _reason(token.content, place) or mark
            if first := _FIRST.fullmatch(token.content):
                found.append(Block((token.map or [0])[0], "sh", first[1], hidden=True))
        if token.type == "fence":
            _add(found, token.info, Printed((token.map or [0])[0] + 1, token.content), mark, place)
        if token.type in ("fence", "paragraph_open", "heading_open"):
            mark = None
    return found


def _reason(comment: str, place: str) -> str | None:
    match = _MARK.fullmatch(comment)
    if match and match[1] not in REASONS:
        raise PageError(f"{place}: {match[1]!r} is no reason; known: {', '.join(REASONS)}")
    return match[1] if match else None


def _add(found: list[Block], info: str, content: Printed, mark: str | None, place: str) -> None:
    language = info.split()[0] if info.split() else ""
    if language == "output":
        before = found[-1] if found else None
        if before is None or before.language not in RUN or before.hidden or before.output or before.prompts:
            raise PageError(f"{place}: an output belongs right after a block of {' or '.join(RUN)}")
        found[-1] = replace(before, output=content)
    elif language not in (*RUN, *SHOWN):
        known = ", ".join((*RUN, "output", *SHOWN))
        raise PageError(f"{place}: the block's language is {language!r}; known: {known}")
    else:
        title = _TITLE.search(info)
        found.append(Block(content.line, language, content.text, mark, title=title[1] if title else None))


def differs(expected: str, printed: str) -> bool:
    """Whether a text is not what was expected, where a line ``...`` stands for any number of lines."""
    parts = ("\n".join(_lines(part)) for part in re.split(r"(?m)^\.\.\.$", "\n".join(_lines(expected))))
    pattern = r"(?:.*\n)*?".join(re.escape(part + "\n") if part else "" for part in parts)
    return re.fullmatch(pattern, "\n".join(_lines(printed)) + "\n") is None


def abridged(expected: str, printed: str) -> str:
    """What was printed, with as many lines left out as in what was expected.

    Of a text with one line ``...`` as many lines stay at either end as there were.
    """
    lines, before = _lines(printed), _lines(expected)
    if before.count("...") != 1:
        return "\n".join(lines) + "\n"
    head = before.index("...")
    tail = len(before) - head - 1
    kept = [*lines[:head], "...", *lines[len(lines) - tail :]] if head + tail < len(lines) else lines
    return "\n".join(kept) + "\n"


def _lines(text: str) -> list[str]:
    """Lines without blanks at their ends, and without empty ones around them."""
    return [line.rstrip() for line in text.strip("\n").splitlines()] if text.strip() else []
