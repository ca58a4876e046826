"""Names for the types that compiled code takes and returns."""

from __future__ import annotations

from typing import Any, TypeAlias

import numba as nb
import numpy as np
import numpy.typing as npt

I64: TypeAlias = int
F64: TypeAlias = float
IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

types: Any = nb.types
INTEGER, BOOLEAN = types.int64, types.boolean
VECTOR, MATRIX, CUBE = types.int64[::1], types.int64[:, ::1], types.int64[:, :, ::1]
F_VECTOR, F_MATRIX, F_CUBE = types.float64[::1], types.float64[:, ::1], types.float64[:, :, ::1]
"""Numba's types of what Python hands to compiled code."""
