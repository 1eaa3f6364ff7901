"""`asm-teach course`, `student` and `check`: the course in a folder, fresh copies of it, marks for what comes back."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asm_teach.cli.help import examples

if TYPE_CHECKING:
    from asm_teach.course.marking.marks import Mark


@click.command("course", short_help="Write the notebooks into a folder.", epilog=examples("course my-course"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--masters", is_flag=True, help="For teachers: the notebooks with solutions and outputs.")
def course_command(folder: Path, masters: bool) -> None:
    """Lay out the course in FOLDER, or bring the course there up to date.

    Without solutions, and nothing that was typed in is lost: a notebook that holds work stays as it is.
    """
    from asm_teach.course.course_folder import lay_out

    click.echo(lay_out(folder, masters))


@click.command(
    "student",
    short_help="Write fresh copies of the lessons for your students.",
    epilog=examples("student handout --lesson 05"),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--lesson", help="Only this lesson, for example 05; by default all.")
def student_command(folder: Path, lesson: str | None) -> None:
    """Write fresh student copies into FOLDER, to hand out: without solutions, without outputs."""
    from asm_teach.course.course_folder import write_copies

    for path in write_copies(folder, lesson):
        click.echo(path)


@click.command(
    "check",
    short_help="Mark the notebooks that students hand in.",
    epilog=examples("check handed-in --out marks.csv"),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", default="marks.csv", show_default=True, type=click.Path(dir_okay=False, path_type=Path),
              help="The table to write, .csv or .json; it is rewritten after each notebook.")  # fmt: skip
@click.option("--limit", default=60.0, show_default=True, type=click.FloatRange(min=1), help="Seconds for an exercise.")
@click.option("--inside", default="", help="A command that starts each student's Python, such as a sandbox.")
def check_command(folder: Path, out: Path, limit: float, inside: str) -> None:
    """Mark the notebooks in FOLDER: one subfolder per student, or single files.

    The notebooks run on this computer: mark only what you would run yourself, or use a sandbox, as docs/teaching.md
    shows. Ctrl+C stops, and keeps the marks so far.
    """
    from asm_teach.course.marking.grading import grade
    from asm_teach.course.marking.marks import check_out, total

    check_out(out, folder)
    table, at = _Table(out), ""

    def say(place: str, number: int, count: int) -> None:
        nonlocal at
        at = place
        click.echo(f"{number} of {count}: {place}")

    try:
        grade(folder, limit, say, table.keep, shlex.split(inside))
    except (KeyboardInterrupt, SystemExit) as stop:  # the second for `kill` and a closed terminal
        click.echo(f"Stopped at {at or 'the beginning'}; the marks before it are kept.")
        table.finish()
        sys.exit(stop.code if isinstance(stop, SystemExit) else 130)
    for name in dict.fromkeys(mark.student for mark in table.marks):
        points, of = total([mark for mark in table.marks if mark.student == name])
        click.echo(f"{name}: {points} of {of} points")
    table.finish()


class _Table:
    """The marks so far, in the file and here."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.marks: list[Mark] = []
        self._told = False

    def keep(self, marks: Sequence[Mark]) -> None:
        """Write all rows so far; if that fails, say so once and go on marking."""
        from asm_teach.course.marking.marks import write_marks

        self.marks = list(marks)
        try:
            write_marks(self.marks, self.file)
        except OSError as error:
            if not self._told:
                click.echo(
                    f"{self.file} cannot be written now ({error.strerror or error}): is it open, or the disk full?"
                )
            self._told = True

    def finish(self) -> None:
        """Write the rows, into another folder if it must be, and say where they are."""
        from asm_teach.course.marking.marks import write_marks

        if not self.marks:
            click.echo("no rows, nothing was written")
            return
        try:
            write_marks(self.marks, self.file)
        except OSError as error:
            elsewhere = Path(tempfile.mkdtemp(prefix="asm-teach-marks-")) / self.file.name
            write_marks(self.marks, elsewhere)
            why = f"{self.file} cannot be written ({error.strerror or error})"
            raise ValueError(f"{why}; the {len(self.marks)} rows are in {elsewhere}") from None
        click.echo(f"{len(self.marks)} rows in {self.file}")
