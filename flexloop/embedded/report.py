"""What Timeloop's ``stats.txt`` says of a mapping, from the embedded model's figures."""

from __future__ import annotations

from collections.abc import Mapping as Map
from math import inf, prod

from flexloop.embedded.jit import interpreted
from flexloop.embedded.levels import StorageSpec
from flexloop.embedded.networks import NetworkSpec
from flexloop.embedded.problem import DataSpace
from flexloop.embedded.rules.cost import averaged
from flexloop.embedded.spec import Spec
from flexloop.evaluation import Evaluation, LevelStats, NetworkStats, TensorStats
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.timeloop.network_writer import NetworkReport
from flexloop.timeloop.report import LevelReport, MacReport, Report, TensorReport


def make_report(spec: Spec, mapping: Mapping, evaluation: Evaluation) -> Report:
    """Return everything that ``stats.txt`` holds, for a valid mapping."""
    mac, *levels = evaluation.levels
    used = {level.name: level.utilized_instances for level in levels}
    slowest = max(level.cycles for level in evaluation.levels)
    partitions, most = partition_sizes(spec, mapping), expansions(spec, mapping)
    return Report(
        mac=MacReport(
            name=spec.mac.name,
            word_bits=spec.mac.word_bits,
            instances=spec.mac.instances,
            mesh_x=spec.mac.mesh_x,
            mesh_y=spec.mac.mesh_y,
            compute_energy=spec.mac.compute_energy,
            used=mac.utilized_instances,
            computes=evaluation.computes,
            cycles=mac.cycles,
            energy=mac.energy_pj,
            area=spec.mac.area,
        ),
        levels=tuple(
            _level(
                spec,
                level,
                stats,
                mac.cycles,
                slowest,
                _powered(spec, level, used),
                partitions[level.name],
                most[level.name],
            )
            for level, stats in zip(spec.levels, levels, strict=True)
        ),
        cycles=evaluation.cycles,
        utilization=evaluation.utilization,
        networks=tuple(map(_network, spec.costly_networks, evaluation.networks)),
        network_names=tuple(network.name for network in spec.networks),
    )


def _network(network: NetworkSpec, stats: NetworkStats) -> NetworkReport:
    return NetworkReport(
        kind=network.kind,
        subtype=network.subtype,
        carries=network.carries,
        word_bits=network.word_bits,
        router_energy=network.router_energy,
        wire_energy=network.wire_energy,
        ingress_energy=network.ingress_energy,
        adder_energy=network.adder_energy,
        action=network.action,
        hop_energy=network.energy_a_hop,
        fill_latency=network.fill_latency,
        drain_latency=network.drain_latency,
        stats=stats,
    )


def _level(
    spec: Spec,
    level: StorageSpec,
    stats: LevelStats,
    steps: int,
    cycles: int,
    powered: tuple[float, float],
    partitions: Map[str, int],
    most: int,
) -> LevelReport:
    reads, writes = 0.0, 0.0
    for name, tensor in stats.tensors.items():
        read, written = _words_a_step(level, name, tensor, steps, most)
        reads += read
        writes += written
    slowdown = _slowdown(level, reads, writes)
    read_write = {space.name: space.read_write for space in spec.problem.data_spaces}
    return LevelReport(
        name=level.name,
        technology=level.technology,
        word_bits=level.word_bits,
        block_size=level.block_size,
        cluster_size=level.cluster_size,
        instances=level.instances,
        mesh_x=level.mesh_x,
        mesh_y=level.mesh_y,
        multiple_buffering=level.multiple_buffering,
        size=level.size,
        effective_size=level.capacity,
        shared_bandwidth=_limit(level.shared_bandwidth),
        read_bandwidth=_limit(level.read_bandwidth),
        write_bandwidth=_limit(level.write_bandwidth),
        highest_energy=level.highest_energy,
        energy_source=level.energy_source,
        leakage=level.leakage,
        min_utilization=level.min_utilization,
        gated_together=powered[0],
        powered=powered[1],
        working=max(1, stats.utilized_instances),
        leaked=level.leakage * cycles * powered[1],
        area=level.area,
        cycles=stats.cycles,
        slowdown=slowdown,
        tensors=tuple(
            _tensor(level, name, read_write[name], tensor, steps, slowdown, partitions[name], most)
            for name, tensor in stats.tensors.items()
        ),
        data_spaces=spec.data_space_names,
    )


def _powered(spec: Spec, level: StorageSpec, used: Map[str, int]) -> tuple[float, float]:
    """Instances of a level that one switch turns on, and how many leak (rule 19)."""
    gate = spec.levels[spec.level_names.index(level.power_gated_at or level.name)]
    together = level.instances / gate.instances
    if together > 1:
        return together, together * max(1, used[gate.name])
    return 1.0, max(1, used[level.name])


