"""Say in words and table cells what a class pins and what an arch spec is."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from flexloop.arch.base import Arch, Memory
from flexloop.arch.fields import UNLIMITED
from flexloop.classes import Axis, Degree, FlexClass

_PARTIAL = {
    Axis.TILING: "each tensor within its share of the buffer",
    Axis.ORDERING: "one of a few",
    Axis.PARALLELIZATION: "one of a few pairs",
    Axis.SHAPE: "made of building blocks",
}
LEVEL_COLUMNS = [
    "level",
    "kind",
    "words",
    "word bits",
    "words/access",
    "read w/cyc",
    "write w/cyc",
    "pJ read",
    "pJ write",
    "keeps",
]
"""Headings of `describe_levels`."""


def pinned_and_free(flexclass: FlexClass) -> tuple[str, str]:
    """What a class pins and what it leaves free, each as a list in words."""
    pinned = [a.words for a in Axis if flexclass.degree(a) is Degree.FIXED]
    free = [
        a.words + (f" ({_PARTIAL[a]})" if flexclass.degree(a) is Degree.PART else "")
        for a in Axis
        if flexclass.degree(a) is not Degree.FIXED
    ]
    return ", ".join(pinned) or "nothing", ", ".join(free) or "nothing"


def arch_summary(arch: Arch) -> tuple[str, str, str, str, str]:
    """Name, extents of the array, MACs, buffers and description of an arch."""
    buffers = ", ".join(f"{memory.name} {_bytes(memory)}" for memory in arch.memories if memory.on_chip)
    return arch.name, str(arch.own_extents), str(arch.arithmetic.instances), buffers, arch.description


def _bytes(memory: Memory) -> str:
    if memory.bits is None:
        return UNLIMITED
    size = memory.bits / 8
    for unit, scale in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.4g} {unit}"
    return f"{size:.4g} B"


def describe_levels(arch: Arch, ert: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a storage level, outermost first; columns as in `LEVEL_COLUMNS`."""
    energies = {t["name"]: {a["name"]: a["energy"] for a in t["actions"]} for t in ert["tables"]}
    return [_row(memory, energies[arch.component_paths[memory.name]]) for memory in arch.memories]


def _row(memory: Memory, costs: Mapping[str, float]) -> tuple[str, ...]:
    return (
        memory.name,
        memory.kind,
        "unbounded" if memory.capacity is None else str(memory.capacity),
        str(memory.word_bits),
        str(memory.block_size),
        _words_a_cycle(memory.read_bandwidth),
        _words_a_cycle(memory.write_bandwidth),
        f"{costs['read']:.4g}",
        f"{costs['write']:.4g}",
        ", ".join([*memory.keep, *(f"{tensor}?" for tensor in memory.may_keep)]),
    )


def _words_a_cycle(bandwidth: float) -> str:
    return UNLIMITED if bandwidth == inf else f"{bandwidth:g}"
