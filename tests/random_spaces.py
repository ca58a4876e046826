"""Small random mapspaces of any form, for comparing searches with enumeration."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Space
from flexloop.embedded.spec import Spec, read_spec
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint, LoopConstraint, ParallelismConstraint
from flexloop.timeloop.reuse import ReuseLimits

SHAPES: dict[str, tuple[list[str], dict[str, list[list[list[str]]]]]] = {
    "matmul": (
        ["M", "K", "N"],
        {"A": [[["M"]], [["K"]]], "B": [[["K"]], [["N"]]], "Z": [[["M"]], [["N"]]]},
    ),
    "conv": (
        ["C", "M", "R", "P", "N"],
        {
            "Weights": [[["C"]], [["M"]], [["R"]]],
            "Inputs": [[["N"]], [["C"]], [["R", "dilation"], ["P", "stride"]]],
            "Outputs": [[["N"]], [["M"]], [["P"]]],
        },
    ),
    "depthwise": (
        ["G", "R", "P", "S", "Q"],
        {
            "Weights": [[["G"]], [["R"]], [["S"]]],
            "Inputs": [[["G"]], [["R", "dilation"], ["P", "stride"]], [["S"], ["Q"]]],
            "Outputs": [[["G"]], [["P"]], [["Q"]]],
        },
    ),
    "three in a rank": (
        ["A", "B", "C", "D"],
        {
            "X": [[["A"], ["B", "dilation"], ["C", "stride"]], [["D"]]],
            "Y": [[["B"]], [["C"]]],
            "Z": [[["A"]], [["D"]]],
        },
    ),
    "diagonal": (
        ["A", "B", "C", "D"],
        {
            "X": [[["A"], ["B"]], [["A", "stride"], ["C"]]],
            "Y": [[["B"]], [["B"], ["D", "dilation"]], [["C"]]],
            "Z": [[["A"]], [["D"]]],
        },
    ),
}
"""Dimensions and projections; the last data space is written."""

BOUNDS = {"R": [1, 2, 3], "S": [1, 2], "N": [1, 2, 4], "G": [1, 2, 3], "P": [2, 3, 4, 6], "Q": [1, 2, 4]}


def random_space(seed: int, most: int, networks: float = 0.2) -> Space | None:
    """A random space of 2 to 4 levels with at most ``most`` mappings, or None where the draw is none.

    ``networks`` is how likely it is that networks use energy or time.
    """
    rng = random.Random(seed)
    spec = random_spec(rng, networks)
    names, dims = spec.level_names, spec.problem.dimensions
    bounds: dict[str, tuple[int, ...]] = {d: (spec.problem.bounds[d],) for d in dims}
    if rng.random() < 0.3:
        padded = rng.choice(dims)
        bounds[padded] = (*bounds[padded], bounds[padded][0] + 1)
    loops = [loop for name in names for loop in _loops(rng, name, dims, fanout=name in spec.fanouts)]
    least = ParallelismConstraint(names[0], rng.choice([0.25, 0.5])) if rng.random() < 0.1 else None
    limits = reuse_limits(rng, spec) if rng.random() < 0.4 else {}
    return _if_small(Space(spec, bounds, Constraints(tuple(loops), bypass(rng, spec), least, limits)), most)


def _if_small(space: Space, most: int) -> Space | None:
    """The space, if it has mappings, and not too many."""
    choices = choices_of(space)
    return None if choices.empty_dimension or choices.size() > most else space


def some_space(seed: int, most: int, networks: float = 0.2) -> Space:
    """The first of the random spaces from a seed on."""
    return _first(random_space(seed + k, most, networks) for k in itertools.count())


def _first(spaces: Iterator[Space | None]) -> Space:
    return next(space for space in spaces if space is not None)


def joined_space(seed: int, most: int) -> Space:
    """A random space of which a level between two fanouts keeps nothing and has no loops; the inner one has few."""
    return _first(_joined_space(seed + k, most) for k in itertools.count())


def _joined_space(seed: int, most: int) -> Space | None:
    spec = random_spec(random.Random(seed))  # which the space is of
    fanouts, names = spec.fanout_xy, spec.level_names
    inner = [level for level in range(1, len(names) - 1) if fanouts[level] > (1, 1) < fanouts[level + 1]]
    space = random_space(seed, 100 * most) if inner else None
    if space is None:
        return None
    name, rules = names[inner[0]], space.constraints
    inside, some = names[: inner[0]], dict.fromkeys(random.Random(seed).sample([*space.bounds], 2), 1)
    loops = (
        *(loop for loop in rules.loops if loop.target != name and (loop.spatial or loop.target not in inside)),
        *(LoopConstraint(level, False, some) for level in inside),
        LoopConstraint(name, False, dict.fromkeys(space.bounds, 1)),
        LoopConstraint(name, True, some),
    )
    kept = tuple(rule for rule in rules.dataspaces if rule.target != name)
    nothing = DataspaceConstraint(name, (), space.spec.data_space_names)
    limits = {level: some for level, some in rules.limits.items() if level not in (name, names[inner[0] + 1])}
    constraints = replace(rules, loops=loops, dataspaces=(*kept, nothing), limits=limits)
    return _if_small(replace(space, constraints=constraints), most)


def some_arrays(seed: int, most: int, draw: Callable[[int, int], Space] = some_space) -> list[Space]:
    """A random space with up to three more on arrays of other shapes.

    Some of these may lack a fanout, and some what constrains it.
    """
    rng, found = random.Random(seed), [draw(seed, most)]
    for _ in range(3):
        spec = found[0].spec
        fanouts = [
            (x, y) if x * y == 1 else rng.choice([(y, x), (x * y, 1), (1, 1), (2, 2)]) for x, y in spec.fanout_xy
        ]
        reshaped = replace(found[0], spec=_reshaped(spec, fanouts))
        if seed % 2:
            rules, names = reshaped.constraints, reshaped.spec.fanouts
            loops = tuple(loop for loop in rules.loops if not loop.spatial or loop.target in names)
            reshaped = replace(reshaped, constraints=replace(rules, loops=loops))
        if space := _if_small(reshaped, most):
            found.append(space)
    return found


def _reshaped(spec: Spec, fanouts: list[tuple[int, int]]) -> Spec:
    """The same levels with other fanouts below them, innermost first."""
    levels, (x, y) = [], (spec.levels[-1].mesh_x, spec.levels[-1].mesh_y)
    for level, (across, down) in zip(reversed(spec.levels), reversed(fanouts), strict=True):
        cluster = level.cluster_size if x * y % level.cluster_size == 0 else 1
        levels.append(replace(level, instances=x * y, mesh_x=x, cluster_size=cluster))
        x, y = x * across, y * down
    return replace(spec, levels=tuple(reversed(levels)), mac=replace(spec.mac, instances=x * y, mesh_x=x))


SQUARE = (
    ["R", "S", "P", "Q"],
    {
        "Weights": [[["R"]], [["S"]]],
        "Inputs": [[["R", "dilation"], ["P", "stride"]], [["S", "dilation"], ["Q", "stride"]]],
        "Outputs": [[["P"]], [["Q"]]],
    },
)


def square_space(seed: int, most: int) -> Space:
    """A random space of which nothing tells rows and columns apart, with padded bounds and orders of no loops."""
    return _first(_if_small(_square_space(random.Random(seed + k)), most) for k in itertools.count())


def _square_space(rng: random.Random) -> Space:
    kernel, image = rng.choice([1, 2, 3]), rng.choice([2, 3, 4, 6])
    bounds = {"R": kernel, "S": kernel, "P": image, "Q": image}
    spec = random_spec(rng, problem=_problem_of(rng, *SQUARE, bounds))
    padded = (image,) if rng.random() < 0.4 else (image, image + 1)
    orders = tuple(
        LoopConstraint(name, spatial, dict.fromkeys("RSPQ", 1), permutation=tuple(rng.sample("RSPQ", 3)))
        for name in spec.level_names[1:]
        for spatial in ((False, True) if name in spec.fanouts else (False,))
        if rng.random() < 0.3
    )
    every = {"R": (kernel,), "S": (kernel,), "P": padded, "Q": padded}
    return Space(spec, every, Constraints(orders, bypass(rng, spec)))


def random_spec(rng: random.Random, networks: float = 0.2, problem: dict[str, Any] | None = None) -> Spec:
    """Levels with tiny buffers and bandwidths, fanouts anywhere, and a small problem with strides and dilations."""
    levels = rng.choice([2, 3, 3, 4])
    root: dict[str, Any] = {"version": 0.4}
    component: dict[str, Any]
    path: list[str] = []
    node, mesh_x = root, 1
    tables = []
    for i in range(levels, -1, -1):
        fanout = 1 if i == levels else rng.choice([1, 1, 2, 4, 6]) if i else rng.choice([1, 1, 1, 2])
        mesh_x *= rng.choice([n for n in (1, 2, 3, 4, 6) if fanout % n == 0])
        name = f"node{i}" + (f"[0..{fanout - 1}]" if fanout > 1 else "")
        path.append(name)
        component = (
            _storage(rng, i, levels) if i else {"name": "MAC", "class": "intmac", "attributes": {"datawidth": 8}}
        )
        component["attributes"]["meshX"] = mesh_x
        node["subtree"] = [{"name": name, "local": [component]}]
        node = node["subtree"][0]
        tables.append({"name": ".".join([*path, component["name"]]), "actions": _actions(rng, storage=i > 0)})
    problem = problem or _problem(rng)
    if rng.random() < 0.3:
        _beyond_plain(rng, root, [space["name"] for space in problem["shape"]["data_spaces"]])
    if rng.random() < networks:
        _with_networks(rng, root)
        _described_networks(rng, root, tables)
    return read_spec(root, problem, {"version": 0.4, "tables": tables})


def _components(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The storage levels of an architecture, outermost first, and its MACs."""
    node = root
    while "subtree" in node:
        (node,) = node["subtree"]
        yield node["local"][0]


