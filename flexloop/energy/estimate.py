"""From components to reference tables: a class made of others is taken to its parts, and a model asked for those.

The tables are those that Accelergy makes: for each component the energy of each action in pJ (ERT) and the area in um^2
(ART), and summaries that say who estimated each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flexloop.energy.classes import (
    CompoundClass,
    Names,
    Use,
    combinations,
    count_of,
    evaluated,
    number_of,
    shipped_classes,
)
from flexloop.energy.components import LEAK, Component, Model, Part, UnknownPartError, has_node, is_idle, node_of
from flexloop.errors import SpecError, UnsupportedError

MAX_NESTING = 20
"""How deep classes may be made of each other."""

MAX_PARTS = 100_000
"""Parts that are looked at for one component."""

WAYS_OUT = (
    "define the class under compound_components, made of classes that are known; or give its energies in an ERT with "
    "--energy FILE; or use --energy accelergy or hwcomponents with a model that knows it"
)


@dataclass(frozen=True)
class Estimate:
    """Figures of one component.

    Attributes:
        path: where it stands in the component tree.
        actions: name, arguments and energy in pJ.
        area: um^2 of one instance.
        parts: what it is made of, by name, each with the origin of its figures.
    """

    path: str
    actions: tuple[tuple[str, Mapping[str, Any], float], ...]
    area: float
    parts: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Where its figures come from."""
        return ", ".join(dict.fromkeys(self.parts.values()))


class Estimator:
    """Takes components to their parts and asks a model for those.

    Args:
        model: who knows the parts that are not made of others.
        classes: those that the input defines, by name; they go before the shipped ones.
        node: the technology node of parts whose attributes give none.
    """

    def __init__(
        self, model: Model, classes: Mapping[str, CompoundClass] | None = None, node: str | None = None
    ) -> None:
        self._model = model
        self._node = node
        self._own: Mapping[str, CompoundClass] = {} if classes is None else classes
        self._work = 0

    def estimate(self, component: Component) -> Estimate:
        """Energies and area of a component.

        Raises:
            UnsupportedError: if it is, or is made of, a class that the model knows nothing of; with the ways out.
            SpecError: if its class or its attributes contradict themselves.
        """
        try:
            return self._estimate(component)
        except UnknownPartError as error:
            raise UnsupportedError(
                f"energy: {component.name} (class {component.part.kind}): {error} in the source {self._model.source}; "
                f"{WAYS_OUT}"
            ) from error
        except SpecError as error:
            raise SpecError(f"energy: {component.name}: {error}") from error

    def _class(self, kind: str) -> CompoundClass | None:
        return self._own[kind] if kind in self._own else shipped_classes().get(kind)

    def _estimate(self, component: Component) -> Estimate:
        self._work = 0
        compound, part = self._own.get(component.part.kind), self._bound(component.part)
        wanted: Iterable[tuple[str, Names]] = ((action, {}) for action in component.actions)
        if compound is not None and compound.actions:
            wanted = _actions(compound, part)
        actions = tuple(
            (name, arguments, self._round(component.energy_scale * self._energy(part, name, arguments)))
            for name, arguments in wanted
        )
        area = self._round(component.area_scale * self._area(part))
        return Estimate(component.path, actions, area, dict(self._origins(part, component.path)))

    def _bound(self, part: Part, outer: Names | None = None, depth: int = 0) -> Part:
        """A part with the values of its class's attributes; of the class that its own merely renames, if it does."""
        self._work += 1
        if depth > MAX_NESTING or self._work > MAX_PARTS:
            raise SpecError(f"class {part.kind} is made of too many others, or of itself; make it of fewer")
        compound = self._class(part.kind)
        if compound is None:
            return part
        bound = compound.bind(part, outer)
        return bound if compound.primitive is None else Part(compound.primitive, bound.attributes)

    def _round(self, value: float) -> float:
        return float(f"{value:.{self._model.digits}g}")

    def _energy(self, part: Part, action: str, arguments: Names, depth: int = 0) -> float:
        compound = self._class(part.kind)
        if compound is None:
            energy = self._model.energy(self._placed(part), action, arguments)
            return energy * _instances(part) if action == LEAK else energy
        done = compound.actions.get(action)
        if done is None and part.kind not in self._own and not is_idle(action):
            raise UnknownPartError(f"class {part.kind} has no action {action}")
        names = {**part.attributes, **arguments}
        return sum(self._use(compound, part, use, names, depth) for use in (done.uses if done else ()))

    def _use(self, compound: CompoundClass, part: Part, use: Use, names: Names, depth: int) -> float:
        where = f"class {compound.name}"
        subcomponent = compound.subcomponent(use.subcomponent)
        inner = self._bound(compound.part(subcomponent, part.attributes), part.attributes, depth + 1)
        times = number_of(use.scale, names, f"{where}: scale of {use.subcomponent}.{use.action}")
        times *= number_of(subcomponent.energy_scale, {**part.attributes, **inner.attributes}, f"{where}: energy_scale")
        times *= count_of(use.subcomponent, names, where)
        if times == 0:
            return 0.0
        return times * self._energy(inner, use.action, evaluated(use.arguments, names), depth + 1)

    def _area(self, part: Part, depth: int = 0) -> float:
        compound = self._class(part.kind)
        if compound is None:
            return self._model.area(self._placed(part)) * _instances(part)
        return sum(
            count_of(subcomponent.name, part.attributes, f"class {compound.name}")
            * number_of(
                subcomponent.area_scale, {**part.attributes, **inner.attributes}, f"class {compound.name}: area_scale"
            )
            * self._area(inner, depth + 1)
            for subcomponent, inner in self._inner(compound, part, depth)
        )

    def _origins(self, part: Part, name: str, depth: int = 0) -> Iterator[tuple[str, str]]:
        compound = self._class(part.kind)
        if compound is None:
            placed = self._placed(part)
            yield name, self._model.origin(placed) + ("" if placed is part else f" ({self._node} assumed)")
            return
        for subcomponent, inner in self._inner(compound, part, depth):
            yield from self._origins(
                inner, subcomponent.name if depth == 0 else f"{name}.{subcomponent.name}", depth + 1
            )

    def _placed(self, part: Part) -> Part:
        """A part with a technology node, the assumed one where it has none of its own."""
        if self._node is None or not has_node(part) or node_of(part.attributes.get("technology")) is not None:
            return part
        return Part(part.kind, {**part.attributes, "technology": self._node})

    def _inner(self, compound: CompoundClass, part: Part, depth: int) -> Iterator[tuple[Any, Part]]:
        for subcomponent in compound.subcomponents:
            inner = compound.part(subcomponent, part.attributes)
            yield subcomponent, self._bound(inner, part.attributes, depth + 1)


def _instances(part: Part) -> float:
    """How many stand side by side and take part in every action: they leak, and take area, as many times."""
    return number_of(part.attributes.get("n_instances", 1), {}, f"n_instances of the {part.kind}")


def _actions(compound: CompoundClass, part: Part) -> Iterator[tuple[str, dict[str, int]]]:
    for action in compound.actions.values():
        for arguments in combinations(action, part.attributes, f"class {compound.name}.{action.name}"):
            yield action.name, arguments


def ert_of(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The content of Timeloop's ``ERT`` key."""
    tables = [
        {"name": e.path, "actions": [{"name": n, "arguments": dict(a), "energy": pj} for n, a, pj in e.actions]}
        for e in estimates
        if e.actions
    ]
    return {"version": 0.4, "tables": tables}


def art_of(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The content of Accelergy's ``ART`` key."""
    return {"version": 0.4, "tables": [{"name": e.path, "area": e.area} for e in estimates]}
