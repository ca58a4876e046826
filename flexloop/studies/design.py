"""The best rigid accelerator for a network: the fixed tile, order, pair and array shape that cost it least.

The hardware (levels, capacities, bandwidths, number of PEs) is given; what a rigid design fixes is chosen. The
candidates are a stated, finite set. Blocks of choices (pair, shape and orders; the tile in the PE; the tile in the
shared buffer) are searched exhaustively in turn, from many starts, until no block improves; a lower bound that holds
for every design of the hardware says how far from the best the result can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations, product
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from flexloop.archs import load_arch
from flexloop.archspec import ArchSpec, Pair
from flexloop.atomic import write_atomically
from flexloop.classes import Degree
from flexloop.energies import energy_tables
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Objective, parse_objective
from flexloop.engines.select import EngineSettings
from flexloop.errors import OutputError, UnmappableError, UnsupportedError
from flexloop.mapspace import shapes
from flexloop.studies.rigid import Designs, Floats, Hardware, Ints, words
from flexloop.study import DEFAULT_ARCH, load_networks
from flexloop.timeloop import yamlio
from flexloop.timeloop.tree import component_paths
from flexloop.workload import DIMENSIONS, Layer, Network

ORDERS = ("PQNRSCMG", "QPNSRCMG", "RSCPQNMG", "SRCQPNMG", "MRSCPQNG", "MPRQSCNG", "MQSPRCNG", "PRQSNCMG")
"""Candidate permutations, leftmost innermost: each keeps one tensor in place longest, with and without halo reuse."""

INNER_STEPS = (1, 2, 3, 4, 5, 7, 8, 11, 12, 14, 16, 24, 32)
"""Candidate extents of the tile in a PE along one dimension."""

OUTER_STEPS = (1, 2, 3, 4, 7, 8, 14, 16, 32, 64, 128)
"""Candidate multiples of the unrolled tile in the shared buffer."""

UNROLLED = ("C", "M", "R", "S", "P", "Q")
"""Dimensions that a candidate pair may unroll."""


@dataclass(frozen=True)
class DesignOutcome:
    """The design found.

    Attributes:
        arch: the arch spec with the chosen fixed values, which stand among its partial ones too.
        network: the network it was designed for.
        objective: what was minimised.
        cost: its cost in the objective: cycles, pJ, or the sum of layer EDPs in pJ*cycles.
        lower_bound: no rigid design of this hardware costs the network less.
        evaluated: designs costed.
        candidates: size of the stated set of candidates.
    """

    arch: ArchSpec
    network: str
    objective: Objective
    cost: float
    lower_bound: float
    evaluated: int
    candidates: float

    @property
    def statement(self) -> str:
        """How good the design is known to be, in one sentence."""
        return (
            f"best of {self.evaluated:,} designs costed, of {self.candidates:.2g} candidates; each block of choices "
            f"(pair, shape and orders; tile in the PE; tile in the buffer) is exhausted with the others held; at most "
            f"{self.cost / self.lower_bound:.2f} times the cost of the best rigid design of this hardware"
        )


def design(
    network: str | Network = "alexnet",
    arch: str | ArchSpec = DEFAULT_ARCH,
    *,
    must_map: Sequence[str | Network] = (),
    objective: str = "latency",
    energy: str = "table",
    engines: EngineSettings | None = None,
    name: str | None = None,
    starts: int = 8,
    seed: int = 0,
    network_parameters: dict[str, int] | None = None,
) -> DesignOutcome:
    """Find the best rigid design of a hardware for one network.

    Args:
        network: the network to design for.
        arch: the hardware; its fixed values are one of the starts.
        must_map: networks that the design must map too (its tiles must fit their layers).
        objective: ``latency``, ``energy`` or ``edp``.
        energy: ``table``, ``accelergy``, ``hwcomponents``, or a file with an ERT.
        engines: where Accelergy is, if it makes the energies; None takes the defaults.
        name: of the new arch spec.
        starts: random starts of the search, beside the spec's own values.
        seed: of the random starts.
        network_parameters: parameters of the network.

    Raises:
        UnsupportedError: for hardware with an inner fanout, or without exactly three levels with loops.
        UnmappableError: if no candidate fits all layers.
    """
    spec = load_arch(arch) if isinstance(arch, str) else arch
    if spec.array.inner is not None or len(spec.loop_levels) != 3:
        raise UnsupportedError(
            f"design: {spec.name} has an inner fanout or not three levels with loops; choose another"
        )
    net = load_networks([network], network_parameters or {})[0]
    others = load_networks(list(must_map), {}) if must_map else []
    search = _Search(spec, net, others, parse_objective(objective), energy_tables(energy, spec, engines), seed)
    best, cost = search.run(starts)
    bounds = (layer.count * _bound(spec, search.hardware.energy, layer, search.objective) for layer in net.layers)
    return DesignOutcome(
        arch=search.as_arch(best, name or f"{spec.name}_for_{net.name}"),
        network=net.name,
        objective=search.objective,
        cost=cost,
        lower_bound=sum(bounds),
        evaluated=search.evaluated,
        candidates=search.candidates(),
    )


def write_design(outcome: DesignOutcome, path: Path) -> Path:
    """Write the design as an arch spec file (OutputError if it cannot be written)."""
    document = outcome.arch.model_dump(mode="json", by_alias=True, exclude_none=True)
    axes = document["axes"]
    for order in [axes["ordering"]["fixed"], *axes["ordering"]["partial"]]:
        order.update({level: "".join(permutation) for level, permutation in order.items()})
    header = f"# The best rigid design found for {outcome.network} ({outcome.objective}): {outcome.statement}.\n"
    try:
        write_atomically(path, (header + yamlio.dump(document)).encode())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return path


class _Search:
    """Alternating exhaustive search over blocks of choices."""

    def __init__(
        self,
        arch: ArchSpec,
        network: Network,
        others: Sequence[Network],
        objective: Objective,
        energy: EnergyTables,
        seed: int,
    ) -> None:
        self.objective = objective
        orders = tuple(dict.fromkeys([*map(tuple, ORDERS), *(tuple(p) for p in arch.axes.ordering.fixed.values())]))
        self.hardware = Hardware(arch, energy, tuple(shapes(arch, Degree.FULL)), orders)
        self._layers = network.layers
        unique = {layer.shape_key: layer for net in (network, *others) for layer in net.layers}
        self._must_fit = list(unique.values())
        self._rng = np.random.default_rng(seed)
        self._inner, self._times = self._inner_tiles(), self._multiples()
        self._placed = self._placements()
        self.evaluated = 0

    def candidates(self) -> float:
        """Size of the set of candidates."""
        return float(len(self._inner)) * len(self._times) * len(self._placed)

    def run(self, starts: int) -> tuple[Designs, float]:
        """The best design over all starts, and its cost."""
        best, least = None, float("inf")
        for start in self._starts(starts):
            found, cost = self._descend(start)
            if cost < least:
                best, least = found, cost
        if best is None:
            raise UnmappableError("design: no candidate tile fits the buffers for every layer that must be mapped")
        return best, least

    def _descend(self, design: Designs) -> tuple[Designs, float]:
        cost = float("inf")
        while True:
            before = cost
            for block in (self._with_placements, self._with_inner, self._with_times):
                design, cost = self._best(block(design), design, cost)
            if cost >= before:
                return design, cost

    def _best(self, candidates: Designs, design: Designs, cost: float) -> tuple[Designs, float]:
        candidates = candidates.take(self.hardware.fits(candidates, self._must_fit))
        if not len(candidates):
            return design, cost
        costs = self._costs(candidates)
        index = int(np.argmin(costs))
        return (candidates.take(np.array([index])), float(costs[index])) if costs[index] < cost else (design, cost)

    def _costs(self, designs: Designs) -> Floats:
        self.evaluated += len(designs)
        total = np.zeros(len(designs))
        for layer in self._layers:
            cycles, energy = self.hardware.costs(designs, layer)
            costs: dict[str, Floats] = {"latency": cycles.astype(float), "energy": energy, "edp": cycles * energy}
            total += layer.count * costs[self.objective]
        return total

    # -- the blocks ---------------------------------------------------------------------------------------------------

    def _with_placements(self, design: Designs) -> Designs:
        n = len(self._placed)
        return Designs(
            np.repeat(design.inner, n, 0), np.repeat(design.times, n, 0), self._placed[:, :2], self._placed[:, 2],
            self._placed[:, 3:],
        )  # fmt: skip

    def _with_inner(self, design: Designs) -> Designs:
        n = len(self._inner)
        rest = (np.repeat(part, n, 0) for part in (design.times, design.pair, design.shape, design.order))
        return Designs(self._inner, *rest)

    def _with_times(self, design: Designs) -> Designs:
        n = len(self._times)
        pair, shape, order = (np.repeat(part, n, 0) for part in (design.pair, design.shape, design.order))
        return Designs(np.repeat(design.inner, n, 0), self._times, pair, shape, order)

    # -- the candidates -----------------------------------------------------------------------------------------------

    def _limits(self) -> dict[str, int]:
        return {d: max(layer.bounds[d] for layer in self._layers) for d in DIMENSIONS}

    def _inner_tiles(self) -> Ints:
        """Tiles that fit a PE, with at most three dimensions above 1."""
        return self._tuples(INNER_STEPS, self.hardware.arch.loop_levels[0].name, most=3)

    def _multiples(self) -> Ints:
        """Multiples that fit the shared buffer on their own, with at most four dimensions above 1."""
        return self._tuples(OUTER_STEPS, self.hardware.arch.array.below, most=4)

    def _tuples(self, steps: tuple[int, ...], level: str, most: int) -> Ints:
        limits, capacity = self._limits(), self.hardware.arch.level(level).capacity
        choices = [[n for n in steps if n <= max(1, limits[d])] if d in UNROLLED else [1] for d in DIMENSIONS]
        grid: Ints = np.ones((1, 0), np.int64)
        for i, column in enumerate(choices):
            grid = np.concatenate([np.repeat(grid, len(column), 0), np.tile(column, len(grid))[:, None]], axis=1)
            whole = np.concatenate([grid, np.ones((len(grid), len(DIMENSIONS) - i - 1), np.int64)], axis=1)
            kept = self.hardware.arch.level(level).keep
            unit = Layer(name="unit")
            fits = sum(words(t, whole, unit) for t in kept) <= (capacity or 2**62)
            grid = grid[fits & ((whole > 1).sum(axis=1) <= most)]
        return grid

    def _placements(self) -> Ints:
        """Pair, shape and orders: int64[n, 5]."""
        pairs = [(DIMENSIONS.index(x), DIMENSIONS.index(y)) for x, y in permutations(UNROLLED, 2)]
        count = range(len(self.hardware.orders))
        rows = [(*pair, s, a, b) for pair, s, a, b in product(pairs, range(len(self.hardware.shapes)), count, count)]
        return np.array(rows, np.int64)

    def _starts(self, count: int) -> Iterator[Designs]:
        yield self._given()
        for _ in range(count):
            place = self._placed[self._rng.integers(len(self._placed))]
            inner = self._inner[self._rng.integers(len(self._inner), size=1)]
            ones = np.ones((1, len(DIMENSIONS)), np.int64)
            yield Designs(inner, ones, place[None, :2], place[2:3], place[None, 3:])

    def _given(self) -> Designs:
        """The spec's own fixed values."""
        arch, axes = self.hardware.arch, self.hardware.arch.axes
        below, above = arch.loop_levels[0].name, arch.array.below
        inner = np.array([[arch.fixed_tile(below)[d] for d in DIMENSIONS]], np.int64)
        outer = np.array([[arch.fixed_tile(above)[d] for d in DIMENSIONS]], np.int64)
        fixed = axes.parallelization.fixed
        pair = np.array([[DIMENSIONS.index(fixed.X), DIMENSIONS.index(fixed.Y)]], np.int64)
        shape = np.array([self.hardware.shapes.index(axes.shape.fixed)], np.int64)
        order = [self.hardware.orders.index(tuple(axes.ordering.fixed[level.name])) for level in arch.ordered_levels]
        design = Designs(inner, np.ones_like(inner), pair, shape, np.array([order], np.int64))
        times = outer // (inner * self.hardware.unrolled(design))
        return Designs(inner, times, pair, shape, design.order)

    # -- the result ---------------------------------------------------------------------------------------------------

    def as_arch(self, design: Designs, name: str) -> ArchSpec:
        """The hardware with the design's values fixed, and among the partial ones."""
        arch, hardware = self.hardware.arch, self.hardware
        below, above = arch.loop_levels[0].name, arch.array.below
        inner, outer = design.inner[0], hardware.outer_tile(design)[0]
        tile = {below: _named(inner), above: _named(outer)}
        order = {
            level.name: hardware.orders[int(index)]
            for level, index in zip(arch.ordered_levels, design.order[0], strict=True)
        }
        pair = Pair(X=DIMENSIONS[int(design.pair[0, 0])], Y=DIMENSIONS[int(design.pair[0, 1])])
        shape = hardware.shapes[int(design.shape[0])]
        axes = arch.axes.model_dump()
        axes["tiling"] = {"fixed": tile, "partial": _shares(arch, outer)}
        axes["ordering"] = {"fixed": order, "partial": _with_first(order, list(arch.axes.ordering.partial))}
        axes["parallelization"] = {
            "fixed": pair.model_dump(),
            "partial": _with_first(pair.model_dump(), [p.model_dump() for p in arch.axes.parallelization.partial]),
        }
        block = arch.axes.shape.block
        fits = shape.X % block.X == 0 and shape.Y % block.Y == 0
        axes["shape"] = {"fixed": shape.model_dump(), "block": (block if fits else type(block)(X=1, Y=1)).model_dump()}
        made = arch.model_dump(by_alias=True) | {"name": name, "axes": axes}
        made["description"] = f"{arch.name}, rigid design for a network"
        return ArchSpec.model_validate(made)


