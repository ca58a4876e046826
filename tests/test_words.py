"""Words moved into a tile: the closed form against a plain walk over the loop nest."""

from __future__ import annotations

import itertools
import random
from math import prod

import numpy as np
import pytest
from test_golden import case_spec

from flexloop.embedded.mapper.exact.words import INPUTS, input_words, repeats, tile_words
from flexloop.embedded.model import unlimited
from flexloop.embedded.problem import DataSpace
from flexloop.embedded.roles import roles_of
from flexloop.embedded.rules.nest import close_nest, tile_size
from flexloop.embedded.rules.tables import COUNT, DIM, OUTER, STRIDE, tables
from flexloop.embedded.rules.words import words_into
from flexloop.embedded.rules.workspace import make_workspace

PARENT = 1
"""The level whose loops are above the tile, which is that of the innermost level."""

Loop = tuple[str, int, int]
"""Dimension, iterations, stride."""


def walked(space: DataSpace, tile: dict[str, int], loops: list[Loop]) -> int:
    """Words moved into one tile, step by step.

    Every loop, the first innermost, runs its iterations 0 and 1; what iteration 1 costs counts for all but the first. A
    step pays for what the tile before did not hold if it moves as the step that is remembered did, or if none is;
    otherwise it pays for the whole tile, and nothing is remembered.
    """
    ranks = [[(d, c) for d, c in rank] for rank in space.projection]
    extents = [1 + sum(c * (tile[d] - 1) for d, c in rank) for rank in ranks]
    whole = prod(extents)
    deltas = [[sum(c * stride for d, c in rank if d == dim) for rank in ranks] for dim, _, stride in loops]
    words, here, remembered = whole, [0] * len(ranks), None
    for index in itertools.islice(itertools.product((0, 1), repeat=len(loops)), 1, None):
        on = list(reversed(index))
        there = [sum(i * delta[r] for i, delta in zip(on, deltas, strict=True)) for r in range(len(ranks))]
        move = [b - a for a, b in zip(here, there, strict=True)]
        here = there
        if not any(move):
            continue
        if remembered is None or move == remembered:
            cost = whole - prod(max(0, e - abs(v)) for e, v in zip(extents, move, strict=True))
            remembered = move
        else:
            cost, remembered = whole, None
        words += cost * prod(n - 1 for i, (_, n, _) in zip(on, loops, strict=True) if i)
    return words


def random_nest(rng: random.Random, dimensions: tuple[str, ...]) -> tuple[dict[str, int], list[Loop]]:
    tile = {d: rng.choice((1, 1, 2, 3)) for d in dimensions}
    extent = dict(tile)
    loops = []
    for _ in range(rng.randint(0, 7)):
        d, n = rng.choice(dimensions), rng.choice((2, 2, 3, 4))
        loops.append((d, n, extent[d]))
        extent[d] *= n
    return tile, loops


@pytest.mark.parametrize("case", ["base-conv3x3", "base-conv5x5s2", "base-conv_dilated", "base-fc"])
def test_the_closed_form_is_the_walk(case: str) -> None:
    spec = case_spec(case)
    arrays, dimensions = tables(spec, unlimited(spec)), spec.problem.dimensions
    work = make_workspace(arrays, np.ones((1, len(spec.levels), len(dimensions)), np.int64))
    rng = random.Random(case)
    credited = 0
    for _ in range(500):
        extents, nest = random_nest(rng, dimensions)
        work.tile[PARENT] = [extents[d] for d in dimensions]
        work.begin[PARENT], work.begin[-1] = 0, len(nest)
        for j, (d, n, stride) in enumerate(nest):
            work.loops[j, [DIM, COUNT, STRIDE]] = dimensions.index(d), n, stride
        work.loops[len(nest), OUTER], work.mover[len(nest)] = 1, len(nest)
        close_nest(arrays.present, len(nest), work)
        for t, space in enumerate(spec.problem.data_spaces):
            size = work.size[t, PARENT] = tile_size(arrays, t, work.tile, PARENT)
            words, _, _ = words_into(arrays, t, PARENT, False, work)
            assert words == walked(space, extents, nest), (space.name, extents, nest)
            credited += words % size != 0
    assert credited > 30 or case == "base-fc"


@pytest.mark.parametrize("case", ["base-conv3x3", "base-conv5x5s2", "base-conv_dilated", "base-fc"])
def test_bounds_of_three_groups_of_levels_count_words_as_the_walk_does(case: str) -> None:
    problem = case_spec(case).problem
    roles = roles_of(problem.dimensions, problem.data_spaces)
    coef, place = np.array(roles.coef), {name: d for d, name in enumerate(roles.dimensions) if name}
    rng, credited = random.Random(case), 0
    for _ in range(500):
        extents, loops = random_nest(rng, problem.dimensions)
        tile = np.array([extents[name] if name else 1 for name in roles.dimensions])
        nest = np.array([(place[d], n, stride) for d, n, stride in loops], dtype=np.int64).reshape(-1, 3)
        for tensor, index in enumerate(roles.tensors):
            words = size = tile_words(tile, coef, tensor)
            if tensor == INPUTS:
                words = input_words(tile, coef, nest, len(nest))
                credited += words % size != 0
            else:
                words *= repeats(nest, len(nest), tensor)
            assert words == walked(problem.data_spaces[index], extents, loops), (tensor, extents, loops)
    assert credited > 30 or case == "base-fc"
