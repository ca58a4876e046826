"""Hashes of plain data."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(content: Any) -> str:
    """SHA-256 in hexadecimal of what is JSON-serialisable; the order of keys has no meaning.

    Raises:
        ValueError: for a number that is not finite, which JSON does not know.
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
