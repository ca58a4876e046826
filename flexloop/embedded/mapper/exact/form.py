"""Recognise mapspaces of three groups of levels, and put them into the canonical form that the exact search works on.

The form: one fanout besides pinned lanes below the innermost level; the levels below that fanout (the PE group), those
above it (the buffer group) and the outermost level (DRAM). In the first two groups temporal loops stand at the
innermost level alone, so all levels of a group hold the same tile, and what another level of the group keeps costs
nothing where a level inside it keeps it too. Loop orders are pinned or free, factors pinned or free, bypass pinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, prod

from flexloop.embedded.mapper.exact.problem import MOST_DIVISORS, MOST_LEVELS, MOST_POINTS
from flexloop.embedded.mapper.space import Space
from flexloop.embedded.roles import P, Q, R, Roles, S, roles_of
from flexloop.embedded.spec import Problem, Spec, StorageSpec
from flexloop.errors import UnsupportedError
from flexloop.integers import divisors
from flexloop.timeloop.constraints import Constraints, LoopConstraint


@dataclass(frozen=True)
class Pins:
    """Pinned factors by canonical dimension (0: free): PE loops, spatial, buffer loops, DRAM loops."""

    pe: tuple[int, ...]
    array: tuple[int, ...]
    buffer: tuple[int, ...]
    dram: tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """A mapspace in canonical form.

    Attributes:
        space: the mapspace.
        roles: names.
        array_level: index of the level directly above the array.
        pins: pinned factors.
        orders: pinned orders of the PE's, the buffer's and DRAM's loops, canonical, or None.
        spatial_order: the pinned linear order of the array's loops, or None.
        split: how many of them lie on X.
    """

    space: Space
    roles: Roles
    array_level: int
    pins: Pins
    orders: tuple[tuple[int, ...] | None, ...]
    spatial_order: tuple[int, ...] | None
    split: int

    @property
    def spec(self) -> Spec:
        """The specification."""
        return self.space.spec

    @property
    def shape(self) -> tuple[int, int]:
        """Extents of the array."""
        return self.spec.fanout_xy[self.array_level]

    @property
    def lanes(self) -> tuple[int, ...]:
        """Pinned spatial factors below the innermost level."""
        pinned = self.space.constraints.loop(self.spec.level_names[0], spatial=True).factors
        return tuple(pinned.get(name, 1) if name else 1 for name in self.roles.dimensions)

    def family(self) -> tuple[object, ...]:
        """What forms must share to be searched together: everything but the array's shape."""
        levels = tuple(
            replace(level, mesh_x=1) if i < self.array_level else level for i, level in enumerate(self.spec.levels)
        )
        mac = replace(self.spec.mac, mesh_x=1)
        bounds = tuple(sorted((d, tuple(b)) for d, b in self.space.bounds.items()))
        lanes = repr(self.space.constraints.loop(self.spec.level_names[0], spatial=True))
        keeps = repr(self.space.constraints.dataspaces)
        return (levels, mac, self.roles, bounds, self.pins, self.orders, self.spatial_order, self.split, lanes, keeps)

    def keeps(self, level: int) -> tuple[bool, bool, bool]:
        """Whether a level keeps Weights, Inputs, Outputs."""
        names = self.spec.data_space_names
        kept = _kept(self.space.constraints, self.spec, level)
        return tuple(names[t] in kept for t in self.roles.tensors)  # type: ignore[return-value]

    def group(self, level: int) -> int:
        """0 for the PE group, 1 for the buffer group, 2 for DRAM."""
        return 0 if level < self.array_level else 1 if level < len(self.spec.levels) - 1 else 2


def recognise(space: Space) -> Form | None:
    """The canonical form of a mapspace, or None where it has another form."""
    spec, constraints = space.spec, space.constraints
    if constraints.parallelism is not None or any(limits.names for limits in constraints.limits.values()):
        return None
    if space.most_loops is not None or not _divides(space):
        return None
    if spec.costly_networks or spec.network_latency or not all(_is_plain(level) for level in spec.levels):
        return None
    roles = _roles(spec.problem)
    arrays = [i for i, (x, y) in enumerate(spec.fanout_xy) if i > 0 and x * y > 1]
    if len(spec.levels) > MOST_LEVELS or any(
        len(divisors(b)) > MOST_DIVISORS for c in space.bounds.values() for b in c
    ):
        return None
    if prod(len(divisors(min(choices))) for choices in space.bounds.values()) > MOST_POINTS:
        return None
    if roles is None or len(arrays) != 1 or not 0 < arrays[0] < len(spec.levels) - 1:
        return None
    array = arrays[0]
    top = len(spec.levels) - 1
    names = spec.level_names
    temporal = [constraints.loop(name, spatial=False) for name in names]
    array_rule = constraints.loop(names[array], spatial=True)
    rules = [temporal[0], temporal[array], temporal[top], array_rule]
    idle = [i for i in range(len(names)) if i not in (0, array, top)]
    if not all(_plain(rule, spec.problem.dimensions) for rule in rules):
        return None
    if any(temporal[i].factors.get(d) != 1 for i in idle for d in spec.problem.dimensions):
        return None
    if (
        array_rule.permutation
        and array_rule.split is None
        or not array_rule.permutation
        and array_rule.split is not None
    ):
        return None
    if not _lanes_are_pinned(space, roles, temporal[0]) or not _bypass_is_plain(space, array):
        return None
    pins = Pins(
        *(_canonical_factors(rule, roles) for rule in (temporal[0], array_rule, temporal[array], temporal[top]))
    )
    form_orders = tuple(_canonical_order(rule, roles) for rule in (temporal[0], temporal[array], temporal[top]))
    spatial_order = _canonical_order(array_rule, roles)
    split = 0
    if spatial_order is not None and array_rule.split is not None:
        on_x = array_rule.permutation[: array_rule.split]
        split = sum(1 for d in spatial_order if roles.dimensions[d] in on_x)
    return Form(space, roles, array, pins, form_orders, spatial_order, split)


