"""CiMLoop's additions to v4: arrays of compute-in-memory cells, and problems made to fill them.

CiMLoop's models (https://github.com/mit-emze/cimloop) hold keys that only its own Python code understands: nodes
``!ArrayContainer``, the key ``max_utilization`` at nodes, and names and ``histograms`` in the problem. What that code
does with them is done here: the sizes of the arrays become variables before expressions are evaluated, and with the
variable ``MAX_UTILIZATION`` the problem's bounds are set after it, so that every array is full.
"""

from __future__ import annotations

from math import prod
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.architecture import Leaf
from flexloop.timeloop.v4front.document import Document, Variables
from flexloop.timeloop.v4front.macros import MAX_CAPACITY, prime_factors
from flexloop.timeloop.v4front.problem import Problem

_ARRAY = "!ArrayContainer"
"""The tag of a side of an array, whatever kind of nodes a script makes of it."""

_ONE_AXIS = {True: 99999, False: 0}
"""The split that puts all loops of an array's side on X, and on Y."""


def prepare(document: Document) -> None:
    """Before expressions are evaluated: make variables of the problem's histograms and the arrays' sizes.

    Raises:
        SpecError: if an array has two sides, or no variable CIM_ARCHITECTURE says that the model has arrays.
    """
    problem, variables = document["problem"], document["variables"]
    for key in ("name", "dnn_name", "notes"):
        problem.pop(key, None)
    for name, histogram in (problem.pop("histograms", None) or {}).items():
        variables[f"{str(name).upper()}_HIST"] = histogram
    _reorder(variables, [key for key in variables if key.endswith("_HIST")])
    arrays = [leaf for leaf in document["architecture"].leaves() if leaf.tag == _ARRAY]
    if "CIM_ARCHITECTURE" not in variables:
        if arrays:
            raise SpecError(f"{arrays[0].where}: !ArrayContainer needs the variable CIM_ARCHITECTURE, true or false")
    elif variables["CIM_ARCHITECTURE"]:
        _size(arrays, problem, variables)


def _size(arrays: list[Leaf], problem: Problem, variables: Variables) -> None:
    rows = columns = 1
    parallel = dict.fromkeys(problem["shape"].names(), 1)
    for array in arrays:
        x, y = (_side(array, axis, variables) for axis in ("meshX", "meshY"))
        if x != 1 and y != 1:
            raise SpecError(f"{array.where}: the array has the sides {x} and {y}; one of them must be 1")
        array["attributes"]["_is_CiM"] = True
        array["constraints"]["spatial"]["split"] = _ONE_AXIS[y == 1]
        rows, columns = rows * y, columns * x
        apart = array["constraints"]["spatial"]["no_reuse"]
        parallel |= {name: n * x * y for name, n in parallel.items() if name in apart or "*" in apart}
    variables["ARRAY_WORDLINES"] = f"{rows} * ({variables.get('CIM_UNIT_DEPTH_CELLS', 1)})"
    variables["ARRAY_BITLINES"] = f"{columns} * ({variables.get('CIM_UNIT_WIDTH_CELLS', 1)})"
    variables.update({f"ARRAY_PARALLEL_{name.upper()}": n for name, n in parallel.items()})
    first = ("ARRAY_WORDLINES", "ARRAY_BITLINES")
    _reorder(variables, [key for key, value in variables.items() if key in first or _is_number(value)])


def _side(array: Leaf, axis: str, variables: Variables) -> int:
    value = array["spatial"][axis]
    value = variables.get(value, value) if isinstance(value, str) else value
    if not _is_number(value) or float(value) != int(float(value)) or float(value) < 1:
        raise SpecError(
            f"{array.where}.spatial.{axis} is {str(value)[:60]!r}; a whole number or a variable that is one"
        )
    return int(float(value))


def _reorder(variables: Variables, first: list[str]) -> None:
    """Have some variables stand before all others."""
    held = dict(variables)
    variables.clear()
    variables.update({key: held[key] for key in first} | held)


def _is_number(value: Any) -> bool:
    try:
        return float(value) == float(value) and abs(float(value)) < MAX_CAPACITY
    except (TypeError, ValueError, OverflowError):
        return False


def settle(document: Document) -> None:
    """After expressions are evaluated: with MAX_UTILIZATION, set the problem's bounds so that every array is full.

    Raises:
        SpecError: if a node's factors for that are none, or there is no room for the slices of a weight.
    """
    variables, leaves = document["variables"], document["architecture"].leaves()
    if variables.pop("MAX_UTILIZATION", False):
        instance = document["problem"]["instance"]
        instance.update(_full(variables, leaves))
        for leaf in leaves:
            _fill_with_channels(leaf, document["problem"])
        if variables.get("CIM_ARCHITECTURE"):
            slices = _number(variables, "N_WEIGHT_SLICES")
            instance["M"] = instance["M"] * _number(variables, "CIM_UNIT_DEPTH_CELLS") // slices
            if instance["M"] < 1:
                raise SpecError(
                    f"problem: no room for the {slices} slices of a weight; there must be as many outputs M"
                )
    for leaf in leaves:
        leaf.pop("max_utilization", None)


def _full(variables: Variables, leaves: list[Leaf]) -> dict[str, int]:
    bits = {"X": "ENCODED_INPUT_BITS", "Y": "ENCODED_WEIGHT_BITS", "Z": "ENCODED_OUTPUT_BITS"}
    bounds = {dimension: _number(variables, name) for dimension, name in bits.items()}
    for leaf in leaves:
        for kind in ("spatial", "temporal"):
            wanted = (leaf.get("max_utilization") or {}).get(kind) or {}
            for name, operator, value in wanted["factors"].split() if wanted else ():
                if operator != "=":
                    raise SpecError(f"{leaf.where}.max_utilization: {name}{operator}{value}; only = can be used")
                bounds[name] = bounds.get(name, 1) * value
    return {"N": 1} | bounds


def _fill_with_channels(leaf: Leaf, problem: Problem) -> None:
    """Multiply the bounds of C and M to fill a fanout for which nothing else is said."""
    constraint, instance, shape = leaf["constraints"]["spatial"], problem["instance"], problem["shape"]
    if constraint.get("factors_only") is not None or leaf.get("max_utilization") is not None:
        return
    taken = prod(
        value or instance.get(name, 1) for name, operator, value in constraint["factors"].split() if operator == "="
    )
    still = {d for name in constraint.get("no_iteration_over_dataspaces") or () for d in shape.dimensions_of(name)}
    movable = [dimension for dimension in ("C", "M") if dimension not in still and dimension in instance]
    for factor in prime_factors(max(1, leaf.get_fanout() // max(1, taken))):
        if movable:
            smallest = min(movable, key=lambda dimension: instance[dimension])
            instance[smallest] *= factor


def _number(variables: Variables, name: str) -> int:
    value = variables.get(name)
    if not isinstance(value, int) or not 1 <= value <= MAX_CAPACITY:
        raise SpecError(f"variables.{name} is {str(value)[:60]!r}; MAX_UTILIZATION needs a whole number")
    return value
