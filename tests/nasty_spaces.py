"""Mapspaces that are hard to search in a short time: many levels, everything open, huge bounds, tiny buffers."""

from __future__ import annotations

from typing import Any

from flexloop.embedded.mapper import Space
from flexloop.embedded.spec import read_config
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint

CONVOLUTION = {
    "Weights": [[["C"]], [["M"]], [["R"]], [["S"]]],
    "Inputs": [[["N"]], [["C"]], [["R"], ["P"]], [["S"], ["Q"]]],
    "Outputs": [[["N"]], [["M"]], [["P"]], [["Q"]]],
}


def document(
    depths: list[int | None], fanouts: list[int], bounds: dict[str, int], projections: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Timeloop's keys for a chain of levels, outermost first, each with its depth and what it has below it.

    Energies fall from level to level inwards. Without projections: a matrix product of the first three dimensions,
    whose outputs all further dimensions index as well.
    """
    root: dict[str, Any] = {"version": 0.4}
    node, path, tables = root, [], []
    count = 1
    names = [f"L{len(depths) - i}" for i in range(len(depths))] + ["MAC"]
    for name, depth, fanout in zip(names, [*depths, None], [1, *fanouts], strict=True):
        count *= fanout
        attributes = {"width": 16, "datawidth": 16} | ({"depth": depth} if depth and name != "MAC" else {})
        kind = "intmac" if name == "MAC" else "SRAM" if depth else "DRAM"
        within = f"node{name}" + (f"[0..{fanout - 1}]" if fanout > 1 else "")
        node["subtree"] = [{"name": within, "local": [{"name": name, "class": kind, "attributes": attributes}]}]
        node = node["subtree"][0]
        path.append(within)
        energy = 1.0 if name == "MAC" else 200.0 / 2 ** (len(path) - 1)
        actions = ["compute"] if name == "MAC" else ["read", "write", "update"]
        listed = [{"name": action, "energy": energy} for action in actions] + [{"name": "leak", "energy": 0.0}]
        tables.append({"name": ".".join([*path, name]), "actions": listed})
    dims = list(bounds)
    projections = projections or {
        "A": [[[dims[0]]], [[dims[1]]]],
        "B": [[[dims[1]]], [[dims[2]]]],
        "Z": [[[dims[0]]], [[dims[2]]], *([[d]] for d in dims[3:])],
    }
    spaces: list[dict[str, Any]] = [{"name": name, "projection": ranks} for name, ranks in projections.items()]
    spaces[-1]["read_write"] = True
    return {
        "architecture": root,
        "problem": {"shape": {"name": "nasty", "dimensions": dims, "data_spaces": spaces}, "instance": bounds},
        "ERT": {"version": "0.4", "tables": tables},
        "mapper": {"optimization_metrics": ["edp"]},
    }


def documents() -> dict[str, dict[str, Any]]:
    """The inputs by name."""
    conv = {"N": 4, "C": 128, "M": 256, "R": 3, "S": 3, "P": 56, "Q": 56}
    smooth = 2**4 * 3**3 * 5 * 7 * 11
    dims = "ABCDEFGHIJKL"
    return {
        "twelve levels": document([None, *[4096 // 2**i for i in range(11)]], [1] * 12, conv, CONVOLUTION),
        "eight levels, fanouts everywhere": document(
            [None, 65536, 16384, 4096, 1024, 256, 64, 16], [2, 3, 2, 4, 1, 2, 2, 2], conv, CONVOLUTION
        ),
        "huge smooth bounds": document([None, 65536, 512, 16], [1, 16, 16, 1], dict.fromkeys("ABC", smooth)),
        "large primes": document([None, 1024, 64], [1, 8, 1], dict.fromkeys("ABC", 131071)),
        "twelve dimensions": document([None, 4096, 64], [1, 64, 1], dict.fromkeys(dims, 12)),
        "almost nothing fits": document([None, 12, 4, 3], [4, 4, 2, 1], conv, CONVOLUTION),
        "a fanout of 65,536": document([None, 262144, 32], [1, 65536, 1], conv, CONVOLUTION),
        "one level": document([None], [16], conv, CONVOLUTION),
    }


def space_of(content: dict[str, Any], *, keep: bool = False) -> Space:
    """The mapspace without constraints; with ``keep`` every level keeps everything."""
    spec = read_config(content)
    kept = tuple(DataspaceConstraint(name, spec.data_space_names) for name in spec.level_names)
    bounds = {d: (bound,) for d, bound in spec.problem.bounds.items()}
    return Space(spec, bounds, Constraints((), kept if keep else ()))
