"""The mapping of a nest as the search records it."""

from __future__ import annotations

from math import prod

import numpy as np

from flexloop.embedded.mapper.exact.form import Form
from flexloop.embedded.mapper.exact.types import IntArray
from flexloop.timeloop.mapping import LevelMapping, Mapping


def to_mapping(form: Form, nest: IntArray, bounds: tuple[int, ...]) -> Mapping:
    """The mapping of a nest as the search records it (see `flexloop.embedded.mapper.exact.problem.BEST`)."""
    tile, x, buffer_tile = nest[0], nest[1], nest[2]
    names = form.roles.dimensions
    lanes = np.array(form.lanes)
    pe_order = form.orders[0] or tuple(range(8))
    spec, constraints = form.spec, form.space.constraints
    place = {
        0: (tile // lanes, pe_order),
        form.array_level: (buffer_tile // (tile * x), nest[3]),
        len(spec.levels) - 1: (np.array(bounds) // buffer_tile, nest[4]),
    }
    levels = []
    data_spaces = spec.data_space_names
    for i, name in enumerate(spec.level_names):
        factors, order = place.get(i, (np.ones(8, dtype=np.int64), range(8)))
        kept = form.keeps(i)
        held = {form.roles.tensors[t] for t in range(3) if kept[t]}
        spatial: dict[str, int] = {}
        spatial_order: tuple[str, ...] = ()
        split = 0
        if i == form.array_level:
            spatial = {n: int(x[d]) for d, n in enumerate(names) if n}
            spatial_order = tuple(n for d in nest[5] if (n := names[d]))
            split = sum(1 for d in nest[5][: int(nest[6, 1])] if names[d])
        elif i == 0 and prod(spec.fanout_xy[0]) > 1:
            rule = constraints.loop(name, spatial=True)
            spatial, spatial_order, split = dict(rule.factors), rule.permutation, rule.split or 0
        levels.append(
            LevelMapping(
                name,
                {n: int(factors[d]) for d, n in enumerate(names) if n},
                tuple(n for d in order if (n := names[int(d)])),
                spatial,
                spatial_order,
                split,
                tuple(s for k, s in enumerate(data_spaces) if k in held),
                tuple(s for k, s in enumerate(data_spaces) if k not in held),
            )
        )
    return Mapping(tuple(levels))
