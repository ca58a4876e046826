"""Between the mapper's batches and the cost model: costs of genomes, and genomes to and from mappings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from math import inf, prod

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.batch import Batch
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.facts import Facts, LevelFacts, TensorFacts
from flexloop.embedded.mapper.slots import Genomes
from flexloop.embedded.mapper.space import Objective, ranked
from flexloop.embedded.model import Costs, evaluate_batch
from flexloop.embedded.networks import LEGACY, READ_FILL, NetworkSpec
from flexloop.embedded.spec import Spec
from flexloop.errors import UnsupportedError
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.timeloop.reuse import ReuseLimits

_SLICE_S = 0.03
"""Seconds that costing should take between two looks at the clock."""
_LEAST, _MOST = 16, 2048
"""Mappings that are costed between two looks."""


def sort_keys(costs: Costs, objective: Objective) -> Floats:
    """[n, 3]: the objective, then its tie-breaks."""
    cycles, energy = costs.cycles.astype(np.float64), costs.energy_pj
    return np.stack([*ranked(objective, cycles, energy), cycles], axis=1)


def _joined(parts: Sequence[Costs]) -> Costs:
    columns = zip(*((part.valid, part.cycles, part.energy_pj) for part in parts), strict=True)
    return Costs(*(np.concatenate(column) for column in columns))


class Costing:
    """Costs the mappings of one space.

    Args:
        spec: architecture, problem shape and energies.
        choices: what the space leaves open.
    """

    def __init__(self, spec: Spec, choices: Choices) -> None:
        self.spec, self._choices = spec, choices
        self._temporal, self._spatial = list(choices.temporal.values()), choices.spatial
        self._slice = _LEAST
        self._may_need_more = bool(choices.imperfect) or any(limits.no_coalesce for limits in choices.reuse)
        self.uncounted = 0
        """Mappings that were beyond what the model counts exactly; they pass for ones that do not fit."""

    def cost(self, genomes: Genomes, deadline: Deadline | None = None) -> Costs:
        """Cost a batch; at a deadline its first mappings alone, some of them in any case."""
        if deadline is None:
            return self._cost(genomes)
        parts, done = [], 0
        while done < len(genomes) and not (done and deadline.passed()):
            begin = deadline.now()
            parts.append(self._cost(genomes.take(slice(done, done + self._slice))))
            done += len(parts[-1])
            slow = deadline.now() - begin > _SLICE_S
            self._slice = max(self._slice // 2, _LEAST) if slow else min(self._slice * 2, _MOST)
        return _joined(parts)

    def _cost(self, genomes: Genomes) -> Costs:
        try:
            costs = evaluate_batch(self.spec, self.batch(genomes), self._choices.reuse)
        except UnsupportedError:
            return self._halved(genomes)
        valid = costs.valid & self._fits_whole(genomes) if self._may_need_more else costs.valid
        return Costs(valid, costs.cycles, costs.energy_pj)

    def _fits_whole(self, genomes: Genomes) -> Bools:
        """[n]: whether the tiles of all that is kept fit, whole, which Timeloop's mapper asks for before it evaluates.

        There may be no pass with whole tiles where loops have residuals; and levels need not hold what they hand on.
        """
        tiles = np.cumprod(genomes.factors, axis=1)[:, self._temporal].astype(np.float64)
        fits = np.ones(len(genomes), dtype=np.bool_)
        facts = facts_of(self.spec)
        for level, storage in enumerate(facts.levels):
            held = np.zeros(len(genomes))
            for t, tensor in enumerate(facts.tensors):
                held += np.where(genomes.keep[:, level, t], tensor.box(tiles[:, level]), 0.0)
            fits &= held <= storage.capacity
        return fits

    def _halved(self, genomes: Genomes) -> Costs:
        """Cost what the model can count of a batch that it refuses."""
        n = len(genomes)
        if n == 1:
            self.uncounted += 1
            return Costs(np.zeros(1, dtype=np.bool_), np.zeros(1, dtype=np.int64), np.zeros(1))
        halves = [self._cost(genomes.take(rows)) for rows in (slice(0, n // 2), slice(n // 2, n))]
        return _joined(halves)

    def batch(self, genomes: Genomes) -> Batch:
        """Genomes as the model takes them."""
        n, levels, dims = len(genomes), len(self._choices.levels), len(self._choices.dimensions)
        factors = np.ones((n, levels, dims), dtype=np.int64)
        orders = np.tile(np.arange(dims, dtype=np.int64), (n, levels, 1))
        splits = np.zeros((n, levels), dtype=np.int64)
        for level, slot in self._spatial.items():
            factors[:, level] = genomes.factors[:, slot]
            orders[:, level] = genomes.orders[:, slot]
            splits[:, level] = genomes.splits[:, slot]
        temporal, order = genomes.factors[:, self._temporal], genomes.orders[:, self._temporal]
        residual: tuple[Ints, ...] = ()
        if self._choices.imperfect:
            every, spatial = self._choices.imperfect.residuals(genomes.factors), np.ones_like(factors)
            for level, slot in self._spatial.items():
                spatial[:, level] = every[:, slot]
            residual = (every[:, self._temporal], spatial)
        return Batch(temporal, order, factors, orders, splits, genomes.keep, *residual)

    def mapping(self, genomes: Genomes) -> tuple[dict[str, int], Mapping]:
        """The bounds and the mapping of a batch of one."""
        names, dims = self._choices.data_spaces, self._choices.dimensions
        factors, orders = genomes.factors[0], genomes.orders[0]
        residuals = self._choices.imperfect.residuals(genomes.factors)[0]
        levels = []
        for level, target in enumerate(self._choices.levels):
            slot = self._temporal[level]
            keep = genomes.keep[0, level]
            mapped = LevelMapping(
                target,
                factors=_named(dims, factors[slot]),
                permutation=tuple(dims[d] for d in orders[slot]),
                keep=tuple(t for t, kept in zip(names, keep, strict=True) if kept),
                bypass=tuple(t for t, kept in zip(names, keep, strict=True) if not kept),
                limits=self._choices.reuse[level],
                residuals=_differing(dims, residuals[slot], factors[slot]),
            )
            if level in self._spatial:
                slot = self._spatial[level]
                mapped = replace(
                    mapped,
                    spatial_factors=_named(dims, factors[slot]),
                    spatial_permutation=tuple(dims[d] for d in orders[slot]),
                    split=int(genomes.splits[0, slot]),
                    spatial_residuals=_differing(dims, residuals[slot], factors[slot]),
                )
            levels.append(mapped)
        return _named(dims, self._choices.imperfect.true_bounds(genomes.factors)[0]), Mapping(tuple(levels))

    def genomes(self, mapping: Mapping) -> Genomes:
        """A batch of one mapping."""
        dims, names = self._choices.dimensions, self._choices.data_spaces
        place = {d: i for i, d in enumerate(dims)}
        by_name = {level.target: level for level in mapping.levels}
        factors, orders, splits = [], [], []
        for slot in self._choices.slots:
            level = by_name[self._choices.levels[slot.level]]
            found = level.spatial_factors if slot.spatial else level.factors
            order = level.spatial_permutation if slot.spatial else level.permutation
            factors.append([found.get(d, 1) for d in dims])
            orders.append([*(place[d] for d in order), *(i for d, i in place.items() if d not in order)])
            splits.append(level.split if slot.spatial else 0)
        keep = [[t in by_name[level].keep for t in names] for level in self._choices.levels]
        return Genomes(
            np.array(factors, dtype=np.int64)[None],
            np.array(orders, dtype=np.int64)[None],
            np.array(splits, dtype=np.int64)[None],
            np.array(keep)[None],
        )

    def reason(self, genomes: Genomes) -> str:
        """Why a mapping is not valid, in the cost model's words."""
        from flexloop.embedded.model import evaluate

        bounds, mapping = self.mapping(genomes)
        problem = replace(self.spec.problem, bounds=bounds)
        reason = evaluate(replace(self.spec, problem=problem), mapping).reason
        if not reason and not self._fits_whole(genomes)[0]:
            return "as evaluated; whole tiles of all that levels keep do not, which Timeloop's mapper asks for"
        return reason

    def why_none(self) -> str:
        """Why the space has no valid mapping, where it has none."""
        choices = self._choices
        if choices.empty_dimension:
            return f"no factors of {choices.empty_dimension} within the constraints multiply to an allowed bound"
        return f"no mapping fits: {self.reason(choices.smallest()) or _unmet(choices)}"


