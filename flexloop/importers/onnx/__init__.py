"""Networks from ONNX models: what multiplies and accumulates becomes layers, other work is passed over.

Needs the package ``onnx`` (``pip install 'flexloop[onnx]'``). Only shapes are read; weights may be absent.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from flexloop.errors import SpecError, UnsupportedError
from flexloop.importers.names import clean, untaken
from flexloop.importers.onnx.choices import Choices
from flexloop.importers.onnx.files import read_model, set_sizes
from flexloop.importers.onnx.leftout import LeftOut, listing
from flexloop.importers.onnx.shapes import inferred
from flexloop.importers.onnx.values import values_of
from flexloop.importers.onnx.walk import HANDLERS, Found, Walk
from flexloop.validation import validated
from flexloop.workloads.layers import Layer, Network

__all__ = ["Choices", "import_onnx"]


def import_onnx(path: Path, sizes: Mapping[str, int] | None = None, choices: Choices = Choices()) -> Network:  # noqa: B008 - frozen
    """Return the network of an ONNX model, with identical layers merged.

    Args:
        path: the model.
        sizes: values of the symbolic dimensions of its inputs, by name; an input's nameless open dimension is called
            ``<input>_<axis>``.
        choices: which branches and how many steps of loops count, and whether to go on without what is no layer.

    Raises:
        FlexloopError: if the package ``onnx`` is not installed.
        UnknownNameError: if the model has no such symbolic dimension.
        SpecError: if the file is no ONNX model, holds no layer, or leaves the shape of one open.
        UnsupportedError: if it holds operators whose work is no layer: all of them, each with its share of the MACs.
    """
    model = read_model(path)
    try:
        given, still_open = set_sizes(model.graph, sizes or {}, path)
        graph = inferred(model, choices)
        findings = list(Walk(path, choices, still_open).findings(graph, values_of(graph)))
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        raise SpecError(f"{path}: is no well-formed ONNX model: {error}") from error
    found = [finding for finding in findings if isinstance(finding, Found)]
    left_out = [finding for finding in findings if isinstance(finding, LeftOut)]
    lines = listing(left_out, sum(finding.macs for finding in found))
    if lines and not choices.skip_unsupported:
        raise UnsupportedError(
            "\n  ".join([f"{path}: these operators are no layers:", *lines])
            + f"\n`flexloop import {path} --skip-unsupported -o NETWORK.yaml` goes on without them"
        )
    if lines and not found:
        raise UnsupportedError("\n  ".join([f"{path}: without these operators no layer is left:", *lines]))
    if not found:
        known = ", ".join(name for name in HANDLERS if "." not in name)
        raise SpecError(f"{path}: no layer found; these operators of the ONNX standard become layers: {known}")
    if lines:
        warnings.warn("\n  ".join([f"{path}: left out:", *lines]), stacklevel=2)
    network = {
        "name": clean(path.stem) or "onnx",
        "description": "imported from ONNX" + (f", {len(left_out)} operators left out" if left_out else ""),
        "sources": (
            f"ONNX model {path.name}, written by {model.producer_name or 'an unknown tool'}",
            *(f"left out: {line}" for line in lines),
        ),
        "parameters": given,
        "layers": tuple(_layers(found, path)),
    }
    return validated(Network, network, path).unique()


def _layers(found: Sequence[Found], path: Path) -> list[Layer]:
    taken: set[str] = set()
    layers = []
    for finding in found:
        fields = dict(finding.fields)
        part = fields.pop("part", None)
        base = clean(finding.name) or "layer"
        name = untaken(f"{base[:60]}.{part}" if part else base, taken)
        layers.append(validated(Layer, {"name": name, **fields}, f"{path}: node {finding.name!r}"))
    return layers
