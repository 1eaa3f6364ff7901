"""Each `predict` of a lesson has its `happened` further down, under a key of that lesson."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
CALL = re.compile(r"^\s*(predict|happened)\(\s*[\"']([^\"']*)[\"']", re.MULTILINE)


def faults(lesson: str, sources: list[str]) -> list[str]:
    """What is wrong with the predictions in the code cells of a lesson."""
    calls = [(number, *call) for number, source in enumerate(sources) for call in CALL.findall(source)]
    asked = {key: number for number, name, key in calls if name == "predict"}
    told = {key: number for number, name, key in calls if name == "happened"}
    found = [f"{key}: not a key of lesson {lesson}" for key in {*asked, *told} if not key.startswith(f"{lesson}.")]
    found += [f"{key}: predicted and never seen, or seen and not predicted" for key in asked.keys() ^ told.keys()]
    found += [f"{key}: seen before it is predicted" for key in asked.keys() & told.keys() if told[key] <= asked[key]]
    if len(asked) + len(told) < len(calls):
        found.append("a key stands twice")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_prediction_meets_what_happened(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert faults(path.stem.partition("_")[0], code) == []


def test_a_fault_is_found() -> None:
    ask, tell = 'predict("01.a")', 'x = 1\nhappened("01.a", f"{x} mm")\nx'
    assert faults("01", [ask, tell]) == []
    for cells in ([ask], [tell], [tell, ask], [ask + "\n" + tell], [ask, ask, tell]):
        assert len(faults("01", cells)) == 1, cells
    assert len(faults("02", [ask, tell])) == 1
