"""Commands that show what there is: classes, arch specs, networks, engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli import complete
from flexloop.cli.common import Commands, console, parse_parameters
from flexloop.cli.options import Cli, Image, RunArgument

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from flexloop.arch.base import Arch
    from flexloop.fields import FieldDescription

arch_app = Commands(no_args_is_help=True, help="Arch specs: show, start, check one, and what their fields mean.")
net_app = Commands(no_args_is_help=True, help="Networks: show one, and what their fields mean.")


Json = Annotated[bool, typer.Option("--json", help="Print one JSON list instead of a table.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("classes")(classes)
    app.command("archs")(archs)
    app.add_typer(arch_app, name="arch")
    app.command("nets")(nets)
    app.add_typer(net_app, name="net")
    app.command("columns")(columns)
    app.command("doctor")(doctor)


def classes(
    arch: Annotated[
        str, typer.Option("--arch", "-a", autocompletion=complete.archs, help="Show this arch spec's fixed values.")
    ] = "edge256",
    json: Json = False,
) -> None:
    """Show the 16 classes: what each pins and what it frees."""
    from flexloop.arch.load import load_arch
    from flexloop.classes import all_classes
    from flexloop.cli.tables import listing, table
    from flexloop.describe import pinned_and_free

    out = console()
    spec = load_arch(arch)
    rows = [(str(c), *pinned_and_free(c)) for c in all_classes()]
    if json:
        typer.echo(listing(["class", "pinned", "free"], rows))
        return
    out.print(
        table(
            out,
            "The 16 classes of flexibility",
            ["class", "pinned", "free"],
            rows,
            text=["pinned", "free"],
            wraps=["pinned", "free"],
        )
    )
    out.print(axes_table(out, f"What each degree means on {spec.name}", spec))


def archs(json: Json = False) -> None:
    """List the shipped arch specs."""
    from flexloop.arch.load import arch_names, load_arch
    from flexloop.cli.tables import listing, table
    from flexloop.describe import arch_summary

    out = console()
    rows = [arch_summary(load_arch(name)) for name in arch_names()]
    columns = ["name", "array", "MACs", "on-chip buffers", "description"]
    if json:
        typer.echo(listing(columns, rows))
        return
    texts = ["on-chip buffers", "description"]
    out.print(table(out, "Arch specs", columns, rows, text=texts, wraps=texts, goes=["on-chip buffers"]))


def axes_table(out: Console, title: str, arch: Arch) -> Table:
    """The values of the four axes of an arch spec."""
    from flexloop.cli.tables import table

    columns = ["axis", "0 (fixed)", "p (part)", "1 (full)"]
    return table(out, title, columns, arch.axes_in_words(), text=columns, wraps=columns[1:])


@arch_app.command("show")
def arch_show(
    name: Annotated[str, typer.Argument(autocompletion=complete.archs, help="Shipped name or YAML file.")],
) -> None:
    """Show an arch spec: storage levels, energies, and the values of the four axes."""
    from flexloop.arch.load import load_arch
    from flexloop.cli.tables import table
    from flexloop.describe import LEVEL_COLUMNS, describe_levels
    from flexloop.energysources.choose import energy_tables

    out = console()
    spec = load_arch(name)
    out.print(f"{spec.name}: {spec.description}", markup=False)
    for source in spec.sources:
        out.print(f"  source: {source}", markup=False)
    out.print(f"  {spec.array_in_words()}, edge: {spec.edge}, depthwise: {spec.depthwise}", markup=False)
    out.print(
        table(
            out,
            "Storage levels",
            LEVEL_COLUMNS,
            describe_levels(spec, energy_tables("table", spec).ert),
            text=["kind", "keeps"],
            goes=["word bits", "words/access", "write w/cyc"],
        )
    )
    out.print(axes_table(out, "Axes", spec))


def nets(json: Json = False) -> None:
    """List the shipped networks."""
    from flexloop.cli.tables import listing, number, table
    from flexloop.networks import load_network, network_names

    out = console()
    rows = []
    for name in network_names():
        net = load_network(name)
        rows.append(
            (
                name,
                net.description,
                str(sum(layer.count for layer in net.layers)),
                str(len({layer.shape_key for layer in net.layers})),
                number(net.macs),
            )
        )
    columns = ["name", "description", "layers", "unique", "MACs"]
    if json:
        typer.echo(listing(columns, rows))
        return
    out.print(table(out, "Networks", columns, rows, text=["description"], wraps=["description"]))


@net_app.command("show")
def net_show(
    name: Annotated[str, typer.Argument(autocompletion=complete.networks, help="Shipped name or YAML file.")],
    param: Annotated[list[str], typer.Option("--param", help="NAME=INTEGER; may be repeated.")] = [],  # noqa: B006
) -> None:
    """Show a network's layers and where its numbers come from."""
    from flexloop.cli.tables import number, table
    from flexloop.networks import load_network
    from flexloop.workloads.layers import DIMENSIONS

    out = console()
    net = load_network(name, **parse_parameters(param))
    out.print(f"{net.name}: {net.description}", markup=False)
    for source in net.sources:
        out.print(f"  source: {source}", markup=False)
    rows = [
        (
            layer.name,
            str(layer.count),
            *(str(layer.bounds[d]) for d in DIMENSIONS),
            f"{layer.Wstride}x{layer.Hstride}",
            f"{layer.Wdilation}x{layer.Hdilation}",
            number(layer.macs),
        )
        for layer in net.layers
    ]
    columns = ["layer", "count", *DIMENSIONS, "stride", "dilation", "MACs each"]
    out.print(table(out, f"{number(net.macs)} MACs in all", columns, rows, goes=["dilation", "N", "G", "MACs each"]))


