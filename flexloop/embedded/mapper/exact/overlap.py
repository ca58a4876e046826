"""Least words of inputs where tiles overlap, and where a neighbour may hold the next one: compiled.

With R, S, P or Q innermost, a step of that loop (the first loop) moves a tile along one rank and fetches what is new.
A carry, a step of a loop further out, takes the tile elsewhere. What it can save depends on which loop it is of:

- along N, G or C: nothing, no tile or neighbour holds any of it;
- along the same rank: it may meet the tile before (nothing is fetched), or move as far as the first loop does (again
  what is new);
- of any other loop: a neighbour may hold the tile, and nothing else saves anything.

See docs/search.md, "Overlap and neighbours".
"""

from __future__ import annotations

import numpy as np

from flexloop.embedded.jit import allocating, kernel
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.mapper.exact.words import brought, displacement, rank_offsets, slope, spacing

MOVED, STILL, STEP_READS, CARRY_READS, HANDED, AGAIN = range(6)
"""Columns of a configuration's ``overlap``: words that a step moves; whether a carry may move nothing; reads of the
buffer by a step, and by a carry that is not along N, G or C; words that neighbours hand over in a step; whether a carry
along the partner, the other dimension of the rank, may save anything."""


@kernel
def overlaps(machine: Record, config: Record) -> None:
    """Fill config.overlap for each of R, S, P, Q as the first loop."""
    full, groups = config.size[1], config.groups[1]
    for k in range(4):
        d, partner = 4 + k, 4 + (k + 2) % 4
        step, other = _step(machine, config, d), _step(machine, config, partner)
        step1, step2, _ = displacement(d, config.array[d], machine.coef)
        moved = np.float64(brought(config.tile, machine.coef, step1, step2))
        most = _most(config, d, step)
        still = config.left[partner] > 1 and other <= most and other * config.left[partner] >= step
        again = config.left[partner] > 1 and other <= most + step
        config.overlap[k, MOVED] = moved
        config.overlap[k, STILL] = 1.0 if still else 0.0
        config.overlap[k, STEP_READS] = moved * groups
        config.overlap[k, CARRY_READS] = 0.0 if still else moved * groups
        config.overlap[k, HANDED] = 0.0
        config.overlap[k, AGAIN] = 1.0 if again else 0.0
        if not config.linked or config.left[d] == 1:
            continue
        across, reach = _rank_groups(machine, config, d), _reach(machine, config, d)
        left = groups
        if step <= reach and (moved == full or again or config.least[d] == 2):
            left = groups / across * _unserved(machine, config, d, step, True)
        config.overlap[k, STEP_READS] = moved * left
        config.overlap[k, HANDED] = moved * (groups - left)
        if not still:
            config.overlap[k, CARRY_READS] = (
                moved * left if moved < full else full * _left_by_carries(machine, config, d)
            )


