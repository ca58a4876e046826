"""Names for the arrays that modules hand to each other."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.intp]
"""Numbers of rows."""

_MULTIPLIERS = np.random.default_rng(0).integers(1, 1 << 62, 1 << 10)


def told_apart(rows: Ints) -> tuple[Ints, Ints]:
    """One place of each different row of [n, columns], and which of these each row equals."""
    hashed = rows @ _MULTIPLIERS[: rows.shape[1]]
    _, first, which = np.unique(hashed, return_index=True, return_inverse=True)
    if (rows[first[which]] == rows).all():
        return first, which
    order = np.lexsort((np.zeros(len(rows)), *rows.T))  # there may be no columns
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    which = np.empty(len(rows), dtype=np.int64)
    which[order] = np.cumsum(new) - 1
    return order[new], which
