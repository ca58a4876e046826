"""Find and read networks: the shipped ones by name, a user's own as YAML or ONNX by path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from flexloop.errors import SpecError
from flexloop.importers.added import added_importer, read_with
from flexloop.importers.foreign import refuse_foreign
from flexloop.resources import find, shipped_names
from flexloop.timeloop import yamlio
from flexloop.validation import short
from flexloop.workloads.layers import Layer, Network
from flexloop.workloads.parameters import checked_parameters
from flexloop.workloads.read import read_network


def network_names() -> list[str]:
    """Names of the shipped networks, in alphabetical order."""
    return shipped_names("workloads")


NetworkSource: TypeAlias = str | Path | Mapping[str, Any] | Layer | Network
"""What a network can be given as, see `load_network`."""


def load_network(source: NetworkSource, **parameters: int) -> Network:
    """Return a shipped network by its name, or one of the user's own, with identical layers merged.

    Args:
        source: a name of `network_names`, a file ending in ``.yaml``, ``.yml`` or ``.onnx``, the text of a YAML file
            (of several lines), a mapping of its fields, one layer, or a network, which is returned as it is.
        **parameters: values for the network's parameters, such as ``batch`` or ``sequence_length``; of an ONNX model,
            the sizes of its symbolic dimensions.

    Raises:
        UnknownNameError: if there is no such network, or it has no such parameter; the nearest names are given.
        SpecError: if the file is no valid network: one line for each fault, with file, field, value and reason.
        UnsupportedError: if an ONNX model holds an operator whose work cannot be counted.

    Examples:
        >>> load_network("bert", sequence_length=128).parameters
        {'batch': 1, 'sequence_length': 128}
    """
    if isinstance(source, (Layer, Network)):
        checked_parameters(parameters, {}, f"network {source.name!r}")
        return source if isinstance(source, Network) else Network(name=source.name, layers=(source,))
    if isinstance(source, Mapping):
        return read_network(dict(source), "network", parameters)
    if isinstance(source, str) and "\n" in source:
        return read_network(yamlio.load(source), "network", parameters)
    if not isinstance(source, (str, Path)) or source == "":
        raise SpecError(f"network is {short(source)}: give a name, a file, a mapping of fields, a Layer or a Network")
    if importer := added_importer(Path(source)):
        return read_with(importer, Path(source), parameters)
    refuse_foreign(Path(source))
    path = find("network", "workloads", source, suffixes=(".yaml", ".yml", ".onnx"))
    if path.suffix.lower() == ".onnx":
        from flexloop.importers.onnx import import_onnx

        return import_onnx(path, parameters)
    return read_network(yamlio.load(path), path, parameters)
