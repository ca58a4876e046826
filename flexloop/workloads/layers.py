"""Layers in the canonical eight-dimensional shape, and networks of them.

    Weights[G,C,M,R,S]   Inputs[N,G,C, R*Wdilation+P*Wstride, S*Hdilation+Q*Hstride]   Outputs[N,G,M,P,Q]

G is groups: a depthwise convolution is G=channels, C=M=1; attention scores are G=heads; a linear layer has P=rows,
Q=R=S=1. P and Q are the real output extents; padding of the input is counted as part of it, as is usual in Timeloop.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import prod
from operator import mul
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from flexloop.htmltable import html_table
from flexloop.validation import Answering, no_boolean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_Extent = TypeVar("_Extent", int, "npt.NDArray[np.int64]")

DIMENSIONS = ("N", "G", "C", "M", "R", "S", "P", "Q")
"""The eight dimensions, in the order used everywhere."""

TENSORS = ("Weights", "Inputs", "Outputs")
"""The three data spaces, in Timeloop's order."""

RELEVANT: dict[str, frozenset[str]] = {
    "Weights": frozenset("GCMRS"),
    "Inputs": frozenset("NGCRSPQ"),
    "Outputs": frozenset("NGMPQ"),
}
"""The dimensions that each data space is indexed by."""

Bound = Annotated[int, Field(ge=1, le=2**40), BeforeValidator(no_boolean)]
MAX_MACS = 2**63 - 1
"""Multiply-accumulates above which a layer is refused: Timeloop counts them in 64 bits."""

Step = Annotated[int, Field(ge=1, le=2**20), BeforeValidator(no_boolean)]


class Layer(Answering):
    """One layer: bounds of the eight dimensions, strides and dilations, and how often it occurs.

    Attributes:
        name: unique in its network; letters, digits, ``_``, ``.`` and ``-``.
        N, G, C, M, R, S, P, Q: loop bounds. C and M are per group.
        Wstride, Hstride: output strides, along P and Q.
        Wdilation, Hdilation: filter dilations, along R and S.
        count: occurrences of this very shape in the network (evaluated once).
        dynamic_weights: whether the Weights data space is an activation, as in attention, and so holds no parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    N: Bound = 1
    G: Bound = 1
    C: Bound = 1
    M: Bound = 1
    R: Bound = 1
    S: Bound = 1
    P: Bound = 1
    Q: Bound = 1
    Wstride: Step = 1
    Hstride: Step = 1
    Wdilation: Step = 1
    Hdilation: Step = 1
    count: Annotated[int, Field(ge=1, le=10**6), BeforeValidator(no_boolean)] = 1
    dynamic_weights: bool = False

    @model_validator(mode="after")
    def _is_countable(self) -> Self:
        if self.macs > MAX_MACS:
            raise ValueError(
                f"the bounds multiply to {self.macs:.4g} MACs; at most 2^63 - 1, in 64 bits, can be counted"
            )
        return self

    @property
    def bounds(self) -> dict[str, int]:
        """Loop bound of each dimension, in the order of DIMENSIONS."""
        return {d: getattr(self, d) for d in DIMENSIONS}

    @property
    def coefficients(self) -> dict[str, int]:
        """Strides and dilations under Timeloop's names."""
        return {c: getattr(self, c) for c in ("Wstride", "Hstride", "Wdilation", "Hdilation")}

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one occurrence."""
        return prod(self.bounds.values())

    @property
    def weights(self) -> int:
        """Trained parameters of one occurrence (biases excluded); 0 where the weights are an activation."""
        return 0 if self.dynamic_weights else self.tensor_size("Weights")

    @property
    def is_depthwise(self) -> bool:
        """Whether this is a depthwise layer in the sense of the depthwise rule: C = M = 1 and G > 1."""
        return self.C == 1 and self.M == 1 and self.G > 1

    def tensor_size(self, tensor: str) -> int:
        """Words of a data space (inputs with their halo), from the layer's real bounds."""
        return tile_size(tensor, self.bounds, self.coefficients)

    @property
    def shape_key(self) -> tuple[int, ...]:
        """What identical layers share: bounds, strides and dilations."""
        return (*self.bounds.values(), *self.coefficients.values())


def tile_size(tensor: str, tile: Mapping[str, _Extent], coefficients: Mapping[str, int]) -> _Extent:
    """Words of the bounding box of a tile of a data space.

    Args:
        tensor: one of TENSORS.
        tile: extent of each dimension, of one tile or of many.
        coefficients: Wstride, Hstride, Wdilation, Hdilation.
    """
    extents = [tile[d] for d in DIMENSIONS if d in RELEVANT[tensor]]
    if tensor == "Inputs":
        width = 1 + coefficients["Wdilation"] * (tile["R"] - 1) + coefficients["Wstride"] * (tile["P"] - 1)
        height = 1 + coefficients["Hdilation"] * (tile["S"] - 1) + coefficients["Hstride"] * (tile["Q"] - 1)
        extents = [tile["N"], tile["G"], tile["C"], width, height]
    words: _Extent = reduce(mul, extents)
    return words


class Network(Answering):
    """A network: its layers, and where its numbers come from.

    Attributes:
        name: the network's name.
        description: one line on what it is.
        sources: where the numbers come from.
        parameters: the values that its layers were made with, such as a sequence length.
        layers: in the order of execution, each with a name of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    description: str = ""
    sources: tuple[str, ...] = ()
    parameters: dict[str, int] = {}
    layers: tuple[Layer, ...] = Field(min_length=1)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, counts included."""
        return sum(layer.macs * layer.count for layer in self.layers)

    @property
    def weights(self) -> int:
        """Trained parameters in the layers, counts included; biases, normalisation and embeddings are left out."""
        return sum(layer.weights * layer.count for layer in self.layers)

    @property
    def occurrences(self) -> int:
        """Number of layers, counts included."""
        return sum(layer.count for layer in self.layers)

    def unique(self) -> Network:
        """Return this network with identical layers merged: the first one's name and place, the sum of their counts."""
        merged: dict[tuple[int, ...], Layer] = {}
        for layer in self.layers:
            key = (*layer.shape_key, layer.dynamic_weights)
            count = layer.count + (merged[key].count if key in merged else 0)
            merged[key] = merged.get(key, layer).model_copy(update={"count": count})
        return self.model_copy(update={"layers": tuple(merged.values())})

    def __repr__(self) -> str:
        values = "".join(f", {name}={value}" for name, value in self.parameters.items())
        layers = f"{len(self.layers)} layer{'' if len(self.layers) == 1 else 's'}"
        return f"Network {self.name}: {layers}, {self.macs:,} MACs{values}"

    def _repr_html_(self) -> str:
        heads = ["layer", "count", *DIMENSIONS, "MACs"]
        rows = [[layer.name, layer.count, *layer.bounds.values(), layer.macs] for layer in self.layers]
        return html_table(f"{self.name}: {self.description}", heads, rows)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [layer.name for layer in self.layers]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"layers: name {repeated[0]!r} is given to several layers; give each its own")
        return self
