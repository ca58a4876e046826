"""docs/counting.md holds: its worked examples, figure by figure, and the numbers of its rules that the code cites.

`golden/counting.jsonl.gz` holds what the real Timeloop (master at 4cf6d4c) reports of each example, in the page's
order.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from counting_examples import PAGE, config_of, examples
from test_recorded_runs import answer, difference, runs

from flexloop.dropin.model import complete
from flexloop.embedded.model import evaluate
from flexloop.embedded.report import partition_sizes
from flexloop.embedded.spec import read_config
from flexloop.evaluation import Evaluation
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping

PACKAGE = Path(__file__).parent.parent / "flexloop"
RECORDS = dict(zip(examples(), runs("counting"), strict=True))
"""The recorded run of each example."""
RULES = [*map(str, range(1, 29)), *(f"R{n}" for n in range(1, 8))]

_COUNTS = {
    "words": "utilized_capacity",
    "reads": "reads",
    "fills": "fills",
    "updates": "updates",
    "reductions": "temporal_reductions",
    "energy": "energy_pj",
}
_LEVELS = {"cycles": "cycles", "energy": "energy_pj", "instances": "utilized_instances"}
_TOTALS = {"cycles": "cycles", "energy": "energy_pj", "computes": "computes"}


@cache
def evaluated(rule: str) -> tuple[Evaluation, dict[str, dict[str, int]]]:
    """The figures of an example, and the partitions of its levels."""
    config = config_of(examples()[rule])
    spec = read_config(config)
    mapping = complete(spec, Mapping.from_directives(config["mapping"], spec.level_names))
    return evaluate(spec, mapping), partition_sizes(spec, mapping)


def figure(rule: str, name: str) -> Any:
    """What the model says: of all (cycles), of a level (Buffer cycles), of a data space there (Buffer A reads)."""
    evaluation, partitions = evaluated(rule)
    if name == "error":
        return evaluation.reason
    assert evaluation.valid, evaluation.reason
    *where, what = name.rsplit(" ", 2)  # names of networks have spaces
    if not where:
        return getattr(evaluation, _TOTALS[what])
    if what == "partition":
        return partitions[where[0]][where[1]]
    levels = {level.name: level for level in evaluation.levels}
    if len(where) == 1:
        return getattr(levels[where[0]], _LEVELS[what])
    networks = {network.name: network for network in evaluation.networks}
    if where[0] in networks:
        carried = networks[where[0]].tensors[where[1]]
        return carried.energy_pj + carried.link_energy_pj + carried.reduction_energy_pj
    return getattr(levels[where[0]].tensors[where[1]], _COUNTS[what])


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_an_example_with_its_figures(rule: str) -> None:
    expected = dict(examples()[rule]["figures"])
    if "error" in expected:
        assert figure(rule, "error") == expected.pop("error")
    assert {name: figure(rule, name) for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_the_real_timeloop_reports_the_same_of_it(rule: str) -> None:
    record = RECORDS[rule]
    given = {key: value for key, value in record.items() if key not in ("stats", "error")}
    assert given == config_of(examples()[rule]), "record it anew"
    assert not difference(answer(record), record.get("stats") or record["error"])


_UNSET = re.compile(r"^ +(Fill|Drain) latency .*$", re.M)
"""What the real one prints of a network in the direction that it does not carry is not defined."""


@pytest.mark.timeloop
@pytest.mark.parametrize("rule", RULES)
def test_the_real_timeloop_on_path_reports_the_same_of_it(rule: str, tmp_path: Path) -> None:
    (tmp_path / "input.yaml").write_text(yamlio.dump(config_of(examples()[rule])), encoding="utf-8")
    command = ["timeloop-model", "input.yaml", "-o", "."]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False, timeout=60
    )
    stats, expected = tmp_path / "timeloop-model.stats.txt", answer(RECORDS[rule])
    if expected.startswith("ERROR"):
        assert expected in done.stderr
    else:
        assert not difference(_UNSET.sub("", expected), _UNSET.sub("", stats.read_text(encoding="utf-8")))


def cited(text: str) -> set[str]:
    """The numbers of rules that a text names: ``rules 3 to 5`` names 3, 4 and 5."""
    number, found = r"R?\d+[a-f]?", set[str]()
    for some in re.findall(rf"\brules? ({number}(?:(?:, | and | to ){number})*)", " ".join(text.split())):
        found |= set(re.findall(number, some))
        for kind, first, last in re.findall(r"(R?)(\d+) to R?(\d+)", some):
            found |= {f"{kind}{n}" for n in range(int(first), int(last))}
    return found


def stated(text: str) -> set[str]:
    """The numbers of rules that a page has: of sections, their points, and paragraphs."""
    found, section = set[str](), ""
    for line in text.splitlines():
        if heading := re.match(r"## (\d+)\. ", line) or re.match(r"\*\*(R?\d+)\.", line):
            section = heading[1]
            found.add(section)
        elif point := re.match(r"([a-z])\. ", line):
            found.add(section + point[1])
    return found


def test_citations_and_statements_are_noticed() -> None:
    assert cited("as of rule 2c, rules R1 to R3;\n    rules 24 and 25") == {"2c", "R1", "R2", "R3", "24", "25"}
    assert stated("## 2. Tiles\na. One.\nb. Two.\n**12. Links** at p\n") == {"2", "2a", "2b", "12"}


def test_every_rule_that_the_code_and_the_page_cite_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    known = stated(page)
    assert known >= set(RULES)
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))} | {PAGE: page}
    assert {str(path): cited(text) - known for path, text in sources.items() if cited(text) - known} == {}


def test_every_rule_is_cited_by_the_code_that_follows_it() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (PACKAGE / "embedded").rglob("*.py"))
    found = {re.sub("[a-f]$", "", number) for text in sources for number in cited(text)}
    assert set(RULES) - found == set()
