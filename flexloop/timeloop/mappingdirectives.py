"""One directive of a mapping in Timeloop's files: what it says of a level, read and checked."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Map
from typing import Any

from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop import order
from flexloop.timeloop.reuse import limit_keys, read_limits
from flexloop.validation import TOO_LARGE, short, whole_number

_BYPASS_TYPES = ("datatype", "dataspace", "bypass")

_KEYS = {"target", "type", "factors", "permutation", "split", "keep", "bypass"}

_FACTOR = re.compile(r"([A-Za-z_]+)\s*=*\s*([0-9]+)(?:,([0-9]+))?")


def later_bypass(before: Map[str, Any], later: Map[str, Any]) -> dict[str, Any]:
    """What two directives on a level's bypass say together; where they differ the later one counts."""
    kept = {key: tuple(dict.fromkeys((*before[key], *later[key]))) for key in ("keep", "bypass")}
    return {
        "keep": tuple(t for t in kept["keep"] if t not in later["bypass"]),
        "bypass": tuple(t for t in kept["bypass"] if t not in later["keep"] or t in later["bypass"]),
    }


def read_directive(
    directive: Any, position: int, levels: Sequence[str] | None, bounds: Map[str, int] | None
) -> tuple[str, dict[str, Any], dict[str, tuple[str, ...]]]:
    """The target of a directive, its fields of `LevelMapping` and its fields of `ReuseLimits`."""
    where = f"mapping directive {position}"
    if not isinstance(directive, dict):
        raise SpecError(f"{where} is {directive!r}, not a mapping with target and type")
    target, kind = directive.get("target"), directive.get("type")
    if levels is not None and isinstance(target, int) and 0 <= target < len(levels):
        target = levels[target]
    if not isinstance(target, str) or not isinstance(kind, str):
        raise SpecError(f"{where}: give target and type")
    general = "dataspace" if kind in _BYPASS_TYPES else kind
    read = limit_keys(general) - {"no_multicast_no_reduction"}  # Timeloop looks for that one in constraints alone
    for key in directive:
        if key not in _KEYS | read:
            warnings.warn(f"{where}: {short(key)} at {target} has no effect in a mapping", stacklevel=4)
    limits = read_limits(general, {key: directive.get(key) for key in read}, f"at {target} ({kind})")
    if kind in _BYPASS_TYPES:
        kept = {key: _names(directive.get(key), where) for key in ("keep", "bypass")}
        return target, kept, limits
    if kind not in ("temporal", "spatial"):
        raise UnsupportedError(f"{where}: type {kind!r} is not modelled; temporal, spatial and datatype are")
    factors, residuals = _read_factors(directive.get("factors", ""), where, bounds)
    permutation = _read_permutation(directive.get("permutation", ""), where, bounds)
    permutation += tuple(d for d in factors if d not in permutation)
    if kind == "temporal":
        return target, {"factors": factors, "permutation": permutation, "residuals": residuals}, limits
    split = directive.get("split", len(permutation))
    if not isinstance(split, int) or isinstance(split, bool) or not split >= 0:
        raise SpecError(f"{where}: split is {split!r}, not a whole number")
    spatial = {
        "spatial_factors": factors,
        "spatial_permutation": permutation,
        "split": split,
        "spatial_residuals": residuals,
    }
    return target, spatial, limits


def _read_factors(value: Any, where: str, bounds: Map[str, int] | None) -> tuple[dict[str, int], dict[str, int]]:
    """Factors by dimension, and the residuals of those that have one."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value or "").partition("#")[0]
    factors: dict[str, int] = {}
    residuals: dict[str, int] = {}
    rest = text
    for match in _FACTOR.finditer(text):
        name, number, residual = match.groups()
        if name in factors:
            raise SpecError(f"{where}: the factor of {name} stands twice")
        factor = whole_number(number)
        if factor == 0 and bounds is not None:
            factor = bounds.get(name, 1)
        if not 1 <= factor < TOO_LARGE:
            raise SpecError(f"{where}: the factor {short(match[0])} must be 1 or more, and no more than a bound can be")
        factors[name] = factor
        if residual is not None and whole_number(residual) != factor:
            if not 1 <= whole_number(residual) < factor:
                raise SpecError(
                    f"{where}: the residual of {short(match[0])} must be between 1 and the factor: it is what the last "
                    "pass of the loop has left to do"
                )
            residuals[name] = whole_number(residual)
        rest = rest.replace(match[0], " ", 1)
    if rest.replace(",", " ").strip():
        raise SpecError(f"{where}: cannot read {rest.strip()!r} in factors {text!r}; write them as 'C=4 M=2'")
    return factors, residuals


def _read_permutation(value: Any, where: str, dimensions: Collection[str] | None) -> tuple[str, ...]:
    if isinstance(value, list):
        names = tuple(map(str, value))
    else:
        text = str(value or "").strip()
        # Without the problem's names those of a text with separators are taken to be as long as they look.
        if dimensions is None:
            dimensions = [text] if re.search(r"[,\s]", text) else ()
        names = tuple(order.names_of(text, dimensions))
    if len(set(names)) != len(names):
        raise SpecError(f"{where}: a dimension stands twice in permutation {value!r}")
    return names


def _names(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise SpecError(f"{where}: keep and bypass are lists of data spaces")
    return tuple(value)
