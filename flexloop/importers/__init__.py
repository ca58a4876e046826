"""Networks from the files of other tools: one front door, `import_network`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError
from flexloop.importers.added import added_importer, read_with
from flexloop.importers.foreign import refuse_foreign
from flexloop.importers.names import clean, untaken
from flexloop.importers.onnx import Choices, import_onnx
from flexloop.resources import is_file, is_folder
from flexloop.validation import validated
from flexloop.workloads.layers import Network

__all__ = ["FORMATS", "Choices", "import_network"]

FORMATS = {
    ".onnx": "an ONNX model",
    ".m": "a MAESTRO model",
    ".csv": "a list of layers of GAMMA or a topology of SCALE-Sim",
    ".yaml": "a Timeloop problem, or a folder of them",
}
"""What can be imported, by the suffix of the file."""


def import_network(
    source: Path,
    sizes: Mapping[str, int] | None = None,
    choices: Choices = Choices(),  # noqa: B008 - frozen
) -> Network:
    """Read a network from another tool's file, with identical layers merged.

    Args:
        source: a file whose suffix is one of `FORMATS` or of an importer that a package adds, or a folder of Timeloop
            problems.
        sizes: of an ONNX model, the sizes of its symbolic dimensions.
        choices: of an ONNX model, which branches and how many steps of loops count, and whether to go on without what
            is no layer.

    Raises:
        SpecError: if it is no such file, or holds no layer.
        UnsupportedError: for layers that the canonical shape does not hold.
    """
    from flexloop.importers import rows, timeloopproblems

    suffix = source.suffix.lower()
    if importer := added_importer(source):
        return read_with(importer, source, sizes or {})
    if is_folder(source):
        problems = sorted(path for path in source.iterdir() if path.suffix in (".yaml", ".yml"))
        return _network(source, "Timeloop problems", timeloopproblems.problem_layers(problems))
    if not is_file(source):
        raise SpecError(f"{source}: no such file")
    refuse_foreign(source)
    if suffix == ".onnx":
        return import_onnx(source, sizes, choices)
    if suffix == ".m":
        return _network(source, "MAESTRO", rows.maestro_layers(source))
    if suffix == ".csv":
        return _network(source, "a list of layers", rows.csv_layers(source))
    if suffix in (".yaml", ".yml"):
        return _network(source, "a Timeloop problem", timeloopproblems.problem_layers([source]))
    known = "; ".join(f"{ending}: {what}" for ending, what in FORMATS.items())
    raise SpecError(f"{source}: nothing is known to be read from {suffix or 'a file without suffix'} ({known})")


def _network(source: Path, tool: str, layers: Iterable[dict[str, Any]]) -> Network:
    found = list(layers)
    if not found:
        raise SpecError(f"{source}: no layer found")
    taken: set[str] = set()
    for fields in found:
        fields["name"] = untaken(clean(str(fields["name"])) or "layer", taken)
    network = {
        "name": clean(source.stem) or "network",
        "description": f"imported from {tool}",
        "sources": (f"{source.name}",),
        "layers": tuple(found),
    }
    return validated(Network, network, source).unique()
