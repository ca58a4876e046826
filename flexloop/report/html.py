"""The HTML report: one file with its data, styles and scripts inside, that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flexloop._version import __version__
from flexloop.atomic import write_atomically
from flexloop.errors import OutputError
from flexloop.report.data import arch_of, report_data
from flexloop.report.gains import check_one_arch
from flexloop.report.provenance import provenance
from flexloop.results import COLUMNS, Results

_ASSETS = Path(__file__).parent / "assets"

_SCRIPTS = (
    "dom.js",
    "format.js",
    "colour.js",
    "state.js",
    "lattice.js",
    "axes.js",
    "bars.js",
    "heatmap.js",
    "energy.js",
    "roofline.js",
    "mapping.js",
    "tables.js",
    "main.js",
)
"""In the order in which they are joined into one script; each uses only what stands before it."""

_UNSAFE_IN_SCRIPT = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def write_report(results: Results, path: Path) -> Path:
    """Write the report of a study and return its path.

    Raises:
        SpecError: if the results are empty or mix several arch specs or objectives.
        OutputError: if the file cannot be written.
    """
    text = render_report(results)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; give another file with -o") from error
    return path


def render_report(results: Results) -> str:
    """The report's HTML.

    A content security policy admits the page's own script and styles by their hashes and nothing else, so that no name
    in the results can run as code or fetch anything.
    """
    check_one_arch(results)
    style = (_ASSETS / "report.css").read_text(encoding="utf-8")
    script = _script()
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    data = report_data(results)
    arch = arch_of(results)
    return environment.get_template("report.html.j2").render(
        policy=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        data=Markup(_json_in_script(data)),  # noqa: S704 - escaped by _json_in_script
        networks=data["networks"],
        arch=data["arch"],
        description=arch.description if arch else "",
        objective=data["objective"],
        baseline=data["baseline"],
        has_roofs=bool(data["roofs"]),
        provenance=provenance(results),
        glossary=COLUMNS,
        version=__version__,
    )


def _script() -> str:
    parts = [(_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n(() => {\n'use strict';\n" + "\n".join(parts) + "\n})();\n"


def _hash(text: str) -> str:
    """A source expression of the content security policy that admits exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json_in_script(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it can end the element or start another."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE_IN_SCRIPT)