def _named(tile: Ints) -> dict[str, int]:
    return {d: int(n) for d, n in zip(DIMENSIONS, tile, strict=True) if n > 1}


def _with_first(first: Any, others: list[Any]) -> list[Any]:
    return [first, *(other for other in others if other != first)]


def _shares(arch: ArchSpec, tile: Ints) -> dict[str, Fraction]:
    """The spec's shares where the tile fits them; else what the tile needs, and of the rest as much as before."""
    unit = Layer(name="unit")
    limits = arch.partition()
    shares: dict[str, Fraction] = {str(t): share for t, share in arch.axes.tiling.partial.items()}
    needs = {t: int(words(t, tile[None, :], unit)[0]) for t in shares}
    if all(needs[t] <= limits[t] for t in shares):
        return shares
    made: dict[str, Fraction] = {}
    for level in arch.levels[1:]:
        mine = [t for t in shares if t in level.keep and level.name in buffers_at_array(arch)]
        if mine and level.capacity:
            free = 1 - sum(Fraction(needs[t], level.capacity) for t in mine)
            whole = sum(shares[t] for t in mine)
            made.update({t: Fraction(needs[t], level.capacity) + free * shares[t] / whole for t in mine})
    return made


def buffers_at_array(arch: ArchSpec) -> set[str]:
    """Names of the levels that share the tile of the level above the array."""
    return {level.name for level in arch.buffer_groups[arch.array_index]}


