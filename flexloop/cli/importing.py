"""The command ``import``: networks from the files of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flexloop.cli.common import console, parse_parameters

Source = Annotated[
    Path | None,
    typer.Argument(help="ONNX (.onnx), MAESTRO (.m), GAMMA or SCALE-Sim (.csv), Timeloop problems (.yaml, a folder)."),
]
Torch = Annotated[
    str | None, typer.Option("--torch", metavar="MODULE:FUNCTION", help="A function that makes a torch module.")
]
Shapes = Annotated[list[str], typer.Option("--input", metavar="1x3x224x224", help="Shape of one of its inputs.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("import")(import_)


def import_(
    source: Source = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The network file (default: printed).")] = None,
    torch: Torch = None,
    shapes: Shapes = [],  # noqa: B006 - Typer copies it
    skip_unsupported: Annotated[
        bool,
        typer.Option("--skip-unsupported", help="Go on without an ONNX model's work that is no layer, and say what."),
    ] = False,
    branch: Annotated[
        Literal["then", "else"] | None,
        typer.Option(metavar="then|else", help="Branch of an ONNX model's If that counts, where the inputs decide."),
    ] = None,
    loop_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Runs of an ONNX model's Loop, where the inputs decide.")
    ] = None,
    param: Annotated[list[str], typer.Option("--param", help="Size of an open dimension of an ONNX model.")] = [],  # noqa: B006
) -> None:
    """Write a network file from another tool's network."""
    from flexloop.errors import FlexloopError
    from flexloop.importers import Choices, import_network
    from flexloop.importers.networkfile import network_text
    from flexloop.importers.torchmodule import import_torch, parse_shape

    if (source is None) == (torch is None):
        raise FlexloopError("import: give one source, a file or --torch MODULE:FUNCTION with --input SHAPE")
    if torch is not None:
        network = import_torch(torch, [parse_shape(text) for text in shapes])
    else:
        assert source is not None
        network = import_network(source, parse_parameters(param), Choices(skip_unsupported, branch, loop_steps))
    text = network_text(network)
    if output is None:
        typer.echo(text, nl=False)
        return
    from flexloop.atomic import write_file

    write_file(output, text)
    layers = f"{len(network.layers)} layers of different shape, {network.occurrences} in all"
    console().print(f"{output}: {layers}, {network.macs:,} MACs", markup=False)