def _is_plain(level: StorageSpec) -> bool:
    """Whether a level has nothing that the bounds do not count."""
    scaled = any(scale != 1 for _, scale in level.bandwidth_scale)
    gated = level.power_gated_at not in ("", level.name)
    return level.shared_bandwidth == inf and not (scaled or gated or level.min_utilization or level.address_energy)


def _divides(space: Space) -> bool:
    """Whether the factors of a space multiply to its bounds, so that no loop has a residual."""
    rules, template = space.constraints.loops, space.constraints.template
    return (
        template == "perfect"
        or template == "uber"
        and all(
            bound % prod(rule.factors.get(d, 1) for rule in rules) == 0
            for d, bounds in space.bounds.items()
            for bound in bounds
        )
    )


def _plain(rule: LoopConstraint, dimensions: Sequence[str]) -> bool:
    """Whether a directive pins factors or the whole order, and nothing else."""
    if rule.min_factors or rule.max_factors or rule.suffix or any(n < 1 for n in rule.factors.values()):
        return False
    return not rule.permutation or set(rule.permutation) == set(dimensions)


def _canonical_factors(rule: LoopConstraint, roles: Roles) -> tuple[int, ...]:
    return tuple(rule.factors.get(name, 0) if name else 1 for name in roles.dimensions)


def _canonical_order(rule: LoopConstraint, roles: Roles) -> tuple[int, ...] | None:
    if not rule.permutation:
        return None
    named = [roles.dimensions.index(d) for d in rule.permutation]
    return (*named, *(d for d in range(8) if d not in named))


def _kept(constraints: Constraints, spec: Spec, level: int) -> set[str]:
    rule = constraints.dataspace(spec.level_names[level])
    if level == len(spec.levels) - 1:
        return set(spec.data_space_names) - set(rule.bypass)
    return set(rule.keep)


def _bypass_is_plain(space: Space, array: int) -> bool:
    """Whether bypass is pinned, DRAM keeps everything, and what is kept twice in a group costs nothing outside."""
    spec, constraints = space.spec, space.constraints
    everything = set(spec.data_space_names)
    top = len(spec.levels) - 1
    for name in spec.level_names[:-1]:
        rule = constraints.dataspace(name)
        if set(rule.keep) | set(rule.bypass) != everything or set(rule.keep) & set(rule.bypass):
            return False
    if _kept(constraints, spec, top) != everything:
        return False
    for group in (range(array), range(array, top)):
        seen: set[str] = set()
        for level in group:
            kept = _kept(constraints, spec, level)
            if kept & seen and not is_free_of_cost(spec.levels[level]):
                return False
            seen |= kept
    return True


def is_free_of_cost(level: StorageSpec) -> bool:
    """Whether nothing that happens at a level has a cost in energy or cycles."""
    energies = (level.read_energy, level.write_energy, level.update_energy, level.leakage)
    return not any(energies) and min(level.read_bandwidth, level.write_bandwidth) == inf


def _lanes_are_pinned(space: Space, roles: Roles, innermost: LoopConstraint) -> bool:
    """Whether there are no lanes, or lanes of pinned factors, not on coupled dimensions, under a pinned order."""
    spec = space.spec
    extent_x, extent_y = spec.fanout_xy[0]
    if extent_x * extent_y == 1:
        return True
    rule = space.constraints.loop(spec.level_names[0], spatial=True)
    dimensions = spec.problem.dimensions
    if not _plain(rule, dimensions) or not rule.permutation or rule.split is None or not innermost.permutation:
        return False
    if any(d not in rule.factors for d in dimensions):
        return False
    on_x = prod(rule.factors[d] for d in rule.permutation[: rule.split])
    on_y = prod(rule.factors[d] for d in rule.permutation[rule.split :])
    coupled = [roles.dimensions[d] for d in (R, S, P, Q)]
    alone = all(rule.factors[name] == 1 for name in coupled if name is not None)
    return alone and on_x <= extent_x and on_y <= extent_y


def _roles(problem: Problem) -> Roles | None:
    try:
        return roles_of(problem.dimensions, problem.data_spaces)
    except UnsupportedError:
        return None