@kernel
def _most(config: Record, d: int, step: int) -> int:
    """The most that the loops over d inside a loop over its partner displace; a larger step of that cannot undo it."""
    return step + (step * config.left[d] // config.least[d] if config.left[d] > config.least[d] else 0)


@kernel
def _left_by_carries(machine: Record, config: Record, d: int) -> float:
    """Least offsets that a carry which moves whole tiles, not along N, G or C, leaves to the buffer; d is first.

    Neighbours hold at most those offsets whose sum with the carry's displacement lies within the array, rank by rank.
    """
    partner, crossing, image = d + 2 if d < 6 else d - 2, 5 - d % 2, 7 - d % 2
    step, other = _step(machine, config, d), _step(machine, config, partner)
    most = _most(config, d, step)
    meets = config.left[partner] > 1 and other <= most
    along, across = _rank_groups(machine, config, d), _rank_groups(machine, config, crossing)
    near = (
        _reach(machine, config, d) + 1
    )  # least displacement of a carry along the rank; past the reach where there is none
    if config.left[d] > config.least[d]:
        near = step
    if config.left[partner] > 1:
        near = 1 if meets else min(near, other - most)
    held = along - _unserved(machine, config, d, near, False)
    if config.left[3] > 1:
        held = max(held, along - _unserved(machine, config, d, step, False))
    held *= across
    if config.left[crossing] > 1 or config.left[image] > 1:
        on_rank = along if meets else along - _unserved(machine, config, d, min(near, step), False)
        on_other = across
        if config.left[crossing] == 1 or config.left[image] == 1:
            turned = crossing if config.left[crossing] > 1 else image
            on_other -= _unserved(machine, config, crossing, _step(machine, config, turned), False)
        held = max(held, on_rank * on_other)
    return config.groups[1] - config.groups[1] / (along * across) * held


@kernel
def _step(machine: Record, config: Record, d: int) -> int:
    """How far the first loop above the array over R, S, P or Q moves a tile along its rank."""
    return slope(d, machine.coef) * config.array[d]


@kernel
def _reach(machine: Record, config: Record, d: int) -> int:
    """Largest distance between two PEs along the rank of d."""
    f = 4 + d % 2
    a, b = spacing(config.tile, machine.coef, d % 2)
    return a * (config.x[f] - 1) + b * (config.x[f + 2] - 1)


@kernel
def _rank_groups(machine: Record, config: Record, d: int) -> float:
    """Distinct offsets in the array along the rank of d."""
    return float(rank_offsets(config.x, config.tile, machine.coef, d % 2))


@kernel
def can_link(machine: Record, config: Record) -> bool:
    """Whether any order of the loops above the array could let a PE take its next inputs from a neighbour.

    A step along a coupled rank must not exceed the largest distance between two PEs there; the least step is that of
    the one loop left on the rank, or, where both its dimensions have loops, may be as small as one word.
    """
    for d in range(4, 8):
        partner, reach = 4 + (d - 2) % 4, _reach(machine, config, d)
        short = config.left[partner] > 1 or _step(machine, config, d) <= reach
        if reach > 0 and config.left[d] > 1 and short:
            return True
    return False


@kernel
def _unserved(machine: Record, config: Record, d: int, move: int, exact: bool) -> float:
    """Of these, the least number that a step leaves to the buffer.

    No neighbour holds an offset plus ``move`` where that is no offset; where not ``exact``, the step may be any of at
    least ``move``, in either direction, and only offsets too near the edge are sure not to be served.
    """
    if move > _reach(machine, config, d):
        return _rank_groups(machine, config, d)
    f = 4 + d % 2
    a, b = spacing(config.tile, machine.coef, d % 2)
    return float(_count_unserved(config.x[f], a, config.x[f + 2], b, move, exact))


@allocating
def _count_unserved(n1: int, step1: int, n2: int, step2: int, move: int, exact: bool) -> int:
    """The same, of the distinct sums i*step1 + j*step2 (i < n1, j < n2)."""
    top = (n1 - 1) * step1 + (n2 - 1) * step2
    seen = np.zeros(top + 1, dtype=np.uint8)
    for i in range(n1):
        for j in range(n2):
            seen[i * step1 + j * step2] = 1
    count = 0
    for value in range(top + 1):
        if seen[value] and (value + move > top or (exact and not seen[value + move])):
            count += 1
    return count


@kernel
def first_loop(config: Record, k: int, n: float, iterations: float) -> tuple[float, float, float]:
    """Least words of inputs into a PE, reads of the buffer, and words handed over, with R, S, P or Q innermost.

    Between the least and the most that n may be, all three are least at one of the two.

    Args:
        config: configuration.
        k: 0 to 3 for R, S, P, Q.
        n: iterations of that loop.
        iterations: of all loops above the array.
    """
    full, moved, groups = config.size[1], config.overlap[k, MOVED], config.groups[1]
    carries = iterations / n - 1
    whole = _whole_carries(config, k, n, iterations)
    steps = carries + 1
    words = moved * steps * (n - 1) + full * (whole + 1)
    if not config.overlap[k, STILL]:
        words += moved * (carries - whole)
    if moved == full and config.linked:
        whole = float(config.left[0] * config.left[1] * config.left[2] - 1)
    elif moved < full:
        steps = carries - whole  # where tiles overlap, neighbours serve only what follows a move like the one before
    reads = config.overlap[k, STEP_READS] * steps * (n - 1) + moved * groups * (carries + 1 - steps) * (n - 1)
    reads += config.overlap[k, CARRY_READS] * (carries - whole) + full * groups * (whole + 1)
    return words, reads, config.overlap[k, HANDED] * steps * (n - 1)


@kernel
def _whole_carries(config: Record, k: int, n: float, iterations: float) -> float:
    """How many carries at least bring whole tiles, whatever neighbours hold.

    All but those over the partner, where its step is short enough, or over the dimension itself once more, which moves
    as far as the first loop where that has two iterations.
    """
    d, partner = 4 + k, 4 + (k + 2) % 4
    if config.overlap[k, AGAIN]:
        return iterations / (config.left[d] * config.left[partner]) - 1
    if n == 2 and config.left[d] > 2:
        return iterations / config.left[d] - 1
    return iterations / n - 1


@kernel
def handed_pj(machine: Record, config: Record, handed: float) -> float:
    """Least energy of taking words from neighbours instead of leaving them to the reads of the buffer.

    Each word less read there is taken over by x[M] PEs or more. What rounding may hide is granted.
    """
    return max(
        0.0,
        handed * min(machine.link_pj * config.x[3], machine.read_pj)
        - machine.link_row_pj * config.used
        - machine.read_row_pj,
    )
