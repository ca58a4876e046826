"""Arch specs small enough that every mapping of a small layer can be listed."""

from __future__ import annotations

import copy
from typing import Any

from flexloop.arch.spec import ArchSpec

PLAIN: dict[str, Any] = {
    "name": "plain4",
    "levels": [
        {"name": "DRAM", "class": "DRAM", "datawidth": 8, "width": 64, "read_bandwidth": 4, "write_bandwidth": 4},
        {
            "name": "GlobalBuffer",
            "class": "SRAM",
            "datawidth": 8,
            "width": 16,
            "depth": 16,
            "read_bandwidth": 8,
            "write_bandwidth": 8,
        },
        {
            "name": "Spad",
            "class": "regfile",
            "datawidth": 8,
            "width": 8,
            "depth": 14,
            "read_bandwidth": 4,
            "write_bandwidth": 4,
        },
    ],
    "array": {"below": "GlobalBuffer"},
    "axes": {
        "tiling": {
            "fixed": {"Spad": {"P": 2}, "GlobalBuffer": {"M": 2}},
            "partial": {"Weights": "1/3", "Inputs": "1/3", "Outputs": "1/3"},
        },
        "ordering": {
            "fixed": {"GlobalBuffer": "PQNRSCMG", "DRAM": "PQNRSCMG"},
            "partial": [
                {"GlobalBuffer": "PQNRSCMG", "DRAM": "PQNRSCMG"},
                {"GlobalBuffer": "MRSCPQNG", "DRAM": "MRSCPQNG"},
                {"GlobalBuffer": "CRSMPQNG", "DRAM": "CRSMPQNG"},
            ],
        },
        "parallelization": {
            "fixed": {"X": "C", "Y": "M"},
            "partial": [{"X": "C", "Y": "M"}, {"X": "P", "Y": "M"}, {"X": "R", "Y": "P"}],
        },
        "shape": {"fixed": {"X": 2, "Y": 2}, "block": {"X": 2, "Y": 1}},
    },
}
"""Four PEs, one shared buffer of 32 words, a scratchpad of 14 words."""


def plain() -> ArchSpec:
    """The small arch as it stands."""
    return ArchSpec.model_validate(PLAIN)


def padded() -> ArchSpec:
    """Tiles that never shrink."""
    spec = copy.deepcopy(PLAIN) | {"name": "padded4", "edge": "pad"}
    spec["axes"]["tiling"]["fixed"] = {"Spad": {}, "GlobalBuffer": {"M": 2}}
    return ArchSpec.model_validate(spec)


def remainder() -> ArchSpec:
    """The last tile along a dimension is what is left."""
    return ArchSpec.model_validate(PLAIN | {"name": "remainder4", "edge": "remainder"})


def whole_buffer() -> ArchSpec:
    """The same rigid design, its tiles read as what the buffers hold in all, array included."""
    spec = copy.deepcopy(PLAIN) | {"name": "whole_buffer4", "pins": "buffer"}
    spec["axes"]["tiling"]["fixed"] = {"Spad": {"P": 2}, "GlobalBuffer": {"C": 2, "M": 4, "P": 2}}
    return ArchSpec.model_validate(spec)


def row() -> ArchSpec:
    """The groups of a depthwise layer may lie along both mesh axes."""
    return ArchSpec.model_validate(PLAIN | {"name": "row4", "depthwise": "on_both_axes"})


def symbols() -> ArchSpec:
    """Tiles named after the layer, in buffers without limits, on an array whose shape divides little."""
    spec = copy.deepcopy(PLAIN) | {"name": "symbols6"}
    for level in spec["levels"][1:]:
        level |= {"depth": "unlimited", "energy_depth": 64, "read_bandwidth": "unlimited"}
    spec["axes"]["tiling"]["fixed"] = {"Spad": {"R": "bound"}, "GlobalBuffer": {"C": "R"}}
    spec["axes"]["shape"] = {"fixed": {"X": 2, "Y": 3}, "block": {"X": 2, "Y": 1}}
    return ArchSpec.model_validate(spec)


def own_channels() -> ArchSpec:
    """The same without the depthwise rule."""
    return ArchSpec.model_validate(PLAIN | {"name": "own_channels4", "depthwise": "off"})


def lanes() -> ArchSpec:
    """Two lanes of C in each PE, buffers side by side there, and weights that bypass the big buffer."""
    spec = copy.deepcopy(PLAIN) | {"name": "lanes4"}
    dram, glb, spad = spec["levels"]
    weights = spad | {"name": "WeightSpad", "depth": 8, "keep": ["Weights"], "loops": False}
    spec["levels"] = [dram, glb | {"keep": ["Inputs", "Outputs"]}, weights, spad | {"keep": ["Inputs", "Outputs"]}]
    spec["array"] = {"below": "GlobalBuffer", "inner": {"X": 2, "x_factors": {"C": 2}}}
    tiling = spec["axes"]["tiling"]
    tiling["fixed"] = {"Spad": {"P": 2}, "GlobalBuffer": {}}
    tiling["partial"] = {"Inputs": "1/2", "Outputs": "1/2"}
    return ArchSpec.model_validate(spec)


def four_levels() -> ArchSpec:
    """A further buffer between DRAM and the one above the array."""
    spec = copy.deepcopy(PLAIN) | {"name": "deep4"}
    dram, glb, spad = spec["levels"]
    spec["levels"] = [dram, glb | {"name": "LastLevel", "depth": 40}, glb, spad]
    spec["axes"]["tiling"]["fixed"]["LastLevel"] = {"P": 2}
    for order in [spec["axes"]["ordering"]["fixed"], *spec["axes"]["ordering"]["partial"]]:
        order["LastLevel"] = order["DRAM"]
    return ArchSpec.model_validate(spec)


def buffer_alone() -> ArchSpec:
    """The small arch where freeing tiles frees those of the shared buffer alone."""
    spec = copy.deepcopy(PLAIN) | {"name": "buffer_alone4"}
    spec["axes"]["tiling"]["free"] = ["GlobalBuffer"]
    return ArchSpec.model_validate(spec)


MAKERS = (plain, padded, remainder, whole_buffer, row, symbols, own_channels, lanes, four_levels)
ALL = {make.__name__: make for make in MAKERS}