def _bound(arch: ArchSpec, energy: EnergyTables, layer: Layer, objective: Objective) -> float:
    """A cost that no mapping of the layer on this hardware undercuts, whatever its tiles and padding.

    Cycles: every MAC takes a PE a cycle, every weight and input used is read from DRAM once, every output written.
    Energy: the MACs, their operands' accesses in the PE, and that traffic.
    """
    dram, costs = arch.levels[0], _energies(arch, energy)
    read = layer.tensor_size("Weights") + _inputs_used(layer)
    written = layer.tensor_size("Outputs")
    cycles = max(ceil(layer.macs / (arch.pes * arch.lanes)), read / dram.read_bandwidth, written / dram.write_bandwidth)
    picojoules = layer.macs * costs[arch.mac.name]["compute"]
    picojoules += read / dram.block_size * costs[dram.name]["read"]
    picojoules += written / dram.block_size * costs[dram.name]["update"]
    for level in arch.buffer_groups[0]:
        for tensor in level.keep:
            action = "update" if tensor == "Outputs" else "read"
            picojoules += layer.macs / level.block_size * costs[level.name][action]
    return {"latency": cycles, "energy": picojoules, "edp": cycles * picojoules}[objective]


def _energies(arch: ArchSpec, energy: EnergyTables) -> dict[str, dict[str, float]]:
    by_path = {t["name"]: {a["name"]: float(a["energy"]) for a in t["actions"]} for t in energy.ert["tables"]}
    return {name: by_path.get(path, {}) for name, path in component_paths(arch).items()}


def _inputs_used(layer: Layer) -> int:
    """Input words that some output needs; strides above the filter's extent leave words between them unused."""
    width = {r * layer.Wdilation + p * layer.Wstride for r in range(layer.R) for p in range(layer.P)}
    height = {s * layer.Hdilation + q * layer.Hstride for s in range(layer.S) for q in range(layer.Q)}
    return prod((layer.N, layer.G, layer.C, len(width), len(height)))
