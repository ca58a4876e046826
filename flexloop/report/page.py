"""Pages that are one file: data, styles and scripts inside, nothing asked of the network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flexloop._version import __version__

_ASSETS = Path(__file__).parent / "assets"

_UNSAFE_IN_SCRIPT = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def render_page(template: str, scripts: Sequence[str], data: Any, **context: Any) -> str:
    """A page's HTML.

    A content security policy admits the page's own script and styles by their hashes and nothing else, so that no name
    in the data can run as code or fetch anything.

    Args:
        template: file among the assets.
        scripts: files among the assets, in the order in which they are joined into one script.
        data: what the scripts find as JSON in the element ``data``.
        context: what the template uses besides.
    """
    style, script = (_ASSETS / "report.css").read_text(encoding="utf-8"), _joined(scripts)
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        policy=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        data=Markup(_json_in_script(data)),  # noqa: S704 - escaped by _json_in_script
        version=__version__,
        **context,
    )


def plain_value(value: Any) -> Any:
    """A number to eight significant digits, other values as they are; None for what is missing or infinite."""
    if value is None or value is pd.NA or value != value or value in (float("inf"), float("-inf")):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(f"{value:.8g}")
    return value


def _joined(scripts: Sequence[str]) -> str:
    parts = [(_ASSETS / name).read_text(encoding="utf-8") for name in scripts]
    return "\n(() => {\n'use strict';\n" + "\n".join(parts) + "\n})();\n"


def _hash(text: str) -> str:
    """A source expression of the content security policy that admits exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json_in_script(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it can end the element or start another."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE_IN_SCRIPT)
