"""A person answers a quiz in JupyterLab by keyboard alone, and hears what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .harness import NO_BROWSER, LabPage, LabServer, chromium, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELL = """
import os
os.environ["ASM_TEACH_PROGRESS"] = {file!r}
from asm_teach.course.quizzes import Question, Quiz
quiz = Quiz("05", (
    Question("Is `a` < b?", ("yes", "no", "it takes " + 40 * "many " + "words"), 1, ("x", "It is not.", "z")),
    Question("And now?", ("one", "two"), 0, ("first", "second")),
))
quiz
"""
ACTIVE = "() => { const e = document.activeElement; return [e.type, e.closest('label')?.innerText ?? e.innerText]; }"


def test_a_quiz_by_keyboard(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cell = CELL.replace("{file!r}", repr(str(tmp_path / "progress.json")))
    write_notebook(folder / "quiz.ipynb", (cell, "'below'"))
    with LabServer(folder) as server, LabPage(server) as lab:
        lab.open("quiz.ipynb")
        lab.run_all()
        page = lab.page
        first, second = (lab.show("form.asm-question", index) for index in (0, 1))
        region = first.locator("[aria-live=polite]").element_handle()
        assert region.inner_text() == ""  # it is there before there is anything to say
        assert page.get_by_role("group", name="1. Is a < b?").count() == 1  # the legend names the radio buttons
        assert first.locator("legend code").inner_text() == "a"

        first.get_by_role("radio").first.focus()
        page.keyboard.press("ArrowDown")  # chooses the second, and does not leave the cell
        assert page.evaluate(ACTIVE) == ["radio", "no"]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_function("(e) => e.innerText.startsWith('Not right. z')", arg=region)
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Tab")
        assert page.evaluate(ACTIVE) == ["submit", "Answer"]
        page.keyboard.press("Space")
        page.wait_for_function("(e) => e.isConnected && e.innerText === 'Right. It is not.'", arg=region)
        page.keyboard.press("Tab")  # on to the next question
        assert page.evaluate(ACTIVE) == ["radio", "one"]
        page.keyboard.press("Enter")
        page.wait_for_function("(form) => /Choose one/.test(form.innerText)", arg=second.element_handle())
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_function("(form) => /Right. first/.test(form.innerText)", arg=second.element_handle())

        told = json.loads(lab.evaluate("import json; print(json.dumps([quiz.right, [b.chosen for b in quiz.boxes]]))"))
        assert told == [2, [1, 0]]
        assert json.loads((tmp_path / "progress.json").read_text())["quizzes"]["05"] == {
            "1": {"ok": True, "tries": 2},
            "2": {"ok": True, "tries": 1},
        }
        form, label = first.bounding_box(), first.locator("label").nth(2).bounding_box()
        assert form and label and label["width"] <= form["width"] + 1 and label["height"] > 30  # long choices wrap
        page.screenshot(path=str(tmp_path / "quiz.png"))
        assert lab.problems() == []


PREDICTION = """
import os
os.environ["ASM_TEACH_PROGRESS"] = {file!r}
from asm_teach.course import happened, predict
predict("01.hinge")
"""


def test_a_prediction_stands_beside_what_happened(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cell = PREDICTION.replace("{file!r}", repr(str(tmp_path / "progress.json")))
    choices = 'predict("01.next", ["near", "far"])'
    write_notebook(folder / "lesson.ipynb", (cell, choices, 'happened("01.hinge", "it moves by 27.4 mm")'))
    with LabServer(folder) as server, LabPage(server) as lab:
        lab.open("lesson.ipynb")
        lab.run_all()
        page, form = lab.page, lab.show("form.asm-question", 0)
        assert page.get_by_role("group", name="Your prediction").count() == 2
        field = page.get_by_role("textbox", name="Your prediction")
        field.focus()
        page.keyboard.type("a x b stays <there>")  # letters that are commands of the notebook elsewhere
        page.keyboard.press("Enter")
        page.wait_for_function("(form) => /Kept/.test(form.innerText)", arg=form.element_handle())
        assert field.input_value() == "a x b stays <there>"
        second = lab.show("form.asm-question", 1)
        second.get_by_role("radio").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_function("(form) => /Kept/.test(form.innerText)", arg=second.element_handle())
        lab.run_all()
        both = "You predicted: a x b stays <there>\nWhat happened: it moves by 27.4 mm"
        page.wait_for_function(f"() => document.body.innerText.includes({json.dumps(both)})")
        assert json.loads((tmp_path / "progress.json").read_text())["predictions"]["01"] == {
            "hinge": {"said": "a x b stays <there>", "happened": "it moves by 27.4 mm"},
            "next": {"said": "far"},
        }
        lab.run_all()  # the box has it too, the next time
        page.wait_for_function(
            f"() => document.querySelector('form.asm-question').innerText.includes({json.dumps(both)})"
        )
        page.screenshot(path=str(tmp_path / "prediction.png"))
        assert lab.problems() == []
