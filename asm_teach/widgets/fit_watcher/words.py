"""What a fit that is watched says of itself, in words and numbers. No widgets here."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

from asm_teach.widgets.fit_watcher.thread import FitThread

GO = {
    "ready": ("Start", "begin the fit"),
    "running": ("Pause", "hold after the step under way"),
    "paused": ("Resume", "go on with the fit"),
}
"""Label and tooltip of the button that does the next thing, in the states that have one."""
_WORDS = {
    "ready": "Not begun: press Start.",
    "running": "The fit is running.",
    "paused": "Paused after the step under way. Resume goes on from here.",
    "stopping": "Stopping after the step under way.",
    "done": "The fit is done: watcher.fit holds it.",
    "stopped": "Stopped: watcher.fit holds the best so far.",
}


def state_words(run: FitThread) -> str:
    """One sentence or two about how the fit stands."""
    state = run.state  # first: what a failed fit raised is there before it says that it failed
    if state != "failed":
        begun = bool(run.history) or state != "running"
        return _WORDS[state] + ("" if begun else " Its first step is still to come.")
    # a ValueError of this project says in a sentence what is wrong; others need their kind to be understood
    return f"The fit could not go on. {_told(run.failure)}"


def numbers(run: FitThread) -> list[tuple[str, str]]:
    """Rows (what, number with its unit) about the last step; none before it."""
    if not run.history:
        return []
    last = run.history[-1]
    rows = [("iteration", f"{last.iteration}"), ("loss", f"{last.loss:.4g}"), ("seconds", f"{last.seconds:.1f}")]
    if math.isfinite(last.error):
        rows.insert(2, ("mean distance, as the fit counts it", f"{last.error:.2f} mm"))
    return rows


def notes(run: FitThread) -> tuple[str, ...]:
    """What the fit says of its data, once it has ended, and whether it could be shown."""
    said = () if run.fit is None else tuple(getattr(run.fit, "notes", ()))
    return said if run.blind is None else (*said, f"The fit goes on unseen, it cannot be shown: {_told(run.blind)}")


def lines(words: Iterable[str]) -> str:
    """Each as a line of the page."""
    return "".join(f'<div class="asm-said">{html.escape(line)}</div>' for line in words)


def _told(failure: BaseException | None) -> str:
    return str(failure) if isinstance(failure, ValueError) else f"{type(failure).__name__}: {failure}"
