"""Results of a run as objects: energies, areas and cycles, in SI units, whole and by component.

Energies are in joules, areas in square metres, times in seconds. They are the figures of the cost model, not read back
from ``stats.txt``, so they carry none of its rounding to two decimals of a femtojoule.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flexloop.timeloop_api.figures import MultipliableDict, combine, nonzero, quotient

if TYPE_CHECKING:
    import pandas as pd

ACCESSES = ("reads", "fills", "updates")
"""Counts of a storage level in `OutputStats.accesses`."""

_COLUMNS = ("cycles", "computes", "percent_utilization", "latency", "energy", "area", "optimal", "gap")


class OutputStats:
    """What a mapping costs.

    Args:
        percent_utilization: computes / (MAC instances * cycles), in percent.
        computes: multiply-accumulates.
        cycles: latency in cycles.
        cycle_seconds: seconds of a cycle.
        per_component_energy: joules, of all instances of each component.
        per_component_area: square metres, likewise.
        variables: of the specification, evaluated.
        accesses: by storage level, scalar ``reads``, ``fills`` and ``updates`` of one instance, all data spaces.
        mapping: the loop nest, as ``map.txt`` has it.
        optimal: whether the mapping is proved the best of its mapspace in the first metric; None where nothing was
            searched.
        gap: share by which it may lie above the best; None likewise.

    The arguments are attributes too. From them follow ``latency`` (s), ``energy`` (J), ``area`` (m^2),
    ``computes_per_second``, ``computes_per_joule`` and ``computes_per_second_per_square_meter`` (infinite where the
    energy or area is 0).

    Examples:
        >>> stats = OutputStats(50.0, 1000, 20, 1e-9, {"mac": 3e-12, "DRAM": 5e-12}, {"mac": 1e-9}, {"WIDTH": 8})
        >>> stats.energy, stats.per_component("area"), stats.access("WIDTH")
        (8e-12, {'mac': 1e-09, 'DRAM': 0.0}, 8)
        >>> round(stats.per_compute("energy") * 1e12, 6)
        0.008
    """

    def __init__(
        self,
        percent_utilization: float,
        computes: float,
        cycles: int,
        cycle_seconds: float,
        per_component_energy: Mapping[str, float],
        per_component_area: Mapping[str, float],
        variables: Mapping[str, Any],
        accesses: Mapping[str, Mapping[str, float]] | None = None,
        mapping: str | None = "",
        optimal: bool | None = None,
        gap: float | None = None,
    ) -> None:
        names = dict.fromkeys([*per_component_energy, *per_component_area])
        self.percent_utilization = percent_utilization
        self.computes: Any = computes
        self.cycles: Any = cycles
        self.cycle_seconds: Any = cycle_seconds
        self.latency: Any = cycles * cycle_seconds
        self.per_component_energy = MultipliableDict({name: per_component_energy.get(name, 0.0) for name in names})
        self.per_component_area = MultipliableDict({name: per_component_area.get(name, 0.0) for name in names})
        self.variables = {name: _plain(value) for name, value in variables.items()}
        self.area: Any = sum(self.per_component_area.values())
        self.energy: Any = sum(self.per_component_energy.values())
        self.computes_per_second: Any = quotient(computes, self.latency)
        self.computes_per_second_per_square_meter: Any = quotient(self.computes_per_second, self.area)
        self.computes_per_joule: Any = quotient(computes, self.energy)
        self.accesses = {level: dict(counts) for level, counts in (accesses or {}).items()}
        self.mapping = mapping
        self.optimal = optimal
        self.gap = gap

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(cycles={self.cycles}, computes={self.computes}, energy={self.energy:.6g} J, "
            f"latency={self.latency:.6g} s, area={self.area:.6g} m^2, utilization={self.percent_utilization:.2f}%)"
        )

    def per_component(self, key: str) -> MultipliableDict:
        """``energy`` (J) or ``area`` (m^2) by component."""
        found = {"energy": self.per_component_energy, "area": self.per_component_area}.get(key)
        if found is None:
            raise AttributeError(f"{key!r} is not known by component; energy and area are")
        return found

    def per_compute(self, key: str) -> Any:
        """A figure divided by the number of computes; for ``per_component_energy`` and ``_area`` each of theirs."""
        return getattr(self, key) / self.computes

    def access(self, key: str) -> Any:
        """An attribute, or else a variable of the specification (AttributeError if it is neither)."""
        if hasattr(self, key):
            return getattr(self, key)
        if key in self.variables:
            return self.variables[key]
        raise AttributeError(f"{key!r} is neither a result ({', '.join(vars(self))}) nor a variable")

    def scale_computes_by(self, factor: float) -> None:
        """Count computes in another unit: multiply them, and what is given per second or joule."""
        for name in ("computes", "computes_per_second", "computes_per_joule"):
            setattr(self, name, getattr(self, name) * factor)

    def combine_per_component_energy(self, from_keys: Sequence[str], to: str) -> None:
        """Replace several components by one with the sum of their energies (KeyError if one is not there)."""
        combine(self.per_component_energy, from_keys, to)

    def combine_per_component_area(self, from_keys: Sequence[str], to: str) -> None:
        """Replace several components by one with the sum of their areas (KeyError if one is not there)."""
        combine(self.per_component_area, from_keys, to)

    def combine_per_component_area_energy(self, from_keys: Sequence[str], to: str) -> None:
        """Replace several components by one with the sums of their energies and areas."""
        self.combine_per_component_area(from_keys, to)
        self.combine_per_component_energy(from_keys, to)

    def clear_zero_energies(self) -> None:
        """Leave out the components that use no energy."""
        self.per_component_energy = nonzero(self.per_component_energy)

    def clear_zero_areas(self) -> None:
        """Leave out the components without an area."""
        self.per_component_area = nonzero(self.per_component_area)

    @staticmethod
    def aggregate(tests: Sequence[OutputStats]) -> OutputStats:
        """Layers that run one after another on the same hardware: computes, cycles, energies and accesses are summed.

        Utilization is the mean by computes; area, cycle time and variables are the last one's.

        Raises:
            ValueError: if there are none.
        """
        if not tests:
            raise ValueError("no results to aggregate")
        last = tests[-1]
        energies: dict[str, Any] = {}
        accesses: dict[str, dict[str, float]] = {}
        for test in tests:
            for name, energy in test.per_component_energy.items():
                energies[name] = energies.get(name, 0.0) + energy
            for level, counts in test.accesses.items():
                held = accesses.setdefault(level, {})
                for kind, count in counts.items():
                    held[kind] = held.get(kind, 0) + count
        computes = sum(test.computes for test in tests)
        return OutputStats(
            percent_utilization=sum(test.percent_utilization * test.computes for test in tests) / computes,
            computes=computes,
            cycles=sum(test.cycles for test in tests),
            cycle_seconds=last.cycle_seconds,
            per_component_energy=energies,
            per_component_area=last.per_component_area,
            variables=last.variables,
            accesses=accesses,
            mapping=None,
            optimal=_all_optimal(tests),
        )

    @staticmethod
    def aggregate_by(tests: Iterable[OutputStats], *keys: str) -> OutputStatsList:
        """Aggregate the results that agree in some attributes or variables, in the order of their first."""
        return OutputStatsList(OutputStats.aggregate(group) for group in _groups(tests, keys))

    def to_dataframe(self) -> pd.DataFrame:
        """One row a component: ``energy`` (J), ``area`` (m^2), and ``reads``, ``fills``, ``updates`` where it has some.

        Examples:
            >>> stats = OutputStats(50.0, 10, 20, 1e-9, {"mac": 3e-12, "DRAM": 7e-12}, {"mac": 1e-9}, {})
            >>> stats.to_dataframe().loc["mac", "energy"].item()
            3e-12
        """
        import pandas as pd

        rows = {
            name: {
                "energy": self.per_component_energy.get(name, 0.0),
                "area": self.per_component_area.get(name, 0.0),
                **{kind: self.accesses.get(name, {}).get(kind) for kind in ACCESSES},
            }
            for name in dict.fromkeys([*self.per_component_energy, *self.per_component_area])
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("component")


class OutputStatsList(list[Any]):
    """Results of several runs."""

    def combine_per_component_energy(self, from_keys: Sequence[str], to: str) -> None:
        """As `OutputStats.combine_per_component_energy`, in each."""
        for stats in self:
            stats.combine_per_component_energy(from_keys, to)

    def combine_per_component_area(self, from_keys: Sequence[str], to: str) -> None:
        """As `OutputStats.combine_per_component_area`, in each."""
        for stats in self:
            stats.combine_per_component_area(from_keys, to)

    def combine_per_component_area_energy(self, from_keys: Sequence[str], to: str) -> None:
        """As `OutputStats.combine_per_component_area_energy`, in each."""
        for stats in self:
            stats.combine_per_component_area_energy(from_keys, to)

    def clear_zero_energies(self) -> None:
        """As `OutputStats.clear_zero_energies`, in each."""
        for stats in self:
            stats.clear_zero_energies()

    def clear_zero_areas(self) -> None:
        """As `OutputStats.clear_zero_areas`, in each."""
        for stats in self:
            stats.clear_zero_areas()

    def aggregate(self) -> OutputStats:
        """As `OutputStats.aggregate`, of all."""
        return OutputStats.aggregate(self)

    def aggregate_by(self, *keys: str) -> OutputStatsList:
        """As `OutputStats.aggregate_by`, of all."""
        return OutputStats.aggregate_by(self, *keys)

    def split_by(self, *keys: str) -> list[OutputStatsList]:
        """A list for each group of results that agree in some attributes or variables."""
        return [OutputStatsList(group) for group in _groups(self, keys)]

    def to_dataframe(self, *keys: str) -> pd.DataFrame:
        """One row a result.

        Columns are cycles, computes, percent_utilization, latency (s), energy (J), area (m^2), optimal and gap; the
        attributes and variables that are named; and ``energy of NAME`` (J) for each component.

        Examples:
            >>> one = OutputStats(50.0, 10, 20, 1e-9, {"mac": 3e-12}, {"mac": 1e-9}, {"WIDTH": 8})
            >>> two = OutputStats(25.0, 10, 40, 1e-9, {"mac": 6e-12}, {"mac": 1e-9}, {"WIDTH": 16})
            >>> OutputStatsList([one, two]).to_dataframe("WIDTH")[["WIDTH", "cycles"]].values.tolist()
            [[8, 20], [16, 40]]
        """
        import pandas as pd

        rows = []
        for stats in self:
            row = {name: getattr(stats, name) for name in _COLUMNS} | {key: stats.access(key) for key in keys}
            rows.append(row | {f"energy of {name}": energy for name, energy in stats.per_component_energy.items()})
        return pd.DataFrame(rows)


def _plain(value: Any) -> Any:
    """A value that can be sent to another process."""
    if callable(value):
        return f"function {getattr(value, '__name__', value)}"
    return copy.deepcopy(value)


def _groups(tests: Iterable[Any], keys: Sequence[str]) -> list[list[Any]]:
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for test in tests:
        groups.setdefault(tuple(test.access(key) for key in keys), []).append(test)
    return list(groups.values())


def _all_optimal(tests: Sequence[OutputStats]) -> bool | None:
    known = [test.optimal for test in tests]
    return None if None in known else all(known)


__all__ = ["ACCESSES", "MultipliableDict", "OutputStats", "OutputStatsList"]
