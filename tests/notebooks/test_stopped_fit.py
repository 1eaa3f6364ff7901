"""A reader may stop a fit that a lesson shows: the cells after it go on with what it has, and say so."""

from __future__ import annotations

import json
import linecache
from pathlib import Path

import pytest

from asm_teach.widgets import FitWatcher

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.long
@pytest.mark.parametrize("lesson", ["00_start_here", "04_adaptive_model"])
def test_the_cell_that_waits_takes_a_fit_that_was_stopped(
    lesson: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short(self: FitWatcher, *_: object) -> None:
        start(self)
        while not self._run.history:
            self._run.wait(0.02)
        self.stop()

    start = FitWatcher.start
    monkeypatch.setattr(FitWatcher, "start", short)
    cells = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    last = next(number for number, source in enumerate(sources) if "watcher.wait()" in source)
    names: dict[str, object] = {"__name__": "lesson", "display": lambda *_: None}
    for number, source in enumerate(sources[: last + 1]):
        source = "\n".join(
            line for line in source.splitlines() if not line.startswith("%")
        )  # Jupyter alone knows those
        file = f"<{lesson} {number}>"  # lessons print the source of what they have built
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), names)
    assert names["watcher"].state == "stopped"
    assert "You stopped the adaptive fit" in capsys.readouterr().out
