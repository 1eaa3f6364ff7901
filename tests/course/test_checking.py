"""The course's machinery: verdicts, hints, the progress file, quizzes."""

from __future__ import annotations

import json
import math
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from asm_teach.course import check, hint, lock, progress, quiz, record
from asm_teach.course.checks.checking import NOTHING, VERDICT, Exercise, Right, Verdict, exercise, exercises, lessons
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import varied
from asm_teach.course.quizzes import Question, QuestionBox, Quiz, marked_up, questions


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The progress file of this test."""
    path = tmp_path / "learner" / "progress.json"
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(path))
    return path


def doubled(function):
    found = function(torch.tensor(3.0))
    if found == 6:
        return None
    return Right("and bold") if found == 7 else f"found {found}, expected 6"


TRY = Exercise("nme", "05", ("one", "two", "three"), doubled)  # under the name of a real one


def stops(x):
    y = x + 1
    return y @ y.missing


@pytest.mark.parametrize(
    ("answer", "ok", "message"),
    [
        (lambda x: 2 * x, True, "right"),
        (lambda x: torch.tensor(7), True, "right: and bold"),
        (lambda x: torch.tensor(5), False, "found 5, expected 6"),
        (None, False, NOTHING),
        (..., False, NOTHING),
        ((None, None), False, NOTHING),
        (lambda x: None, False, NOTHING),
        (
            lambda x: print(end=""),
            False,
            "your function gives None: did you forget `return`, or is it missing in one branch?",
        ),
        (lambda x: (None, ...), False, NOTHING),
    ],
)
def test_a_verdict_is_ok_or_says_why(answer, ok, message):
    verdict = TRY(answer)
    assert (verdict.ok, verdict.message) == (ok, message) and bool(verdict) is ok


def test_an_answer_that_is_no_function_is_said():
    assert check.nme(4).message == ("a function is expected, found int: give the function itself, without calling it")


def test_the_stub_of_a_student_copy_is_nothing_yet_but_torch_may_raise_the_same():
    def stub(x):
        raise NotImplementedError  # your code here

    def refused(x):
        raise NotImplementedError("not implemented for 'Half'")

    assert TRY(stub).message == NOTHING
    assert "not implemented for 'Half'" in TRY(refused).message


def test_an_exception_becomes_a_sentence_with_its_line():
    line = stops.__code__.co_firstlineno + 2
    message = TRY(stops).message
    assert message.startswith(f"your code stops at line {line}, `return y @ y.missing`, with AttributeError")
    assert "Traceback" not in message and "\n" not in message and str(Path(__file__).parent) not in message


def wrong_shapes(x):
    return torch.ones(2, 3) @ torch.ones(2, 3)


def no_keepdim(x):
    table = torch.ones(5, 3)
    return table / table.sum(1)


def a_pair(x):
    return x - torch.ones(2, 3).max(1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wrong_shapes, "a matrix product of 2x3 and 2x3: the inner two sizes have to be the same"),
        (no_keepdim, "sizes 3 and 5 do not fit"),
        (no_keepdim, "keepdim=True missing? (table is (5, 3))"),
        (a_pair, "return a pair (values, indices)"),
        (lambda x: torch.cos(0.5), "torch.cos takes a tensor, and found a plain float"),
        (lambda x: math.cos(torch.ones(3)), "the functions of math take one number"),
        (lambda x: (0.5).exp(), "a plain number has no .exp"),
        (lambda x: 1 if torch.ones(3) > 0 else 2, "`if`, `and` and `or` take one yes or no"),
        (lambda x: (torch.ones(3) > 0).mean(), "take .float() first"),
        (lambda x: torch.ones(3)[3], "there is no entry 3 along that axis"),
        (lambda x: torch.ones(3).sum(1), "there is no axis 1"),
        (lambda x: torch.ones(3, 3) @ torch.ones(3).double(), "float32 and float64 meet"),
        (lambda x: torch.ones(2, requires_grad=True).numpy(), "numpy cuts the derivatives"),
        (lambda x: [i for i, j, k in [torch.ones(2)]], "for the last axis use .unbind(-1)"),
        (lambda x, y: x, "your function has more arguments than the text gives it"),
        (lambda: 1, "your function takes 0 arguments, and the text gives it 1"),
        (lambda x: missing_name, "the name missing_name is not known"),  # noqa: F821
        (lambda x: 1 / 0, "a division by 0"),
        (lambda x: {}["a"], "there is no such key, 'a'"),
        (lambda x: math.log(-1), "a root or logarithm of a negative number"),
        (lambda x: None + 1, "a None is used as a number"),
    ],
)
def test_what_torch_says_is_translated(answer, words):
    message = TRY(answer).message
    assert words in message and "Error" not in message, message
    if answer in (wrong_shapes, no_keepdim):  # a line is that of the answer even where a library raised
        assert f"at line {answer.__code__.co_firstlineno + (1 if answer is wrong_shapes else 2)}, `return " in message


def test_a_verdict_shows_itself_and_can_be_read_by_a_program():
    wrong = Verdict(False, "a < b")
    assert repr(wrong) == "not yet: a < b" and repr(Verdict(True, "right")) == "right"
    assert "a &lt; b" in wrong._repr_html_() and 'role="status"' in wrong._repr_html_()
    assert wrong._repr_mimebundle_() == {VERDICT: {"ok": False, "message": "a < b"}}
    noted = Verdict(False, "a", "x < 3")
    assert repr(noted) == "not yet: a\nx < 3" and "<small>x &lt; 3</small>" in noted._repr_html_()
    assert repr(Verdict(False, NOTHING)) == "nothing here yet: write your answer, run your cell, then run this check"


def test_a_wrong_answer_shows_what_was_tried():
    assert TRY(lambda x: x).note == "Tried last: nme(x = 3) gave 3."
    nothing_given = TRY(lambda x: x.missing).note
    assert nothing_given == "Tried last: nme(x = 3)."
    assert (
        "points = a tensor (5, 3), R = a tensor (3, 3), pivot = [40, -10, 5])"
        in check.turn_about(lambda points, R, pivot: points).note
    )


def test_after_three_tries_a_hint_is_offered_until_all_are_given():
    notes = [TRY(lambda x: x).note for _ in range(3)]
    assert ["Stuck?" in note for note in notes] == [False, False, True]
    assert 'hint("nme")' in notes[-1]
    for _ in range(3):
        hint("nme")
    assert "Stuck?" not in TRY(lambda x: x).note


def test_who_did_not_run_the_cell_again_is_told():
    def same(x):
        return x

    assert "run your cell, then the check" not in TRY(same).note
    assert "run your cell, then the check" in TRY(same).note
    assert "run your cell, then the check" not in TRY(lambda x: x).note


def coincidence(function):
    """A checker whose table is right for the usual inputs by chance."""
    x = varied(2.0)
    return compare(function(x), 5 * x, {"this is four more": x + 4})


def test_a_diagnosis_has_to_hold_for_other_inputs_too():
    one = Exercise("nme", "05", ("one", "two", "three"), coincidence)
    assert one.judge(lambda x: 5 * x).ok
    assert one.judge(lambda x: x + 4).message == "this is four more"
    assert one.judge(lambda x: x**2 + 2).message == "found 6, expected 10"  # 6 as well


def test_an_argument_that_is_not_looked_at_is_named():
    message = check.turn_about(lambda points, R, pivot: (points - 1) @ R.T).message
    assert message.endswith("; your answer does not depend on pivot")


def test_check_lists_its_exercises_and_names_near_ones():
    assert {"nme", "largest_K", "fair"} <= set(dir(check)) and dir(check) == sorted(exercises())
    with pytest.raises(AttributeError, match="no exercise 'nmee'; did you mean nme"):
        check.nmee  # noqa: B018
    with pytest.raises(ValueError, match="no exercise 'zzz'$"):
        hint("zzz")
    assert not hasattr(check, "_ipython_display_")
    assert "lesson 05: nme, " in repr(check)


def test_every_lesson_has_four_exercises_with_three_hints_and_five_questions():
    for number, module in lessons().items():
        own = [one for one in exercises().values() if one.lesson == number]
        assert len(own) >= 4, number
        for one in own:
            assert len(one.hints) == 3 and all(map(str.strip, one.hints)) and len(set(one.hints)) == 3
        assert len(module.QUIZ) >= 5
        for question in module.QUIZ:
            assert all(question.why)
        places = [question.right for question in module.QUIZ]
        assert len(set(places)) > 1, f"lesson {number}: the right answer is always in the same place"


def test_exercises_are_registered_properly():
    with pytest.raises(ValueError, match="hints of nme: three"):
        exercise("one")(exercises()["nme"].checker)

    def nme(answer):
        return None

    with pytest.raises(ValueError, match="exercise nme: lesson 05 has one of that name"):
        exercise("a", "b", "c")(nme)


def test_hints_come_one_after_the_other(file: Path):
    given = [hint("nme") for _ in range(4)]
    assert [one.number for one in given] == [1, 2, 3, 3]
    assert hint("nme", again=True) == given[2] and "Hint 3 of 3" in repr(given[2])
    assert "That was the last one" in given[3]._repr_markdown_()
    assert hint("tame", again=True).number == 1  # none was given: the first
    assert json.loads(file.read_text())["exercises"]["nme"] == {"ok": False, "tries": 0, "hints": 3}


def test_progress_counts_and_stays_right(file: Path):
    TRY(None)
    assert not file.exists()  # nothing was tried
    for answer in (lambda x: x, lambda x: 2 * x, lambda x: x):
        TRY(answer)
    assert json.loads(file.read_text())["exercises"]["nme"] == {"ok": True, "tries": 3, "hints": 0}
    assert os.listdir(file.parent) == ["progress.json"]
    row = next(row for row in progress().rows if row.lesson == "05")
    assert (row.right, row.exercises, row.tries) == (1, 4, 3)
    assert "lesson 05: 1 of 4 exercises right (3 tries, 0 hints)" in repr(progress())
    assert "<td>1 of 4</td>" in progress()._repr_html_()


@pytest.mark.parametrize(
    "broken",
    [b"{", b"\xff\xfe", b"[]", b'{"exercises": {}}', b'{"exercises": {"nme": 3}, "quizzes": {}}'],
)
def test_a_broken_file_is_put_aside(file: Path, broken: bytes, capsys: pytest.CaptureFixture[str]):
    file.parent.mkdir()
    for number in (1, 2):
        file.write_bytes(broken)
        TRY(lambda x: 2 * x)
        aside = file.with_name(f"progress.broken-{number}.json")
        assert aside.read_bytes() == broken and str(aside) in capsys.readouterr().out
        assert json.loads(file.read_text())["exercises"]["nme"]["ok"]


def test_what_another_version_added_is_kept(file: Path):
    file.parent.mkdir()
    file.write_text('{"exercises": {}, "quizzes": {}, "more": [1]}')
    TRY(lambda x: 2 * x)
    assert json.loads(file.read_text())["more"] == [1]


def test_a_place_that_cannot_be_written_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "a file" / "progress.json"))
    assert TRY(lambda x: 2 * x) and TRY(lambda x: 2 * x)
    said = capsys.readouterr().out
    assert said.count("cannot be kept") == 1 and "ASM_TEACH_PROGRESS" in said
    assert [hint("nme").number, hint("nme").number] == [1, 2]  # kept as long as the program
    assert record.read()["exercises"]["nme"]["tries"] == 2


def test_a_read_only_file_stays_as_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file.parent.mkdir()
    file.write_text('{"exercises": {}, "quizzes": {}}')
    file.chmod(stat.S_IREAD)
    monkeypatch.setattr(os, "access", lambda *_: False)  # also for a superuser, whom the mode does not stop
    assert TRY(lambda x: 2 * x)
    assert file.read_text() == '{"exercises": {}, "quizzes": {}}' and "read-only" in capsys.readouterr().out


def test_a_write_that_fails_halfway_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch):
    TRY(lambda x: 2 * x)
    before = file.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    TRY(lambda x: 2 * x)
    assert file.read_bytes() == before and os.listdir(file.parent) == ["progress.json"]


QUESTIONS = (
    Question("Is `a` < b?", ("yes", "no & never"), 0, ("It is.", "It is not `no`.")),
    Question("Which?", ("x", "y", "z"), 2, ("z does.", "z, since x and y are not.", "It is.")),
)


def test_a_quiz_is_answered_by_its_traits(file: Path):
    whole = Quiz("05", QUESTIONS)
    one, other = whole.boxes
    assert whole.children == whole.boxes and one.legend == "<b>1.</b> Is <code>a</code> &lt; b?"
    one.presses += 1
    assert one.said == "Choose one of the answers first." and not file.exists()
    one.chosen = 1
    one.presses += 1
    assert one.said == "<b>Not right.</b> It is not <code>no</code>." and one.state == "wrong" and whole.right == 0
    one.chosen = 0
    assert one.state == "wrong"  # choosing is not answering
    one.presses += 1
    assert one.said == "<b>Right.</b> It is." and one.state == "right" and whole.right == 1
    other.chosen = 1
    other.presses += 1
    assert "z, since" in other.said
    assert json.loads(file.read_text())["quizzes"] == {
        "05": {"1": {"ok": True, "tries": 2}, "2": {"ok": False, "tries": 1}}
    }


def test_a_quiz_can_be_read_without_a_kernel_and_does_not_tell_its_answers():
    bundle = Quiz("05", QUESTIONS)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<li>no &amp; never</li>" in data["text/html"] and "( ) y" in data["text/plain"]
    assert "since" not in data["text/html"] + data["text/plain"]


def test_the_page_has_native_radio_buttons_and_a_live_region():
    assert all(part in QuestionBox._esm for part in ('"radio"', '"fieldset"', '"legend"', '"aria-live"', '"submit"'))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"right": 2}, "2 is not the index"),
        ({"choices": ("a", "a")}, "two or more that differ"),
        ({"why": ("only one",)}, "1 explanations for 2 choices"),
    ],
)
def test_a_question_is_checked_when_it_is_written(change, words):
    with pytest.raises(ValueError, match=words):
        Question(**{"text": "Which?", "choices": ("a", "b"), "right": 0, "why": ("x", "y")} | change)


def test_questions_are_read_as_a_teacher_writes_them():
    text = """
