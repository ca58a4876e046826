"""What must hold of every reader for any input whatever; tests/test_fuzz.py and fuzz/run.py try it.

A target takes bytes as a file would hold them. Any other exception than a `FlexloopError` (a ValueError for entries of
a store, as documented) is a failure, and so is a value that does not come back as it was when it is written and read.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import libconf
import yaml

from flexloop.arch.load import load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.embedded.spec import read_config
from flexloop.energy.classes import read_classes
from flexloop.energy.estimate import Estimator
from flexloop.energy.source import complete_art, complete_ert
from flexloop.energy.table import load_table
from flexloop.energy.timeloop_tree import of_timeloop
from flexloop.energysources.accelergyinput import written
from flexloop.errors import FlexloopError, SpecError
from flexloop.evaluation import Evaluation
from flexloop.overhead import OverheadModel
from flexloop.published.accelerators import Catalogue
from flexloop.running.store import decode, encode
from flexloop.timeloop import yamlio
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.timeloop.inputs import libconfig
from flexloop.timeloop.inputs.document import parse_document
from flexloop.timeloop.inputs.keywords import without_effect
from flexloop.timeloop.inputs.variables import substituted
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.stats import parse_stats
from flexloop.timeloop.templates import Templates
from flexloop.timeloop.v4front import Document, assemble, plain, tags, translate
from flexloop.timeloop.v4front.expressions import FAULTS, Evaluator
from flexloop.timeloop.v4front.functions import Runner
from flexloop.timeloop.v4front.limits import Budget, ExpressionError
from flexloop.validation import validated
from flexloop.workloads.parameters import evaluate
from flexloop.workloads.read import read_network

SUBJECT = Subject(
    ("Spad", "GlobalBuffer", "DRAM"), {"GlobalBuffer"}, dict.fromkeys("NGCMRSPQ", 12), ("Weights", "Inputs", "Outputs")
)
ARCH = load_arch_spec("edge256")
KEY = "0" * 64


_DEEP: list[Any] = [1]
for _ in range(120):
    _DEEP = [_DEEP]

VALUES: tuple[Any, ...] = (
    2**63, 2**63 - 1, 2**64, 2**31, 2**40, 2**53 + 1, 10**30, -(2**63), 0, -1, 1, 1.0, 1.5, -0.0, 1e308, 1e-320,
    math.nan, math.inf, -math.inf, True, False, None, "", " ", "12", "1e9", "1e999999", "0x10", "nan", "1/0", "-5",
    "9" * 5000, "C=" + "9" * 5000, "C=1 C=2", "C<=0", "P=0,1", "[0..9]", "PE[0..99999999999999999999]", "PE[9..0]",
    "PE[0.." + "9" * 5000 + "]", "../../x", "/etc/passwd", "-rf", "a\0b", "\x1b[31m", "[red]x[/]", "{{ 7*7 }}",
    "<script>", "x" * 3000, "\u202e", "\u0661", [], [[]], [1, [2, [3]]], _DEEP, {}, {"a": 1}, {1: 2, "b": 3},
    {"target": "Spad", "type": "temporal"}, ["Weights", "Weights"], "Weights",
)  # fmt: skip
"""What a field may be given that it does not expect."""


def mutated(document: Any, random: Random) -> Any:
    """A document with one value replaced, dropped, repeated, or exchanged with another."""
    places = list(_places(document))
    if not places:
        return random.choice(VALUES)
    holder, key = random.choice(places)
    action = random.randrange(6)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif action == 2 and isinstance(holder, dict):
        holder[random.choice(VALUES[:-12])] = holder[key]
    elif action == 3:
        other, place = random.choice(places)
        holder[key] = deepcopy(other[place])
    else:
        holder[key] = random.choice(VALUES)
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, (dict, list)):
        for key in list(document) if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _places(document[key])


def text_of(data: bytes) -> str:
    """Bytes as text; what is not UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", errors="surrogateescape")


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in value and type, NaN equal to itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(
            same(a, b) and same(left[a], right[b]) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or (left != left and right != right)


def _yaml(data: bytes) -> None:
    value = yamlio.load(text_of(data))
    assert same(yamlio.load(yamlio.dump(value)), value)


def _stats(data: bytes) -> None:
    assert_sound(parse_stats(text_of(data), "report"))


def assert_sound(evaluation: Evaluation) -> None:
    """Figures of a report are finite and not negative, and there are some."""
    numbers = [evaluation.cycles, evaluation.energy_pj, evaluation.utilization, evaluation.computes]
    for level in evaluation.levels:
        numbers += [level.cycles, level.energy_pj, level.utilized_instances]
        numbers += [figure for tensor in level.tensors.values() for figure in asdict(tensor).values()]
    assert all(math.isfinite(number) and number >= 0 for number in numbers)
    assert evaluation.cycles > 0


def _arch(data: bytes) -> None:
    spec = validated(ArchSpec, yamlio.load(text_of(data)), "arch")
    assert ArchSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert spec.pes > 0


def _network(data: bytes) -> None:
    network = read_network(yamlio.load(text_of(data)), "network")
    assert type(network).model_validate(network.model_dump(mode="json")) == network
    assert network.macs >= len(network.layers)


def _mapping(data: bytes) -> None:
    mapping = Mapping.from_directives(_under(yamlio.load(text_of(data)), "mapping"))
    again = Mapping.from_directives(yamlio.load(yamlio.dump(mapping.to_directives())))
    assert [level.loops for level in again.levels] == [level.loops for level in mapping.levels]
    assert again.bounds() == mapping.bounds()
    Mapping.from_directives(_under(yamlio.load(text_of(data)), "mapping"), SUBJECT.levels, SUBJECT.bounds)


def _constraints(data: bytes) -> None:
    document = yamlio.load(text_of(data))
    constraints = from_config(document if isinstance(document, dict) else {"mapspace": document}, SUBJECT)
    directives = yamlio.load(yamlio.dump(constraints.to_directives()))
    again = read_constraints(directives, SUBJECT)
    assert again.parallelism == constraints.parallelism
    assert [c for c in again.loops if c.factors] == [c for c in constraints.loops if c.factors]


def _libconfig(data: bytes) -> None:
    value = libconfig.parse(data.decode("utf-8", errors="replace"), "fuzz.cfg")
    assert isinstance(value, dict)
    assert libconfig.parse(libconf.dumps(_as_libconfig(value)), "again.cfg") == value


def _as_libconfig(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_libconfig(entry) for key, entry in value.items()}
    return libconf.LibconfList(map(_as_libconfig, value)) if isinstance(value, list) else value


def _inputs(data: bytes) -> None:
    """A document as the front door reads it, but for the file system: respelt, variables in their places, notes."""
    notes: list[str] = []
    config = substituted(parse_document(text_of(data), "fuzz.yaml", notes.append))
    assert "variables" not in config
    assert all([*notes, *without_effect(config)])


def _config(data: bytes) -> None:
    document = yamlio.load(text_of(data))
    spec = read_config(document if isinstance(document, dict) else {})
    assert all(level.instances > 0 and level.block_size > 0 for level in spec.levels)
    assert all(bound > 0 for bound in spec.problem.bounds.values())


def _energies(data: bytes) -> None:
    document = yamlio.load(text_of(data))
    ert = complete_ert(_under(document, "ERT"), ARCH, "energies")
    assert all(0 <= action["energy"] < math.inf for table in ert["tables"] for action in table["actions"])
    art = complete_art(_under(document, "ART"), ARCH, "energies")
    assert all(0 <= table["area"] < math.inf for table in art["tables"])


def _components(data: bytes) -> None:
    document = yamlio.load(text_of(data))
    content = document if isinstance(document, dict) else {}
    classes = read_classes(content.get("compound_components"))
    estimator = Estimator(load_table("45nm"), classes, "45nm")
    found = [estimator.estimate(component) for component in of_timeloop(content.get("architecture"), classes)]
    assert all(math.isfinite(e.area) and math.isfinite(pj) for e in found for _, _, pj in e.actions)
    assert yamlio.load(written({"architecture": content["architecture"]}))


def _tables(data: bytes) -> None:
    document = yamlio.load(text_of(data))
    if isinstance(document, dict) and "accelerators" in document:
        validated(Catalogue, document, "catalogue")
    else:
        validated(OverheadModel, document, "overheads")


def _expression(data: bytes) -> None:
    value = evaluate(text_of(data), {"batch": 2, "sequence_length": 512})
    assert evaluate(str(value) if value >= 0 else f"0 - {-value}", {}) == value


def _entry(data: bytes) -> None:
    try:
        entry = decode(hashlib.sha256(data).hexdigest().encode() + b"\n" + data, KEY)
    except ValueError as error:
        raise FlexloopError(str(error)) from error
    written = encode(entry)
    assert encode(decode(written, KEY)) == written


_FOLDER = Path(mkdtemp(prefix="flexloop-fuzz-"))


def _template(data: bytes) -> None:
    (_FOLDER / "fuzz.j2").write_bytes(data)
    Templates([_FOLDER]).render("fuzz.j2", {"arch": ARCH, "tables": [{"name": "a", "energy": 1.5}]})


def _no_file(name: str) -> Any:
    raise SpecError(f"no file {name!r}")


def v4_document(text: str) -> Document:
    """The document of one v4 file that takes in no other."""
    content = tags.parse(text, "fuzz.yaml", dict.fromkeys([tags.INCLUDED, "!include", "!includedir"], _no_file))
    return assemble([content if isinstance(content, dict) else {}])


def _v4(data: bytes) -> None:
    config = translate(v4_document(text_of(data)))
    assert same(yamlio.load(yamlio.dump(config)), config)
    names = [component["name"] for component in config["architecture"]["subtree"][0]["local"]]
    assert len(names) == len(set(names))


class V4Dumper(yaml.SafeDumper):
    """Writes the tags of nodes, and in quotes what stood in quotes."""


V4Dumper.add_representer(tags.Tagged, lambda dumper, value: dumper.represent_mapping(value.tag, value))
V4Dumper.add_representer(
    tags.Quoted, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style='"')
)


