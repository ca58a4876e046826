"""Read a network from a YAML document: its fields, and numbers that are expressions of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from flexloop.errors import SpecError, UnknownNameError
from flexloop.validation import validated
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
