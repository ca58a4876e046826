"""Where spatial loops may lie on the array - along X or along Y, and in which order: compiled."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import I1, entry, i64, kernel
from flexloop.embedded.mapper.exact.grid import advance
from flexloop.embedded.mapper.exact.problem import LATTICE_TYPE, MACHINE_TYPE, SPATIAL, Record


@kernel
def on_x(machine: Record, x: Ints, shape: int) -> int:
    """The set of dimensions (bit mask) to lay on X so that spatial factors fit a shape; -1 if they do not."""
    extent_x, extent_y = machine.shapes[shape, 0], machine.shapes[shape, 1]
    if machine.order[0] >= 0:
        mask, along_x, along_y = 0, 1, 1
        for i in range(8):
            d = machine.order[i]
            if i < machine.split:
                along_x *= x[d]
                mask |= 1 << d
            else:
                along_y *= x[d]
        return mask if along_x <= extent_x and along_y <= extent_y else -1
    moving = 0
    used = 1
    for d in range(8):
        if x[d] > 1:
            moving |= 1 << d
            used *= x[d]
    chosen = moving
    while True:
        along_x = 1
        for d in range(8):
            if chosen >> d & 1:
                along_x *= x[d]
        if along_x <= extent_x and used // along_x <= extent_y:
            return chosen
        if chosen == 0:
            return -1
        chosen = (chosen - 1) & moving


@kernel
def split_of(machine: Record, x: Ints, linear: Ints, shape: int) -> int:
    """How many loops of a linear order lie on X so that it fits a shape, -1 if it does not."""
    if machine.order[0] >= 0:
        return machine.split if on_x(machine, x, shape) >= 0 else -1
    used = 1
    for d in range(8):
        used *= x[d]
    along = 1
    for i in range(9):
        if along > machine.shapes[shape, 0]:
            return -1
        if used // along <= machine.shapes[shape, 1]:
            return i
        along *= x[linear[i]]
    return -1


@kernel
def first_order(machine: Record, order: Ints) -> None:
    """Put the pinned linear order of the spatial loops, or the first of all, into ``order``."""
    for i in range(8):
        order[i] = machine.order[i] if machine.order[0] >= 0 else i


@kernel
def next_order(order: Ints, x: Ints) -> bool:
    """The next permutation of the loops > 1, in lexicographic order, the others kept last in theirs."""
    k = 0
    for i in range(8):
        if x[order[i]] > 1:
            order[k], order[i] = order[i], order[k]
            k += 1
    i = k - 2
    while i >= 0 and order[i] > order[i + 1]:
        i -= 1
    if i < 0:
        return False
    j = k - 1
    while order[j] < order[i]:
        j -= 1
    order[i], order[j] = order[j], order[i]
    i, j = i + 1, k - 1
    while i < j:
        order[i], order[j] = order[j], order[i]
        i, j = i + 1, j - 1
    return True


@entry(MACHINE_TYPE, LATTICE_TYPE, I1, i64, allocates=True)
def spatial_choices(machine: Record, lattice: Record, index: Ints, most: int) -> Ints:
    """[k, 8] indices of the spatial factors that fit one of the shapes.

    Looks at ``most`` points of the lattice from ``index`` on, and moves that to where the next call has to begin;
    index[0] is then negative where there is nothing more.
    """
    found = np.zeros((1024, 8), dtype=np.int64)
    n = 0
    x = np.ones(8, dtype=np.int64)
    for _ in range(most):
        used = 1
        good = True
        for d in range(8):
            x[d] = lattice.divisors[d, index[d]]
            used *= x[d]
            good = good and lattice.ok[SPATIAL, d, index[d]] != 0
        over = used > machine.pes
        if good and not over:
            good = False
            for shape in range(machine.n_shapes):
                if on_x(machine, x, shape) >= 0:
                    good = True
                    break
            if good:
                if n == found.shape[0]:
                    larger = np.zeros((2 * n, 8), dtype=np.int64)
                    for i in range(n):
                        for d in range(8):
                            larger[i, d] = found[i, d]
                    found = larger
                for d in range(8):
                    found[n, d] = index[d]
                n += 1
        if not advance(index, lattice.counts, over):
            index[0] = -1
            break
    return found[:n]
