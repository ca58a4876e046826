"""Winners with and without their mapspace: the store and the workers' pipes carry a place in it instead of a copy."""

from __future__ import annotations

from flexloop.engines.base import Candidate, Winner
from flexloop.mapspace import MapSpace
from flexloop.running.store import StoredWinner


def to_stored(winner: Winner, space: MapSpace) -> StoredWinner:
    """The winner of a mapspace, its variant named by its index there."""
    candidate = winner.candidate
    return StoredWinner(
        variant=space.variants.index(candidate.variant),
        bounds=candidate.bounds,
        mapping=candidate.mapping,
        evaluation=winner.evaluation,
        optimal=winner.optimal,
        lower_bound=winner.lower_bound,
        evaluated=winner.evaluated,
        excluded=winner.excluded,
        notes=winner.notes,
        tie_bound=winner.tie_bound,
    )


def from_stored(stored: StoredWinner, space: MapSpace) -> Winner:
    """The winner in its mapspace."""
    return Winner(
        Candidate(space.variants[stored.variant], stored.bounds, stored.mapping),
        stored.evaluation,
        stored.optimal,
        stored.lower_bound,
        stored.evaluated,
        stored.excluded,
        stored.notes,
        stored.tie_bound,
    )
