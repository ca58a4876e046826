"""The best single mapping of a Timeloop design for a network: what a rigid machine made for it would have wired in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.arch.design.rigid import pinned_by
from flexloop.classes import RIGID, FlexClass
from flexloop.errors import SpecError, UnmappableError
from flexloop.studies.analysis import cost_column
from flexloop.study import StudyOptions, run_study
from flexloop.subjects import load_networks
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping
from flexloop.workloads.layers import Network


@dataclass(frozen=True)
class SingleMapping:
    """A design pinned to one mapping.

    Attributes:
        design: the design, with nothing left open.
        cost: what the network costs on it, in the objective that was searched.
        least: what the network costs where each layer has its best mapping: no single mapping costs less.
        proved: whether all those are proved to be the best.
        tried: single mappings tried.
    """

    design: Design
    cost: float
    least: float
    proved: bool
    tried: int


def rigid_for(design: Design, network: Network, options: StudyOptions | None = None) -> Design:
    """The design with everything that it leaves open pinned to the best of its layers' best mappings.

    Args:
        design: the design; what it pins stays.
        network: the network.
        options: the objective, and how the layers' best mappings are searched.

    Raises:
        UnmappableError: if none of these mappings maps the whole network.
    """
    return best_single_mapping(design, [network], options or StudyOptions()).design


def best_single_mapping(
    design: Design, networks: Sequence[Network], options: StudyOptions, flexclass: FlexClass = RIGID
) -> SingleMapping:
    """The best of the layers' best mappings, each tried on all layers.

    Args:
        design: the design; its degree 0 of an axis that the class does not free stays pinned.
        networks: the network that it is for, then others that it must map.
        options: the objective, and how the layers' best mappings are searched.
        flexclass: the class that the layers' best mappings are searched in.

    Raises:
        UnmappableError: if none of these mappings maps all the networks.
    """
    network = networks[0]
    found = run_study(flexclass, network, design, options)
    column = cost_column(found)
    own = design if flexclass == RIGID else design.freed()
    quick = replace(options, use_store=False)
    best: tuple[float, Design] | None = None
    mapped = found.rows.loc[found.rows["status"] == "ok", "layer"]
    for layer in mapped:
        source = f"the best mapping of {network.name}'s layer {layer} for {options.objective}"
        candidate = pinned_by(own, found.mapping(str(layer)), source)
        totals = run_study(RIGID, list(networks), candidate, quick).totals.set_index("network")[column].astype(float)
        cost = float(totals[network.name])
        if totals.notna().all() and (best is None or cost < best[0]):
            best = (cost, candidate)
    if best is None:
        raise UnmappableError(
            f"no single mapping of {design.name} maps all layers of {', '.join(n.name for n in networks)}"
        )
    least, proved = float(found.totals[column].iloc[0]), bool(found.rows["optimal"].all())
    return SingleMapping(best[1], best[0], least, proved, len(mapped))


def rigid_archs(archs: Sequence[Arch], mapping: Path | None, network: str | None, options: StudyOptions) -> list[Arch]:
    """Designs with everything that they leave open pinned: to the mapping in a file, or to the best for a network.

    Args:
        archs: the designs; without a mapping and a network any archs, which are returned as they are.
        mapping: a file such as a cell's ``map.yaml``, in canonical names of dimensions.
        network: what `flexloop.load_network` takes.
        options: of the search for the network.

    Raises:
        SpecError: if both are given, or the file holds no mapping of the design.
        UnsupportedError: for an arch spec, which leaves nothing open.
        UnmappableError: if no single mapping maps the network.
    """
    if mapping is not None and network is not None:
        raise SpecError("--rigid and --rigid-for pin the same: give one of them")
    if mapping is not None:
        return [pinned_by_file(arch.as_design("--rigid"), mapping) for arch in archs]
    if network is not None:
        (net,) = load_networks(network, {})
        return [rigid_for(arch.as_design("--rigid-for"), net, options) for arch in archs]
    return list(archs)


def pinned_by_file(design: Design, path: Path) -> Design:
    """A design pinned to the mapping in a file, such as the ``map.yaml`` of a cell of `flexloop run`.

    Raises:
        SpecError: if the file holds no mapping of the design.
    """
    content = yamlio.load(path)
    if not isinstance(content, dict) or "mapping" not in content:
        raise SpecError(f"{path}: no mapping; a file such as a cell's map.yaml has a top-level key mapping")
    return pinned_by(design, Mapping.from_directives(content["mapping"], design.level_names), str(path))
