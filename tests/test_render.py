"""Rendered Timeloop YAML: golden files of the 16 classes, the traps of Timeloop's parser, and the sandbox."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_archs import lanes, plain, whole_buffer

from flexloop.arch.spec import ArchSpec
from flexloop.classes import FlexClass, all_classes
from flexloop.embedded.spec import read_spec
from flexloop.energy.ert import build_ert
from flexloop.errors import SpecError
from flexloop.mapspace import mapspace
from flexloop.rendering.bundle import mapspace_files, run_variants
from flexloop.rendering.confined import ConfinedTemplates
from flexloop.rendering.effort import search_settings
from flexloop.rendering.render import Renderer, shared_renderer
from flexloop.timeloop import confinement
from flexloop.timeloop.constraints import Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer

GOLDEN = Path(__file__).parent / "golden_render"
LAYER = Layer(name="conv", C=6, M=5, R=3, P=4, Wstride=2)


READINGS = {"unit": plain, "buffer": whole_buffer}


def rendered(flexclass: FlexClass, reading: str) -> str:
    """All files of a class on the small arch and LAYER, one after the other."""
    arch, renderer = READINGS[reading](), shared_renderer()
    ert = renderer.ert(build_ert(arch))
    parts = []
    for variant, name, bounds in run_variants(mapspace(flexclass, arch, LAYER).variants):
        files = mapspace_files(renderer, variant, bounds, "edp", search_settings(variant, bounds, "quick"), ert)
        parts += [f"# ==== {name}/{file}\n{text.rstrip()}\n" for file, text in files.items()]
    return "".join(parts)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("flexclass", all_classes(), ids=str)
def test_the_files_of_each_class_are_the_golden_ones(flexclass: FlexClass, reading: str) -> None:
    assert rendered(flexclass, reading) == (GOLDEN / reading / f"{flexclass}.txt").read_text(encoding="utf-8")


def test_a_fixed_axis_is_a_constraint_and_a_free_one_is_none() -> None:
    def directives(name: str) -> list[tuple[str, str]]:
        variant = mapspace(FlexClass.parse(name), plain(), LAYER).variants[0]
        return [(d["type"], d["target"]) for d in variant.constraints.to_directives() if d["type"] != "dataspace"]

    innermost = ("temporal", "Spad")
    assert directives("T1O1P1S1") == [innermost]
    assert directives("T1O0P1S1") == [innermost, ("temporal", "GlobalBuffer"), ("temporal", "DRAM")]
    assert directives("T1O1P0S1") == [innermost, ("spatial", "GlobalBuffer")]
    assert directives("T0O1P1S1") == [innermost, ("temporal", "GlobalBuffer")]


@pytest.mark.parametrize("name", ["T0O0P0S0", "T0O1P0S1", "TpO0PpSp", "T1O0P0S1"])
def test_pinned_factors_divide_the_bounds(name: str) -> None:
    """Timeloop drops a factor above the bound and alters one that does not divide it, both without an error."""
    for variant, _, bounds in run_variants(mapspace(FlexClass.parse(name), plain(), LAYER).variants):
        for d in DIMENSIONS:
            pinned = prod(loop.factors.get(d, 1) for loop in variant.constraints.loops)
            assert bounds[d] % pinned == 0


@pytest.mark.parametrize("name", ["T0O0P0S0", "TpO0P1S0", "T1O1P1S1"])
def test_every_level_names_every_tensor(name: str) -> None:
    """A tensor in neither keep nor bypass would leave its bypass free."""
    for variant in mapspace(FlexClass.parse(name), plain(), LAYER).variants:
        dataspaces = [d for d in variant.constraints.to_directives() if d["type"] == "dataspace"]
        assert {d["target"] for d in dataspaces} >= {"Spad", "GlobalBuffer", "DRAM"}
        assert all(sorted([*d["keep"], *d["bypass"]]) == ["Inputs", "Outputs", "Weights"] for d in dataspaces)


def test_rendered_constraints_read_back_as_they_were() -> None:
    variant = mapspace(FlexClass.parse("T0O0P0S0"), plain(), LAYER).variants[0]
    document = yaml.safe_load(shared_renderer().constraints(variant))
    targets = document["architecture_constraints"]["targets"]
    bounds = {d: choices[0] for d, choices in variant.bounds.items()}
    subject = Subject(("Spad", "GlobalBuffer", "DRAM"), {"GlobalBuffer"}, bounds, TENSORS)
    read = read_constraints(targets, subject)
    assert read.dataspaces == variant.constraints.dataspaces
    assert {(c.target, c.spatial): c for c in read.loops} == {
        (c.target, c.spatial): c for c in variant.constraints.loops
    }


@pytest.mark.parametrize("name", ["T0O0P0S0", "TpO0P0S0", "T1O0P0S0"])
@pytest.mark.parametrize("make", [plain, lanes], ids=lambda make: make.__name__)
def test_the_rendered_tree_is_the_chain_of_levels(name: str, make: Callable[[], ArchSpec]) -> None:
    arch, renderer = make(), shared_renderer()
    variant = mapspace(FlexClass.parse(name), arch, LAYER).variants[0]
    bounds = {d: choices[0] for d, choices in variant.bounds.items()}
    tree = yaml.safe_load(renderer.architecture(arch, variant.shape, partitioned=variant.partitioned))
    problem = yaml.safe_load(renderer.problem(variant, bounds))
    spec = read_spec(tree["architecture"], problem["problem"], build_ert(arch))
    assert spec.level_names == variant.levels
    assert spec.mac.instances == arch.pes * arch.lanes
    assert dict(zip(spec.level_names, spec.fanout_xy, strict=True))[arch.array.below] == (2, 2)


def test_own_templates_take_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "constraints.yaml.j2").write_text("mine: {{ directives | length }}\n")
    variant = mapspace(FlexClass.parse("T1O1P1S0"), plain(), LAYER).variants[0]
    renderer = Renderer(tmp_path)
    assert renderer.constraints(variant) == "mine: 4\n"
    assert "P: 4" in renderer.problem(variant, LAYER.bounds)
    assert renderer.digest != Renderer().digest


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ nobody_set_this }}", "nobody_set_this"),
        ("{{ directives.__class__.__mro__ }}", "unsafe"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "unsafe"),
        ("{% for %}", "line 1"),
        ("{% include '../secret' %}", "secret"),
    ],
)
def test_a_template_can_neither_leave_a_gap_nor_reach_out(tmp_path: Path, template: str, complaint: str) -> None:
    (tmp_path / "constraints.yaml.j2").write_text(template)
    variant = mapspace(FlexClass.parse("T1O1P1S0"), plain(), LAYER).variants[0]
    with pytest.raises(SpecError, match=complaint):
        Renderer(tmp_path).constraints(variant)


Confined = Callable[[str, dict[str, Any]], str]


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Confined:
    """Renders the text of a user's template, all in one process."""
    folder = tmp_path_factory.mktemp("templates")
    templates, numbers = ConfinedTemplates(folder), itertools.count()

    def render(template: str, names: dict[str, Any]) -> str:
        file = folder / f"{next(numbers)}.j2"
        file.write_text(template)
        return templates.render(file.name, names)

    return render


