"""Timeloop's v4 front end for scripts: the calls of ``pytimeloop.timeloopfe.v4``, on flexloop's own reader and engine.

docs/scripting.md has what is covered, side by side with the front end's own.

Examples:
    >>> import io, pathlib, tempfile
    >>> import flexloop.timeloop_api as tl
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "top.yaml.jinja2").write_text('''
    ... architecture:
    ...   nodes:
    ...   - !Component {name: DRAM, class: DRAM, attributes: {datawidth: BITS, width: 64}}
    ...   - !Container {name: PE, spatial: {meshX: 2}}
    ...   - !Component {name: register, class: regfile, attributes: {datawidth: BITS, width: BITS, depth: {{depth}}}}
    ...   - !Component {name: mac, class: intmac, attributes: {width: BITS}}
    ... variables: {BITS: 8}
    ... problem:
    ...   instance: {M: 4, N: 2, K: 3}
    ...   shape:
    ...     dimensions: [M, N, K]
    ...     data_spaces:
    ...     - {name: A, projection: [[[M]], [[K]]]}
    ...     - {name: B, projection: [[[K]], [[N]]]}
    ...     - {name: Z, projection: [[[M]], [[N]]], read_write: true}
    ... mapper: {optimization_metrics: [delay, energy]}
    ... ''')
    >>> spec = tl.Specification.from_yaml_files(folder / "top.yaml.jinja2", jinja_parse_data={"depth": 3})
    >>> spec.architecture.find("register").attributes.depth *= 2
    >>> spec.problem.instance["N"] = 4
    >>> result = tl.call_mapper(spec, folder / "out", energy="table", log_to=io.StringIO())
    >>> result.cycles, result.computes, result.optimal, sorted(result.per_component("energy"))
    (24, 48, True, ['DRAM', 'inter_PE_spatial', 'mac', 'register'])
"""

from flexloop.timeloop.v4front.section import Items as ListNode
from flexloop.timeloop.v4front.section import Node
from flexloop.timeloop.v4front.section import Section as DictNode
from flexloop.timeloop_api import (
    arch,
    components,
    constraints,
    mapper,
    output_parsing,
    problem,
    processors,
    sparse_optimizations,
)
from flexloop.timeloop_api.calls import call_mapper, call_model, parse_timeloop_output
from flexloop.timeloop_api.output_files import read_output
from flexloop.timeloop_api.output_parsing import OutputStats, OutputStatsList
from flexloop.timeloop_api.problem import Problem
from flexloop.timeloop_api.processors import Processor, ProcessorError
from flexloop.timeloop_api.properties import get_property_table, get_property_tree
from flexloop.timeloop_api.specification import Specification
from flexloop.timeloop_api.tables import ReferenceTables, accelergy_app, call_accelergy_verbose

__all__ = [
    "DictNode",
    "ListNode",
    "Node",
    "OutputStats",
    "OutputStatsList",
    "Problem",
    "Processor",
    "ProcessorError",
    "ReferenceTables",
    "Specification",
    "accelergy_app",
    "arch",
    "call_accelergy_verbose",
    "call_mapper",
    "call_model",
    "components",
    "constraints",
    "get_property_table",
    "get_property_tree",
    "mapper",
    "output_parsing",
    "parse_timeloop_output",
    "problem",
    "processors",
    "read_output",
    "sparse_optimizations",
]

NOT_COVERED = {
    "to_mapper_app": "call_mapper searches in this process",
    "to_model_app": "call_model evaluates in this process",
    "call_stop": "no process is started; end your own, or press Ctrl-C",
    "doc": "get_property_table and get_property_tree print the keys, types and defaults of a kind",
}
"""Calls of the front end that are not here, and the way out."""


def __getattr__(name: str) -> object:
    """Say what to do about a call that is not here."""
    way_out = NOT_COVERED.get(name, "help(flexloop.timeloop_api) lists the calls that are covered")
    raise AttributeError(f"flexloop.timeloop_api has no {name}: {way_out}")
