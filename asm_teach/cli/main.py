"""The command line: open the notebooks, run the demonstration, fetch data, fit your own files.

Each command imports what it needs when it runs, so that `asm-teach --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from asm_teach import __version__
from asm_teach.base.files import NOTEBOOKS, PACKAGE
from asm_teach.cli.avatar import avatar_command
from asm_teach.cli.course import check_command, course_command, student_command
from asm_teach.cli.doctor import doctor_command
from asm_teach.cli.fits import fit_scan_command, fit_views_command, prepare
from asm_teach.cli.help import Grouped, examples
from asm_teach.cli.kernel import jupyter_path
from asm_teach.cli.many import collect_command, report_command
from asm_teach.cli.one_face import DEVICE
from asm_teach.cli.playground import playground_command
from asm_teach.cli.processes import is_given, run_to_its_end, stopped_tidily
from asm_teach.cli.track import speak_command, track_command
from asm_teach.cli.views import photographs_command, views_command
from asm_teach.formats.checks.outputs import check_output

START = "00_start_here.ipynb"
# JupyterLab would ask for leave to fetch its news, over the first face, and look for a newer version of itself.
QUIET = ("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")


class Refusal(click.ClickException):
    """What the package says to bad input."""

    exit_code = 2


class Commands(Grouped):
    """A group of commands that answers bad input with one line and exit code 2, not with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the package raises is a message to the person who typed it."""
        try:
            with stopped_tidily():
                return super().invoke(ctx)
        except BrokenPipeError:  # `asm-teach data | head`: click ends quietly
            raise
        except (ValueError, OSError) as error:
            raise Refusal(" ".join(str(error).split()) or type(error).__name__) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `asm-teach lab`. `asm-teach COMMAND --help` explains a command and gives an example.",
)
@click.version_option(__version__, prog_name="asm-teach")
def main() -> None:
    """Learn how a face is modelled with bones, and fit the model to your own scans and photographs."""


for _command in (fit_scan_command, prepare, fit_views_command, avatar_command, track_command, speak_command,
                 report_command, collect_command, views_command, photographs_command, playground_command,
                 course_command, student_command, check_command, doctor_command):  # fmt: skip
    main.add_command(_command)


def lab_command(root: Path, browser: bool, superuser: bool, start: str = START) -> list[str]:
    """The command that starts JupyterLab in the folder `root`, on the notebook `start`."""
    command = [sys.executable, "-m", "jupyterlab"]
    command += [f"--ServerApp.root_dir={root.resolve()}", f"--LabApp.default_url=/lab/tree/{start}", *QUIET]
    if not browser:
        command.append("--no-browser")
    if superuser:
        command.append("--allow-root")
    return command


def has_display() -> bool:
    """Whether a browser can open a window here."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@main.command(
    short_help="Open the course in JupyterLab.",
    epilog=examples("lab", "lab --folder my-course --port=8890"),
    context_settings={"ignore_unknown_options": True},
)
@click.option("--browser/--no-browser", default=None, help="Open a browser; default: if it has a display.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where your notebooks lie; default: here if they do, else asm-course.",
)
@click.option("--masters", is_flag=True, help="For teachers: open the notebooks with solutions and outputs.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(browser: bool | None, folder: Path | None, masters: bool, options: tuple[str, ...]) -> None:
    """Open the course in JupyterLab; OPTIONS are handed on to it, for example --port=8890.

    The first time the notebooks are written into the folder; later they are brought up to date, except for those that
    hold your work.
    """
    from asm_teach.course.course_folder import is_course, lay_out

    if (
        masters and folder is None and NOTEBOOKS.parent == PACKAGE.parent
    ):  # in a checkout they are edited where they lie
        root, start = NOTEBOOKS.parent, f"{NOTEBOOKS.name}/{START}"
    else:
        here = Path.cwd()
        root = folder or (Path("asm-masters") if masters else here if is_course(here) else Path("asm-course"))
        start = START
        click.echo(lay_out(root, masters))
    browser = has_display() if browser is None else browser
    if not browser:
        click.echo("Open the address that JupyterLab prints below (http://localhost...) in a browser.")
    superuser = hasattr(os, "geteuid") and os.geteuid() == 0
    command = [*lab_command(root, browser, superuser, start), *options]
    sys.exit(run_to_its_end(command, os.environ | {"JUPYTER_PATH": jupyter_path()}))


@main.command(short_help="List or fetch scans, photographs and other heads.", epilog=examples("data", "data james"))
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Fetch every asset.")
def data(names: tuple[str, ...], everything: bool) -> None:
    """List what can be fetched, with licences and sizes; with NAMES, fetch those.

    The folder in the environment variable ASM_TEACH_MIRROR is read before anything is downloaded.
    """
    from asm_teach.data.assets import asset_licence, fetch, list_assets

    rows = list_assets()
    if not names and not everything:
        for row in rows:
            where = f"here: {row.where}" if row.here else f"not here: asm-teach data {row.name}"
            click.echo(f"{row.name:<20} {row.licence:<13} {row.bytes / 1e6:6.1f} MB  {where}")
            click.echo(f"    {row.about}")
        return
    for name in [row.name for row in rows] if everything else names:
        folder = fetch(name)
        click.echo(f"{name}: {folder}")
        click.echo(f"    {asset_licence(name)}")


@main.command(
    short_help="Fit a face to pictures and measure the error in mm.",
    epilog=examples("demo", "demo --only a -o first_fit.png"),
)
@click.option("--only", type=click.Choice(["a", "b"]), help="One of the two cases; by default both.")
@click.option("--seed", default=0, show_default=True, help="Which embedded person case a shows.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("demo.png"),
    show_default=True,
    help="The picture to write; the fitted head is written beside it, as a .glb.",
)
@DEVICE
def demo(only: str | None, seed: int, output: Path, device: str) -> None:
    """Fit three models to pictures of a face, and measure each against the true surface.

    Case a is a person sampled from the embedded head, seen by five unknown cameras. Case b is james, a real man in two
    photographs, whose files are fetched once. You get a table of errors, a picture of the last case, and its head.
    """
    check_output(output, (".png",), given=is_given("output"))
    click.echo(
        "This fits three models of a face to pictures from unknown cameras, and measures each against the true "
        "surface. It takes about a minute; a bar shows each fit."
    )
    from asm_teach.cli.demo import Shown  # after the first words: it takes seconds to load
    from asm_teach.studies.demo import run_demo

    shown = Shown(output)
    run_demo(only=only, device=device, seed=seed, say=click.echo, done=shown.draw)
    for line in shown.write():
        click.echo(line)


@main.command(
    short_help="How much of a face each model can represent (lesson 5).",
    epilog=examples("capacity --quick", "capacity -o capacity.md"),
)
@click.option("--people", default=5, show_default=True, help="Embedded people to try the models on.")
@click.option("--scan", "scans", multiple=True, help="Real scans to try them on; by default both.")
@click.option("--group", "groups", multiple=True, help="Parts of the table; by default all.")
@click.option("--quick", is_flag=True, help="Only the ends of each sweep.")
@click.option("--facekit", is_flag=True, help="Also the modes of ICT-FaceKit, on the scans (260 MB to fetch).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the table: .md, .csv or .json.")
@DEVICE
def capacity(
    people: int, scans: tuple[str, ...], groups: tuple[str, ...], quick: bool, facekit: bool, output: Path | None,
    device: str,
) -> None:  # fmt: skip
    """Print how much each kind of model can represent, and for how many numbers: the table of lesson 5."""
    from asm_teach.studies.capacity import run_capacity

    given: dict[str, Any] = {name: value for name, value in (("scans", scans), ("groups", groups)) if value}
    run_capacity(people=people, quick=quick, facekit=facekit, output=output, device=device, say=click.echo, **given)


@main.command(short_help="Five heads of other topologies (lesson 6).", epilog=examples("heads"))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Keep the rows of the table: .json.")
@DEVICE
def heads(output: Path | None, device: str) -> None:
    """Make five heads of other topologies ready, fit each to one person and compare: the table of lesson 6."""
    from asm_teach.data.scans import load_scan
    from asm_teach.studies.new_heads import compare_heads, format_heads, new_heads
    from asm_teach.studies.record_files import write_records

    if output is not None:
        check_output(output, (".json",))
    james = load_scan("james")
    rows = compare_heads(new_heads(), james.mesh, james.landmarks, device=device)
    if output is not None:
        write_records(rows, output, "heads")
    click.echo(format_heads(rows))


class _Callable(ModuleType):
    """Lets a script that was installed before the rooms start the command line: it calls `asm_teach.cli.main`."""

    def __call__(self) -> None:
        main()


sys.modules[__name__].__class__ = _Callable
