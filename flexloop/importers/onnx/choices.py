"""What a user chooses where a model leaves something open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Choices:
    """What a model leaves open, and what becomes of what is no layer.

    Attributes:
        skip_unsupported: whether to go on without work that is no layer; a warning says what was left out.
        branch: which branch of a condition counts, where the condition depends on the inputs.
        loop_steps: how often the body of a loop runs, where that depends on the inputs.
    """

    skip_unsupported: bool = False
    branch: Literal["then", "else"] | None = None
    loop_steps: int | None = None
