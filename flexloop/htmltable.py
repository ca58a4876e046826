"""Small HTML tables, as notebooks show objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table with a caption; every text in it is escaped.

    Examples:
        >>> html_table("a < b", ["n"], [[1]])
        '<p>a &lt; b</p><table><tr><th>n</th></tr><tr><td>1</td></tr></table>'
    """
    lines = [_row("th", columns), *(_row("td", row) for row in rows)]
    return f"<p>{escape(caption)}</p><table>{''.join(lines)}</table>"


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
