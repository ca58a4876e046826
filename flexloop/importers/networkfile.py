"""A network as the text of a network file, from which `flexloop.load_network` makes the same network again."""

from __future__ import annotations

from typing import Any

from flexloop.timeloop import yamlio
from flexloop.workloads.layers import Layer, Network


def network_text(network: Network) -> str:
    """The YAML of a network file, one layer a line, fields that have their default left out."""
    lines = [f"name: {_plain(network.name)}", f"description: {_plain(network.description)}"]
    lines += ["sources:", *(f"- {_plain(source)}" for source in network.sources)] if network.sources else []
    lines += ["layers:", *(f"- {_flow(layer)}" for layer in network.layers)]
    return "\n".join(lines) + "\n"


def _flow(layer: Layer) -> str:
    fields: dict[str, Any] = {"name": layer.name, **layer.model_dump(exclude_defaults=True, exclude={"name"})}
    return "{" + ", ".join(f"{name}: {_plain(value)}" for name, value in fields.items()) + "}"


def _plain(value: Any) -> str:
    """A scalar as YAML has it, quoted where it must be."""
    return yamlio.dump([value]).strip().removeprefix("[").removesuffix("]").removeprefix("- ")
