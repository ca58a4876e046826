"""The example of docs/formalism.md, counted by listing every mapping; its blocks are run by test_docs.py."""

from __future__ import annotations

from pathlib import Path

from brute_force import list_mappings

from flexloop.arch.load import load_arch
from flexloop.classes import FULLY_FLEXIBLE
from flexloop.mapspace import mapspace
from flexloop.workloads.layers import Layer

ROOT = Path(__file__).parent.parent


def test_the_example_layer_has_the_stated_number_of_mappings_in_each_pair_of_orders() -> None:
    layer = Layer(name="matmul", P=2, C=4, M=4)
    listed = list_mappings(mapspace(FULLY_FLEXIBLE, load_arch(ROOT / "docs" / "tiny4.yaml"), layer))
    unordered = {(m.shape, m.bounds, tuple(tuple(sorted(loops)) for loops in m.temporal), m.x, m.y) for m in listed}
    assert len(unordered) == 621
