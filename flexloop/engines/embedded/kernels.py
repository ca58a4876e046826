"""Timeloop's counting rules for dense workloads with perfect factors, compiled.

Everything is closed form in the mapping's factors and orders, except which words neighbours hand each other over links.
Levels are numbered from the innermost; boundary p lies between level p and its children (level p-1, or the MACs for p=0).
Shapes: L levels, D dimensions, T data spaces, R ranks at most.

    hw      int64[L+1, 6]    instances, mesh X, mesh Y, capacity (-1: unbounded), block, cluster; row L: the MACs
    hwf     float64[L+1, 6]  read and write bandwidth; read, write and update energy; leakage; row L: compute energy at 2
    fan     int64[L, 2]      children of one instance along X and Y
    coef    int64[T, R, D]   coefficient of each dimension in each rank, 0 where it does not index it
    tf, to  int64[L, D]      temporal factors, and their order (dimensions, innermost first)
    sf, so  int64[L, D]      spatial factors, and their order; the first split[p] of the order lie on X
    keep    bool[L, T]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

MAX_ENTRIES = 1024
"""Entries of one boundary's multicast histogram."""

VALID, BYPASSED_EVERYWHERE, MAC_INSTANCES, MAC_X, MAC_Y, CAPACITY, INSTANCES, LEVEL_X, LEVEL_Y, OVERFLOW = range(10)
"""Outcome codes of `evaluate_one`, in the order in which Timeloop would report them."""

READS, FILLS, UPDATES, REDUCTIONS, CAPACITY_USED = range(5)
"""Columns of the counts."""

_jit = njit(cache=True, nogil=True)


@_jit
def _round(value: float) -> int:
    return int(np.floor(value + 0.5))


@_jit
def _tile_size(coef: Any, t: int, tile: Any) -> int:
    """Words of the bounding box of a tile (rule 2b)."""
    size = 1
    for r in range(coef.shape[1]):
        extent = 1
        for d in range(coef.shape[2]):
            extent += coef[t, r, d] * (tile[d] - 1)
        size *= extent
    return size


@_jit
def _add(keys: Any, acc: Any, used: int, multicast: int, scatter: int, words: float) -> int:
    """Add accesses to a histogram kept sorted by (multicast, scatter); return the entries now used."""
    i = 0
    while i < used and (keys[i, 0] < multicast or (keys[i, 0] == multicast and keys[i, 1] < scatter)):
        i += 1
    if i < used and keys[i, 0] == multicast and keys[i, 1] == scatter:
        acc[i] += scatter * words
        return used
    if used == MAX_ENTRIES:
        return used + 1
    for j in range(used, i, -1):
        keys[j, 0], keys[j, 1], acc[j] = keys[j - 1, 0], keys[j - 1, 1], acc[j - 1]
    keys[i, 0], keys[i, 1], acc[i] = multicast, scatter, scatter * words
    return used + 1


@_jit
def _offsets(coef: Any, t: int, dims: Any, sizes: Any, strides: Any, count: int, n: int, out: Any) -> None:
    """Offset of each child's tile in each rank; the innermost spatial loop is least significant (rule 4a, 5a)."""
    for e in range(n):
        rest = e
        for r in range(coef.shape[1]):
            out[e, r] = 0
        for i in range(count):
            index = rest % sizes[i]
            rest //= sizes[i]
            for r in range(coef.shape[1]):
                out[e, r] += coef[t, r, dims[i]] * strides[i] * index


@_jit
def _groups(offsets: Any, skip: Any, n: int, ranks: int, multiplicity: Any, order: Any) -> int:
    """Count children of equal offset among those not skipped: multiplicity[g] for each of the groups returned."""
    kept = 0
    key = np.empty(n, np.int64)
    span = np.empty(ranks, np.int64)
    for r in range(ranks):
        span[r] = 0
        for e in range(n):
            span[r] = max(span[r], offsets[e, r])
    for e in range(n):
        if not skip[e]:
            value = 0
            for r in range(ranks):
                value = value * (span[r] + 1) + offsets[e, r]
            key[kept] = value
            kept += 1
    ordered = np.sort(key[:kept])
    groups = 0
    for i in range(kept):
        if i > 0 and ordered[i] == ordered[i - 1]:
            multiplicity[groups - 1] += 1
        else:
            multiplicity[groups] = 1
            groups += 1
    return groups


