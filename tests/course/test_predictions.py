"""Predictions: kept in the learner's record, and shown beside what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asm_teach.course import happened, predict, record
from asm_teach.course.predictions import Outcome

CHOICES = ("it stays", "a < b & `c`", "far")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def test_a_written_prediction_is_shown_beside_what_happened(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = predict("01.hinge")
    box.presses += 1
    assert "Write a few words" in box.said and box.state == "open" and not file.exists()
    box.written = "  it\tstays " + 500 * "x"
    box.presses += 1
    assert "Kept" in box.said and box.state == "kept"
    happened("01.hinge", "it moves by 27.4 mm")
    kept = json.loads(file.read_text())["predictions"]["01"]["hinge"]
    assert kept["happened"] == "it moves by 27.4 mm" and kept["said"].startswith("it stays xxx")
    assert len(kept["said"]) == 400
    assert capsys.readouterr().out == f"You predicted: {kept['said']}\nWhat happened: it moves by 27.4 mm\n"


def test_a_choice_comes_up_again_the_next_day(file: Path) -> None:
    box = predict("01.hinge", CHOICES)
    assert box.choices[1] == "a &lt; b &amp; <code>c</code>"
    box.presses += 1
    assert box.said == "Choose one of them first." and not file.exists()
    box.chosen = 1
    box.presses += 1
    assert predict("01.hinge", CHOICES).said == "Kept: a &lt; b &amp; <code>c</code>"
    happened("01.hinge", "it <moves>")
    again = predict("01.hinge", CHOICES)
    assert (again.chosen, again.state) == (1, "kept")
    assert again.said.endswith("c</code><br><b>What happened:</b> it &lt;moves&gt;")
    again.chosen = 2  # a second thought is a new prediction
    again.presses += 1
    assert json.loads(file.read_text())["predictions"]["01"]["hinge"] == {"said": "far"}
    assert predict("01.hinge", ("others", "than before")).chosen == -1


def test_without_a_prediction_what_happened_is_told_and_nothing_noted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    happened("01.hinge", "it moves")
    assert capsys.readouterr().out == "What happened: it moves\n" and not file.exists()
    assert "predicted" not in Outcome("", "it moves")._repr_html_()


def test_the_same_outcome_again_writes_nothing(file: Path) -> None:
    record.note_prediction("01.hinge", "far")
    happened("01.hinge", "near")
    before = file.stat().st_mtime_ns
    happened("01.hinge", "near")
    assert file.stat().st_mtime_ns == before


def test_a_record_of_before_predictions_is_read_and_a_broken_one_put_aside(file: Path) -> None:
    file.write_text('{"exercises": {}, "quizzes": {}}')
    record.note_prediction("01.hinge", "far")
    assert record.prediction("01.hinge") == {"said": "far"} and record.prediction("02.hinge") == {}
    for broken in ([], {"01": []}, {"01": {"hinge": {}}}, {"01": {"hinge": {"said": 3}}}):
        file.write_text(json.dumps({"exercises": {}, "quizzes": {}, "predictions": broken}))
        assert record.prediction("01.hinge") == {} and not file.exists()


@pytest.mark.parametrize("key", ["hinge", "01.", "01.The Hinge", "01.a.b", ""])
def test_a_key_is_a_lesson_and_a_name(key: str) -> None:
    for call in (lambda: predict(key), lambda: happened(key, "x")):
        with pytest.raises(ValueError, match="give the lesson, a dot and a name"):
            call()


@pytest.mark.parametrize("choices", ["where?", ["one"], ["a", "a"]])
def test_choices_are_two_or_more_that_differ(choices: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more that differ"):
        predict("01.hinge", choices)


def test_without_a_kernel_the_page_shows_the_choices() -> None:
    bundle = predict("01.hinge", CHOICES)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<li>it stays</li>" in data["text/html"] and "( ) far" in data["text/plain"]
