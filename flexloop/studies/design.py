"""The best rigid accelerator for a network: the fixed tile, order, pair and array shape that cost it least.

The hardware (levels, capacities, bandwidths, number of PEs) is given; what a rigid design fixes is chosen. The
candidates are a stated, finite set. Blocks of choices (pair, shape and orders; the tile in the PE; the tile in the
shared buffer) are searched exhaustively in turn, from many starts, until no block improves (`rigidsearch`); a lower
bound that holds for every design of the hardware says how far from the best the result can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import singledispatch
from pathlib import Path
from typing import Any

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.arch.fields import Pair
from flexloop.arch.load import ArchSource, load_arch
from flexloop.arch.spec import ArchSpec
from flexloop.atomic import write_file
from flexloop.classes import FULLY_FLEXIBLE, Axis, Degree
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import Objective, parse_objective
from flexloop.engines.select import EngineSettings
from flexloop.errors import UnknownNameError, UnsupportedError
from flexloop.studies.fixedarch import as_arch
from flexloop.studies.leastcost import least_cost
from flexloop.studies.neardesigns import MOST_NEAR, NearDesigns, drawn
from flexloop.studies.rigid import Designs
from flexloop.studies.rigiddesign import best_single_mapping
from flexloop.studies.rigidsearch import RigidSearch
from flexloop.study import DEFAULT_ARCH, StudyOptions
from flexloop.subjects import Networks, listed, load_networks
from flexloop.validation import fitting
from flexloop.workloads.layers import Network

STARTS = 8
"""Random starts of the search, where none are asked for."""


@dataclass(frozen=True)
class DesignOutcome:
    """The design found.

    Attributes:
        arch: the arch with the chosen values fixed; those of an arch spec stand among its partial ones too.
        network: the network it was designed for.
        objective: what was minimised.
        cost: its cost in the objective: cycles, pJ, or the sum of layer EDPs in pJ*cycles.
        lower_bound: no rigid design of this hardware costs the network less.
        evaluated: designs costed.
        candidates: size of the stated set of candidates.
        statement: how good the design is known to be, in one sentence.
        mirror: the same with P and Q, and R and S, exchanged, where that costs the network the same; else None.
        near: the designs costed that are nearly as good, where they were asked for of an arch spec.
    """

    arch: Arch
    network: str
    objective: Objective
    cost: float
    lower_bound: float
    evaluated: int
    candidates: float
    statement: str
    mirror: ArchSpec | None = None
    near: NearDesigns | None = None


def design(
    network: str | Network = "alexnet",
    arch: ArchSource = DEFAULT_ARCH,
    *,
    must_map: Networks = (),
    objective: str = "latency",
    energy: str = "table",
    engines: EngineSettings | None = None,
    name: str | None = None,
    starts: int = STARTS,
    seed: int = 0,
    pairs: Sequence[Pair] | None = None,
    network_parameters: dict[str, int] | None = None,
    time_limit: float | None = None,
    within: float = 0.0,
    **more: Any,
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
        starts: random starts of the search, beside the spec's own values and the smallest tiles.
        seed: of the random starts; the same seed gives the same design.
        pairs: pairs of unrolled dimensions to choose from; None takes any two of C, M, R, S, P and Q.
        network_parameters: parameters of the networks.
        time_limit: seconds that the search for one layer's best mapping may take; of a Timeloop design's;
            no mapper searches for an arch spec.
        within: which designs to keep as nearly as good, by their relative distance from the best cost; 0 keeps none.
        more: single fields of `EngineSettings`, as for `flexloop.run`; they count before those in ``engines``.

    Of a Timeloop design the extents stay, and what it pins in every class; its other constraints do not count. Tiles,
    orders and parallelism become those of the best of the layers' own best mappings.

    Raises:
        UnsupportedError: for an arch spec with an inner fanout, or without exactly three levels with loops; for what
            makes no sense for the arch.
        UnmappableError: if no candidate fits all layers.
    """
    of_engines = {f.name for f in fields(EngineSettings)}
    for option in more:
        if option not in of_engines:
            own = ("objective", "energy", "seed", "time_limit", "network_parameters")
            raise UnknownNameError("option", option, sorted(of_engines.union(own)))
    asked = _Asked(
        networks=tuple(
            load_networks(
                [network, *listed(must_map)], fitting(dict[str, int], network_parameters or {}, "network_parameters")
            )
        ),
        objective=parse_objective(objective),
        options=StudyOptions.of(
            objective=objective,
            energy=energy,
            engines=engines or EngineSettings(),
            **more,
            seed=seed,
            time_limit=time_limit,
        ),  # fmt: skip
        name=name,
        starts=fitting(int, starts, "starts"),
        pairs=None if pairs is None else fitting(list[Pair], pairs, "pairs"),
        within=fitting(float, within, "within"),
    )
    return _designed(load_arch(arch), asked)