def _storages(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The storage levels of an architecture, outermost first."""
    return (component for component in _components(root) if component["class"] != "intmac")


def _with_networks(rng: random.Random, root: dict[str, Any]) -> None:
    """Give the networks between some levels energies and latencies, and let some levels not add."""
    for component in _storages(root):
        extra: dict[str, Any] = {
            "energy_per_hop": rng.choice([0.2, 7]),
            "router_energy": rng.choice([0.5, 9]),
            "energy-per-ingress": rng.choice([0.1, 4]),
            "network_fill_latency": 5,
            "network_drain_latency": 3,
            "reduction_supported": rng.random() < 0.5,
        }
        component["attributes"] |= {name: value for name, value in extra.items() if rng.random() < 0.4}


def _described_networks(rng: random.Random, root: dict[str, Any], tables: list[dict[str, Any]]) -> None:
    """Put components of their own between some levels: a network for reads, and one for partial sums."""
    kinds = {
        "XY_NoC": {"wire_energy": 0.3, "tile_width": 200, "router_energy": 2, "fill_latency": 4},
        "SimpleMulticast": {"action_name": "send", "multicast_factor_argument": "children"},
        "ReductionTree": {"wire_energy": 0.2, "tile_width": 300, "adder_energy": rng.choice([0.4, 6])},
    }
    *_, mac = components = list(_components(root))
    for i, (outer, inner) in enumerate(itertools.pairwise(components)):
        ends = ("operand", "result") if inner is mac else ("fill", "drain")
        for way, end, choices in (("read", ends[0], list(kinds)[:2]), ("update", ends[1], list(kinds))):
            if rng.random() < 0.4:
                name, kind = f"{way}{i}", rng.choice(choices)
                root["subtree"][0]["local"].append({"name": name, "class": kind, "attributes": kinds[kind]})
                outer["attributes"][f"network_{way}"] = inner["attributes"][f"network_{end}"] = name
                sent = [{"name": "send", "arguments": {"children": m}, "energy": m % 5 * 0.7} for m in range(1, 13)]
                tables.append({"name": f"top.{name}", "actions": sent if kind == "SimpleMulticast" else []})


def _beyond_plain(rng: random.Random, root: dict[str, Any], data_spaces: list[str]) -> None:
    """Give some levels what designs seldom have: shared bandwidths, scales, gated power, energies of addresses."""
    for component in _storages(root):
        extra: dict[str, Any] = {
            "shared_bandwidth": rng.choice([1, 2.5, 6]),
            "per_dataspace_bandwidth_consumption_scale": {t: rng.choice([0, 0.5, 2]) for t in data_spaces},
            "power_gated_at": root["subtree"][0]["local"][0]["name"],
            "addr_gen_energy": 0.7,
        }
        if "depth" in component["attributes"]:
            extra["min_utilization"] = rng.choice([0.1, 0.4])
        component["attributes"] |= {name: value for name, value in extra.items() if rng.random() < 0.3}


def _storage(rng: random.Random, i: int, levels: int) -> dict[str, Any]:
    block = rng.choice([1, 1, 2])
    attributes: dict[str, Any] = {
        "width": 8 * block,
        "datawidth": 8,
        "block_size": block,
        "read_bandwidth": rng.choice([1, 2, 4, 8.5, 100]),
        "write_bandwidth": rng.choice([1, 2, 4, 100]),
    }
    if i < levels:
        attributes["depth"] = rng.choice([4, 8, 16, 40, 100])
    return {"name": f"Level{i}", "class": "SRAM" if i < levels else "DRAM", "attributes": attributes}


def _actions(rng: random.Random, *, storage: bool) -> list[dict[str, Any]]:
    energy = rng.choice([0.1, 1, 3.7, 50])
    names = ["read", "write", "update"] if storage else ["compute"]
    actions = [{"name": name, "arguments": {}, "energy": energy * rng.choice([1, 1.3])} for name in names]
    return [*actions, {"name": "leak", "arguments": {}, "energy": 0.01 if rng.random() < 0.2 else 0}]


def _problem(rng: random.Random) -> dict[str, Any]:
    dims, projections = SHAPES[rng.choice(sorted(SHAPES))]
    return _problem_of(rng, dims, projections, {d: rng.choice(BOUNDS.get(d, [1, 2, 3, 4, 6])) for d in dims})


def _problem_of(
    rng: random.Random, dims: list[str], projections: dict[str, list[list[list[str]]]], bounds: dict[str, int]
) -> dict[str, Any]:
    spaces = [{"name": name, "projection": projection} for name, projection in projections.items()]
    spaces[-1]["read_write"] = True  # type: ignore[assignment]
    coefficients = [{"name": "stride", "default": 1}, {"name": "dilation", "default": 1}]
    instance = bounds | {"stride": rng.choice([1, 1, 2, 3]), "dilation": rng.choice([1, 1, 2])}
    shape = {"name": "shape", "dimensions": dims, "coefficients": coefficients, "data_spaces": spaces}
    return {"shape": shape, "instance": instance}


def bypass(rng: random.Random, spec: Spec) -> tuple[DataspaceConstraint, ...]:
    free = 2
    found = []
    for name in spec.level_names:
        keep, bypass = [], []
        for tensor in spec.data_space_names:
            draw = rng.random()
            if 0.25 <= draw < 0.8 or (name == spec.level_names[-1] and draw < 0.95):
                keep.append(tensor)
            elif draw >= 0.8 or not free:
                bypass.append(tensor)
            else:
                free -= 1
        found.append(DataspaceConstraint(name, tuple(keep), tuple(bypass)))
    return tuple(found)


def reuse_limits(rng: random.Random, spec: Spec) -> dict[str, ReuseLimits]:
    """Limits of reuse at random levels; of half of them those alone that paths know."""
    chance = rng.choice([0.0, 0.3])

    def some(chance: float = 0.3) -> tuple[str, ...]:
        return tuple(t for t in spec.data_space_names if rng.random() < chance)

    return {name: ReuseLimits(some(), some(), some(chance), some(), some(chance)) for name in spec.level_names}


def _loops(rng: random.Random, name: str, dims: tuple[str, ...], *, fanout: bool) -> list[LoopConstraint]:
    found = []
    for spatial in (False, True) if fanout else (False,):
        if rng.random() < 0.35:
            order = rng.sample(dims, len(dims))
            first, last = sorted(rng.choices(range(len(dims) + 1), k=2))
            found.append(
                LoopConstraint(
                    name,
                    spatial,
                    {d: 1 for d in dims if rng.random() < 0.25},
                    {},
                    {d: 2 for d in dims if rng.random() < 0.1},
                    tuple(order[:first]),
                    tuple(order[last:]),
                    rng.choice([None, None, first]) if spatial else None,
                )
            )
    return found
