"""Timeloop's v4 files, read without Timeloop's front end: `load` makes a document of them, `translate` its own keys."""

from flexloop.timeloop.v4front.document import Document, assemble, contents, load
from flexloop.timeloop.v4front.plain import plain
from flexloop.timeloop.v4front.recognition import is_v4, recognised, without_effect
from flexloop.timeloop.v4front.translation import translate

__all__ = [
    "Document", "assemble", "contents", "is_v4", "load", "plain", "recognised", "translate", "without_effect",
]  # fmt: skip
