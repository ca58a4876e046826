"""How the commands of studies show and keep what came out: small tables, the results' folder, the report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flexloop.cli.common import console
from flexloop.errors import EngineError, OutputError

if TYPE_CHECKING:
    import pandas as pd

    from flexloop.results.table import Results

Report = Annotated[Path | None, typer.Option("--report", help="Write the HTML report to this file too.")]


def show(frame: pd.DataFrame, title: str) -> None:
    """Print a small table, numbers with two decimals; the arch only where there are several."""
    from flexloop.cli.tables import table

    out = console()
    if "arch" in frame and frame["arch"].nunique() == 1:
        frame = frame.drop(columns="arch")
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    text = [str(c) for c in frame.columns if any(isinstance(value, str) for value in frame[c])]
    out.print(table(out, title, [str(c) for c in frame.columns], rows, text=text, wraps=["rigid"]))


def check_places(folder: Path | None, *files: Path | None) -> None:
    """Make sure, before hours of work, that a study's folder and files can be written.

    Args:
        folder: of the results; None stands for one below ``results/``.
        files: single files that are written too; None stands for none.

    Raises:
        OutputError: if one of them cannot.
    """
    from flexloop.atomic import check_writable

    check_writable(folder or Path("results"))
    for file in files:
        if file is not None:
            if file.is_dir():
                raise OutputError(f"cannot write {file}: it is a folder; name a file in it")
            check_writable(file.parent)


def keep(
    results: Results, folder: Path, extra: Mapping[str, pd.DataFrame | str], report: Path | None, *, quiet: bool
) -> None:
    """Save results and further files by name, write the report if one is asked for, and say where all is."""
    from flexloop.report.html import write_report
    from flexloop.results.files import save

    written = [save(results, folder, extra)]
    if report is not None:
        written.append(write_report(results, report))
    if not quiet:
        names = ("tables and mappings", "report")
        for name, path in zip(names, written, strict=False):
            console().print(f"{name}: {path}", markup=False)


def conclude(results: Results) -> None:
    """End a command, after everything was shown and saved, with an error where cells lack what they were run for.

    A layer that is proved unmappable is a finding and no error, as long as anything has a result.

    Raises:
        EngineError: if a cell failed, or no cell has a result; the command then ends with exit status 1.
    """
    rows = results.rows
    failed, without = rows[rows["status"] == "failed"], rows[rows["status"] != "ok"]
    if len(failed):
        first = failed.iloc[0]
        raise EngineError(
            f"{len(failed)} of {len(rows)} cells failed, the first of them {first['class']} on layer {first['layer']}: "
            f"{first['reason']}; the same command tries them again, and what is finished is kept"
        )
    if len(without) == len(rows):
        first = rows.iloc[0]
        raise EngineError(f"no layer has a result; {first['layer']}: {first['reason']}")


LONGEST = 120
"""Characters of a folder's name."""


def default_folder(results: Results, study: str) -> Path:
    """``results/`` and what was studied: what two studies differ in, their folders' names differ in.

    Names of networks come with the parameters that were given; an arch or a network that is not as it is shipped has
    the first digits of its digest, and energies that are not the shipped table's have theirs.
    """
    rows, meta = results.rows, results.meta
    archs = [f"{name}{_digest_unless_shipped(str(name), group)}" for name, group in rows.groupby("arch", sort=False)]
    nets = [_network_part(str(name), group, meta) for name, group in rows.groupby("network", sort=False)]
    source = rows["energy_source"].iloc[0]
    energy = "" if source == "table" else f"-energy.{rows['ert_hash'].iloc[0][:6]}"
    name = f"{'+'.join(nets)}-{'+'.join(archs)}-{study}-{rows['objective'].iloc[0]}{energy}"
    if len(name) > LONGEST:
        told = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{len(nets)}nets-{'+'.join(archs)[:40]}-{study[:40]}-{rows['objective'].iloc[0]}-{told}"
    return Path("results") / name


def _digest_unless_shipped(name: str, rows: pd.DataFrame) -> str:
    from flexloop.arch.load import arch_names, load_arch
    from flexloop.subjects import arch_digest

    told = str(rows["arch_hash"].iloc[0])
    shipped = name in arch_names() and arch_digest(load_arch(name)).startswith(told)
    return "" if shipped else f".{told[:6]}"


def _network_part(name: str, rows: pd.DataFrame, meta: Mapping[str, Any]) -> str:
    from flexloop.networks import load_network, network_names
    from flexloop.subjects import network_digest

    own = meta["networks"][name]["parameters"]
    given = {p: v for p, v in own.items() if p in meta["parameters"]}
    words = ".".join([name, *(f"{p}{v}" for p, v in given.items())])
    told = str(rows["network_hash"].iloc[0])
    shipped = name in network_names() and network_digest(load_network(name, **own)).startswith(told)
    return words if shipped else f"{words}.{told[:6]}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.2f}"
    return str(value)
