"""Depthwise layers on hardware with fixed channels, which sees their groups as output channels."""

from __future__ import annotations

from typing import Protocol

from flexloop.workloads.layers import Layer


class HasDepthwiseRule(Protocol):
    """An arch spec or a design."""

    @property
    def depthwise(self) -> str:
        """``as_output_channels``, ``on_both_axes`` or ``off``."""
        ...


def follows_depthwise_rule(arch: HasDepthwiseRule, layer: Layer) -> bool:
    """Whether the layer's G takes the fixed values of M, as on hardware that sees groups as output channels."""
    return arch.depthwise != "off" and layer.is_depthwise