def _unmet(choices: Choices) -> str:
    """What no mapping of a space does that its constraints ask for, although some fit the hardware."""
    wanted = [f"has at most {choices.few_loops.most} temporal loops"] if choices.few_loops else []
    if choices.min_parallelism or not wanted:
        wanted.append(f"reaches the least parallelism of {choices.min_parallelism:g}")
    return "none " + " and ".join(wanted)


def facts_of(spec: Spec, reuse: Sequence[ReuseLimits] = ()) -> Facts:
    """What the mapper's bounds need to know of a specification, and of the reuse that its levels may not make."""
    names = spec.data_space_names
    levels = tuple(
        LevelFacts(
            instances=level.instances,
            capacity=inf if level.capacity is None or level.allow_overbooking else float(level.capacity),
            # A row costs its energy once; instances that share rows pay for at least one of them.
            read_energy=level.read_energy / (level.block_size * level.cluster_size),
            write_energy=level.write_energy / (level.block_size * level.cluster_size),
            update_energy=level.update_energy / (level.block_size * level.cluster_size),
            read_bandwidth=level.read_bandwidth,
            write_bandwidth=level.write_bandwidth,
            shared_bandwidth=level.shared_bandwidth,
            scale=tuple(dict(level.bandwidth_scale).get(t, 1.0) for t in names),
            leakage=level.leakage,
            cluster=level.cluster_size,
            clusters=level.instances // level.cluster_size,
            block=level.block_size,
            **{kind: frozenset(map(names.index, some)) for kind, some in asdict(limits).items()},
        )
        for level, limits in zip(spec.levels, reuse or [ReuseLimits()] * len(spec.levels), strict=True)
    )
    place = {d: i for i, d in enumerate(spec.problem.dimensions)}
    tensors = tuple(
        TensorFacts(tuple(tuple((place[d], c) for d, c in rank if c) for rank in space.projection), space.read_write)
        for space in spec.problem.data_spaces
    )
    return Facts(
        levels,
        tensors,
        spec.mac.compute_energy,
        routed=bool(spec.costly_networks),
        latency=spec.network_latency,
        returned=sum(_returned(spec, network) for network in spec.costly_networks),
    )


def _returned(spec: Spec, network: NetworkSpec) -> float:
    """What a network may take off the energy for each word of the outputs, pJ: each entry of what enters may do so."""
    if network.level is None or network.kind != LEGACY or not network.returns or network.carries == READ_FILL:
        return 0.0
    children = prod(spec.fanout_xy[network.level])
    entries = sum(children // multicast for multicast in range(1, children + 1))
    return (network.ingress_energy or 0.0) * spec.levels[network.level].instances * entries


def _differing(dimensions: tuple[str, ...], residuals: Ints, factors: Ints) -> dict[str, int]:
    return {d: int(r) for d, r, n in zip(dimensions, residuals, factors, strict=True) if r != n}


def _named(dimensions: tuple[str, ...], factors: Ints) -> dict[str, int]:
    return dict(zip(dimensions, (int(f) for f in factors), strict=True))
