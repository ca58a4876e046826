"""Mapspaces of arrays of several shapes, which differ in the extents of their fanouts alone: taken apart late.

What a path costs follows from the factors on the fanouts, hardly from the shape of the array that they fit. So a way to
fill the fanouts is bounded once for all arrays that hold it; each of these is looked at only where that is hopeful.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import told_apart
from flexloop.embedded.mapper.facts import Facts
from flexloop.embedded.mapper.fillings import Fillings, every_filling, told_by_room
from flexloop.embedded.mapper.general.part import MOST_WAYS, Part
from flexloop.embedded.mapper.general.roots import Root, Stage
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.timeloop.constraints import LoopConstraint


@dataclass
class Arrays(Part):
    """Mapspaces that are bounded as one; what it says of itself is those of the first, with fanouts that hold all.

    Attributes:
        members: the mapspaces.
    """

    members: tuple[Part, ...] = ()

    @cached_property
    def facts(self) -> Facts:
        """What lets no mapping cost more than it does on any of them."""
        return _least_facts([member.facts for member in self.members])

    @cached_property
    def most_lanes(self) -> int:
        """MACs that may work at once, on any of them."""
        return max(member.most_lanes for member in self.members)

    @classmethod
    def of(cls, members: Sequence[Part]) -> Arrays:
        """The mapspaces as one."""
        first = members[0]
        fanouts = np.array([member.choices.fanouts for member in members]).max(axis=0).tolist()
        loops = {(rule.target, rule.spatial): rule for member in members for rule in member.space.constraints.loops}
        constraints = replace(first.space.constraints, loops=tuple(loops.values()))
        choices = choices_of(replace(first.space, constraints=constraints), fanouts)
        return cls(first.index, first.space, choices, first.costing, first.proved, tuple(members))

    def _fillings_of(self, bounds: Sequence[int], deadline: Deadline) -> Fillings | None:
        """The ways of all members, and which of these each of them belongs to."""
        slots = [member.choices.slots[place] for member in self.members for place in member.choices.spatial.values()]
        least = self.choices.limits[0][list(self.choices.spatial.values())]
        if all(map(told_by_room, slots)) and least.max(initial=1) == 1:
            rooms = [[prod(member.choices.fanouts[level]) for level in self.choices.spatial] for member in self.members]
            return every_filling(self.choices, bounds, MOST_WAYS, deadline, np.array(rooms))
        levels = list(self.choices.spatial)
        found: list[npt.NDArray[np.int64]] = []
        for member in self.members:
            own = member.fillings(bounds, deadline)
            if own is None:
                return None
            factors = np.ones((len(own), len(levels), len(bounds)), dtype=np.int64)
            factors[:, [levels.index(level) for level in own.levels]] = own.factors
            found.append(factors)
        every = np.concatenate(found)
        first, which = told_apart(every.reshape(len(every), -1))
        if len(first) > MOST_WAYS:
            return None
        arrays = np.zeros((len(first), len(self.members)), dtype=np.bool_)
        arrays[which, np.repeat(np.arange(len(found)), [len(some) for some in found])] = True
        return Fillings(tuple(self.choices.spatial.values()), tuple(levels), every[first], arrays)


def as_arrays(parts: Sequence[Part]) -> list[Part]:
    """The mapspaces, those taken together that differ in the extents of their fanouts alone."""
    alike: defaultdict[Hashable, list[Part]] = defaultdict(list)
    for number, part in enumerate(parts):
        choices, space = part.choices, part.space
        kind: Hashable = number  # what residuals leave of a fanout depends on its extents
        if not choices.imperfect:
            bounds = tuple((d, space.bounds[d]) for d in choices.dimensions)
            temporal = tuple(rule for rule in space.constraints.loops if not rule.spatial)
            rules = repr(replace(space.constraints, loops=temporal)), space.most_loops, frozenset(part.proved)
            kind = _kind(part.facts), choices.levels, choices.data_spaces, bounds, *rules
        alike[kind].append(part)
    groups = [group for some in alike.values() for group in _of_the_same_fanouts(some)]
    return [some[0] if len(some) == 1 else Arrays.of(some) for some in groups]


def _of_the_same_fanouts(parts: Sequence[Part]) -> list[list[Part]]:
    """Mapspaces in groups whose fanouts are constrained alike; some may lack a fanout, and so what constrains it."""
    rules = [{rule.target: rule for rule in part.space.constraints.loops if rule.spatial} for part in parts]
    groups: defaultdict[str, list[Part]] = defaultdict(list)
    for part, own in zip(parts, rules, strict=True):
        groups[repr(own)].append(part)
    # Where there is no fanout loops have one iteration, as a directive for it has to allow.
    every = {target: rule for own in rules for target, rule in own.items()}
    are_free = all({*rule.factors.values(), *rule.min_factors.values()} <= {1} for rule in every.values())
    agree = all(_agrees(part, own, every) for part, own in zip(parts, rules, strict=True))
    return [list(parts)] if are_free and agree else [*groups.values()]


def _agrees(part: Part, own: Map[str, LoopConstraint], every: Map[str, LoopConstraint]) -> bool:
    """Whether a mapspace constrains its fanouts as all of them do that have such a fanout."""
    fanouts = dict(zip(part.choices.levels, part.choices.fanouts, strict=True))
    return all(
        own.get(target, rule) == rule and (target in own or fanouts[target] == (1, 1)) for target, rule in every.items()
    )


def are_next(root: Root) -> bool:
    """Whether a root of several arrays is to be looked at on each of them: where one alone holds it that is sooner."""
    if root.fillings is None or root.fillings.arrays is None:
        return root.fillings is None
    is_of_one = root.fillings.arrays[root.which[:1]].sum() == 1
    return root.is_filled and root.stage >= (Stage.COARSE if is_of_one else Stage.PRICED)


def members_of(root: Root, numbers: Iterator[int]) -> list[Root]:
    """A root of several arrays for each of them alone that holds its factors; for all where these are not listed."""
    assert isinstance(root.part, Arrays)
    members = root.part.members
    if root.fillings is not None and root.fillings.arrays is not None:
        members = tuple(members[place] for place in np.flatnonzero(root.fillings.arrays[root.which[0]]))
    found = []
    for member in members:
        if not member.choices.allows(root.bounds):
            continue
        if root.fillings is None:
            part = replace(root, part=member, stage=Stage.LISTED, order=next(numbers))
        else:
            fillings, which = root.fillings.on(member.choices, root.which)
            part = replace(root, part=member, fillings=fillings, which=which, stage=Stage.COARSE, order=next(numbers))
        found.append(part)
    return found


def _least_facts(every: Sequence[Facts]) -> Facts:
    """Facts that let no mapping cost more than it does on any of several arrays.

    Where instances share no rows their number is only what rounding may take off.
    """
    levels = []
    for some in zip(*(facts.levels for facts in every), strict=True):
        clusters = max(level.clusters for level in some) if some[0].cluster == 1 else some[0].clusters
        levels.append(replace(some[0], instances=max(level.instances for level in some), clusters=clusters))
    return replace(every[0], levels=tuple(levels))


def _kind(facts: Facts) -> Facts:
    """What all arrays that are bounded as one have in common."""
    levels = (replace(v, instances=0, clusters=0 if v.cluster == 1 else v.clusters) for v in facts.levels)
    return replace(facts, levels=tuple(levels))