@dataclass(frozen=True)
class _Asked:
    """What a design is asked for; the fields are arguments of `design`, whose networks have the one it is for first."""

    networks: tuple[Network, ...]
    objective: Objective
    options: StudyOptions
    name: str | None
    starts: int
    pairs: Sequence[Pair] | None
    within: float


@singledispatch
def _designed(arch: Arch, asked: _Asked) -> DesignOutcome:
    """The best rigid design found, by how the arch is written."""
    raise TypeError(f"{type(arch).__name__} cannot be designed for a network")


@_designed.register
def _designed_spec(spec: ArchSpec, asked: _Asked) -> DesignOutcome:
    if spec.array.inner is not None or len(spec.loop_levels) != 3:
        raise UnsupportedError(
            f"design: {spec.name} has an inner fanout or not three levels with loops; choose another"
        )
    if spec.depthwise == "on_both_axes":
        raise UnsupportedError(
            f"design: {spec.name} lays groups on both mesh axes, which a rigid design cannot choose; set `depthwise: "
            "as_output_channels`"
        )
    (net, *others), goal = asked.networks, asked.objective
    tables = energy_tables(asked.options.energy, spec, asked.options.engines)
    bounds = [least_cost(spec, tables, layer, goal) for layer in net.layers]
    search = RigidSearch(spec, tables, net, others, goal, bounds, asked.pairs, asked.options.seed, asked.within)
    best, cost = search.run(asked.starts)
    about = f"{spec.name} with the best rigid design found for {net.name} ({goal})"
    name, mirror = asked.name or f"{spec.name}_for_{net.name}", search.mirror(best, cost)
    bound = sum(layer.count * bound for layer, bound in zip(net.layers, bounds, strict=True))
    return DesignOutcome(
        arch=as_arch(search.hardware, best, name, about),
        network=net.name,
        objective=goal,
        cost=cost[0],
        lower_bound=bound,
        evaluated=search.evaluated,
        candidates=search.candidates,
        statement=(
            f"best of {search.evaluated:,} designs costed, of {search.candidates:.2g} candidates; each block of "
            "choices (pair, shape and orders; tile in the PE; tile in the buffer) is exhausted with the others held; "
            f"not proved to be the best candidate, but its cost is at most {cost[0] / bound:.2f} times that of any "
            "rigid design of this hardware"
        ),
        mirror=None
        if mirror is None
        else as_arch(search.hardware, mirror, f"{name}_mirrored", f"the mirror image of {about}"),
        near=_near(search, best, cost, asked) if asked.within else None,
    )


def _near(search: RigidSearch, best: Designs, cost: tuple[float, float], asked: _Asked) -> NearDesigns:
    found = search.near(cost)
    chosen = drawn(found, MOST_NEAR, asked.options.seed, best)
    return NearDesigns(search.hardware, chosen, len(found), asked.within, asked.objective)


@_designed.register
def _designed_timeloop_design(arch: Design, asked: _Asked) -> DesignOutcome:
    if asked.pairs is not None or asked.starts != STARTS:
        raise UnsupportedError(f"design: {arch.name} is a Timeloop design, which has no pairs and no random starts")
    free = FULLY_FLEXIBLE.replace(Axis.SHAPE, Degree.FIXED)
    found = best_single_mapping(arch, asked.networks, asked.options, free)
    net = asked.networks[0]
    made = found.design.model_dump() | {"name": asked.name or f"{arch.name}_for_{net.name}"}
    known = (
        f"its cost is at most {found.cost / found.least:.2f} times that of any single mapping of this hardware"
        if found.proved
        else "how far it is from the best is not known, since some layer's own best mapping is not proved"
    )
    return DesignOutcome(
        arch=Design.model_validate(made),
        network=net.name,
        objective=asked.objective,
        cost=found.cost,
        lower_bound=found.least if found.proved else 0.0,
        evaluated=found.tried,
        candidates=found.tried,
        statement=f"best of the {found.tried} layers' own best mappings, each tried on all layers; {known}",
    )


def design_text(outcome: DesignOutcome) -> str:
    """The design as the text of a file that ``--arch`` takes."""
    header = f"# The best rigid design found for {outcome.network} ({outcome.objective}): {outcome.statement}.\n"
    return header + outcome.arch.text()


def write_design(outcome: DesignOutcome, path: Path) -> Path:
    """Write the design as a file that ``--arch`` takes (OutputError if it cannot be written)."""
    return write_file(path, design_text(outcome))
