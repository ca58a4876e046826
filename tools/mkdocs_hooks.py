"""What MkDocs is told beside its configuration: pages made from the code, pages that lie outside docs/, formulas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docsite import reference
from docsite.blocks import REASONS
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent

OUTSIDE = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "benchmarks.md": "benchmarks/README.md",
}
"""Pages of the site whose text lies outside docs/, by their place in the site."""

_LINK = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
_SOURCE = re.compile(r'src="docs/([^"]+)"')
_MATH = re.compile(r"<(span|div) class=\"arithmatex\">\\[(\[](.*?)\\[)\]]</\1>", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and those that are kept elsewhere."""
    for place, text in reference.pages().items():
        files.append(File.generated(config, place, content=text))
    for place, source in OUTSIDE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the checkout into links between pages; what is no page is named without a link."""
    source = OUTSIDE.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    folder = (ROOT / source).parent
    markdown = _NOT_RUN.sub(lambda match: f"*Not run by the tests: {REASONS[match[1]]}.*\n", markdown)
    markdown = _SOURCE.sub(r'src="\1"', markdown)
    return _LINK.sub(lambda match: _link(match, folder, page), markdown)


def _link(match: re.Match[str], folder: Path, page: Page) -> str:
    text, target, anchor = match[1], match[2], match[3] or ""
    path = (folder / target).resolve()
    if not path.is_relative_to(ROOT):
        return match[0]
    inside = str(path.relative_to(ROOT))
    place = {source: place for place, source in OUTSIDE.items()}.get(inside, inside.removeprefix("docs/"))
    if not path.exists() or inside in OUTSIDE.values() or inside.startswith("docs/"):
        up = "../" * page.file.src_uri.count("/")
        return f"{text}({up}{place}{anchor})"
    return f"{text[1:-1]} (`{inside}`)"


def on_page_content(html: str, **_: Any) -> str:
    """Write formulas as MathML, which browsers show without a script from anywhere."""
    return _MATH.sub(lambda match: _formula(_unescaped(match[2]), block=match[1] == "div"), html)


def _formula(text: str, *, block: bool) -> str:
    if not block:
        return convert(text)
    return f'<div class="formula">{convert(text, "block")}</div>'  # which scrolls by itself where it is too wide


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
