"""Timeloop's v4 format: what its Python front end (pytimeloop) reads and translates for the native programs.

`flexloop.rendering.v4layout` says where components and fanouts stand; here are the constraints, mappings and tables on
them, and the way back from what Timeloop reports. See https://timeloop.csail.mit.edu/v4/input-formats/design.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flexloop.arch.tree import UNBOUNDED
from flexloop.errors import UnsupportedError
from flexloop.evaluation import Evaluation
from flexloop.rendering.v4layout import CONTAINER, Layout
from flexloop.timeloop.componentname import component_name
from flexloop.timeloop.inputs.folders import V4_FILE
from flexloop.workloads.layers import DIMENSIONS, Layer

FILE = V4_FILE
"""The file that ``tl mapper`` or ``tl model`` reads; it holds everything."""

TOP = f"{CONTAINER}_top_level"
"""What the front end names the tree after its first node."""

Constraints = dict[str, dict[str, dict[str, Any]]]


def constraints_by_node(
    directives: Iterable[Mapping[str, Any]], where: Layout, bounds: Mapping[str, int]
) -> Constraints:
    """Constraints or mapping directives of the native format, under the node and kind where v4 has them.

    Args:
        directives: of `flexloop.timeloop.constraints.Constraints.to_directives`, or of a mapping's.
        where: how the arch is written.
        bounds: of the layer, padded.

    Raises:
        UnsupportedError: for what v4 does not have, or the front end would change.
    """
    found: Constraints = {}
    for directive in directives:
        target, kind = directive["target"], directive["type"]
        if residual := next((factor for factor in _factors(directive) if "," in factor), None):
            raise UnsupportedError(
                f"{target}: a factor with a residual, {residual}, has no form in v4; use --format native, or edge: clip"
            )
        kind = "dataspace" if kind == "datatype" else kind
        if kind == "parallelism":
            raise UnsupportedError(
                f"a least parallelism, as {target} has it, is no constraint of a node in v4; use --format native"
            )
        if kind == "spatial":
            target, directive = where.fanouts[target], _with_idle_loops(directive, bounds)
        elif target in where.made:
            continue  # the front end says so itself
        said = {name: _value(name, value) for name, value in directive.items() if name not in ("target", "type")}
        found.setdefault(target, {}).setdefault(kind, {}).update(said)
    return found


def _with_idle_loops(directive: Mapping[str, Any], bounds: Mapping[str, int]) -> Mapping[str, Any]:
    """A spatial directive whose split holds for the front end too.

    It puts loops of one iteration that the order does not name before those that it names, where the split counts them;
    so they are named, after those.
    """
    split = directive.get("split")
    if split is None:
        return directive
    first, _, last = str(directive.get("permutation", "")).partition("_")
    ones = {factor.rpartition("=")[0].strip("<") for factor in _factors(directive) if factor.endswith("=1")}
    idle = [d for d in DIMENSIONS if d not in first + last and (d in ones or bounds[d] == 1)]
    if not idle:
        return directive
    if len(first) < split < len(DIMENSIONS) - len(last):
        raise UnsupportedError(
            f"{directive['target']}: the split {split} counts loops of one iteration ({', '.join(idle)}) that the "
            "order does not name, which the v4 front end would place otherwise; name them, or use --format native"
        )
    rest = f"_{last}" if last else ""
    return {**directive, "permutation": f"{first}{''.join(idle)}{rest}"}


def tables_by_node(reference: Mapping[str, Any], where: Layout) -> list[dict[str, Any]]:
    """Tables of an ERT or ART under the names that the front end gives components: one list, instances counted."""
    found = []
    for table in reference["tables"]:
        name = component_name(table["name"])
        found.append({**table, "name": f"{TOP}.{name}[1..{where.instances.get(name, 1)}]"})
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


def native_directives(directives: Iterable[Mapping[str, Any]], where: Layout) -> list[dict[str, Any]]:
    """Mapping directives that the native programs wrote for the front end's levels, on the arch's own levels."""
    found = []
    for directive in directives:
        if directive.get("target") not in where.put_in:
            found.append(dict(directive))
        elif directive.get("type") == "spatial":
            found.append({**directive, "target": where.put_in[directive["target"]]})
    return found


def without_fanout_levels(evaluation: Evaluation, where: Layout) -> Evaluation:
    """Figures without those of the levels that the front end put in; they keep nothing and cost nothing."""
    return replace(evaluation, levels=tuple(level for level in evaluation.levels if level.name not in where.put_in))


def _factors(directive: Mapping[str, Any]) -> list[str]:
    """Those that pin something: the front end takes a least factor of 1 for one that is 1."""
    return [factor for factor in str(directive.get("factors", "")).split() if not factor.endswith(">=1")]


def _value(name: str, value: Any) -> Any:
    if name == "factors":
        return _factors({name: value})
    return list(value) if name == "permutation" else value
