"""Which dimension and which data space of a problem plays which part in the canonical layer (`flexloop.workloads`).

The parts are found by structure: what a dimension indexes says which it is. Names count where the structure leaves a
choice, so that a problem whose names are the canonical ones keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from flexloop.embedded.problem import DataSpace
from flexloop.errors import UnsupportedError

N, G, C, M, R, S, P, Q = range(8)


@dataclass(frozen=True)
class Roles:
    """How a problem's names map onto the canonical layer.

    Attributes:
        dimensions: for each of the eight canonical dimensions the problem's, or None where it has none.
        tensors: for Weights, Inputs, Outputs the index of the problem's data space.
        coef: coefficients of R, P, S, Q.
    """

    dimensions: tuple[str | None, ...]
    tensors: tuple[int, int, int]
    coef: tuple[int, int, int, int]


_CANONICAL = "the canonical layer is Weights[G,C,M,R,S], Inputs[N,G,C,R+P,S+Q], Outputs[N,G,M,P,Q], or less"
_COEF = {R: 0, P: 1, S: 2, Q: 3}
_HOMES: Mapping[tuple[bool, ...], int] = {
    (True, True, True): G, (True, True, False): C, (True, False, True): M, (False, True, True): N
}  # fmt: skip
"""The part of a dimension by whether Weights, Inputs and Outputs are indexed by it."""


@lru_cache(maxsize=256)
def roles_of(dimensions: tuple[str, ...], data_spaces: tuple[DataSpace, ...]) -> Roles:
    """Match a problem to the canonical layer.

    Args:
        dimensions: the problem's.
        data_spaces: the problem's.

    Raises:
        UnsupportedError: naming what has no part in the canonical layer.
    """
    weights, inputs, outputs = tensors = _tensors(data_spaces)
    used = [{d for rank in data_spaces[t].projection for d, _ in rank} for t in tensors]
    for t in (weights, outputs):
        if any(c != 1 for rank in data_spaces[t].projection for _, c in rank):
            raise _unmatched(f"data space {data_spaces[t].name} has a coefficient")
    names: list[str | None] = [None] * 8
    coef = [1, 1, 1, 1]
    slots = [(R, P), (S, Q)]
    single: list[tuple[str, int]] = []
    for rank in data_spaces[inputs].projection:
        if len(rank) == 1:
            single.append(rank[0])
            continue
        for slot, (dimension, c) in zip(_pair(rank, slots), _filter_and_output(rank, used), strict=True):
            names[slot], coef[_COEF[slot]] = dimension, c
    single += [(d, 1) for d in dimensions if d not in used[1]]
    for d, c in single:
        home = _HOMES.get(tuple(d in tensor for tensor in used))
        if home is not None and c == 1 and names[home] is None:
            names[home] = d
        elif home in (C, N) and slots and c >= 1:
            slot = _pair(((d, c),), slots)[0 if home == C else 1]
            names[slot], coef[_COEF[slot]] = d, c
        else:
            raise _unmatched(f"dimension {d} has no place of its own")
    return Roles(tuple(names), tensors, (coef[0], coef[1], coef[2], coef[3]))


def _tensors(data_spaces: Sequence[DataSpace]) -> tuple[int, int, int]:
    """The indices of Weights, Inputs and Outputs: the outputs are written, a sum of dimensions indexes the inputs."""
    if diagonal := [space.name for space in data_spaces if space.is_diagonal]:
        raise _unmatched(f"in data space {diagonal[0]} a dimension indexes several ranks")
    writes = [i for i, space in enumerate(data_spaces) if space.read_write]
    reads = [i for i, space in enumerate(data_spaces) if not space.read_write]
    if len(writes) != 1 or len(reads) != 2:
        raise _unmatched(f"{len(reads)} data spaces are read and {len(writes)} written; two and one are needed")
    coupled = [i for i, space in enumerate(data_spaces) if any(len(rank) > 1 for rank in space.projection)]
    if len(coupled) > 1 or any(i in writes for i in coupled):
        raise _unmatched(f"a sum of dimensions indexes {data_spaces[coupled[-1]].name}")
    weights = next((i for i in reads if data_spaces[i].name == "Weights"), reads[0])
    if coupled:
        weights = next(i for i in reads if i not in coupled)
    return weights, next(i for i in reads if i != weights), writes[0]


def _filter_and_output(
    rank: Sequence[tuple[str, int]], used: Sequence[set[str]]
) -> tuple[tuple[str, int], tuple[str, int]]:
    """The filter's and the output's dimension of a rank that both index."""
    kinds = {(d in used[0], d in used[2]): (d, c) for d, c in rank}
    if len(rank) != 2 or set(kinds) != {(True, False), (False, True)} or any(c < 1 for _, c in rank):
        raise _unmatched(f"the sum of {', '.join(d for d, _ in rank)} is none of a filter's and an output's dimension")
    return kinds[True, False], kinds[False, True]


_NAMED = {"R": (R, P), "P": (R, P), "S": (S, Q), "Q": (S, Q)}


def _pair(rank: Sequence[tuple[str, int]], slots: list[tuple[int, int]]) -> tuple[int, int]:
    """Take a filter's and an output's place: those that the names ask for if they are left, else the next."""
    if not slots:
        raise _unmatched(f"{', '.join(d for d, _ in rank)} would be a third pair beside R+P and S+Q")
    wanted = next((_NAMED[d] for d, _ in rank if _NAMED.get(d) in slots), slots[0])
    slots.remove(wanted)
    return wanted


def _unmatched(reason: str) -> UnsupportedError:
    return UnsupportedError(f"problem: {reason}; {_CANONICAL}")
