"""One mapping: the loops and the bypass of every storage level, to and from Timeloop's directives.

See Timeloop's documentation, "Mapping": https://timeloop.csail.mit.edu/v4/input-formats/mapping.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flexloop.errors import SpecError
from flexloop.timeloop import order
from flexloop.timeloop.mappingdirectives import later_bypass, read_directive
from flexloop.timeloop.reuse import ReuseLimits, limit_entries

if TYPE_CHECKING:
    from flexloop.svg import Diagram


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
            target, part, limited = read_directive(directive, position, levels, bounds)
            limits.setdefault(target, {}).update(limited)
            fields = collected.setdefault(target, {})
            if "keep" in part and "keep" in fields:
                part = later_bypass(fields, part)
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