PICKLE = """{{ arch.parse_raw("cos\\nsystem\\n(S'exit 1'\\ntR.", proto='pickle', allow_pickle=True) }}"""


@pytest.mark.parametrize(
    "template",
    [
        PICKLE,  # pydantic's models could be asked to unpickle
        "{{ arch.model_construct(name='x') }}",
        "{{ arch.levels[0].copy() }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ arch['__class__'] }}",
        "{{ '{0.__class__.__init__}'.format(arch) }}",
        "{{ ('{0.__cla' ~ 'ss__}').format(arch) }}",
        "{{ '{a.__class__}'.format_map({'a': 1}) }}",
        "{{ ['{0.__class__}'.format][0](1) }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ joiner.__init__.__globals__ }}",
        "{{ namespace.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ lipsum.__globals__ }}",
        "{{ range.__globals__ }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.__class__ }}",
        "{{ [1].append(2) }}",
        "{{ 'x'.encode().decode() }}",
        "{{ [3, 1] | random }}",
        "{{ [nobody_set_this] }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../secret.j2' %}",
        "{% import 'os' as os %}",
    ],
)
def test_a_template_reaches_no_interpreter(confined: Confined, template: str) -> None:
    said = "not safely callable|is unsafe|undefined|passwd|secret|'os'|No filter|namespace"
    with pytest.raises(SpecError, match=f"template .*({said})"):
        confined(template, {"arch": plain()})


