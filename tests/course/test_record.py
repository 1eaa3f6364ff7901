"""The file of a learner's progress: what is not a record is put aside, and a new one begins."""

from __future__ import annotations

import json

import pytest

from asm_teach.course import record


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"\xff\xfe", b"[" * 50_000, b'{"exercises": {}}',
        b'{"exercises": {"nme": {"ok": true, "tries": 1' + 400 * b"0" + b', "hints": 0}}, "quizzes": {}}',
        b'{"exercises": {"nme": {"ok": true, "tries": NaN, "hints": 0}}, "quizzes": {}}',
    ],
    ids=["cut-off", "no-text", "deep", "half", "large", "nan"],
)  # fmt: skip
def test_a_broken_record_is_put_aside(tmp_path, monkeypatch, capsys, content):
    file = tmp_path / "progress.json"
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(file))
    file.write_bytes(content)
    record.note_try("nme", True)
    assert "is kept as" in capsys.readouterr().out
    assert (tmp_path / "progress.broken-1.json").read_bytes() == content
    assert json.loads(file.read_text())["exercises"] == {"nme": {"ok": True, "tries": 1, "hints": 0}}
