"""The commands of lesson 9: models compared on pictures, and four photographs from four distances."""

from __future__ import annotations

from pathlib import Path

import click


class Numbers(click.ParamType):
    """Whole numbers with commas between them."""

    name = "N,N,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers of a text such as 1,2,4."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 1,2,4", param, ctx)


@click.command("views")
@click.option("--views", type=Numbers(), default="1,2,4,8,16", show_default=True, help="How many pictures.")
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many seeds, of cameras and of people.",
)
@click.option("--subject", "subjects", multiple=True, help="lee-perry-smith, james, 'embedded people'; default: all.")
@click.option("--model", "models", multiple=True, help="One of the models, by the name in the table; default: all.")
@click.option("--size", type=click.IntRange(min=64), default=512, show_default=True, help="Of the pictures, in pixels.")
@click.option("--noise", type=float, default=1.5, show_default=True, help="Noise of the landmarks, in pixels.")
@click.option("--points", type=click.Choice(["68", "468"]), default="468", show_default=True, help="Landmarks.")
@click.option("--recompute", is_flag=True, help="Repeat the fits that the --save file already holds.")
@click.option("--zoom", is_flag=True, help="Instead of the table: fit four photographs taken from 15 to 60 cm.")
@click.option("--save", type=click.Path(path_type=Path), help="Take results from this JSON file, and add new ones.")
def views_command(
    views: tuple[int, ...], seeds: int, subjects: tuple[str, ...], models: tuple[str, ...], size: int, noise: float,
    points: str, recompute: bool, zoom: bool, save: Path | None,
) -> None:  # fmt: skip
    """Fit every model to pictures of known faces from unknown cameras, and print the error of each.

    The whole table takes about an hour on one core. With --save a run continues from the results in the file,
    which is written after every fit; Ctrl-C prints the results so far.
    """
    if zoom:
        from asm_teach.data.heads import load_head
        from asm_teach.studies.zoom import compare_distances

        click.echo(compare_distances(load_head()).text())
        return
    from asm_teach.studies.views import SUBJECTS, run_views, settings

    wanted = settings(subjects or SUBJECTS, views, seeds, size, noise, int(points))
    run_views(wanted, models or None, save, recompute, say=click.echo)
