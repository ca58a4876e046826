"""Which steps lead from PEs to those beside them, as the loops of a placement tell.

What neighbours pass on are tiles of inputs: a PE takes one from a PE beside it that held it a step before (rule 5). PEs
are numbered by the loops on the array, the digits of the number, and lie in rows one after the other. So the tile
beside a PE follows from which digits change, and in most orders of the loops few do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flexloop.embedded.arrays import Bools, Ints
from flexloop.embedded.roles import C, G, N, R

ALONG_WIDTH, ALONG_HEIGHT, ALONG_BOTH = range(4, 7)
"""Kinds of steps of tiles, by where they lead; before these stand the steps of R, S, P and Q as the first loop."""


class Linking:
    """The steps of tiles, and those from PE to PE.

    Args:
        dims: for each of the problem's dimensions the canonical one.
        x: [8] spatial factors.
        strides: [4] how far PEs one apart along R, S, P, Q are from each other in inputs.
        steps: [2] what all steps along width and height are multiples of; 0: there are none.

    Attributes:
        factors: [dimensions] spatial factors.
        shifts: [dimensions, 3] how far PEs one apart lie: along width and height, and along N, G, C as one number.
        weights: [3] make a single number of such distances.
        moves: [4] how far the steps of R, S, P and Q take tiles, as a single number.
        steps: [3] as above; along N, G, C no tile may be handed on.
    """

    def __init__(self, dims: Sequence[int], x: Ints, strides: Ints, steps: Ints) -> None:
        self.factors = x[dims]
        self.shifts = np.zeros((len(dims), 3), dtype=np.int64)
        unlike = 1
        for i, d in enumerate(dims):
            if d in (N, G, C):
                self.shifts[i, 2], unlike = unlike, unlike * x[d]
            elif d >= R:
                self.shifts[i, d % 2] = strides[d - R]
        self.shifts[self.factors == 1] = 0
        moves = x[R:] * strides
        far = 2 * int((self.shifts * (self.factors[:, None] - 1)).sum(axis=0).max() + moves.max()) + 1
        self.weights = np.array([1, far, far**2])
        self.moves = moves * self.weights[[0, 1, 0, 1]]
        self.steps = (*steps.tolist(), 0)

    def told(self, orders: Ints, rows: Ints) -> tuple[Ints, Bools]:
        """What loops tell of orders [k, dimensions] on arrays that have so many PEs [k] in a row.

        Where a row ends with a loop, or with a part of one, steps along it count up through the parts inside, and steps
        across rows through those outside. The two ways may change places. Where it ends elsewhere, orders are told to
        act alike if no step leads from PE to PE.

        Returns:
            [k, columns] numbers, the same for orders which act alike: PEs with the same tiles have the same others
            beside them that may be a step away. [k, 7] which steps may lead from some PE to one beside it.
        """
        still = np.argsort(self.factors[orders] == 1, axis=1, kind="stable")
        orders = np.take_along_axis(orders, still, axis=1)[:, : np.count_nonzero(self.factors > 1)]
        factors = self.factors[orders]
        inside = np.clip(rows[:, None] // (np.cumprod(factors, axis=1) // factors), 1, factors)
        ends = inside.prod(axis=1) == np.minimum(rows, self.factors.prod())
        ends &= (factors % inside == 0).all(axis=1)
        some = np.flatnonzero(~ends)
        inside[some] = factors[some]
        one, leads = self._counted(orders, inside, np.ones_like(inside))
        other, across = self._counted(orders, factors // inside, inside)
        leads |= across
        leads[some] |= self._across(orders[some], rows[some])
        differ = one - other
        swap = np.take_along_axis(differ, np.argmax(differ != 0, axis=1)[:, None], axis=1) > 0
        unlike = np.zeros(len(orders), dtype=np.int64)
        unlike[some] = np.where(leads[some, ALONG_WIDTH:].any(axis=1), some + 1, 0)
        return np.column_stack([np.where(swap, other, one), np.where(swap, one, other), unlike]), leads

    def _counted(self, orders: Ints, parts: Ints, times: Ints) -> tuple[Ints, Bools]:
        """Parts of loops up to the last one where a step may lead to the next tile, [k, loops], and which may [k, 7].

        A step from PE to PE sets the loops inside one back to their first iteration and takes that one an iteration
        further. The loops outside the last one that counts go through all other tiles, in whatever order.

        Args:
            orders: [k, loops].
            parts: [k, loops] iterations of each part.
            times: [k, loops] iterations of the loop that one of the part is.
        """
        steps = self.shifts[orders] * times[..., None]
        back = steps * (parts[..., None] - 1)
        leads = self._leads(steps - (np.cumsum(back, axis=1) - back)) & (parts > 1)[..., None]
        last: Bools = np.asarray(leads[..., ALONG_WIDTH:].any(axis=2))
        counts = (np.cumsum(last[:, ::-1], axis=1)[:, ::-1] > 0) & (parts > 1)
        size = self.factors.prod()
        loops = np.where(counts, (orders * size + parts) * size + times, 0)
        ordered = np.take_along_axis(loops, np.argsort(~counts, axis=1, kind="stable"), axis=1)
        return ordered, np.asarray(leads.any(axis=1))

    def _across(self, orders: Ints, rows: Ints) -> Bools:
        """[k, 7] whether steps across rows, which add a row's PEs to the number of a PE, may lead to the next tile.

        Which of the sums of digits carry depends on the PE.
        """
        factors, shifts = self.factors[orders], self.shifts[orders]
        adds = rows[:, None] // (np.cumprod(factors, axis=1) // factors) % factors
        plain = np.zeros((len(orders), 1, 3), dtype=np.int64)
        carried = plain[:, :0]
        for i in range(orders.shape[1]):
            further, back = (shifts[:, i, None] * n[:, i, None, None] for n in (adds, factors))
            sums = np.concatenate([plain + further, carried + further + shifts[:, i, None]], axis=1)
            plain, carried = sums, sums - back
        return np.asarray(self._leads(plain).any(axis=1))

    def _leads(self, steps: Ints) -> Bools:
        """[..., 7] which steps of tiles these from PE to PE [..., 3] may be, there or back."""
        any_step = np.ones(steps.shape[:-1], dtype=np.bool_)
        for along, apart in enumerate(self.steps):
            any_step &= (steps[..., along] % apart if apart else steps[..., along]) == 0
        far = np.abs(steps @ self.weights)
        first = [far == move for move in self.moves.tolist()]
        return np.stack(
            [*first, *(any_step & some for some in by_direction(steps[..., 0] != 0, steps[..., 1] != 0))], axis=-1
        )


def by_direction(width: Bools, height: Bools) -> tuple[Bools, Bools, Bools]:
    """Of steps that lead along the width, along the height or both: which are of each of the three kinds."""
    return width & ~height, height & ~width, width & height
