"""Names that layers and networks may have, made of whatever other tools call theirs."""

from __future__ import annotations

import re


def clean(name: str) -> str:
    """The name without what a name of a layer may not hold; empty where nothing is left.

    Examples:
        >>> clean("/block 1/conv:0")
        'block.1.conv.0'
    """
    return re.sub(r"[^A-Za-z0-9_.\-]+", ".", name).strip("._-")[:70]


def untaken(base: str, taken: set[str]) -> str:
    """A name that no other layer has, noted as taken: the base, or the base with a number.

    Examples:
        >>> taken = {"conv"}
        >>> untaken("conv", taken), untaken("conv", taken)
        ('conv-2', 'conv-3')
    """
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name