Is `a` < b, or
is it not?
[x] yes
    It is.
[ ] no & never
    It is not [x],
    at all.

Which?
[ ] x
    no
[x] y
    yes
"""
    assert questions(text) == (
        Question("Is `a` < b, or is it not?", ("yes", "no & never"), 0, ("It is.", "It is not [x], at all.")),
        Question("Which?", ("x", "y"), 1, ("no", "yes")),
    )
    for broken in (text.replace("[x] y", "[ ] y"), text.replace("    It is.\n", "")):
        with pytest.raises(ValueError, match="mark one choice as right"):
            questions(broken)


def test_every_quiz_of_the_course_comes_up(file: Path):
    for number, module in lessons().items():
        assert len(quiz(number).boxes) == len(module.QUIZ)
    with pytest.raises(ValueError, match="lesson '99' has no quiz; there are"):
        quiz("99")
    assert marked_up("a `b` <c>") == "a <code>b</code> &lt;c&gt;"


WRITER = """
import sys
from asm_teach.course import record
for number in range(200):
    record.note_try(f"{sys.argv[1]}-{number % 7}", number % 2 == 0)
    record.note_hint("shared")
    record.note_quiz("05", 1, True)
"""


@pytest.mark.long
def test_two_notebooks_at_once_lose_no_note(file: Path):
    both = [subprocess.Popen([sys.executable, "-c", WRITER, name], stdout=subprocess.PIPE) for name in ("a", "b")]
    for process in both:
        said, _ = process.communicate(timeout=100)
        assert process.returncode == 0 and said == b""
    found = json.loads(file.read_text())
    for name in ("a", "b"):
        assert sum(found["exercises"][f"{name}-{number}"]["tries"] for number in range(7)) == 200
    assert found["exercises"]["shared"]["hints"] == 400 and found["quizzes"]["05"]["1"]["tries"] == 400
    assert os.listdir(file.parent) == ["progress.json"]


def test_a_lock_that_a_killed_program_left_keeps_nobody_out(file: Path):
    file.parent.mkdir()
    (file.parent / ".progress.json.lock").touch()
    begun = time.monotonic()
    record.note_hint("nme")
    assert record.hints_given("nme") == 1 and time.monotonic() - begun < 1
    assert os.listdir(file.parent) == ["progress.json"]


def test_a_program_that_hangs_in_the_lock_is_not_waited_for_forever(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    file.parent.mkdir()
    with lock.locked(file):
        record.note_hint("nme")  # of another open file, so it waits
    assert record.hints_given("nme") == 1
