"""Mapspaces that the search is measured on: problems of any size on the golden architecture ``base``."""

from __future__ import annotations

import sys
from dataclasses import replace

from _timeloop import SPECS

from flexloop.embedded.mapper import Space

sys.path.insert(0, str(SPECS.parents[1]))
from golden_specs import golden_space

LEVELS = ("Spad", "GlobalBuffer", "DRAM")


def problem(case: str, *, free_bypass: bool = False, **sizes: int) -> Space:
    """A golden case's mapspace, unconstrained but for bypass.

    Args:
        case: the golden case whose architecture and shape of problem are taken.
        free_bypass: whether bypass is searched; else every level keeps every tensor.
        **sizes: bounds; the dimensions not named have bound 1. Without any, those of the case.
    """
    space = golden_space(case, keep=() if free_bypass else LEVELS)
    bounds = dict(space.spec.problem.bounds)
    if sizes:
        bounds = dict.fromkeys(bounds, 1) | sizes
    spec = replace(space.spec, problem=replace(space.spec.problem, bounds=bounds))
    return replace(space, spec=spec, bounds={d: (bound,) for d, bound in bounds.items()})


def matmul(m: int, k: int, n: int) -> Space:
    """A matrix product, M*K by K*N."""
    return problem("base-fc", M=m, K=k, N=n)


def convolution(m: int, c: int, p: int, q: int, r: int = 3, s: int = 3, n: int = 1) -> Space:
    """A convolution with M output and C input channels, P*Q outputs, an R*S filter, and a batch of N."""
    return problem("base-conv3x3", M=m, C=c, P=p, Q=q, R=r, S=s, N=n)


def depthwise(channels: int, p: int, q: int, r: int = 3, s: int = 3) -> Space:
    """A depthwise convolution: each channel has a filter of its own."""
    return problem("base-depthwise3x3", M=channels, P=p, Q=q, R=r, S=s)
