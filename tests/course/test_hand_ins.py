"""Which files belong to whom, and reading them: links, devices, and what is no notebook."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asm_teach.course.marking import hand_ins
from asm_teach.course.marking.hand_ins import Cell, code_cells, contents, find, shown

NOTEBOOK = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()


def put(path: Path, data: bytes = NOTEBOOK) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_links_are_rows_and_are_not_followed(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret" / "05_tiny.ipynb", b"a secret")
    folder = tmp_path / "class"
    put(folder / "ann" / "05_tiny.ipynb")
    (folder / "ben").mkdir()
    (folder / "ben" / "05_tiny.ipynb").symlink_to(secret)
    (folder / "cy").symlink_to(secret.parent, target_is_directory=True)
    (folder / "dan.ipynb").symlink_to(folder / "nowhere")
    (folder / "eve").mkdir()
    (folder / "eve" / "all").symlink_to(folder / "ann", target_is_directory=True)
    (folder / "fay").mkdir()
    os.link(secret, folder / "fay" / "05_tiny.ipynb")
    (folder / "gus").mkdir()
    os.mkfifo(folder / "gus" / "05_tiny.ipynb")
    (folder / "hal" / "05_tiny.ipynb").mkdir(parents=True)
    found = {one.student: one for one in find(folder)}
    assert list(found) == ["ann", "ben", "cy", "dan", "fay", "gus", "hal", "eve"]
    assert found["ann"].why_not == "" and contents(found["ann"].path) == NOTEBOOK
    for name in ("ben", "cy", "dan"):
        assert found[name].why_not.startswith("is a link: links are not followed")
        with pytest.raises(ValueError, match="is a folder, a link or a device"):
            contents(found[name].path)
    assert "it holds all (a link)" in found["eve"].why_not
    with pytest.raises(ValueError, match="hard link"):
        contents(found["fay"].path)
    for name in ("gus", "hal"):  # a pipe would be waited for forever
        with pytest.raises(ValueError, match="not a file"):
            contents(found[name].path)


def test_one_name_is_one_student(tmp_path: Path) -> None:
    for place in ("ann/05_a.ipynb", "ann/06_b.ipynb", "ann.ipynb", "ben.ipynb", "cy.IPYNB", "cy.ipynb"):
        put(tmp_path / place)
    names = [one.student for one in find(tmp_path)]
    assert names == ["ann", "ann", "ann.ipynb", "ben", "cy.IPYNB", "cy.ipynb"]


def test_names_are_shown_in_one_line(tmp_path: Path) -> None:
    put(tmp_path / "a\nb\x1b[31m" / "05.ipynb")
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")) / "05.ipynb")
    assert [one.student for one in find(tmp_path)] == ["a\\nb\\x1b[31m", "\\udcff"]
    assert shown("Zoë 雪 می‌خواهم") == "Zoë 雪 می‌خواهم" and shown("\u202eevil") == "\\u202eevil"


def test_a_file_that_is_too_large_or_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path / "05.ipynb")
    os.truncate(file, 2**30)
    with pytest.raises(ValueError, match="has 1,024 MB, and 64 MB are the most"):
        contents(file)

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(hand_ins.os, "open", refused)
    with pytest.raises(ValueError, match="cannot be read: Permission denied"):
        contents(file)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not a notebook"),
        (b"root:x:0:0:secret", "is not a notebook: Expecting value: line 1 column 1"),
        (b"\xff\xfe", "is not a notebook"),
        (b"[" * 50_000 + b"]" * 50_000, "nested too deep"),
        (b"[]", "it has no cells"),
        (b'{"nbformat": 4}', "it has no cells"),
        (b'{"cells": []}', "does not say its format"),
        (b'{"nbformat": 99, "cells": []}', "of format 99, and 4 is needed"),
        (b'{"nbformat": 3, "worksheets": []}', "of format 3, and 4 is needed"),
        (b'{"nbformat": 4, "cells": [1]}', "it has no cells"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": {}}]}', "whose code is no text"),
        (b'{"nbformat": 4, "cells": [' + b"{}," * 5_000 + b"{}]}", "has 5,001 cells"),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "' + b"#" * 2**21 + b'#"}]}',
            "has 2,097,153 letters of code",
        ),
    ],
)
def test_what_is_no_notebook_is_said_without_its_contents(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        code_cells(data)
    assert "secret" not in str(error.value)


def test_cells_are_read_as_they_are_and_odd_parts_left_out() -> None:
    graded = {"nbgrader": {"grade": True, "grade_id": "nme-check"}, "tags": ["a", 3]}
    cells = [
        {"cell_type": "markdown", "source": "text"},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "id": "one", "metadata": graded},
        {"cell_type": "code", "source": "c", "metadata": {"nbgrader": [1], "tags": 3}},
    ]
    found = code_cells(("\ufeff" + json.dumps({"nbformat": 4, "cells": cells})).encode())
    assert found == [Cell("one", "a = 1\nb = 2", ("a",), "nme", check=True), Cell(source="c")]
    assert found[0].of_an_exercise and not found[1].of_an_exercise
