"""Find and read networks: the shipped ones by name, a user's own as YAML or ONNX by path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from flexloop.errors import SpecError, UnknownNameError
from flexloop.resources import find, shipped_names
from flexloop.timeloop import yamlio
from flexloop.validation import short, validated
from flexloop.workloads.layers import Layer, Network
from flexloop.workloads.parameters import MAX_PARAMETER, checked_parameters, evaluate

HINT = "`flexloop net fields` describes every field, `flexloop net show alexnet` shows a complete network."

ParameterName = Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ParameterValue = Annotated[int, Field(ge=1, le=MAX_PARAMETER, strict=True)]


class NetworkFile(BaseModel):
    """A network as its YAML file has it.

    Attributes:
        name: what the network is called.
        description: one line on what it is.
        sources: where the numbers come from.
        parameters: the integers that a user may set when loading the network, with their defaults.
        layers: the fields of `Layer`; a number may be an expression of the parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    sources: tuple[str, ...] = ()
    parameters: dict[ParameterName, ParameterValue] = {}
    layers: Annotated[list[dict[str, Any]], Field(min_length=1)]


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
    if not isinstance(source, (str, Path)):
        raise SpecError(f"network is {short(source)}: give a name, a file, a mapping of fields, a Layer or a Network")
    from flexloop.importers.foreign import refuse_foreign

    refuse_foreign(Path(source))
    path = find("network", "workloads", source, suffixes=(".yaml", ".yml", ".onnx"))
    if path.suffix.lower() == ".onnx":
        from flexloop.importers.onnx import import_onnx

        return import_onnx(path, parameters)
    return read_network(yamlio.load(path), path, parameters)


def read_network(document: Any, where: str | Path, parameters: Mapping[str, int] | None = None) -> Network:
    """Return the network of a parsed YAML document.

    Args:
        document: what the YAML holds.
        where: the file, for messages.
        parameters: values that take the place of the document's own.

    Raises:
        UnknownNameError: if the network has no such parameter.
        SpecError: if the document is no valid network.
    """
    file = validated(NetworkFile, document, where, HINT)
    values = file.parameters | checked_parameters(parameters or {}, file.parameters, f"network {file.name!r}")
    layers = [_layer(fields, f"{where}: layers[{index}]", values) for index, fields in enumerate(file.layers)]
    network = {
        "name": file.name,
        "description": file.description,
        "sources": file.sources,
        "parameters": values,
        "layers": tuple(layers),
    }
    return validated(Network, network, where, HINT).unique()


def _layer(fields: dict[str, Any], where: str, parameters: Mapping[str, int]) -> Layer:
    named = f"{where} ({fields['name']})" if "name" in fields else where
    return validated(Layer, {field: _number(field, value, named, parameters) for field, value in fields.items()}, named)


def _number(field: str, value: Any, where: str, parameters: Mapping[str, int]) -> Any:
    if field == "name" or not isinstance(value, str):
        return value
    try:
        return evaluate(value, parameters)
    except (SpecError, UnknownNameError) as error:
        raise SpecError(f"{where}: {field}: {error}") from error
