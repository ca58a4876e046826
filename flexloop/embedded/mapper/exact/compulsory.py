"""What no mapping of a padded problem can do without: all MACs, and each tensor moved once."""

from __future__ import annotations

from math import ceil, prod

from flexloop.embedded.mapper.exact.problem import Record


class Compulsory:
    """What does not depend on the bounds, as plain numbers: this is asked for every choice of padded bounds.

    Args:
        m: the machine.
    """

    def __init__(self, m: Record) -> None:
        self._lanes = int(m["lanes"].prod())
        self._compute_pj = float(m["compute_pj"])
        groups, still = m["lane_groups"].tolist(), m["lane_groups_still"].tolist()
        self._fetched = [g if g == s else 0 for g, s in zip(groups, still, strict=True)]
        count = int(m["n_levels"])
        self._levels = list(zip(m["levels_i"][:count].tolist(), m["levels_f"][:count].tolist(), strict=True))

    def of(self, bounds: tuple[int, ...], pes: int) -> tuple[float, float]:
        """Cycles and energy that no mapping of a padded problem on so many PEs can do without."""
        macs = prod(bounds)
        n, g, c, mm, r, s, p, q = bounds
        # Of inputs only what surely moves: a stride leaves gaps, and tiles may skip them.
        sizes = (g * c * mm * r * s, n * g * c * max(r, p) * max(s, q), n * g * mm * p * q)
        cycles, energy = float(-(-macs // (pes * self._lanes))), macs * self._compute_pj
        for (group, block, *kept), (read, fill, update, _, read_bw, write_bw, _) in self._levels:
            read_pj, fill_pj, update_pj = read / block, fill / block, update / block
            if group == 0:
                each = macs // self._lanes
                energy += sum(each * self._fetched[t] * (update_pj if t == 2 else read_pj) for t in range(3) if kept[t])
                continue
            # Inputs may reach most PEs from their neighbours: their reads of the buffer are left out.
            energy += sum(sizes[t] * fill_pj for t in (0, 1) if kept[t] and group == 1)
            energy += sum(sizes[t] * read_pj for t in (0, 1) if kept[t] and (t == 0 or group == 2))
            energy += sizes[2] * update_pj if kept[2] else 0.0
            if group == 2:
                cycles = max(cycles, (sizes[0] + sizes[1]) / read_bw, sizes[2] / write_bw)
        return float(ceil(cycles * (1 - 1e-12))), energy
