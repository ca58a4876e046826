"""Random small mapspaces on which the search can be compared with enumeration: archs, layers, energies, classes."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from math import inf
from typing import Any

from small_archs import PLAIN

from flexloop.arch.base import Arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FlexClass, all_classes
from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.costing import Costing, sort_keys
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Objective
from flexloop.embedded.spec import read_spec
from flexloop.mapspace import mapspace
from flexloop.rendering.render import shared_renderer
from flexloop.timeloop import yamlio
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp")
PAIRS = (("C", "M"), ("P", "M"), ("R", "P"), ("P", "Q"), ("P", "R"), ("G", "P"), ("S", "Q"))


@dataclass(frozen=True)
class Case:
    """One question to the mapper."""

    arch: Arch
    layer: Layer
    flexclass: FlexClass
    spaces: list[Space]

    @property
    def size(self) -> int:
        """Distinct mappings, those that do not fit included."""
        choices = [choices_of(space) for space in self.spaces]
        return int(sum(0 if c.empty_dimension else c.size() for c in choices))

    def enumerated(self) -> dict[Objective, tuple[float, float]]:
        """The best cost of all mappings in each objective, each mapping costed by the model; empty where none fits."""
        best: dict[Objective, tuple[float, float]] = {}
        for space in self.spaces:
            choices = choices_of(space)
            costing = Costing(space.spec, choices)
            for mappings in choices.listed() if not choices.empty_dimension else ():
                costs = costing.cost(mappings)
                for objective in OBJECTIVES if costs.valid.any() else ():
                    keys = sort_keys(costs, objective)[costs.valid, :2].tolist()
                    best[objective] = min(best.get(objective, (inf, inf)), *map(tuple, keys))
        return best


def random_case(seed: int) -> Case:
    """A case that depends on the seed alone."""
    rng = random.Random(seed)
    arch = _random_arch(rng)
    layer = random_layer(rng)
    ert = _random_ert(rng, arch)
    flexclass = rng.choice(all_classes(degrees=True))
    return Case(arch, layer, flexclass, spaces_of(flexclass, arch, layer, ert))


def spaces_of(flexclass: FlexClass, arch: Arch, layer: Layer, ert: dict[str, Any]) -> list[Space]:
    """The mapspaces of a class, read back from the YAML that the templates make."""
    renderer = shared_renderer(None)
    spaces = []
    for variant in mapspace(flexclass, arch, layer).variants:
        bounds = {d: choices[0] for d, choices in variant.bounds.items()}
        architecture = yamlio.load(renderer.architecture(arch, variant.shape, partitioned=variant.partitioned))
        problem = yamlio.load(renderer.problem(variant, bounds))
        spec = read_spec(architecture["architecture"], problem["problem"], ert)
        spaces.append(Space(spec, variant.bounds, variant.constraints))
    return spaces


def _random_arch(rng: random.Random) -> ArchSpec:
    while True:
        try:
            return ArchSpec.model_validate(_random_spec(rng))
        except ValueError:  # a fixed tile that does not fit: try another
            continue


def _random_spec(rng: random.Random) -> dict[str, Any]:
    spec = copy.deepcopy(PLAIN) | {"name": "random"}
    dram, glb, spad = (
        level | {"read_bandwidth": rng.choice((0.25, 1, 4, 16)), "write_bandwidth": rng.choice((0.25, 1, 4, 16))}
        for level in spec["levels"]
    )
    dram |= {"width": rng.choice((8, 32, 64))}
    glb |= {"depth": rng.choice((8, 16, 40, 200)), "width": rng.choice((8, 16, 32))}
    spad |= {"depth": rng.choice((3, 5, 8, 14, 40))}
    kind = rng.choice(("shared", "weights bypass", "weights in the PE", "side by side", "lanes", "two buffers"))
    lanes = {rng.choice("CMGN"): 2} if kind == "lanes" else {}
    spec["levels"] = [dram, glb, spad]
    if kind == "weights bypass":
        glb |= {"keep": ["Inputs", "Outputs"]}
    elif kind == "weights in the PE":
        spad |= {"keep": ["Weights"]}
    elif kind == "side by side":
        beside = [spad | {"name": f"{t}Spad", "keep": [t], "loops": False} for t in ("Weights", "Inputs")]
        rng.shuffle(beside)
        spec["levels"] = [dram, glb, *beside, spad | {"keep": ["Outputs"]}]
    elif kind == "two buffers":
        weights = glb | {"name": "WeightBuffer", "keep": ["Weights"], "loops": False}
        kept = rng.choice((["Inputs"], ["Outputs"], ["Weights", "Outputs"], ["Inputs", "Outputs"]))
        spec["levels"] = [dram, weights, glb | {"keep": ["Inputs", "Outputs"]}, spad | {"keep": kept}]
    if lanes:
        spec["array"] = {"below": "GlobalBuffer", "inner": {"X": 2, "x_factors": lanes}}
    spec["depthwise"], spec["edge"] = rng.choice(("off", "as_output_channels")), rng.choice(("clip", "pad"))
    spec["axes"] = _random_axes(rng, spec["levels"], lanes)
    spec["pins"] = "buffer"
    return spec


def _random_axes(rng: random.Random, levels: list[dict[str, Any]], lanes: dict[str, int]) -> dict[str, Any]:
    x, y = rng.choice(((2, 2), (4, 1), (1, 4), (2, 3), (3, 2), (4, 2), (2, 1)))
    pairs = [{"X": a, "Y": b} for a, b in rng.sample(PAIRS, 3)]
    orders = [{level: "".join(rng.sample(DIMENSIONS, 8)) for level in ("GlobalBuffer", "DRAM")} for _ in range(3)]
    along = {pairs[0]["X"]: x, pairs[0]["Y"]: y}
    inner = {d: lanes.get(d, 1) * rng.choice((1, 1, 1, 2)) for d in DIMENSIONS}
    outer = {d: inner[d] * along.get(d, 1) * rng.choice((1, 1, 2)) for d in DIMENSIONS}
    kept = {t for level in levels[1:] if "Spad" not in level["name"] for t in level.get("keep", TENSORS)}
    share = "1/3" if len(kept) == 3 else rng.choice(("1/4", "1/3", "1/2"))
    return {
        "tiling": {"fixed": {"Spad": inner, "GlobalBuffer": outer}, "partial": dict.fromkeys(sorted(kept), share)},
        "ordering": {"fixed": orders[0], "partial": orders},
        "parallelization": {"fixed": pairs[0], "partial": pairs},
        "shape": {"fixed": {"X": x, "Y": y}, "block": {"X": 1, "Y": 1}},
    }


def random_layer(rng: random.Random) -> Layer:
    """A matmul, a depthwise layer or a convolution, with strides, dilations and a batch at times."""
    highest = rng.choice(
        (
            {"M": 6, "C": 6, "P": 6, "G": 2},
            {"G": 6, "P": 6, "R": 3, "Q": 3, "S": 3},
            {"M": 4, "C": 4, "P": 6, "R": 3},
            {"P": 8, "R": 5, "Q": 6, "S": 3},
            {"N": 3, "M": 3, "C": 2, "P": 4, "R": 3, "Q": 2, "S": 2},
            {"P": 8, "R": 4, "M": 4, "G": 3},
        )
    )
    sizes = {d: rng.randint(1, most) for d, most in highest.items()}
    steps = {name: rng.choice((1, 1, 1, 2, 3)) for name in ("Wstride", "Hstride", "Wdilation", "Hdilation")}
    return Layer(name="random", **sizes, **steps)


def _random_ert(rng: random.Random, arch: ArchSpec) -> dict[str, Any]:
    real = {level.name for level in arch.levels} | {arch.mac.name}
    round_numbers = rng.random() < 0.3  # these make ties

    def energy(name: str) -> float:
        if name not in real:
            return 0.0
        scale = 20 if name == "DRAM" else 1
        return float(rng.choice((1, 2, 5)) * scale) if round_numbers else round(rng.random() * 10 * scale, 3)

    actions = ("read", "write", "update", "compute")
    return {
        "version": 0.4,
        "tables": [
            {
                "name": path,
                "actions": [
                    *({"name": action, "arguments": {}, "energy": energy(name)} for action in actions),
                    {"name": "leak", "arguments": {}, "energy": rng.choice((0.0, 0.01)) if name in real else 0.0},
                ],
            }
            for name, path in arch.component_paths.items()
        ],
    }