@net_app.command("compare")
def net_compare(
    name: Annotated[str, typer.Argument(autocompletion=complete.networks, help="Shipped name or file.")],
    other: Annotated[str, typer.Argument(autocompletion=complete.networks, help="The network to lay beside it.")],
    param: Annotated[list[str], typer.Option("--param", help="NAME=INTEGER of either; may be repeated.")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Lay the layers of two networks beside each other: strides, extents, counts, and what one of them leaves out."""
    from flexloop.cli.outcome import show
    from flexloop.cli.tables import listing, table
    from flexloop.errors import SpecError
    from flexloop.studies.shapes import shape_summary, shape_table
    from flexloop.subjects import load_networks

    nets = load_networks([name, other], parse_parameters(param))
    if len(nets) != 2:
        raise SpecError(f"{name} and {other} are the same network; name another one to lay beside it")
    found = shape_table(*nets)
    rows = found.values.tolist()
    if json:
        typer.echo(listing(list(found.columns), rows))
        return
    out = console()
    texts = [
        c for c in found.columns if c.endswith(("output", "stride", "differs")) or c in (nets[0].name, nets[1].name)
    ]
    cells = [[str(value) for value in row] for row in rows]
    out.print(table(out, "", list(found.columns), cells, text=texts, wraps=["differs"], goes=["G", "R", "S"]))
    show(shape_summary([(nets[0], nets[1])]), "In all")


@arch_app.command("fields")
def arch_fields(
    design: Annotated[bool, typer.Option("--design", help="Of a Timeloop design, as arch import writes it.")] = False,
) -> None:
    """Show every field of an arch spec: what it takes, its default and what it means."""
    from flexloop.arch.design.model import Design
    from flexloop.arch.spec import ArchSpec
    from flexloop.fields import describe_fields

    if design:
        _show_fields("Fields of a Timeloop design", describe_fields(Design))
    else:
        _show_fields("Fields of an arch spec", describe_fields(ArchSpec))


@net_app.command("fields")
def net_fields() -> None:
    """Show every field of a network file: what it takes, its default and what it means."""
    from flexloop.fields import describe_fields
    from flexloop.workloads.layers import Layer
    from flexloop.workloads.read import NetworkFile

    _show_fields("Fields of a network", describe_fields(NetworkFile, {"layers": Layer}))


def _show_fields(title: str, fields: list[FieldDescription]) -> None:
    from flexloop.cli.tables import table

    out = console()
    rows = [
        (it.path, it.holds, "required" if it.default is None else it.default, it.meaning.replace("``", ""))
        for it in fields
    ]
    heads = ["field", "takes", "default", "meaning"]
    out.print(
        table(out, title, heads, rows, text=heads, wraps=["takes", "default", "meaning"], goes=["takes", "default"])
    )


def columns() -> None:
    """Show what the columns of results mean, and their units."""
    from flexloop.cli.tables import table
    from flexloop.tables.columns import BY_LEVEL, COLUMNS, TOTALS, UNITS

    out = console()
    heads = ["column", "unit", "meaning"]
    for title, meanings in (
        ("Rows: a layer and class each", COLUMNS | BY_LEVEL),
        ("Totals: a network and class each", TOTALS | BY_LEVEL),
    ):
        rows = [(name, UNITS.get(name, ""), meaning) for name, meaning in meanings.items()]
        out.print(table(out, title, heads, rows, text=heads, wraps=["meaning"], goes=["unit"]))


def doctor(
    container_cli: Cli = None,
    image: Image = None,
    container_arg: RunArgument = [],  # noqa: B006 - Typer copies it
    json: Json = False,
) -> None:
    """Say which engines work on this machine and what is in the container image, and how to get the rest."""
    from flexloop.cli.tables import listing, table
    from flexloop.doctor import examine
    from flexloop.engines.select import EngineSettings

    out = console()
    settings = EngineSettings(container_cli=container_cli, image=image, container_args=tuple(container_arg))
    rows = [(finding.name, "works" if finding.works else "missing", finding.detail) for finding in examine(settings)]
    if json:
        typer.echo(listing(["what", "state", "detail"], rows))
        return
    out.print(table(out, "", ["what", "state", "detail"], rows, text=["state", "detail"], wraps=["detail"]))
