"""Which spatial factors fit an array: compiled."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import I1, entry, i64, kernel
from flexloop.embedded.mapper.exact.grid import advance
from flexloop.embedded.mapper.exact.problem import LATTICE_TYPE, MACHINE_TYPE, SPATIAL, Record


@kernel
def _is_held(machine: Record, x: Ints, shape: int) -> bool:
    """Whether spatial factors fit a shape, each on X or on Y."""
    extent_x, extent_y = machine.shapes[shape, 0], machine.shapes[shape, 1]
    used, moving, chosen = 1, 0, 0
    for d in range(8):
        used *= x[d]
        moving |= 1 << d if x[d] > 1 else 0
    for i in range(machine.split):
        chosen |= 1 << machine.order[i]
    if machine.order[0] < 0:
        chosen = moving
    while True:
        along_x = 1
        for d in range(8):
            if chosen >> d & 1:
                along_x *= x[d]
        if along_x <= extent_x and used // along_x <= extent_y:
            return True
        if chosen == 0 or machine.order[0] >= 0:
            return False
        chosen = (chosen - 1) & moving


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
                if _is_held(machine, x, shape):
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
