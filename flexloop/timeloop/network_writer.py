"""The networks' part of ``stats.txt``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flexloop.evaluation import NetworkStats, Traffic


@dataclass(frozen=True)
class NetworkReport:
    """A network: its specification and what a mapping makes of it.

    Attributes:
        kind: ``Legacy``, ``ReductionTree`` or ``SimpleMulticast``.
        subtype: of a legacy network, or nothing.
        carries: 1 for reads, 2 for updates, 3 for both.
        word_bits: bits of a word.
        router_energy, wire_energy, ingress_energy: pJ; None where not given.
        adder_energy: pJ of one addition in a reduction tree.
        action: what a multicast network's energies are called.
        hop_energy: pJ of a word over one hop.
        fill_latency, drain_latency: cycles.
        stats: what it carries.
    """

    kind: str
    subtype: str
    carries: int
    word_bits: int
    router_energy: float | None
    wire_energy: float | None
    ingress_energy: float | None
    adder_energy: float
    action: str
    hop_energy: float
    fill_latency: int
    drain_latency: int
    stats: NetworkStats


def network_lines(network: NetworkReport) -> list[str]:
    """Return what ``stats.txt`` says of a network below its number."""
    specs, figures = {
        "Legacy": (_legacy_specs, _legacy_figures),
        "ReductionTree": (_tree_specs, _tree_figures),
        "SimpleMulticast": (_multicast_specs, _multicast_figures),
    }[network.kind]
    lines = [network.stats.name, "", "    SPECS", "    -----", *(f"        {line}" for line in specs(network))]
    lines += ["", "    STATS", "    -----"]
    for name, traffic in network.stats.tensors.items():
        if _is_shown(network.kind, traffic):
            lines += [f"    {name}:", *(f"        {line}" for line in figures(network, traffic))]
    return [*lines, ""]


def _is_shown(kind: str, traffic: Traffic) -> bool:
    if kind == "ReductionTree":
        return traffic.spatial_reductions > 0
    return kind == "Legacy" or traffic.words > 0


def _legacy_specs(network: NetworkReport) -> Iterator[str]:
    yield f"Type            : {network.kind}"
    yield f"Legacy sub-type : {network.subtype}"
    yield from _common_specs(network)
    yield f"Router energy   : {_or_dash(network.router_energy)} pJ"
    yield f"Wire energy     : {_or_dash(network.wire_energy)} pJ/b/mm"
    yield f"Ingress energy  : {_or_dash(network.ingress_energy)} pJ"
    yield f"Fill latency    : {network.fill_latency}"
    yield f"Drain latency   : {network.drain_latency}"


def _tree_specs(network: NetworkReport) -> Iterator[str]:
    yield f"Type            : {network.kind}"
    yield from _common_specs(network)
    if network.adder_energy:
        yield f"Adder energy    : {network.adder_energy:.2f} pJ"
    if network.wire_energy:
        yield f"Wire energy     : {network.wire_energy:.2f} pJ/b/mm"
    yield f"Fill latency     : {network.fill_latency}"
    yield f"Drain latency     : {network.drain_latency}"


def _multicast_specs(network: NetworkReport) -> Iterator[str]:
    yield f"Type            : {network.kind}"
    yield from _common_specs(network)
    yield f"Action Name       : {network.action}"


def _common_specs(network: NetworkReport) -> Iterator[str]:
    yield f"ConnectionType  : {network.carries}"
    yield f"Word bits       : {network.word_bits}"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _legacy_figures(network: NetworkReport, traffic: Traffic) -> Iterator[str]:
    yield from _ingresses(traffic, [multicast for multicast, _, _ in traffic.ingresses])
    for multicast, scatter, words in traffic.ingresses:
        yield f"    @multicast {multicast} @scatter {scatter}: {words:.2f}"
    yield _figure("Link transfers", f"{traffic.link_transfers}")
    yield from _hops(network, traffic)
    yield from _energies(network, "Energy", traffic.energy_pj)
    yield from _energies(network, "Link transfer energy", traffic.link_energy_pj)
    yield from _energies(network, "Spatial Reduction Energy", traffic.reduction_energy_pj)


def _tree_figures(network: NetworkReport, traffic: Traffic) -> Iterator[str]:
    yield from _hops(network, traffic)
    yield from _energies(network, "Energy", traffic.energy_pj)
    yield from _energies(network, "Spatial Reduction Energy", traffic.reduction_energy_pj)


def _multicast_figures(network: NetworkReport, traffic: Traffic) -> Iterator[str]:
    yield from _ingresses(traffic, [multicast for multicast, _, words in traffic.ingresses if words])
    yield from _energies(network, "Energy", traffic.energy_pj)


def _ingresses(traffic: Traffic, multicast: Sequence[int]) -> Iterator[str]:
    yield _figure("Fanout", f"{traffic.fanout}")
    yield _figure("Multicast factor", f"{max(multicast, default=0)}")
    yield _figure("Ingresses", f"{traffic.words:.2f}")


def _hops(network: NetworkReport, traffic: Traffic) -> Iterator[str]:
    yield _figure("Spatial reductions", f"{traffic.spatial_reductions}")
    yield _figure("Average number of hops", f"{traffic.hops:.2f}")
    yield _figure("Energy (per-hop)", f"{network.hop_energy * 1000:.2f} fJ")


def _energies(network: NetworkReport, name: str, energy: float) -> Iterator[str]:
    yield _figure(f"{name} (per-instance)", f"{energy:.2f} pJ")
    yield _figure(f"{name} (total)", f"{energy * network.stats.utilized_instances:.2f} pJ")


def _figure(name: str, value: str) -> str:
    return f"{name:<40}: {value}"
