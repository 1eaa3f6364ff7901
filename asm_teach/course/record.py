"""What a learner has done, in one small JSON file.

    {"exercises": {"nme": {"ok": true, "tries": 2, "hints": 1}}, "quizzes": {"05": {"1": {"ok": true, "tries": 1}}},
     "predictions": {"01": {"hinge": {"said": "it stays", "happened": "it moves by 27.4 mm"}}}}

The environment variable ASM_TEACH_PROGRESS names the file; without it, it is `progress.json` in the user's data
folder. One program at a time writes it, and always whole: two notebooks that count at once wait for each other (a
lock beside the file), so neither loses a note. A broken file stays under another name. If the program cannot write
the file, it tells the learner once, and keeps the record until it ends.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from asm_teach.base.files import whole
from asm_teach.course.lock import locked
from asm_teach.formats.text_files import parse_json

Record = dict[str, dict[str, Any]]
EMPTY: Record = {"exercises": {}, "quizzes": {}}
_unsaved: dict[Path, Record] = {}  # records that cannot be written, by the file they belong to


def path() -> Path:
    """The file, which need not exist yet."""
    named = os.environ.get("ASM_TEACH_PROGRESS", "")
    return Path(named) if named else Path(platformdirs.user_data_dir("asm_teach", appauthor=False)) / "progress.json"


@functools.cache
def _say_once(sentence: str) -> None:
    print(sentence)


def read() -> Record:
    """Read the record, or begin a new one."""
    with locked(path()):
        return _read(path())


@contextmanager
def _changing() -> Iterator[Record]:
    """The record, to be changed in the block and then written; no other program reads or writes it meanwhile."""
    file = path()
    with suppress(OSError):  # `_write` says it
        file.parent.mkdir(parents=True, exist_ok=True)
    with locked(file):
        record = _read(file)
        yield record
        _write(file, record)


def _read(file: Path) -> Record:
    if file in _unsaved:
        return _copy(_unsaved[file])
    try:
        found = parse_json(file.read_bytes(), file.name)
        if not _whole(found):
            raise ValueError("it does not hold exercises and quizzes")
        return found
    except FileNotFoundError:
        pass
    except OSError as error:
        _keep_here(file, EMPTY, error)
    except ValueError as error:  # not JSON, not UTF-8, or not as above
        _put_aside(file, error)
    return _copy(EMPTY)


def note_try(name: str, ok: bool) -> tuple[int, int]:
    """Count a try of an exercise; once it is right it stays right. Give how many tries and hints there were."""
    with _changing() as record:
        entry = _entry(record, name)
        entry["tries"], entry["ok"] = entry["tries"] + 1, entry["ok"] or ok
    return entry["tries"], entry["hints"]


def note_hint(name: str) -> None:
    """Count a hint of an exercise."""
    with _changing() as record:
        _entry(record, name)["hints"] += 1


def hints_given(name: str) -> int:
    """How many hints of an exercise the learner has seen."""
    return _entry(read(), name)["hints"]


def note_quiz(lesson: str, number: int, ok: bool) -> None:
    """Count an answer to question `number` (from 1) of a lesson's quiz."""
    with _changing() as record:
        entry = record["quizzes"].setdefault(lesson, {}).setdefault(str(number), {"ok": False, "tries": 0})
        entry["tries"], entry["ok"] = entry["tries"] + 1, entry["ok"] or ok


def prediction(key: str) -> dict[str, str]:
    """What was predicted under a key such as "01.hinge" and what happened: `said` and `happened`, as far as known."""
    lesson, _, name = key.partition(".")
    return read().get("predictions", {}).get(lesson, {}).get(name, {})


def note_prediction(key: str, said: str) -> None:
    """Keep a prediction in place of an older one; what happened is not known yet."""
    lesson, _, name = key.partition(".")
    with _changing() as record:
        record.setdefault("predictions", {}).setdefault(lesson, {})[name] = {"said": said}


def note_outcome(key: str, what: str) -> str:
    """Note what happened beside a prediction, if there is one; give the prediction, or ""."""
    entry = prediction(key)
    if not entry:
        return ""
    if entry.get("happened") != what:
        lesson, _, name = key.partition(".")
        with _changing() as record:
            record.setdefault("predictions", {}).setdefault(lesson, {})[name] = {**entry, "happened": what}
    return entry["said"]


def _entry(record: Record, name: str) -> dict[str, Any]:
    return record["exercises"].setdefault(name, {"ok": False, "tries": 0, "hints": 0})


def _copy(record: Record) -> Record:
    return json.loads(json.dumps(record))


def _whole(found: Any) -> bool:
    """Whether this is a record: a verdict and whole numbers in each entry, and words in each prediction."""
    try:
        exercises = list(found["exercises"].values())
        quizzes = [entry for quiz in found["quizzes"].values() for entry in quiz.values()]
        verdicts = [entry["ok"] for entry in exercises + quizzes]
        counts = [entry["tries"] for entry in exercises + quizzes] + [entry["hints"] for entry in exercises]
        told = [entry for lesson in found.get("predictions", {}).values() for entry in lesson.values()]
        words = [entry["said"] for entry in told] + [entry.get("happened", "") for entry in told]
    except (AttributeError, KeyError, TypeError):
        return False
    return (
        all(isinstance(text, str) for text in words)
        and all(isinstance(ok, bool) for ok in verdicts)
        and all(type(n) is int and n >= 0 for n in counts)
    )


def _write(file: Path, record: Record) -> None:
    if file in _unsaved:
        _unsaved[file] = record
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and not os.access(
            file, os.W_OK
        ):  # replacing would write it all the same, although it is locked
            raise PermissionError(f"{file.name} is read-only")
        with whole(file) as part, part.open("w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1, sort_keys=True)
    except OSError as error:
        _keep_here(file, record, error)


def _keep_here(file: Path, record: Record, error: OSError) -> None:
    _unsaved[file] = record
    reason = error.strerror or str(error)
    _say_once(f"Your progress cannot be kept in {file} ({reason}); this program remembers it until it ends. "
              "Set ASM_TEACH_PROGRESS to a file that can be written.")  # fmt: skip


def _put_aside(file: Path, error: Exception) -> None:
    number = 1
    while (aside := file.with_name(f"{file.stem}.broken-{number}{file.suffix}")).exists():
        number += 1
    try:
        os.replace(file, aside)
    except OSError as refused:
        _keep_here(file, EMPTY, refused)
        return
    print(f"The progress file could not be read ({error}); it is kept as {aside}, and a new one begins.")
