"""Patterns of bypass that leave three groups of levels are proved by the search that knows these closely."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flexloop.embedded.arrays import Bools
from flexloop.embedded.mapper.exact.form import Form, recognise
from flexloop.embedded.mapper.exact.optimal import Search, families
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.part import Part
from flexloop.embedded.mapper.space import Space
from flexloop.timeloop.constraints import DataspaceConstraint

_RELAXED = 0.5
"""Share of the time for an exact search that passes over a limit on loops."""


@dataclass
class KnownForms:
    """Patterns of bypass that the exact search can prove.

    Attributes:
        forms: each with its place.
        owners: by place, the mapspace and the pattern.
        are_all: whether nothing else is to be searched.
    """

    forms: list[tuple[int, Form]] = field(default_factory=list)
    owners: list[tuple[Part, bytes]] = field(default_factory=list)
    are_all: bool = False

    @classmethod
    def of(cls, incumbent: Incumbent, *, patterns: int) -> KnownForms:
        """Those of the mapspaces that have at most so many patterns.

        Of one alone it is the mapspace itself; of several each without a limit on loops, as many as there is time for.
        """
        found = cls(are_all=True)
        for part in incumbent.filled:
            if 1 << len(part.choices.free_bypass) > patterns:
                found.are_all = False
                continue
            for keep in part.patterns():
                if patterns > 1 and incumbent.deadline.passed():
                    found.are_all = False
                    return found
                form = recognise(part.space if patterns == 1 else _pinned(part, keep))
                if form is None:
                    found.are_all = False
                else:
                    found.forms.append((len(found.owners), form))
                    found.owners.append((part, keep.tobytes()))
        return found

    def prove(self, incumbent: Incumbent) -> None:
        """Hand them to the exact search, all with one incumbent.

        It knows no limit on loops: where its best mapping has too many, its cost bounds those with few. What it finds
        is the same whatever the incumbent is: of mappings that are as good its own counts.
        """
        if not self.forms:
            return
        limited = any(part.choices.few_loops for part, _ in self.owners)
        deadline = incumbent.deadline.part(_RELAXED) if limited else incumbent.deadline
        so_far = incumbent.so_far if self.are_all and not limited else None
        groups = families(self.forms, incumbent.objective)
        search = Search(groups, incumbent.objective, incumbent.best_key, deadline, so_far)
        outcome, bound = search.run(), search.open
        incumbent.evaluated += search.evaluated
        if outcome is not None:
            part, _ = self.owners[outcome.place]
            found = part.costing.genomes(outcome.mapping)
            incumbent.note(part, found, as_good_too=True)
            if not part.choices.fits_array(found)[0]:
                bound = min(bound, (search.lower_bound, 0.0))
        if limited and bound < incumbent.best_key:
            if self.are_all:
                incumbent.raise_floor((bound[0], 0.0))
            return
        for part, pattern in self.owners:
            part.proved.add(pattern)
        incumbent.open = min(incumbent.open, bound)


def _pinned(part: Part, keep: Bools) -> Space:
    """A space with its bypass decided, and without a limit on loops."""
    names = part.choices.data_spaces
    dataspaces = tuple(
        DataspaceConstraint(
            level,
            tuple(t for t, kept in zip(names, row, strict=True) if kept),
            tuple(t for t, kept in zip(names, row, strict=True) if not kept),
        )
        for level, row in zip(part.choices.levels, keep, strict=True)
    )
    return replace(part.space, constraints=replace(part.space.constraints, dataspaces=dataspaces), most_loops=None)
