"""Drawings as SVG text: what a notebook shows, what a file holds, and the marks that they are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from markupsafe import Markup

from flexloop.atomic import write_file


@dataclass(frozen=True)
class Diagram:
    """A drawing; a notebook shows it.

    Attributes:
        text: the SVG.
    """

    text: str

    @property
    def markup(self) -> Markup:
        """As a part of a page."""
        return Markup(self.text)  # noqa: S704 - texts in it were escaped when it was drawn

    def create_svg(self) -> bytes:
        """The SVG, in ASCII, which some readers want."""
        return self.text.encode("ascii", "xmlcharrefreplace")

    def write_svg(self, path: str | Path) -> None:
        """Write it to a file (OutputError if that is not possible)."""
        write_file(Path(path), self.create_svg().decode("ascii"))

    def _repr_svg_(self) -> str:
        return self.text


def diagram(width: int, height: int, shapes: Iterable[str], title: str = "") -> Diagram:
    """A drawing of so many pixels; its title is what screen readers say of it."""
    said = f' role="img"><title>{escape(title)}</title>' if title else ">"
    body = "\n".join(shapes)
    return Diagram(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}px" height="{height}px" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"{said}\n{body}\n</svg>\n'
    )


def box(x: float, y: float, width: float, height: float, **attributes: str) -> str:
    """A rectangle; attributes as SVG's, an underscore for each hyphen."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{_written(attributes)}/>'


def words(x: float, y: float, content: str, **attributes: str) -> str:
    """A text whose line stands at y; whatever is in it stays text, and its spaces count."""
    return f'<text x="{x:g}" y="{y:g}"{_written(attributes)}>{escape(content)}</text>'


def _written(attributes: dict[str, str]) -> str:
    return "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
