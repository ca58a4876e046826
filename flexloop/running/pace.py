"""How fast cells have been, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

Kind = tuple[str, Hashable]
"""What makes two cells of a study's parts alike: their class and the shape of their layer."""


@dataclass
class Pace:
    """How long cells and what comes between them have taken, and what that means for the rest.

    A cell that is still to come takes as long as the last of its kind, else as one of its class, else as any. What
    several processes do at once, and what passes beside the cells, is in the time that has gone by for each second of
    the cells.

    Attributes:
        since: when the present part began or, between parts, when the last one ended; a clock's seconds.
        parts: parts that are still to begin.
    """

    since: float
    parts: int = 0
    _open: int = 0
    _begun: int = 0
    _preparing: float = 0.0
    _searching: float = 0.0
    _worked: float = 0.0
    _last: float = 0.0
    _kinds: dict[Kind, float] = field(default_factory=dict)
    _classes: dict[str, tuple[int, float]] = field(default_factory=dict)
    _awaited: dict[Kind, None] = field(default_factory=dict)

    def begin(self, cells: int, now: float) -> None:
        """A part of so many cells begins; what it needed, such as a design, has taken until now."""
        if self._open:  # the part before ended early
            self._searching += now - self.since
        else:
            self._preparing += now - self.since
        self.since, self._open, self._begun, self.parts = now, cells, self._begun + 1, max(0, self.parts - 1)
        self._last = now
        self._awaited.clear()

    def expect(self, kinds: Iterable[Kind]) -> None:
        """Cells of these kinds are among those to come in the present part."""
        self._awaited.update(dict.fromkeys(kinds))

    def finished(self, kind: Kind, seconds: float, now: float, *, computed: bool) -> None:
        """A cell is done, which took so many seconds, now or (from the store) once."""
        count, total = self._classes.get(kind[0], (0, 0.0))
        self._kinds[kind], self._classes[kind[0]] = seconds, (count + 1, total + seconds)
        self._worked += seconds * computed
        self._awaited.pop(kind, None)
        self._open -= 1
        self._last = now
        if not self._open:
            self._searching, self.since = self._searching + now - self.since, now

    def left(self, cells: int, now: float) -> float | None:
        """Seconds for so many cells and the parts to come; None before anything tells.

        Where the rest is a cell that takes much longer than expected, it is taken to need as long again as nothing has
        been finished.

        >>> pace = Pace(since=0.0, parts=2)
        >>> pace.begin(2, now=10.0)
        >>> pace.finished(("T0O0P0S0", "conv"), 6.0, now=13.0, computed=True)
        >>> pace.left(cells=3, now=13.0)  # three cells of 6 s, two at a time, and one more preparation of 10 s
        19.0
        """
        if not cells:
            return 0.0
        if not self._worked:
            return None
        searching = self._searching + (now - self.since if self._open else 0.0)
        mean = sum(total for _, total in self._classes.values()) / sum(count for count, _ in self._classes.values())
        work = sum(self._expected(kind, mean) for kind in self._awaited) + mean * max(0, cells - len(self._awaited))
        return max(searching / self._worked * work, now - self._last if self._open else 0.0) + self._preparation(now)

    def _expected(self, kind: Kind, mean: float) -> float:
        if kind in self._kinds:
            return self._kinds[kind]
        count, total = self._classes.get(kind[0], (0, 0.0))
        return total / count if count else mean

    def _preparation(self, now: float) -> float:
        """Seconds that preparing the parts to come takes, of which one may be going on."""
        if not self.parts:
            return 0.0
        each = self._preparing / self._begun
        return each * self.parts - (0.0 if self._open else min(each, now - self.since))


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
