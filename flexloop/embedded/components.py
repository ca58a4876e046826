"""The components of an ``architecture``: of a tree (version 0.2 to 0.4), or of the lists of Timeloop's first format."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterator
from typing import Literal

from flexloop.embedded.fields import LARGEST, Fields
from flexloop.errors import SpecError, UnsupportedError
from flexloop.validation import short, whole_number

STORAGE_CLASSES = ("DRAM", "SRAM", "regfile", "smartbuffer", "storage")
COMPUTE_CLASSES = ("mac", "intmac", "fpmac", "compute")
NETWORK_CLASSES = ("XY_NoC", "Legacy", "ReductionTree", "SimpleMulticast")
"""A component is what its class contains one of, in this order; any other is passed over, as Timeloop does."""

TREES = ("0.2", "0.3", "0.4")
"""Versions of the format that is a tree of components."""

NAMELESS = "__ARITH__"
"""What Timeloop calls the arithmetic of its first format where it has no name."""

_NEAR = 0.9
"""Names at least as similar as this are taken for misspellings; others are for Accelergy, or for the user alone."""

_READ_TEXT = """
    name class instances meshX meshY word_bits word_width datawidth block_size n_words cluster_size width memory_width
    data_storage_width entries depth memory_depth data_storage_depth sizeKB technology num_ports n_ports num_banks
    n_banks bandwidth read_bandwidth write_bandwidth shared_bandwidth per_dataspace_bandwidth_consumption_scale
    multiple_buffering min_utilization vector_access_energy addr_gen_energy cluster_area power_gated_at
    allow_overbooking reduction_supported network_read network_fill network_drain network_update network_operand
    network_result network_fill_latency network_drain_latency network_type network_word_bits router_energy wire_energy
    tile_width energy_per_hop fill_latency drain_latency metadata_datawidth metadata_block_size metadata_word_bits
    metadata_storage_width metadata_width metadata_storage_depth metadata_depth
    concordant_compressed_tile_traversal tile_partition_supported decompression_supported compression_supported
    energy area
"""
_READ = _READ_TEXT.split()
"""The attributes that Timeloop reads."""

INHERITED = ("technology", "global_cycle_seconds", "cycle_seconds", "action_latency_cycles", "n_instances")
"""What the subcomponents of one of Accelergy's compound components take from it where they give none."""

_RANGE = re.compile(r"\[\s*([0-9]+)\s*\.\.\s*([0-9]+)\s*\]")

Component = tuple[Fields, Literal["storage", "compute", "network"], int]
"""A component, what it is, and how many instances of it the tree has; 0 outside a tree."""


def components(root: Fields) -> Iterator[Component]:
    """The components of an architecture that count, innermost first.

    Raises:
        SpecError: if it is neither a tree nor the lists of the first format, or malformed.
        UnsupportedError: for a tree with branches.
    """
    if str(root.get("version")) in TREES or root.has("subtree"):
        return _tree(root)
    if root.has("storage") and root.has("arithmetic"):
        return _lists(root)
    raise SpecError(
        f"architecture.version is {short(root.get('version'))}, and there are no lists storage and arithmetic, as in "
        "Timeloop's first format; write version: 0.4 and a subtree"
    )


def _lists(root: Fields) -> Iterator[Component]:
    """Timeloop's first format: the arithmetic, and a list of storage levels, innermost first."""
    yield Fields({"name": NAMELESS, **root.sub("arithmetic").content}, "architecture.arithmetic"), "compute", 0
    for where, entry in root.items("storage"):
        level = Fields(entry, where)
        level.where = f"{where} ({level.text('name')})"
        yield level, "storage", 0


def _kind(component: Fields) -> Literal["storage", "compute", "network"] | None:
    """What a component of a tree is, by its class; None if Timeloop passes it over."""
    name = str(component.get("class") or "")
    if any(part in name for part in STORAGE_CLASSES):
        return "storage"
    if any(part in name for part in COMPUTE_CLASSES):
        return "compute"
    return "network" if any(part in name for part in NETWORK_CLASSES) else None


def _tree(root: Fields) -> Iterator[Component]:
    found: list[Component] = []
    node, multiplicity = root, 1
    while node.has("subtree"):
        trees = list(node.items("subtree"))
        if len(trees) != 1:
            raise UnsupportedError(f"{node.where}: {len(trees)} subtrees; Timeloop's tree has one at each level")
        node = Fields(trees[0][1], trees[0][0])
        multiplicity *= _range_size(node)
        for where, entry in node.items("local"):
            component = Fields(entry, where)
            component.where = f"{where} ({component.text('name')})"
            if kind := _kind(component):
                found.append((component, kind, multiplicity * _range_size(component)))
    return reversed(found)


def _range_size(node: Fields) -> int:
    """Number of instances in a name such as ``PE[0..255]``; a subtree may have no name."""
    match = _RANGE.search(node.text("name")) if node.has("name") else None
    if match is None:
        return 1
    size = whole_number(match[2]) - whole_number(match[1]) + 1
    if not 1 <= size <= LARGEST:
        raise SpecError(f"{node.where}.name {short(node.text('name'))} is a range of none or too many instances")
    return size


def base_name(component: Fields) -> str:
    """A component's name without its range of instances."""
    return component.text("name").partition("[")[0]


def own_attributes(component: Fields) -> Fields:
    """The attributes of a component, or the component itself where it has none of their own."""
    return Fields(component.get("attributes") if component.has("attributes") else component.content, component.where)


def attributes_of(component: Fields) -> Fields:
    """What Timeloop reads of a component (see `own_attributes`), with a warning for every likely misspelling."""
    fields = own_attributes(component)
    for name in map(str, fields.content):
        if name in (*_READ, *INHERITED) or "-" in name:
            continue
        if near := difflib.get_close_matches(name, _READ, 1, _NEAR):
            message = f"{fields.where}.{short(name)[1:-1]} has no effect in Timeloop; did you mean {near[0]!r}?"
            warnings.warn(message, stacklevel=4)
    return fields
