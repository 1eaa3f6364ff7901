"""A question in the page, with a button: choices to choose among, or a line to write into.

Both are native elements, so Tab reaches them, the arrow keys choose, and a button (or Enter) answers. What is said to
an answer stands in a region that screen readers read.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import anywidget
import traitlets


def marked_up(text: str) -> str:
    """Plain text as HTML, with `backticks` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


class QuestionForm(anywidget.AnyWidget):
    """One question in the page; what becomes of an answer is decided by the class that observes `presses`.

    The page sets `chosen` (an index, -1 at first), or `written` where there are no choices, and counts `presses` of the
    button; `said` is what is then read out.
    """

    _esm = Path(__file__).with_name("question.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("question.css").read_text(encoding="utf-8")

    legend = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    button = traitlets.Unicode("Answer").tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
    written = traitlets.Unicode().tag(sync=True)
    presses = traitlets.Int(0).tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode("open").tag(sync=True)  # "open", "right", "wrong" or "kept"
