"""One mapping: the loops and the bypass of every storage level, to and from Timeloop's directives.

See Timeloop's documentation, "Mapping": https://timeloop.csail.mit.edu/v4/input-formats/mapping.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop import order
from flexloop.timeloop.reuse import ReuseLimits, limit_entries, limit_keys, read_limits
from flexloop.validation import TOO_LARGE, short, whole_number

if TYPE_CHECKING:
    from flexloop.svg import Diagram

_FACTOR = re.compile(r"([A-Za-z_]+)\s*=*\s*([0-9]+)(?:,([0-9]+))?")
_BYPASS_TYPES = ("datatype", "dataspace", "bypass")
_KEYS = {"target", "type", "factors", "permutation", "split", "keep", "bypass"}


@dataclass(frozen=True)
class LevelMapping:
    """One storage level of a mapping.

    Attributes:
        target: the level's name.
        factors: temporal factor of each dimension (absent: 1).
        permutation: order of the temporal loops, leftmost innermost.
        spatial_factors: factor of each dimension in the fanout below the level (absent: 1).
        spatial_permutation: order of the spatial loops, leftmost innermost.
        split: how many dimensions of the spatial order lie on X.
        keep, bypass: data spaces stored here, and those passed by.
        residuals, spatial_residuals: iterations of a loop in the last pass over its dimension, where they are fewer
            than its factor (absent: as many). ``M=4,3`` in Timeloop's files.
        limits: reuse that the level may not make.
    """

    target: str
    factors: dict[str, int] = field(default_factory=dict)
    permutation: tuple[str, ...] = ()
    spatial_factors: dict[str, int] = field(default_factory=dict)
    spatial_permutation: tuple[str, ...] = ()
    split: int = 0
    keep: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()
    limits: ReuseLimits = ReuseLimits()
    residuals: dict[str, int] = field(default_factory=dict)
    spatial_residuals: dict[str, int] = field(default_factory=dict)

    def residual(self, dimension: str, *, spatial: bool = False) -> int:
        """Iterations of a loop in the last pass over its dimension."""
        factors, residuals = self.factors, self.residuals
        if spatial:
            factors, residuals = self.spatial_factors, self.spatial_residuals
        return residuals.get(dimension, factors.get(dimension, 1))

    @property
    def is_perfect(self) -> bool:
        """Whether every loop has its factor's iterations in every pass."""
        return all(self.residual(d) == n for d, n in self.factors.items()) and all(
            self.residual(d, spatial=True) == n for d, n in self.spatial_factors.items()
        )

    @property
    def loops(self) -> list[tuple[str, int]]:
        """The temporal loops above 1, innermost first."""
        return [(d, self.factors[d]) for d in self.permutation if self.factors.get(d, 1) > 1]

    @property
    def x_loops(self) -> list[tuple[str, int]]:
        """The spatial loops above 1 along X, innermost first."""
        return self._spatial(self.spatial_permutation[: self.split])

    @property
    def y_loops(self) -> list[tuple[str, int]]:
        """The spatial loops above 1 along Y, innermost first."""
        return self._spatial(self.spatial_permutation[self.split :])

    def _spatial(self, dimensions: Sequence[str]) -> list[tuple[str, int]]:
        return [(d, self.spatial_factors[d]) for d in dimensions if self.spatial_factors.get(d, 1) > 1]


