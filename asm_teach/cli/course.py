"""`asm-teach student` and `asm-teach check`: copies without solutions, and marks for what comes back."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("student")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--lesson", help="Only this lesson, for example 05; by default all.")
def student_command(folder: Path, lesson: str | None) -> None:
    """Write student copies of the notebooks into FOLDER: without solutions, without outputs."""
    from asm_teach.course.marking.students import write_copies

    for path in write_copies(folder, lesson):
        click.echo(path)


@click.command("check")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", default="marks.csv", show_default=True, type=click.Path(dir_okay=False, path_type=Path),
              help="The table to write.")  # fmt: skip
@click.option("--limit", default=60.0, show_default=True, type=click.FloatRange(min=1), help="Seconds for an exercise.")
def check_command(folder: Path, out: Path, limit: float) -> None:
    """Mark the notebooks in FOLDER, one sub folder a student or single files.

    The notebooks are run on this computer: mark only what you would run yourself.
    """
    from asm_teach.course.marking.grading import grade
    from asm_teach.course.marking.marks import total, write_marks

    marks = grade(folder, limit, say=click.echo)
    write_marks(marks, out)
    for name in dict.fromkeys(mark.student for mark in marks):
        points, of = total([mark for mark in marks if mark.student == name])
        click.echo(f"{name}: {points} of {of} points")
    click.echo(f"{len(marks)} rows in {out}")
