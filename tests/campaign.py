"""Random mapspaces, searched without shortcuts and listed whole: the search must find what the list holds.

Every seed makes one mapspace of perfect factors, the same on arrays of several shapes, one with residuals, one of a
problem whose rows and columns are alike, and one on several arrays with a level between fanouts that has nothing; of
odd seeds each data space has a shortest path of its own, and orders are bounded however few they are; of every other
two seeds ways to fill the fanouts are bounded together however few they are.

``python tests/campaign.py --first 0 --seconds 600`` goes on from seed to seed, and prints those that are wrong; `make
campaign` does so for a minute.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from unittest.mock import patch

from enumeration import best_of_all, find_best_general
from random_spaces import joined_space, some_arrays, square_space
from test_imperfect_search import apart
from test_imperfect_search import some_space as some_imperfect_space

from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.general import joined, known_forms, labels, pricing, roots
from flexloop.embedded.mapper.general import search as general_module
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Objective
from flexloop.errors import UnmappableError, UnsupportedError

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp")
KINDS = ("one array", "several arrays", "residuals", "a square problem", "nothing between fanouts")
_ROUNDING = 2e-12
"""How far sums of the same numbers in another order may differ."""


def wrong(spaces: Sequence[Space], objective: Objective) -> str | None:
    """What is wrong with what the search finds, or None."""
    listed = [best_of_all(Costing(s.spec, choices_of(s)), choices_of(s), objective) for s in spaces]
    best = min((some for some in listed if some is not None), key=lambda some: some.key, default=None)
    try:
        found = find_best_general(spaces, objective, samples=0, time_limit=600.0)
    except (UnmappableError, UnsupportedError):
        return None if best is None else f"nothing was found, not even {best.key[:2]}"
    if best is None:
        return f"{found.cost} was found where nothing is listed"
    if not found.certificate.optimal:
        return f"{found.cost} was not proved"
    expected, cost = best.key[:2], found.cost
    as_good = abs(cost[0] - expected[0]) <= _ROUNDING * abs(expected[0])
    if not as_good or cost[1] > expected[1] * (1 + _ROUNDING):
        return f"{cost} was found, not {expected}"
    return None


def main() -> int:
    """Search and list; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU time after which no further seed is begun")
    parser.add_argument("--most", type=int, default=300, help="mappings of a space, about")
    options = parser.parse_args()
    seed, searches, failures = options.first, 0, 0
    # Nothing is listed by the search itself, nothing goes to the exact one; fanouts are joined wherever that can be.
    plain = patch.object(general_module, "_ENUMERATED", 0), patch.object(known_forms, "recognise", lambda space: None)
    with plain[0], plain[1], patch.object(joined, "_WORTH", 0):
        while time.process_time() < options.seconds:
            of_residuals = [some_imperfect_space(seed * 1_000_003, options.most)]
            square = [square_space(seed * 1_000_003, options.most)]
            between = some_arrays(seed * 1_000_003, options.most, joined_space)
            every = [some_arrays(seed * 1_000_003, options.most), of_residuals, square, between]
            for (kind, spaces), objective in itertools.product(enumerate([every[0][:1], *every]), OBJECTIVES):
                few = patch.object(pricing, "shortest", apart), patch.object(labels, "BATCH", 1)
                together = patch.object(roots, "_FEW", 1), patch.object(roots, "_MANY", 1)
                with ExitStack() as stack:
                    for patched in [*(few if seed % 2 else ()), *(together if seed % 4 > 1 else ())]:
                        stack.enter_context(patched)
                    problem = wrong(spaces, objective)
                searches, failures = searches + 1, failures + (problem is not None)
                if problem is not None:
                    print(f"seed {seed}, {KINDS[kind]}, {objective}: {problem}", flush=True)
            seed += 1
    print(f"{searches} searches, seeds {options.first} to {seed - 1}: {failures} wrong", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
