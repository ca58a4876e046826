"""What tables and energies need to know of a design's storage levels, and the node that it is made at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flexloop.arch.base import Memory
from flexloop.arch.design.hardware import Hardware
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint
from flexloop.workloads.layers import TENSORS

_NODE = re.compile(r"[0-9]+(\.[0-9]+)? ?(nm)?", re.ASCII | re.IGNORECASE)
"""A node; ``DRAM`` stands in its place where a file says what a memory is made of."""


def memories(hardware: Hardware, always: Constraints) -> tuple[Memory, ...]:
    """The storage levels, outermost first; the outermost keeps what no directive says that it bypasses."""
    rules = {rule.target: rule for rule in always.dataspaces}
    found = []
    for level in reversed(hardware.levels):
        rule = rules.get(level.name, DataspaceConstraint(level.name))
        free = tuple(t for t in TENSORS if t not in rule.keep and t not in rule.bypass)
        outermost = level.name == hardware.names[-1]
        found.append(
            Memory(
                name=level.name,
                kind=level.technology,
                on_chip=level.technology != "DRAM",
                instances=level.instances,
                capacity=level.capacity,
                bits=None if level.size is None else level.size * level.word_bits,
                word_bits=level.word_bits,
                block_size=level.block_size,
                row_bits=level.word_bits * level.block_size * level.cluster_size,
                read_bandwidth=level.read_bandwidth,
                write_bandwidth=level.write_bandwidth,
                keep=tuple(t for t in TENSORS if t in rule.keep or (outermost and t in free)),
                may_keep=() if outermost else free,
            )
        )
    return tuple(found)


def node(hardware: Hardware, architecture: Mapping[str, Any]) -> str:
    """The node that attributes of components, or of what they stand in, name; 45nm where none does."""
    named = [part.attributes.get("technology") for part in hardware.parts]
    found = (str(name) for name in [*named, *_inherited(architecture)])
    return next((name for name in found if _NODE.fullmatch(name)), "45nm")


def _inherited(architecture: Mapping[str, Any]) -> Iterator[Any]:
    """The nodes that a tree names, outermost first, which what stands there has unless it says otherwise."""
    for child in architecture.get("subtree") or []:
        yield (child.get("attributes") or {}).get("technology")
        yield from _inherited(child)
