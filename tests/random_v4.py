"""Random v4 designs that use everything that is read, and their translations in one form for comparison."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any

_SPACES = ("A", "B", "Z")


class Design:
    """A random design; the same seed gives the same one.

    Args:
        seed: the seed.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._dimensions = self._random.sample("CMKNPRS", self._random.randint(3, 5))
        self._held: dict[str, list[str]] = {}
        self._targets: list[str] = []
        self._gap = False

    def text(self) -> str:
        """The design as a file."""
        architecture = self._architecture()
        beside = self._beside()
        parts = [architecture, self._problem(), beside, self._variables(), self._mapper()]
        self._random.shuffle(parts)
        return "\n".join(parts)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _some(self, values: Any, least: int = 0) -> list[Any]:
        return self._random.sample(list(values), self._random.randint(least, len(values)))

    # -- problem and variables -----------------------------------------------------------------------------------------

    def _problem(self) -> str:
        spaces = []
        for name in _SPACES:
            own = self._held.setdefault(name, self._some(self._dimensions, 1))
            ranks = [[[dimension]] for dimension in own]
            if len(own) > 2 and self._chance(0.3):
                ranks = [[[own[0]], [own[1]]], *ranks[2:]]
            written = ", read_write: true" if name == "Z" else ""
            spaces.append(f"    - {{name: {name}, projection: {json.dumps(ranks)}{written}}}")
        bounds = {dimension: self._random.choice([1, 1, 2, 3, 4, 6, 7, 8, 12, 30]) for dimension in self._dimensions}
        instance = ", ".join(f"{name}: {bound}" for name, bound in bounds.items())
        if self._chance(0.3):
            instance += ", extra: W + 1"
        dimensions = ", ".join(self._dimensions)
        return f"""problem:
  version: 0.4
  instance: {{{instance}}}
  shape:
    dimensions: [{dimensions}]
    data_spaces:
""" + "\n".join(spaces)

    def _variables(self) -> str:
        return """variables:
  version: 0.4
  technology: "45nm"
  global_cycle_seconds: 1e-9
  W: 2 ** 3
  DEPTHS: ([16, W, 64])
  FAST: W > 4 and not False
  NAME: f"n{W:03d}"
"""

    def _mapper(self) -> str:
        lines = ["mapper:", "  version: 0.4", f"  optimization_metrics: [{self._random.choice(['edp', 'delay'])}]"]
        lines += [f"  {name}: {value}" for name, value in self._some([("timeout", 100), ("search_size", "W * 10")])]
        return "\n".join(lines)

    # -- architecture --------------------------------------------------------------------------------------------------

    def _architecture(self) -> str:
        for name in _SPACES:
            self._held.setdefault(name, self._some(self._dimensions, 1))
        nodes: list[str] = []
        if self._chance(0.8):
            nodes.append(self._container("system", fanout=False))
        nodes.append(self._storage("DRAM", "DRAM", fanout=False))
        for index in range(self._random.randint(1, 4)):
            nodes.append(self._node(index))
        compute = f"- !Component\n  name: mac\n  class: {self._random.choice(['intmac', 'mac_unit', 'compute'])}"
        if self._chance(0.4):
            compute += "\n" + _shifted(self._spatial("mac"), 2)
        if self._chance(0.6):
            compute += "\n  attributes: {width: W, datawidth: 2 * width, from: NAME}"
        nodes.append(compute)
        return "architecture:\n  version: 0.4\n  nodes:\n" + _shifted("\n".join(nodes), 2)

    def _node(self, index: int) -> str:
        kind = self._random.choice(["container", "storage", "storage", "parallel", "hierarchical", "nothing", "off"])
        if kind == "container":
            return self._container(f"box{index}", fanout=self._chance(0.8))
        if kind == "parallel":
            names = self._random.sample(_SPACES, 3)
            halves = (names[:1], names[1:]) if self._chance(0.5) else (names[:2], names[2:])
            branches = [
                self._storage(f"side{index}{i}", "regfile", fanout=False, keep=half) for i, half in enumerate(halves)
            ]
            return "- !Parallel\n  nodes:\n" + _shifted("\n".join(branches), 2)
        if kind == "hierarchical":
            inner = [self._container(f"in{index}", fanout=True), self._storage(f"deep{index}", "SRAM", fanout=True)]
            return "- !Hierarchical\n  nodes:\n" + _shifted("\n".join(inner), 2)
        if kind == "nothing":
            if self._gap:
                return self._container(f"box{index}", fanout=True)
            self._gap = True
            return "- !Nothing {}"
        text = self._storage(f"buf{index}", "smartbuffer_SRAM", fanout=self._chance(0.3))
        return text + ("\n  enabled: false" if kind == "off" else "\n  subclass: special")

    def _container(self, name: str, *, fanout: bool) -> str:
        lines = [f"- !Container\n  name: {name}"]
        if self._chance(0.6):
            lines.append(
                f'  attributes: {{technology: "{name}", {name}_bits: W * 2, has_power_gating: {self._chance(0.2)}}}'
            )
        if fanout:
            lines.append(_shifted(self._spatial(name), 2))
        return "\n".join(lines)

    def _storage(self, name: str, kind: str, *, fanout: bool, keep: list[str] | None = None) -> str:
        self._targets.append(name)
        attributes = ["width: W * 8", "datawidth: 8"]
        attributes += self._some(
            ["depth: DEPTHS[2]", "read_bandwidth: width / 16", "n: len(spec.problem.instance)",
             "multiple_buffering: 1.5", 't: "NAME"', "q: attributes.get('x', 5)", "shared_bandwidth: variables['W']"]
        )  # fmt: skip
        lines = [f"- !Component\n  name: {name}\n  class: {kind}", "  attributes:"]
        lines += [f"    {line}" for line in attributes]
        constraints = []
        if keep is not None:
            constraints.append(f"dataspace: {{keep: [{', '.join(keep)}]}}")
        elif self._chance(0.6):
            constraints.append(f"dataspace: {{{self._dataspace()}}}")
        if self._chance(0.6):
            constraints.append(f"temporal: {{{self._loops(spatial=False)}}}")
        spatial = self._spatial(name) if fanout else ""
        if spatial:
            first, _, rest = spatial.partition("\nconstraints:\n")
            lines.append(_shifted(first, 2))
            constraints += [line.strip() for line in rest.splitlines()]
        if constraints:
            lines += ["  constraints:", *(f"    {line}" for line in constraints)]
        return "\n".join(lines)

    def _spatial(self, name: str) -> str:
        mesh = self._random.choice(["meshX: 4", "meshX: 2, meshY: 3", "meshY: W", "meshX: max(DEPTHS) // 8"])
        return f"spatial: {{{mesh}}}\nconstraints:\n  spatial: {{{self._loops(spatial=True)}}}"

    def _dataspace(self) -> str:
        kind = self._random.choice(["keep_only", "bypass_only", "both", "no_coalesce"])
        some = self._some(_SPACES)
        if kind == "both":
            rest = self._some([name for name in _SPACES if name not in some])
            return f"keep: [{', '.join(some)}], bypass: [{', '.join(rest)}]"
        return f"{kind}: [{', '.join(some) if self._chance(0.8) or kind != 'no_coalesce' else _ALL}]"

    def _loops(self, *, spatial: bool) -> str:
        factors = [
            f"{d}{self._random.choice(['=', '=', '<=', '>='])}{self._random.choice([0, 1, 2, 3])}"
            for d in self._some(self._dimensions)
        ]
        if factors and self._chance(0.2):
            factors[0] = f'("{factors[0][0]}=" + str(W // 4))'
        said = [f"{self._random.choice(['factors', 'factors_only'])}: [{', '.join(factors)}]"]
        if self._chance(0.3):
            said.append(f"permutation: [{', '.join(self._some(self._dimensions))}]")
        free = [d for d in self._dimensions if not any(d in factor for factor in factors)]
        still = [name for name in _SPACES if not set(self._held[name]) - set(free)]
        if still and self._chance(0.5):
            said.append(f"no_iteration_over_dataspaces: [{', '.join(still[:1])}]")
            free = [d for d in free if d not in self._held[still[0]]]
        if free and "only" not in said[0] and self._chance(0.4):
            groups = [free[:1], free[1:]] if len(free) > 1 and self._chance(0.5) else [free]
            said.append(f"maximize_dims: {json.dumps(groups)}".replace('"', ""))
            said += [] if spatial else ["maximize_dims_capacity: W * 2"]
        if self._chance(0.3):
            said.append(f"no_reuse: [{', '.join(self._some(_SPACES)) or _ALL}]")
        if spatial:
            said += self._some(["split: len(DEPTHS)", f"no_link_transfer: [{_ALL}]"])
        else:
            said += self._some(["default_max_factor: W", "rmw_first_update: [Z]", "remainders: 1"])
        return ", ".join(said)

    def _beside(self) -> str:
        lines = []
        for index, target in enumerate(self._some(self._targets)[:2] if self._chance(0.4) else []):
            key = ["architecture_constraints", "extra_mapping_constraints"][index]
            kind, fields = self._random.choice(
                [("temporal", self._loops(spatial=False)), ("dataspace", self._dataspace())]
            )
            lines.append(f"{key}:\n  version: 0.4\n  targets:\n  - {{target: {target}, type: {kind}, {fields}}}")
        return "\n".join(lines)


_ALL = "'*'"


def _shifted(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def canonical(config: Any, key: str = "") -> Any:
    """A translation without the order of what has none, and numbers of one value in one form."""
    if isinstance(config, dict):
        return {str(name): canonical(value, str(name)) for name, value in config.items()}
    if isinstance(config, (list, tuple)):
        parts = [canonical(value) for value in config]
        return sorted(parts, key=str) if key in ("required_actions", "bypass", "keep") else parts
    if isinstance(config, float) and config.is_integer():
        return int(config)
    return config if config is None or isinstance(config, (bool, int, float)) else str(config)


def digest(config: Any) -> str:
    """Some digits of a checksum of a translation."""
    text = json.dumps(canonical(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