def _slowdown(level: StorageSpec, reads: float, writes: float) -> float:
    limits = [(level.read_bandwidth, reads), (level.write_bandwidth, writes), (level.shared_bandwidth, writes + reads)]
    return min([1.0, *(bandwidth / words for bandwidth, words in limits if bandwidth < words)])


def _limit(bandwidth: float) -> float | None:
    return None if bandwidth == inf else bandwidth


def _words_a_step(level: StorageSpec, name: str, tensor: TensorStats, steps: int, most: int) -> tuple[float, float]:
    """Words that one instance reads and writes a step, each as often as it counts for the bandwidths."""
    scale, used = dict(level.bandwidth_scale).get(name, 1.0), tensor.utilized_instances
    shared = interpreted(averaged)
    return (
        shared(tensor.reads, most, used) / steps * scale,
        shared(tensor.fills + tensor.updates, most, used) / steps * scale,
    )


def expansions(spec: Spec, mapping: Mapping) -> dict[str, int]:
    """For each level the instances that its loops ask for; with residuals fewer may be in use on average."""
    given = {level.target: level for level in mapping.levels}
    most, found = 1, {}
    for name in reversed(spec.level_names):
        found[name] = most
        most *= prod(given[name].spatial_factors.values()) if name in given else 1
    return found


def _tensor(
    level: StorageSpec,
    name: str,
    read_write: bool,
    tensor: TensorStats,
    steps: int,
    slowdown: float,
    partition: int,
    most: int,
) -> TensorReport:
    used = tensor.utilized_instances
    clusters = min(most, level.instances // level.cluster_size)
    blocks = [-(-words // level.block_size) for words in (tensor.reads, tensor.fills, tensor.updates)]
    row = blocks[0] * level.read_energy + blocks[1] * level.write_energy + blocks[2] * level.update_energy
    scale = dict(level.bandwidth_scale).get(name, 1.0)
    reads, writes = _words_a_step(level, name, tensor, steps, most)
    return TensorReport(
        name=name,
        read_write=read_write,
        partition=partition if tensor.utilized_capacity else 0,  # none where nothing is held (rule 16)
        capacity=tensor.utilized_capacity,
        used=used,
        clusters=clusters,
        reads=tensor.reads,
        fills=tensor.fills,
        updates=tensor.updates,
        reductions=tensor.temporal_reductions,
        energy=row / (most / clusters),
        address_energy=level.address_energy * (tensor.fills + (tensor.updates if read_write else tensor.reads)),
        scale=scale,
        read_bandwidth=slowdown * reads,
        write_bandwidth=slowdown * writes,
        shared_bandwidth=slowdown * (reads + writes),
    )


def partition_sizes(spec: Spec, mapping: Mapping) -> dict[str, dict[str, int]]:
    """For each level and data space, the words that are one instance's own (rule 2c of how Timeloop counts)."""
    tiles, children = first_tiles(spec, mapping)
    sizes: dict[str, dict[str, int]] = {name: {} for name in spec.level_names}
    for space in spec.problem.data_spaces:
        own = tile_words(space, tiles[-1])
        sizes[spec.level_names[-1]][space.name] = own
        for p in range(len(tiles) - 2, -1, -1):
            own = own * tile_words(space, tiles[p]) // tile_words(space, children[p + 1])
            sizes[spec.level_names[p]][space.name] = own
    return sizes


Tile = dict[str, int]
"""The extent of a tile along each dimension."""


def first_tiles(spec: Spec, mapping: Mapping) -> tuple[list[Tile], list[Tile]]:
    """The first tile of each level, its largest, and what all children of one instance of the level span, then.

    Along a dimension of which the first pass is the last one, that is what the residuals leave.
    """
    given = {level.target: level for level in mapping.levels}
    levels = [given.get(name, LevelMapping(name)) for name in spec.level_names]
    tile = dict.fromkeys(spec.problem.dimensions, (1, 1))
    ends: list[dict[str, tuple[int, int]]] = []  # after the spatial and the temporal loops of each level
    for level in levels:
        for factors, spatial in ((level.spatial_factors, True), (level.factors, False)):
            tile = {
                d: (every * factors.get(d, 1), last + every * (level.residual(d, spatial=spatial) - 1))
                for d, (every, last) in tile.items()
            }
            ends.append(tile)
    found: list[Tile] = []
    more: set[str] = set()  # dimensions with a pass after the first
    for level in reversed(levels):
        for spatial in (False, True):
            found.append({d: every if d in more else last for d, (every, last) in ends.pop().items()})
            more |= {d for d in tile if level.residual(d, spatial=spatial) > 1}
    found.reverse()
    return found[1::2], found[::2]


def tile_words(space: DataSpace, tile: Map[str, int]) -> int:
    """Words of the bounding box of a tile of a data space."""
    return prod(1 + sum(c * (tile[d] - 1) for d, c in rank) for rank in space.projection)