@dataclass(frozen=True)
class Mapping:
    """A mapping: its storage levels, innermost first."""

    levels: tuple[LevelMapping, ...]

    @classmethod
    def from_directives(
        cls, directives: Any, levels: Sequence[str] | None = None, bounds: Map[str, int] | None = None
    ) -> Mapping:
        """Read the list that stands under Timeloop's ``mapping:`` key.

        Args:
            directives: the list.
            levels: names of the storage levels, innermost first; absent, their order of appearance is taken.
            bounds: of the problem's dimensions, for which a factor of 0 stands; absent, there may be none.

        Raises:
            SpecError: a directive that is malformed, repeated, or about a level that does not exist.
            UnsupportedError: a directive that is not modelled (skews).
        """
        if not isinstance(directives, list):
            raise SpecError(f"mapping is {type(directives).__name__}, not a list of directives")
        collected: dict[str, dict[str, Any]] = {}
        limits: dict[str, dict[str, tuple[str, ...]]] = {}
        for position, directive in enumerate(directives, start=1):
            target, part, limited = _read_directive(directive, position, levels, bounds)
            limits.setdefault(target, {}).update(limited)
            fields = collected.setdefault(target, {})
            if "keep" in part and "keep" in fields:
                part = _later_bypass(fields, part)
            elif repeated := sorted(set(part) & set(fields)):
                raise SpecError(f"mapping directive {position}: {repeated[0]} of {target} stands twice")
            fields.update(part)
        if levels is None:
            levels = list(collected)
        if unknown := [target for target in collected if target not in levels]:
            raise SpecError(f"mapping: {unknown[0]!r} is no storage level; the levels are {', '.join(levels)}")
        return cls(
            tuple(
                LevelMapping(name, **collected.get(name, {}), limits=ReuseLimits(**limits.get(name, {})))
                for name in levels
            )
        )

    def to_directives(self) -> list[dict[str, Any]]:
        """Return the list that stands under Timeloop's ``mapping:`` key."""
        directives: list[dict[str, Any]] = [
            {
                "target": level.target,
                "type": "datatype",
                "keep": list(level.keep),
                "bypass": list(level.bypass),
                **limit_entries("dataspace", level.limits),
            }
            for level in self.levels
        ]
        for level in self.levels:
            directives.append(_loops(level, spatial=False) | limit_entries("temporal", level.limits))
            limits = limit_entries("spatial", level.limits)
            if level.spatial_permutation or limits:
                directives.append(_loops(level, spatial=True) | {"split": level.split} | limits)
        return directives

    def bounds(self) -> dict[str, int]:
        """The (padded) bound of each dimension that this mapping factorises: the product of its factors.

        With residuals every loop has its factor's iterations but in the last pass, outermost loop first: a loop of
        ``n,r`` inside loops of B iterations in all makes that (B - 1) * n + r.
        """
        names = {d for level in self.levels for d in (*level.factors, *level.spatial_factors)}
        found = dict.fromkeys(sorted(names), 1)
        for d in found:
            for level in reversed(self.levels):
                for factors, spatial in ((level.factors, False), (level.spatial_factors, True)):
                    found[d] = (found[d] - 1) * factors.get(d, 1) + level.residual(d, spatial=spatial)
        return found

    @property
    def is_perfect(self) -> bool:
        """Whether no loop has a residual."""
        return all(level.is_perfect for level in self.levels)

    def one_line(self) -> str:
        """The loop nest in one line, outermost first: ``DRAM[WIO] M4 C2 | GlobalBuffer[WIO] Q28 X:C16 Y:M16 | ...``."""
        return " | ".join(_one_line(level) for level in reversed(self.levels))

    def draw(self) -> Diagram:
        """The loop nest as a drawing, which a notebook shows and ``write_svg`` keeps."""
        from flexloop.timeloop.loopnest import draw_nest

        return draw_nest(self)

    def _repr_svg_(self) -> str:
        return self.draw().text


def _loops(level: LevelMapping, *, spatial: bool) -> dict[str, Any]:
    factors, permutation = level.factors, level.permutation
    if spatial:
        factors, permutation = level.spatial_factors, level.spatial_permutation
    return {
        "target": level.target,
        "type": "spatial" if spatial else "temporal",
        "factors": " ".join(f"{d}={_iterations(n, level.residual(d, spatial=spatial))}" for d, n in factors.items()),
        "permutation": order.text_of(permutation),
    }


def _iterations(factor: int, residual: int) -> str:
    return str(factor) if residual == factor else f"{factor},{residual}"


def _one_line(level: LevelMapping) -> str:
    initials = "".join(tensor[0] for tensor in level.keep)
    parts = [f"{level.target}[{initials}]"]
    parts += [f"{d}{_iterations(n, level.residual(d))}" for d, n in reversed(level.loops)]
    for axis, loops in (("X", level.x_loops), ("Y", level.y_loops)):
        if loops:
            texts = (f"{d}{_iterations(n, level.residual(d, spatial=True))}" for d, n in reversed(loops))
            parts.append(f"{axis}:" + "".join(texts))
    return " ".join(parts)


def _later_bypass(before: Map[str, Any], later: Map[str, Any]) -> dict[str, Any]:
    """What two directives on a level's bypass say together; where they differ the later one counts."""
    kept = {key: tuple(dict.fromkeys((*before[key], *later[key]))) for key in ("keep", "bypass")}
    return {
        "keep": tuple(t for t in kept["keep"] if t not in later["bypass"]),
        "bypass": tuple(t for t in kept["bypass"] if t not in later["keep"] or t in later["bypass"]),
    }


def _read_directive(
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
