"""Reports of the real Timeloop, byte by byte, for what is told to the model beside loops, tiles and bypass.

Each file `golden/<name>.jsonl.gz` holds runs of `timeloop-model` (master at 4cf6d4c) on random inputs: a line is all
that it was given, and its `stats.txt`, or the last line of what it said. How each kind is counted: docs/counting.md.

- reuse: limits of reuse in mappings (rules 12 to 16), a fifth of them with loops that have residuals.
- coalesce: the outermost level that keeps a data space hands its accesses on to none (rule 16), half of them with other
  limits, residuals, networks and what levels may have besides.
- hardware: shared bandwidths and their scales, least utilisation, power gating, energies of addresses (rules 18 to 21).
- networks: those that are inferred and those that are described, with energies and latencies (rules 22 to 28). What the
  real one never sets (the latency of a network in the direction that it does not carry) is 0 in the record.
- ranks: data spaces with any number of dimensions in a rank, and dimensions in several ranks (rule 17).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from flexloop.dropin.model import complete
from flexloop.embedded.model import evaluate
from flexloop.embedded.report import make_report
from flexloop.embedded.spec import read_config
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.statswriter import stats_text

GOLDEN = Path(__file__).parent / "golden"


def runs(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def answer(run: dict[str, Any]) -> str:
    """The report on a run's mapping, or why it is invalid."""
    spec = read_config(run)
    mapping = Mapping.from_directives(run["mapping"], spec.level_names)
    found = evaluate(spec, mapping)
    return stats_text(make_report(spec, complete(spec, mapping), found)) if found.valid else f"ERROR: {found.reason}"


def difference(found: str, expected: str) -> str:
    """The first lines that differ."""
    lines = unified_diff(expected.splitlines(), found.splitlines(), "timeloop", "flexloop", n=0, lineterm="")
    return "\n".join(list(lines)[:12])


@pytest.mark.parametrize(
    ("name", "size"), [("reuse", 320), ("coalesce", 360), ("ranks", 352), ("hardware", 300), ("networks", 460)]
)
def test_every_run_agrees(name: str, size: int) -> None:
    wrong, compared = [], 0
    for number, run in enumerate(runs(name)):
        compared += 1
        if changed := difference(answer(run), run.get("stats") or run["error"]):
            wrong.append(f"run {number}:\n{changed}")
    assert not wrong, f"{len(wrong)} of {compared} differ; " + "\n".join(wrong[:5])
    assert compared == size
