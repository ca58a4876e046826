"""Numbers of choices and ratios of them, exact or estimated with a confidence interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log10, sqrt
from statistics import NormalDist


@dataclass(frozen=True)
class Estimate:
    """A number with an interval around it; where it is exact, both ends are the number itself.

    Attributes:
        value: the number, or its point estimate.
        low, high: the confidence interval.
        samples: Monte Carlo samples behind it; 0 where it is exact.
    """

    value: float
    low: float
    high: float
    samples: int = 0

    @classmethod
    def exactly(cls, value: float) -> Estimate:
        """A number known exactly."""
        return cls(value, value, value)

    @property
    def exact(self) -> bool:
        """Whether no sampling was involved."""
        return self.samples == 0

    @property
    def log10(self) -> float:
        """Decimal logarithm of the value; minus infinity for zero."""
        return log10(self.value) if self.value > 0 else -inf

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.value + other.value, self.low + other.low, self.high + other.high, max(self.samples, other.samples)
        )

    def __mul__(self, other: Estimate) -> Estimate:
        """Product of non-negative numbers; the interval holds where both factors' intervals hold."""
        return Estimate(
            self.value * other.value, self.low * other.low, self.high * other.high, max(self.samples, other.samples)
        )

    def share_of(self, whole: Estimate) -> Estimate:
        """This number of choices as a share of a larger one: at most 1, and 0 where there is nothing to choose from."""
        if whole.high == 0:
            return Estimate.exactly(0.0)
        return Estimate(
            value=min(1.0, self.value / whole.value) if whole.value else 0.0,
            low=min(1.0, self.low / whole.high),
            high=min(1.0, self.high / whole.low) if whole.low else 1.0,
            samples=max(self.samples, whole.samples),
        )


def wilson(hits: int, samples: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a probability (E. B. Wilson, JASA 22, 1927).

    Examples:
        >>> low, high = wilson(hits=10, samples=100, confidence=0.95)
        >>> f"{low:.4f} {high:.4f}"
        '0.0552 0.1744'
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / samples
    centre = share + z * z / (2 * samples)
    half_width = z * sqrt(share * (1 - share) / samples + z * z / (4 * samples * samples))
    scale = 1 + z * z / samples
    low = (centre - half_width) / scale if hits else 0.0
    high = (centre + half_width) / scale if hits < samples else 1.0
    return low, high


def proportion(hits: int, samples: int, confidence: float, *, of: float) -> Estimate:
    """How many of ``of`` equally likely things are hits, from the hits among samples of them."""
    low, high = wilson(hits, samples, confidence)
    return Estimate(of * hits / samples, of * low, of * high, samples)
