"""Reuse that a storage level may not make of a data space: directives of Timeloop's mappings and constraints.

How each is counted: rules 12 to 16 of docs/counting.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flexloop.errors import SpecError, UnknownNameError
from flexloop.validation import short


@dataclass(frozen=True)
class ReuseLimits:
    """The data spaces, by name, of which one storage level may not make some kind of reuse.

    Attributes:
        no_link_transfer: the instances below the level hand no words to their neighbours.
        no_multicast_no_reduction: each of them reads from, and writes to, the level by itself.
        no_temporal_reuse: the level's tile is read anew at every step, also where it stays.
        rmw_first_update: the first update of a value reads the old one, as all others do.
        no_coalesce: the level hands on every access that it gets to the next one outside, although it keeps the tile.
    """

    no_link_transfer: tuple[str, ...] = ()
    no_multicast_no_reduction: tuple[str, ...] = ()
    no_temporal_reuse: tuple[str, ...] = ()
    rmw_first_update: tuple[str, ...] = ()
    no_coalesce: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """All data spaces that are named."""
        return {name for names in asdict(self).values() for name in names}


_READ: dict[str, dict[str, tuple[str, ...]]] = {
    "spatial": {
        "no_link_transfer": ("no_link_transfer",),
        "no_multicast_no_reduction": ("no_reuse", "no_multicast_no_reduction"),
    },
    "temporal": {
        "no_temporal_reuse": ("no_reuse", "no_temporal_reuse"),
        "rmw_first_update": ("rmw_first_update",),
    },
    "dataspace": {"no_coalesce": ("no_coalesce",)},
}
"""For each type of directive the limits that it may set, and the keys that each is looked for under, in this order."""


def limit_keys(kind: str) -> set[str]:
    """The keys that set limits in directives of a type (spatial, temporal or dataspace)."""
    return {key for keys in _READ.get(kind, {}).values() for key in keys}


def read_limits(
    kind: str, directive: Mapping[str, Any], where: str, known: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """The limits that one directive sets, by attribute of `ReuseLimits`.

    Args:
        kind: spatial, temporal or dataspace.
        directive: its keys and values.
        where: what messages call it.
        known: the data spaces that there are, where they are known.

    Raises:
        SpecError: a value that is no list.
        UnknownNameError: a data space that does not exist.
    """
    found = {}
    for limit, keys in _READ.get(kind, {}).items():
        key = next((key for key in keys if directive.get(key) is not None), None)
        if key is None:
            continue
        names = directive[key]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise SpecError(f"{key} {where} is {short(names)}: write a list of data spaces")
        for name in names:
            if known is not None and name not in known:
                raise UnknownNameError(f"data space in {key} {where}", name, known)
        found[limit] = tuple(dict.fromkeys(names))
    return found


def limit_entries(kind: str, limits: ReuseLimits) -> dict[str, list[str]]:
    """What `read_limits` reads again: the limits that stand in directives of a type, each under its first key."""
    found = asdict(limits)
    return {keys[0]: list(found[limit]) for limit, keys in _READ[kind].items() if found[limit]}