def test_a_template_may_call_what_jinja_brings(tmp_path: Path) -> None:
    (tmp_path / "ert.yaml.j2").write_text(
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('a'.upper()) }}{{ '{:>3}'.format(7) }}"
        "{{ dict(a=1) | items | list }}"
        "{% for i in range(2) %}{{ loop.cycle('x', 'y') }}{% endfor %}{% set c = cycler('p', 'q') %}{{ c.next() }}"
    )
    assert Renderer(tmp_path).ert({"tables": []}) == "<A>  7[('a', 1)]xyp"


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ 'x' * 10**10 }}", "needs more than 512 MiB"),
        ("{{ '%0999999999d' % 1 }}", "needs more than 512 MiB"),
        ("{{ 'x' | center(10**10) }}", "needs more than 512 MiB"),
        (
            "{% set t = namespace(s='x') %}{% for i in range(60) %}{% set t.s = t.s ~ t.s %}{% endfor %}",
            "more than 512",
        ),
        ("{{ 'x' * 2**25 }}", "makes 33554432 characters; at most 16777216"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{% include 'ert.yaml.j2' %}", "RecursionError"),
        ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "RecursionError"),
        ("{# " + "x" * 2**21 + " #}", "longer than 1048576 characters"),
    ],
)
def test_a_template_that_would_fill_the_memory_is_refused(tmp_path: Path, template: str, complaint: str) -> None:
    (tmp_path / "ert.yaml.j2").write_text(template)
    with pytest.raises(SpecError, match=rf"ert\.yaml\.j2.*{complaint}"):
        Renderer(tmp_path).ert({"tables": []})


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        pytest.param("{{ 9 ** (9 ** 9) }}", marks=pytest.mark.slow),
    ],
)
def test_a_template_that_would_not_end_is_stopped_and_the_next_one_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    monkeypatch.setattr(confinement, "CPU_S", 1)
    (tmp_path / "ert.yaml.j2").write_text(template)
    (tmp_path / "art.yaml.j2").write_text("fine")
    renderer = Renderer(tmp_path)
    with pytest.raises(SpecError, match=r"template ert\.yaml\.j2: ran for more than 1 s of processor time"):
        renderer.ert({"tables": []})
    assert renderer.art({"tables": []}) == "fine"


def test_templates_are_rendered_from_threads_and_from_forked_processes(tmp_path: Path) -> None:
    (tmp_path / "ert.yaml.j2").write_text("{{ tables[0] }}")
    renderer = Renderer(tmp_path)

    def rendered_number(n: int) -> str:
        return renderer.ert({"tables": [n]})

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(rendered_number, range(200))) == [str(n) for n in range(200)]
    child = os.fork()
    if not child:
        os._exit(rendered_number(7) != "7")
    assert os.waitpid(child, 0)[1] == 0
    assert rendered_number(8) == "8"


def test_a_missing_template_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no folder"):
        Renderer(tmp_path / "absent")


@pytest.mark.parametrize("text", ["{{ 1 / 0 }}", "{% for i in range(10 ** 9) %}x{% endfor %}", "{{ [] + 1 }}"])
def test_a_template_that_fails_while_it_runs_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "ert.yaml.j2").write_text(text)
    with pytest.raises(SpecError, match=r"template ert\.yaml\.j2"):
        Renderer(tmp_path).ert({"tables": []})


def test_the_digest_knows_all_that_a_template_may_take_in(tmp_path: Path) -> None:
    (tmp_path / "ert.yaml.j2").write_text("{% include 'part.j2' %}")
    (tmp_path / "part.j2").write_text("one")
    before = Renderer(tmp_path).digest
    assert Renderer(tmp_path).ert({"tables": []}) == "one"
    (tmp_path / "part.j2").write_text("two")
    assert Renderer(tmp_path).digest != before
    (tmp_path / "part.txt").write_text("three")
    (tmp_path / "ert.yaml.j2").write_text("{% include 'part.txt' %}")
    with pytest.raises(SpecError, match=r"'part\.txt'.*\*\.j2 only"):
        Renderer(tmp_path).ert({"tables": []})


if __name__ == "__main__":
    for name in READINGS:
        (GOLDEN / name).mkdir(parents=True, exist_ok=True)
        for each in all_classes():
            (GOLDEN / name / f"{each}.txt").write_text(rendered(each, name), encoding="utf-8")
