"""What each action of each component costs, without a run: the calls that give a specification to Accelergy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexloop.energysources.complete import AUTO, Completed, EnergyChoice, complete_energies
from flexloop.timeloop import yamlio
from flexloop.timeloop.componentname import component_name
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop_api.inputs import Log, check_arguments, input_files, opened, write
from flexloop.timeloop_api.specification import Specification

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReferenceTables:
    """Energies and areas of a specification's components.

    Attributes:
        ert: text of ``ERT.yaml``: pJ an action.
        art: text of ``ART.yaml``: um^2 an instance.
        ert_verbose: text of the summary that says who estimated each energy; empty where the tables were given.
        art_verbose: the same of areas.
        source: where they come from: ``table``, ``accelergy``, ``hwcomponents``, or the file or input that gave them.
    """

    ert: str
    art: str
    ert_verbose: str = ""
    art_verbose: str = ""
    source: str = ""

    def to_dataframe(self) -> pd.DataFrame:
        """One row a component and action: ``component``, ``action``, ``energy`` (J), ``area`` (m^2 of one instance).

        Of an action with several arguments the highest energy counts, as in Timeloop.
        """
        import pandas as pd

        areas = {table["name"]: table["area"] for table in (yamlio.load(self.art).get("ART") or {}).get("tables", [])}
        energies: dict[tuple[str, str], float] = {}
        for table in yamlio.load(self.ert)["ERT"]["tables"]:
            for action in table["actions"]:
                key = table["name"], action["name"]
                energies[key] = max(energies.get(key, 0.0), float(action["energy"]))
        rows = [
            {
                "component": component_name(path),
                "action": action,
                "energy": energy * 1e-12,
                "area": _um2(areas.get(path)),
            }
            for (path, action), energy in energies.items()
        ]
        return pd.DataFrame(rows, columns=["component", "action", "energy", "area"])


def accelergy_app(
    specification: Specification,
    output_dir: str | Path,
    extra_input_files: Sequence[str | Path] | None = None,
    *,
    energy: str = AUTO,
    log_to: Log = None,
) -> ReferenceTables:
    """Estimate what each action of each component costs, and write ``ERT.yaml`` and ``ART.yaml``.

    Args:
        specification: what to model; it is not changed.
        output_dir: folder for the output files, made if it is not there.
        extra_input_files: files with further top-level keys, in the keys of Timeloop's programs.
        energy: where energies come from; see `flexloop.timeloop_api.call_mapper`.
        log_to: file, or path of one, for where they come from; absent, stdout.

    Raises:
        SpecError, UnknownNameError: a specification that is malformed or contradicts itself.
        UnsupportedError: for a class that the source knows nothing of, with the ways out.
        EngineError: if a source that was named is missing or fails.
        OutputError: if the files cannot be written.
    """
    folder = Path(output_dir)
    files = input_files(specification.evaluated(), folder, extra_input_files, for_model=False)
    with opened(log_to) as log:
        choice = EnergyChoice(energy, tell=lambda text: print(text, file=log))
        completed = complete_energies(read_inputs(files).config, files, choice)
    tables = _tables(completed)
    contents = {"ERT.yaml": tables.ert, "ART.yaml": tables.art}
    contents |= {"ERT_summary_verbose.yaml": tables.ert_verbose, "ART_summary_verbose.yaml": tables.art_verbose}
    write(folder, {name: text for name, text in contents.items() if text})
    return tables


def call_accelergy_verbose(
    specification: Specification,
    output_dir: str | Path,
    environment: Mapping[str, str] | None = None,
    extra_input_files: Sequence[str | Path] | None = None,
    dump_intermediate_to: str | Path | None = None,
    log_to: Log = None,
    extra_args: Sequence[str] = (),
    return_proc: bool = False,
    *,
    energy: str = AUTO,
) -> ReferenceTables:
    """As `accelergy_app`; the other arguments are those of `flexloop.timeloop_api.call_mapper`."""
    check_arguments(environment, extra_args, return_proc)
    return accelergy_app(specification, output_dir, extra_input_files, energy=energy, log_to=log_to)


def _tables(completed: Completed) -> ReferenceTables:
    files, config = completed.files, completed.config
    written = {key: files.get(f"{key}.yaml") or yamlio.dump({key: config.get(key)}) for key in ("ERT", "ART")}
    return ReferenceTables(
        written["ERT"],
        written["ART"],
        files.get("ERT_summary.yaml", ""),
        files.get("ART_summary.yaml", ""),
        completed.tables.source if completed.tables else "",
    )


def _um2(area: Any) -> float | None:
    return None if area is None else float(area) * 1e-12
