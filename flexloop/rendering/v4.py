"""Timeloop's v4 format: what its Python front end (pytimeloop) reads and translates for the native programs.

Components stand in one list, outermost first, each with its own constraints; a fanout belongs to the node whose
instances it makes, so the directives on the array stand at the PE and those on vector lanes at the MAC. The front end
turns a fanout into a level that holds the spatial loops and keeps nothing, named ``inter_<node>_spatial``. See
https://timeloop.csail.mit.edu/v4/input-formats/design.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flexloop.arch.spec import ArchSpec
from flexloop.arch.tree import UNBOUNDED, levels_in_pe
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.componentname import component_name
from flexloop.timeloop.inputs.folders import V4_FILE
from flexloop.workloads.layers import Layer

FILE = V4_FILE
"""The file that ``tl mapper`` or ``tl model`` reads; it holds everything."""

TOP = "system_top_level"
"""What the front end names the tree after its first node."""

Constraints = dict[str, dict[str, dict[str, Any]]]


def constraints_by_node(directives: Iterable[Mapping[str, Any]], arch: ArchSpec) -> Constraints:
    """Constraints or mapping directives of the native format, under the node and kind where v4 has them.

    Args:
        directives: of `flexloop.timeloop.constraints.Constraints.to_directives`, or of a mapping's.
        arch: the arch spec.
    """
    found: Constraints = {}
    for directive in directives:
        kind = "dataspace" if directive["type"] == "datatype" else directive["type"]
        node = _fanout_of(directive["target"], arch) if kind == "spatial" else directive["target"]
        found.setdefault(node, {})[kind] = {
            name: _value(name, value) for name, value in directive.items() if name not in ("target", "type")
        }
    return found


def tables_by_node(reference: Mapping[str, Any], arch: ArchSpec) -> list[dict[str, Any]]:
    """Tables of an ERT or ART under the names that the front end gives components: one list, instances counted."""
    in_pe = {level.name for level in levels_in_pe(arch)}
    instances = dict.fromkeys(in_pe, arch.pes) | {arch.mac.name: arch.pes * arch.lanes}
    found = []
    for table in reference["tables"]:
        name = component_name(table["name"])
        found.append({**table, "name": f"{TOP}.{name}[1..{instances.get(name, 1)}]"})
    return found


def check_depth(layer: Layer, bounds: Mapping[str, int]) -> None:
    """Refuse a layer whose tensors may exceed the rows of a level that is unbounded in the native format.

    Raises:
        UnsupportedError: if so.
    """
    b, x = bounds, layer.coefficients
    width = b["R"] * x["Wdilation"] + b["P"] * x["Wstride"]
    height = b["S"] * x["Hdilation"] + b["Q"] * x["Hstride"]
    weights = b["G"] * b["C"] * b["M"] * b["R"] * b["S"]
    words = weights + b["N"] * b["G"] * (b["C"] * width * height + b["M"] * b["P"] * b["Q"])
    if words > UNBOUNDED:
        raise UnsupportedError(
            f"layer {layer.name}: {words} words are more than the {UNBOUNDED} rows that format v4 can give DRAM; "
            "use --format native"
        )


def native_directives(directives: Iterable[Mapping[str, Any]], arch: ArchSpec) -> list[dict[str, Any]]:
    """Mapping directives that the native programs wrote for the front end's levels, on the spec's own levels."""
    levels = {fanout_level(node): level for level, node in _fanouts(arch).items()}
    found = []
    for directive in directives:
        if directive.get("target") not in levels:
            found.append(dict(directive))
        elif directive.get("type") == "spatial":
            found.append({**directive, "target": levels[directive["target"]]})
    return found


def without_fanout_levels(evaluation: Evaluation, arch: ArchSpec) -> Evaluation:
    """Figures without those of the levels that the front end put in; they keep nothing and cost nothing."""
    put_in = {fanout_level(node) for node in _fanouts(arch).values()}
    return replace(evaluation, levels=tuple(level for level in evaluation.levels if level.name not in put_in))


def fanout_level(node: str) -> str:
    """Name of the level that the front end makes of a node's fanout."""
    return f"inter_{node}_spatial"


def _fanouts(arch: ArchSpec) -> dict[str, str]:
    """The node whose instances a fanout makes, by the level above the fanout."""
    inner = {arch.levels[-1].name: arch.mac.name} if arch.array.inner else {}
    return {arch.array.below: arch.array.pe} | inner


def _fanout_of(level: str, arch: ArchSpec) -> str:
    return _fanouts(arch)[level]


def _value(name: str, value: Any) -> Any:
    if name == "factors":
        return str(value).split()
    return list(value) if name == "permutation" else value
