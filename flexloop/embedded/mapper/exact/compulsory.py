"""What no mapping of a padded problem can do without: all MACs, and each tensor moved once."""

from __future__ import annotations

from math import prod

import numpy as np

from flexloop.embedded.mapper.exact.problem import Record


def compulsory(m: Record, bounds: tuple[int, ...], pes: int) -> tuple[float, float]:
    """Cycles and energy that no mapping of a padded problem on so many PEs can do without: each tensor moved once."""
    macs = prod(bounds)
    lanes = int(m["lanes"].prod())
    n, g, c, mm, r, s, p, q = bounds
    # Of inputs only what surely moves: a stride leaves gaps, and tiles may skip them.
    sizes = (g * c * mm * r * s, n * g * c * max(r, p) * max(s, q), n * g * mm * p * q)
    steps = -(-macs // (pes * lanes))
    cycles, energy = float(steps), macs * float(m["compute_pj"])
    for row, figures in zip(m["levels_i"][: m["n_levels"]], m["levels_f"], strict=False):
        group, kept = int(row[0]), row[2:5]
        read_pj, fill_pj, update_pj = figures[:3] / row[1]
        if group == 0:
            for t in range(3):
                if kept[t] and m["lane_groups_still"][t] == m["lane_groups"][t]:
                    energy += macs // lanes * int(m["lane_groups"][t]) * (update_pj if t == 2 else read_pj)
            continue
        # Inputs may reach most PEs from their neighbours: their reads of the buffer are left out.
        energy += sum(sizes[t] * fill_pj for t in (0, 1) if kept[t] and group == 1)
        energy += sum(sizes[t] * read_pj for t in (0, 1) if kept[t] and (t == 0 or group == 2))
        energy += sizes[2] * update_pj if kept[2] else 0.0
        if group == 2:
            cycles = max(cycles, (sizes[0] + sizes[1]) / figures[4], sizes[2] / figures[5])
    return float(np.ceil(cycles * (1 - 1e-12))), float(energy)