@_jit
def _spread(multiplicity: Any, groups: int, keys: Any, acc: Any, used: int, words: float) -> int:
    """Add one access of each group to the histogram, groups of equal size as one entry (rule 4d)."""
    ordered = np.sort(multiplicity[:groups])
    start = 0
    for i in range(1, groups + 1):
        if i == groups or ordered[i] != ordered[start]:
            used = _add(keys, acc, used, ordered[start], i - start, words)
            start = i
    return used


@_jit
def _served(offsets: Any, v: Any, n: int, ranks: int, row: int, skip: Any) -> int:
    """Mark the children that some neighbour can serve in a step of displacement v; return how many (rule 5b)."""
    served = 0
    for e in range(n):
        skip[e] = False
        for k in range(4):
            if k == 0:
                f = e - 1 if e % row > 0 else -1
            elif k == 1:
                f = e + 1 if e % row < row - 1 else -1
            else:
                f = e - row if k == 2 else e + row
            if f < 0 or f >= n:
                continue
            same = True
            for r in range(ranks):
                if offsets[f, r] - offsets[e, r] != v[r]:
                    same = False
                    break
            if same:
                skip[e] = True
                served += 1
                break
    return served


@_jit
def _boundary(
    coef: Any, t: int, tile: Any, elide: bool,
    dims: Any, counts: Any, strides: Any, loops: int,
    sdims: Any, ssizes: Any, sstrides: Any, sloops: int, row: int,
    keys: Any, acc: Any, out: Any,
) -> int:  # fmt: skip
    """Words that cross one boundary for one data space (rules 3 to 6).

    ``tile`` is the child's tile, the temporal loops above it stand in dims/counts/strides, innermost first, the
    spatial loops below the parent in sdims/ssizes/sstrides. At the MACs nothing is elided (``elide`` is false).
    Fills keys and acc (the multicast histogram) and out = (weighted words W, link words L); returns the entries used.
    """
    ranks = coef.shape[1]
    size = _tile_size(coef, t, tile)
    n = 1
    moves = False
    for i in range(sloops):
        n *= ssizes[i]
        for r in range(ranks):
            if coef[t, r, sdims[i]] != 0:
                moves = True
    offsets = np.zeros((n, ranks), np.int64)
    skip = np.zeros(n, np.bool_)
    multiplicity = np.empty(n, np.int64)
    _offsets(coef, t, sdims, ssizes, sstrides, sloops, n, offsets)
    groups = _groups(offsets, skip, n, ranks, multiplicity, skip)

    first = -1
    v = np.zeros((loops, ranks), np.int64)
    behind = np.zeros(ranks, np.int64)
    for j in range(loops):
        for r in range(ranks):
            delta = coef[t, r, dims[j]] * strides[j]
            v[j, r] = delta - behind[r]
            behind[r] += delta
            if delta != 0 and first < 0:
                first = j
    overlap = 1
    if first >= 0:
        for r in range(ranks):
            extent = 1
            for d in range(coef.shape[2]):
                extent += coef[t, r, d] * (tile[d] - 1)
            overlap *= max(0, extent - abs(v[first, r]))
    else:
        overlap = 0
    part = overlap > 0
    sub = size - overlap

    linkable = n > 1 and loops > 0 and (not elide or (moves and first == 0))
    plain = 0.0
    weighted = 0.0
    linked = 0.0
    used = 0
    after = np.ones(loops + 1, np.float64)
    for j in range(loops - 1, -1, -1):
        after[j] = after[j + 1] * counts[j]
    plain += size

    start = first if elide else 0
    if start < 0:
        start = loops
    for j in range(start, loops):
        zero = True
        same = True
        for r in range(ranks):
            zero = zero and v[j, r] == 0
            same = same and first >= 0 and v[j, r] == v[first, r]
        step = (counts[j] - 1) * after[j + 1]
        if not elide:
            words = float(size)
        elif j == first or same:
            words = float(sub)
        elif zero:
            words = 0.0
        else:
            words = float(size)
        total = step * words
        if elide and j == first and first == 0:
            # Steps of the innermost loop: after the first tile, and after each carry, are eligible on their own terms.
            if linkable:
                for i in range(loops):
                    weight = float(counts[0] - 1)
                    allowed = not part
                    if i > 0:
                        weight *= (counts[i] - 1) * after[i + 1]
                        carry_zero = True
                        carry_same = True
                        for r in range(ranks):
                            carry_zero = carry_zero and v[i, r] == 0
                            carry_same = carry_same and v[i, r] == v[0, r]
                        allowed = carry_same or (not carry_zero and not part)
                    share = 0.0
                    if allowed:
                        served = _served(offsets, v[0], n, ranks, row, skip)
                        if served > 0:
                            fewer = _groups(offsets, skip, n, ranks, multiplicity, skip)
                            if fewer < groups:
                                used = _spread(multiplicity, fewer, keys, acc, used, weight * sub)
                                weighted += (n - served) * weight * sub
                                linked += served * weight * sub
                                share = weight * sub
                    plain += weight * sub - share
                continue
            plain += total
            continue
        eligible = linkable and (not elide or same or (not zero and not part))
        if eligible and words > 0:
            served = _served(offsets, v[j], n, ranks, row, skip)
            if served > 0:
                fewer = _groups(offsets, skip, n, ranks, multiplicity, skip)
                if fewer < groups:
                    used = _spread(multiplicity, fewer, keys, acc, used, total)
                    weighted += (n - served) * total
                    linked += served * total
                    continue
        plain += total

    for e in range(n):
        skip[e] = False
    groups = _groups(offsets, skip, n, ranks, multiplicity, skip)
    used = _spread(multiplicity, groups, keys, acc, used, plain)
    weighted += n * plain
    out[0] = weighted
    out[1] = linked
    return used


