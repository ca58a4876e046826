"""How fast cells have been, and how long the rest takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pace:
    """How fast cells and what comes between them have been, and what that means for the rest.

    Attributes:
        since: when the present part began or, between parts, when the last one ended; a clock's seconds.
        parts: parts that are still to begin.
    """

    since: float
    parts: int = 0
    _open: int = 0
    _computed: int = 0
    _searching: float = 0.0
    _begun: int = 0
    _preparing: float = 0.0

    def begin(self, cells: int, now: float) -> None:
        """A part of so many cells begins; what it needed, such as a design, has taken until now."""
        if self._open:  # the part before ended early
            self._searching += now - self.since
        else:
            self._preparing += now - self.since
        self.since, self._open, self._begun, self.parts = now, cells, self._begun + 1, max(0, self.parts - 1)

    def finished(self, now: float, *, computed: bool) -> None:
        """A cell is done; one from the store tells nothing of the pace."""
        self._computed += computed
        self._open -= 1
        if not self._open:
            self._searching, self.since = self._searching + now - self.since, now

    def left(self, cells: int, now: float) -> float | None:
        """Seconds for so many cells and the parts to come; None before anything tells.

        >>> pace = Pace(since=0.0, parts=2)
        >>> pace.begin(2, now=10.0)
        >>> pace.finished(now=13.0, computed=True)
        >>> pace.left(cells=3, now=13.0)  # three cells of 3 s, and one more preparation of 10 s
        19.0
        """
        if not cells:
            return 0.0
        if not self._computed:
            return None
        searching = self._searching + (now - self.since if self._open else 0.0)
        preparing = self._preparing / self._begun * self.parts
        return searching / self._computed * cells + preparing


def in_words(seconds: float | None) -> str:
    """A time left in words.

    >>> in_words(300)
    'about 5 min'
    """
    if not seconds:
        return "?" if seconds is None else "0 s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"
