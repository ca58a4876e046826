"""Orders of loops as Timeloop's files spell them: ``KMN``, ``K M N`` or, with longer names, ``Kout,Ra``."""

from __future__ import annotations

import re
from collections.abc import Collection


def names_of(text: str, dimensions: Collection[str]) -> list[str]:
    """The names in an order, in which blanks and commas do not count.

    Args:
        text: the order.
        dimensions: the problem's; where each is one letter, as Timeloop wants, so is each name.
    """
    if all(len(dimension) == 1 for dimension in dimensions):
        return [letter for letter in text if letter != "," and not letter.isspace()]
    return [name for name in re.split(r"[,\s]+", text) if name]


def text_of(names: Collection[str]) -> str:
    """An order that `names_of` reads again."""
    return ("" if all(len(name) == 1 for name in names) else ",").join(names)
