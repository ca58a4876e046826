"""Whether neighbours pass anything on, given all loops but where those of the fanouts lie.

A neighbour serves a step only if its tile lies as far from a child's as the step is long (rule 5b). How far the tiles
of neighbours may lie apart follows from the factors of a fanout, how long steps are from the order of the temporal
loops: where no two of these agree, all ways to place a fanout's loops cost the same. So they do where every tile is
sent to some child anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flexloop.embedded.arrays import Bools, Ints, told_apart
from flexloop.embedded.mapper.facts import Facts, TensorFacts
from flexloop.embedded.mapper.paths.neighbours import moves, saves
from flexloop.embedded.mapper.slots import Slot

_LARGEST = 1 << 62


@dataclass(frozen=True)
class _Fanout:
    """A fanout.

    Attributes:
        place: which slot it is.
        slot: the slot.
        factors: of the dimensions.
        moves: [neighbours, dimensions] by how many places two neighbours may differ; None: by any.
        lengths: for each data space that neighbours may pass on [dimensions], see `_lengths`.
        feeds_macs: whether every step counts, those too that leave a tile in place (rule 6b).
    """

    place: int
    slot: Slot
    factors: tuple[int, ...]
    moves: Ints | None
    lengths: list[Ints | None]
    feeds_macs: bool


class Links:
    """Tells whether neighbours may pass tiles on.

    Args:
        slots: the mapspace's.
        facts: architecture and problem.
        bounds: of the dimensions.
        filling: the factors of the fanouts.
        always: whether it matters in any case how the loops of the fanouts lie.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        facts: Facts,
        bounds: Sequence[int],
        filling: Mapping[int, tuple[int, ...]],
        *,
        always: bool,
    ) -> None:
        self._temporal = [place for place, slot in enumerate(slots) if not slot.spatial]
        self._fanouts = list[_Fanout]()
        self._always = always or facts.routed
        for place, factors in filling.items():
            if max(factors) == 1:
                continue
            level = slots[place].level
            # Along a rank of its own a loop outside leads further than all children together reach.
            some = [tensor for tensor in facts.tensors if level == 0 or _overlaps(tensor, factors, bounds)]
            lengths = [_lengths(tensor, bounds) for tensor in some]
            self._fanouts.append(
                _Fanout(place, slots[place], factors, moves(slots[place], factors), lengths, level == 0)
            )
            self._always |= level > 0 and facts.rereads(level)

    def may_be(self, tiles: Ints, orders: Ints) -> Bools:
        """[n, orders]: whether it may matter how the loops of the fanouts lie, since a neighbour serves some step.

        Args:
            tiles: [n, slots + 1, dimensions] of mappings that have loops > 1 in the same places.
            orders: [orders, slots, dimensions] of the loops, the innermost first.
        """
        found = np.full((len(tiles), len(orders)), self._always)
        for fanout in self._fanouts:
            outside = np.array([place for place in self._temporal if place > fanout.place], dtype=np.int64)
            dims, slots = orders[:, outside].reshape(len(orders), -1), np.repeat(outside, orders.shape[2])
            loops = tiles[0, slots + 1, dims] > tiles[0, slots, dims]
            if not loops.any():
                continue
            slots = np.broadcast_to(slots, loops.shape)[loops].reshape(len(orders), -1)
            dims = dims[loops].reshape(slots.shape)
            for lengths in fanout.lengths:
                if fanout.moves is None or lengths is None:
                    return np.ones_like(found)
                found |= _served(fanout, tiles[:, fanout.place] * lengths, tiles[:, slots, dims] * lengths[dims])
        return found


def _served(fanout: _Fanout, inside: Ints, steps: Ints) -> Bools:
    """[n, orders]: whether a neighbour serves a step.

    Args:
        fanout: the fanout.
        inside: [n, dimensions] how far a place leads in it.
        steps: [n, orders, loops] how far each loop leads, the innermost first.
    """
    assert fanout.moves is not None
    away = steps - (np.cumsum(steps, axis=2) - steps)  # a loop rewinds one step of every loop inside
    apart = inside @ fanout.moves.T
    number = np.unique(np.concatenate([away.ravel(), apart.ravel()]), return_inverse=True)[1].ravel()
    rows = np.arange(len(steps)) * (int(number.max()) + 1)
    here = number[: away.size].reshape(away.shape) + rows[:, None, None]
    served: Bools = np.isin(here, number[away.size :].reshape(apart.shape) + rows[:, None])
    if not fanout.feeds_macs:
        served &= (away != 0) & (steps[:, :, :1] != 0)
    mapping, order, loop = np.nonzero(served)
    asked = np.concatenate([inside[mapping], away[mapping, order, loop][:, None]], axis=1)
    first, which = told_apart(asked)
    saved = [saves(fanout.slot, fanout.factors, tuple(lengths), step) for *lengths, step in asked[first].tolist()]
    served[mapping, order, loop] = np.array(saved, dtype=np.bool_)[which]
    return np.asarray(served.any(axis=2))


def _overlaps(tensor: TensorFacts, factors: Sequence[int], bounds: Sequence[int]) -> bool:
    """Whether the loops of a fanout move a data space in a rank that several dimensions share."""
    return any(factors[d] > 1 and sum(bounds[i] > 1 for i, _ in rank) > 1 for rank in tensor.groups for d, _ in rank)


def _lengths(tensor: TensorFacts, bounds: Sequence[int]) -> Ints | None:
    """[dimensions] how far a place along each leads, in all ranks at once as one number; None: they are too long.

    Where two such numbers agree so do the steps in each rank: none is longer than all that a rank spans.
    """
    found, unit = [0] * len(bounds), 1
    for rank in tensor.ranks:
        for d, step in rank:
            found[d] += unit * step
        unit *= 8 * sum(step * bounds[d] for d, step in rank) + 1
    return np.array(found, dtype=np.int64) if unit < _LARGEST else None
