"""The commands of lesson 9: models compared on pictures, photographs by Cycles, four from four distances."""

from __future__ import annotations

from pathlib import Path

import click

from asm_teach.cli.help import examples
from asm_teach.cli.processes import is_given


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


@click.command(
    "views",
    short_help="Models compared on pictures (lesson 9).",
    epilog=examples("views --views 1,4 --seeds 1 --save views.json"),
)
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
@click.option(
    "--photographs",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Instead of the table: fit to the photographs that `asm-teach photographs` put into this folder. Repeatable.",
)
@click.option("--save", type=click.Path(path_type=Path), help="Take results from this JSON file, and add new ones.")
def views_command(
    views: tuple[int, ...], seeds: int, subjects: tuple[str, ...], models: tuple[str, ...], size: int, noise: float,
    points: str, recompute: bool, zoom: bool, folders: tuple[Path, ...], save: Path | None,
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
    if folders:
        from asm_teach.data.heads import load_head
        from asm_teach.studies.photographs.table import COUNTS, format_fits, photograph_fits

        counts = views if is_given("views") else COUNTS
        click.echo(format_fits(photograph_fits(load_head(), folders, counts, models, save, recompute, click.echo)))
        return
    from asm_teach.studies.views import SUBJECTS, run_views, settings

    wanted = settings(subjects or SUBJECTS, views, seeds, size, noise, int(points))
    run_views(wanted, models or None, save, recompute, say=click.echo)


@click.command(
    "photographs",
    short_help="Photograph a known head with Blender (lesson 9).",
    epilog=examples("photographs sitter --person 1 --count 4"),
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--person", type=click.IntRange(min=0), help="A person sampled from the embedded head, by its seed.")
@click.option("--scan", help="Instead: a scan with its colours, lee-perry-smith.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of cameras, lamps and room.")
@click.option("--count", type=click.IntRange(min=1), default=8, show_default=True, help="How many photographs.")
@click.option("--size", type=click.IntRange(min=64), default=700, show_default=True, help="Of each, pixels.")
@click.option("--samples", type=click.IntRange(min=1), default=16, show_default=True, help="Rays for each pixel.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Of the renderer.")
def photographs_command(
    folder: Path, person: int | None, scan: str | None, seed: int, count: int, size: int, samples: int, threads: int
) -> None:
    """Photograph a known head with Blender's Cycles, and let MediaPipe find its landmarks.

    FOLDER gets view0.jpg, view1.jpg, ..., the landmarks beside each, and truth.npz with the surface and the cameras. A
    picture takes about half a minute of two processors. Blender's module and MediaPipe are extras for Python 3.11:
    docs/your_own_data.md says how to install them.
    """
    from asm_teach.data.heads import load_head
    from asm_teach.studies.photographs.cycles import blender
    from asm_teach.studies.photographs.folder import check_new, take_photographs
    from asm_teach.studies.photographs.scene import scene
    from asm_teach.studies.view_cases import embedded_sitter, scanned_sitter

    if (person is None) == (scan is None):
        raise ValueError("--person and --scan name who is photographed; give one of them")
    check_new(folder)
    try:
        blender()  # now, not after some seconds of loading
        sitter = scanned_sitter(str(scan)) if person is None else embedded_sitter(load_head(), person)
        click.echo(f"{sitter.name}: {sitter.licence}")
        take_photographs(scene(sitter, count, seed, size), folder, samples, threads, click.echo)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from None
    click.echo(f"wrote {folder}")
