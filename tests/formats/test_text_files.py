"""Text and JSON that others wrote: what is read, and the one kind of error for all that cannot be used."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from asm_teach.formats.text_files import parse_json, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_text("Zoë\n1 2", encoding=encoding)
    assert read_text(tmp_path / "a.txt") == "Zoë\n1 2"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1 2\n\xff\xffx")
    with pytest.raises(ValueError, match="a.txt: this is no text"):
        read_text(tmp_path / "a.txt")
    assert read_text(tmp_path / "a.txt", strict=False) == "1 2\n\ufffd\ufffdx"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345")
    assert read_text(tmp_path / "a.txt", most=5) == "12345"
    (tmp_path / "a.txt").write_text("123456")
    with pytest.raises(ValueError, match="a.txt: larger than"):
        read_text(tmp_path / "a.txt", most=5)


def test_no_file_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.txt", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            read_text(path)


def test_json_comes_as_it_is() -> None:
    text = '{"a": [1, -2.5, "x", null, true], "b": {"c": 9007199254740993}}'
    for given in (text, text.encode(), text.encode("utf-16")):
        assert parse_json(given, "a.json") == {"a": [1, -2.5, "x", None, True], "b": {"c": 9007199254740993}}
    deep = "[" * 32 + "]" * 32
    assert str(parse_json(deep, "a.json")) == deep
    assert math.isnan(parse_json("[NaN]", "a.json", nan=True)[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2", "this is no pose, or it is cut off .*line 1, column 6"),
        ("", "this is no pose, or it is cut off"),
        (b"\xff\xff{}", "this pose cannot be read"),
        ("[" * 33 + "]" * 33, "nested too deeply"),
        ("[" * 50_000 + "]" * 50_000, "nested too deeply"),
        ('{"a":' * 50_000, "nested too deeply"),
        ("[9223372036854775808]", "9223372036854775808 is too large"),
        ("[-1" + "0" * 400 + "]", r"the number -1000000000000000000\.\.\. is too large"),
        ("1" + "0" * 5000, "is too large"),  # more digits than Python turns into a number
        ("[1e999]", "1e999 is too large"),
        ("[NaN]", "NaN stands in it"),
        ("[Infinity]", "Infinity stands in it"),
        ("[-Infinity]", "-Infinity stands in it"),
        ('{"jaw": 1, "jaw": 2}', "'jaw' is given twice"),
    ],
)
def test_json_that_cannot_be_used_names_its_file(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=f"a.json: .*{said}"):
        parse_json(text, "a.json", "pose")
