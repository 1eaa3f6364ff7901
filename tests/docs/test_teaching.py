"""The page for lecturers says of the lessons what they say themselves: minutes that add up, and what happens."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "teaching.md").read_text("utf-8")
LESSONS = {path.name.partition("_")[0]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb"))}
PLANS = ("90 minutes, nothing prepared", "One day", "A term")


def words_of(number: str) -> str:
    """The text cells of a lesson."""
    cells = nbformat.read(LESSONS[number], as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def minutes_of(number: str) -> dict[str, int]:
    """Minutes of a lesson: of each part by its number or title, of each exercise, and of the whole as its head says."""
    text = words_of(number)
    whole = re.search(r"\*\*Time\.\*\* (?:About )?(\d+) minutes", text)
    assert whole, f"the head of lesson {number} has no **Time.** N minutes"
    parts = re.findall(r"^## (?:(\d+)\. )?(.+?) \((\d+) minutes?\)$", text, re.MULTILINE)
    exercises = re.findall(r"\*\*(\d)\. [^*(]+ \((\d+) minutes?\)", text)
    found = {f"section {number}" if number else f"part {title}": int(minutes) for number, title, minutes in parts}
    return {"whole": int(whole[1]), **found, **{f"exercise {number}": int(minutes) for number, minutes in exercises}}


def named(what: str) -> list[str]:
    """What a row of a plan takes of its lesson: `sections 1, 3 and 7: ...` gives three names."""
    what = what.partition(", ")[2].partition(":")[0]
    kind, _, rest = what.partition(" ")
    if kind in ("whole", "part"):
        return [what]
    first, to, last = rest.partition(" to ")
    numbers = range(int(first), int(last) + 1) if to else map(int, re.findall(r"\d+", rest))
    return [f"{kind.removesuffix('s')} {number}" for number in numbers]


def rows_of(plan: str) -> list[tuple[str, str, int]]:
    """The meeting, what is done in it and its minutes, of each row of a plan."""
    table = PAGE.partition(f"### {plan}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\|((?: \d \|)*) ((?:Lesson|The start).+?) \| (\d+) \|$", table, re.MULTILINE)
    return [(meeting, what, int(minutes)) for meeting, what, minutes in found]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_takes_the_minutes_that_the_lessons_say(plan):
    rows = rows_of(plan)
    assert len(rows) == PAGE.partition(f"### {plan}\n")[2].partition("\n#")[0].count("\n|") - 2 >= 4
    for _, what, minutes in rows:
        found = minutes_of((re.match(r"Lesson (\d+)", what) or ["", "0"])[1].zfill(2))
        assert sum(found[name] for name in named(what)) == minutes, f"{plan}: {what}: the lesson says {found}"
    for meeting, own in groupby(rows, lambda row: row[0]):
        total = sum(minutes for *_, minutes in own)
        assert 60 <= total <= 90, f"{plan},{meeting or ' all'}: {total} minutes"


@pytest.mark.parametrize("number", LESSONS)
def test_the_parts_of_a_lesson_add_up_to_its_time(number):
    found = minutes_of(number)
    parts = sum(minutes for name, minutes in found.items() if name.startswith(("section", "part")))
    assert 0 <= found["whole"] - parts <= 5, f"its head says {found['whole']} minutes, its parts take {parts}"


def test_what_happens_is_what_the_lessons_show():
    """Every number of the table of questions stands, with its unit, in the text or the outputs of its lesson."""
    rows = re.findall(r"^\| (start|\d+) \| (.+?) \| (.+?) \| .+ \|$", PAGE.partition("## What to say")[2], re.MULTILINE)
    assert len(rows) >= 12
    missing = []
    for lesson, ask, happens in rows:
        cells = nbformat.read(LESSONS["00" if lesson == "start" else lesson.zfill(2)], as_version=4).cells
        shown = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
        text = "\n".join([cell.source for cell in cells] + shown).replace(",", "")
        for number, unit in re.findall(r"(\d+(?:\.\d+)?)(?: ?(mm|px|%))?", f"{ask} {happens}".replace(",", "")):
            if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d) ?{unit}", text):
                missing.append(f"{number} {unit} (lesson {lesson})")
    assert not missing