def _v4_expression(data: bytes) -> None:
    evaluator = Evaluator()
    evaluator.budget = Budget(20_000)
    try:
        value = evaluator.evaluate(text_of(data), {"a": 2, "b": [1, 2.5], "text": "x", "spec": v4_document("{}")})
    except ExpressionError as error:
        raise FlexloopError(str(error)) from error
    assert Budget.bounded(value) is value
    yamlio.dump(plain(value))


def _v4_functions(data: bytes) -> None:
    (_FOLDER / "fuzz.py").write_bytes(data)
    evaluator = Evaluator()
    evaluator.budget = Budget(20_000)
    for function in Runner(evaluator).functions(_FOLDER / "fuzz.py").values():
        with suppress(ExpressionError, *FAULTS):
            evaluator.call(function, [3], {})


def _under(document: Any, key: str) -> Any:
    return document.get(key) if isinstance(document, dict) else document


TARGETS: dict[str, Callable[[bytes], None]] = {
    "yaml": _yaml,
    "stats": _stats,
    "arch": _arch,
    "network": _network,
    "mapping": _mapping,
    "constraints": _constraints,
    "libconfig": _libconfig,
    "inputs": _inputs,
    "config": _config,
    "energies": _energies,
    "components": _components,
    "tables": _tables,
    "expression": _expression,
    "entry": _entry,
    "template": _template,
    "v4": _v4,
    "v4-expression": _v4_expression,
    "v4-functions": _v4_functions,
}
"""The readers by name. Templates are not bounded here: see `flexloop.rendering.confined` for what bounds them."""


def attempt(target: str, data: bytes) -> str | None:
    """Give bytes to a reader; return the message where it refused them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TARGETS[target](data)
    except FlexloopError as error:
        message = str(error)
        assert message
        return message
    return None