@_jit
def evaluate_one(
    hw: Any, hwf: Any, fan: Any, coef: Any, rw: Any,
    tf: Any, to: Any, sf: Any, so: Any, split: Any, keep: Any,
    counts: Any, figures: Any, failure: Any,
) -> int:  # fmt: skip
    """Cost one mapping.

    Writes counts int64[L, T, 5] (reads, fills, updates, temporal reductions a utilised instance, words held), figures
    float64[L+1, 4] (cycles, energy, utilised instances, energy of leakage; row L: the MACs, with the total cycles and
    energy in columns 0 and 3) and, where invalid, failure int64[3] (level, what was found, what there is). Returns an
    outcome code.
    """
    levels, dims = tf.shape
    spaces, ranks = coef.shape[0], coef.shape[1]

    # Extents along X and Y of the blocks, and of everything outside each level.
    x_used = np.ones(levels, np.int64)
    y_used = np.ones(levels, np.int64)
    for p in range(levels):
        for i in range(dims):
            if i < split[p]:
                x_used[p] *= sf[p, so[p, i]]
            else:
                y_used[p] *= sf[p, so[p, i]]
    outside_x = np.ones(levels + 1, np.int64)
    outside_y = np.ones(levels + 1, np.int64)
    for p in range(levels - 1, -1, -1):
        outside_x[p] = outside_x[p + 1] * x_used[p]
        outside_y[p] = outside_y[p + 1] * y_used[p]
    macs = outside_x[0] * outside_y[0]

    for t in range(spaces):
        anywhere = False
        for p in range(levels):
            anywhere = anywhere or keep[p, t]
        if not anywhere:
            failure[0] = -1
            return BYPASSED_EVERYWHERE
    failure[0] = -1
    if macs > hw[levels, 0]:
        failure[1], failure[2] = macs, hw[levels, 0]
        return MAC_INSTANCES
    if outside_x[0] > hw[levels, 1]:
        failure[1], failure[2] = outside_x[0], hw[levels, 1]
        return MAC_X
    if outside_y[0] > hw[levels, 2]:
        failure[1], failure[2] = outside_y[0], hw[levels, 2]
        return MAC_Y

    # Tiles, and the fit of each level.
    tile = np.ones((levels + 1, dims), np.int64)  # tile[p+1]: everything inside and at level p
    sizes = np.ones((levels + 1, spaces), np.int64)
    cycles = 1
    for p in range(levels):
        for d in range(dims):
            tile[p + 1, d] = tile[p, d] * tf[p, d] * sf[p, d]
            cycles *= tf[p, d]
        held = 0
        for t in range(spaces):
            sizes[p + 1, t] = _tile_size(coef, t, tile[p + 1])
            if keep[p, t]:
                held += sizes[p + 1, t]
        failure[0] = p
        if hw[p, 3] >= 0 and held > hw[p, 3]:
            failure[1], failure[2] = held, hw[p, 3]
            return CAPACITY
        if outside_x[p + 1] * outside_y[p + 1] > hw[p, 0]:
            failure[1], failure[2] = outside_x[p + 1] * outside_y[p + 1], hw[p, 0]
            return INSTANCES
        if outside_x[p + 1] > hw[p, 1]:
            failure[1], failure[2] = outside_x[p + 1], hw[p, 1]
            return LEVEL_X
        if outside_y[p + 1] > hw[p, 2]:
            failure[1], failure[2] = outside_y[p + 1], hw[p, 2]
            return LEVEL_Y

    # All loops, innermost first, with their strides; temporal loops of level p start at begin[p].
    ldims = np.empty(levels * dims, np.int64)
    lcounts = np.empty(levels * dims, np.int64)
    lstrides = np.empty(levels * dims, np.int64)
    begin = np.empty(levels + 1, np.int64)
    sdims = np.empty((levels, dims), np.int64)
    ssizes = np.empty((levels, dims), np.int64)
    sstrides = np.empty((levels, dims), np.int64)
    sloops = np.zeros(levels, np.int64)
    stride = np.ones(dims, np.int64)
    loops = 0
    for p in range(levels):
        for i in range(dims):
            d = so[p, i]
            if sf[p, d] > 1:
                sdims[p, sloops[p]], ssizes[p, sloops[p]], sstrides[p, sloops[p]] = d, sf[p, d], stride[d]
                stride[d] *= sf[p, d]
                sloops[p] += 1
        begin[p] = loops
        for i in range(dims):
            d = to[p, i]
            if tf[p, d] > 1:
                ldims[loops], lcounts[loops], lstrides[loops] = d, tf[p, d], stride[d]
                stride[d] *= tf[p, d]
                loops += 1
    begin[levels] = loops

    keys = np.zeros((levels, MAX_ENTRIES, 2), np.int64)
    acc = np.zeros((levels, MAX_ENTRIES), np.float64)
    used = np.zeros(levels, np.int64)
    content = np.zeros(levels, np.float64)
    weighted = np.zeros(levels, np.float64)
    links = np.zeros(levels + 1, np.float64)
    share = np.zeros(levels, np.float64)
    partition = np.zeros(levels, np.int64)
    spanned = np.ones(dims, np.int64)
    out = np.zeros(2, np.float64)
    for t in range(spaces):
        partition[levels - 1] = sizes[levels, t]
        for p in range(levels - 2, -1, -1):
            for d in range(dims):
                spanned[d] = tile[p + 1, d] * sf[p + 1, d]
            whole = _tile_size(coef, t, spanned)
            partition[p] = int(np.floor(float(partition[p + 1]) * sizes[p + 1, t] / whole))
        for p in range(levels):
            row = max(fan[p, 0], x_used[p])
            b = begin[p]
            used[p] = _boundary(
                coef, t, tile[p], p > 0,
                ldims[b:], lcounts[b:], lstrides[b:], loops - b,
                sdims[p], ssizes[p], sstrides[p], sloops[p], row,
                keys[p], acc[p], out,
            )  # fmt: skip
            if used[p] > MAX_ENTRIES:
                return OVERFLOW
            weighted[p], links[p] = out[0], out[1]
            content[p] = 0.0
            total = 0.0
            for i in range(used[p]):
                content[p] += acc[p, i]
                total += acc[p, i] * keys[p, i, 0] / (x_used[p] * y_used[p])
            if p > 0:
                share[p - 1] = total
        share[levels - 1] = 0.0
        links[levels] = 0.0

        # Bypass: a level that does not keep the data space hands its accesses to the level above (rule 7).
        outermost = levels - 1
        while not keep[outermost, t]:
            outermost -= 1
        for c in range(levels - 1):
            if not keep[c, t] and weighted[c + 1] > 0:
                factor = content[c] * (x_used[c + 1] * y_used[c + 1]) / weighted[c + 1]
                content[c + 1] = 0.0
                for i in range(used[c + 1]):
                    acc[c + 1, i] *= factor
                    content[c + 1] += acc[c + 1, i]
                links[c + 1] = 0.0
        for p in range(levels):
            for k in range(5):
                counts[p, t, k] = 0
            if not keep[p, t]:
                continue
            top = p == outermost
            peer = 0.0 if top else links[p + 1] / (outside_x[p + 1] * outside_y[p + 1])
            filled = 0.0 if top else share[p]
            counts[p, t, CAPACITY_USED] = sizes[p + 1, t]
            if rw[t]:
                counts[p, t, UPDATES] = _round(content[p])
                counts[p, t, READS] = _round(content[p] + peer - partition[p])
                counts[p, t, REDUCTIONS] = counts[p, t, READS]
                counts[p, t, FILLS] = _round(peer) if top else _round(filled + peer - partition[p])
            else:
                counts[p, t, READS] = _round(content[p] + peer)
                counts[p, t, FILLS] = int(filled + peer)

    # Cycles and energy (rules 10 and 11), in Timeloop's order of operations.
    slowest = cycles
    energy = 0.0
    for p in range(levels):
        reads, writes = 0.0, 0.0
        instances = outside_x[p + 1] * outside_y[p + 1]
        level_energy = 0.0
        for t in range(spaces):
            if not keep[p, t]:
                continue
            reads += counts[p, t, READS] / cycles
            writes += (counts[p, t, FILLS] + counts[p, t, UPDATES]) / cycles
            block = hw[p, 4]
            one = (
                np.ceil(counts[p, t, READS] / block) * hwf[p, 2]
                + np.ceil(counts[p, t, FILLS] / block) * hwf[p, 3]
                + np.ceil(counts[p, t, UPDATES] / block) * hwf[p, 4]
            )
            level_energy += one * min(float(instances), hw[p, 0] / hw[p, 5])
        slowdown = 1.0
        if hwf[p, 0] < reads:
            slowdown = min(slowdown, hwf[p, 0] / reads)
        if hwf[p, 1] < writes:
            slowdown = min(slowdown, hwf[p, 1] / writes)
        level_cycles = int(np.ceil(cycles / slowdown))
        slowest = max(slowest, level_cycles)
        figures[p, 0], figures[p, 1], figures[p, 2] = level_cycles, level_energy, instances
        energy += level_energy
    for p in range(levels):
        figures[p, 3] = hwf[p, 5] * slowest * max(1.0, figures[p, 2])
        energy += figures[p, 3]
    mac_energy = float(cycles) * macs * hwf[levels, 2]
    figures[levels, 0], figures[levels, 1], figures[levels, 2] = slowest, mac_energy, macs
    figures[levels, 3] = energy + mac_energy
    return VALID
