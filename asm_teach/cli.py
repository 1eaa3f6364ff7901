"""The command line: open the notebooks, run the demonstration, fetch data, fit your own files.

Each command imports what it needs when it runs, so that `asm-teach --help` answers at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from asm_teach import __version__

START = Path("notebooks/00_start_here.ipynb")
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto.")
HEAD = click.option("--head", default="makehuman", show_default=True, help="Template: makehuman or soma.")


class Commands(click.Group):
    """A group of commands that answers bad input with one line and exit code 2, not with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the package raises is a message to the person who typed it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `asm-teach data | head`: click ends quietly
            raise
        except (ValueError, OSError) as error:
            _fail(str(error) or type(error).__name__)


def _fail(message: str) -> NoReturn:
    failure = click.ClickException(" ".join(message.split()))
    failure.exit_code = 2
    raise failure


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="asm-teach")
def main() -> None:
    """The adaptive skinning model for 3D faces."""


def lab_command(root: Path, browser: bool, superuser: bool) -> list[str]:
    """The command that starts JupyterLab in the folder `root`, on the start notebook."""
    command = [sys.executable, "-m", "jupyterlab"]
    command += [f"--ServerApp.root_dir={root}", f"--LabApp.default_url=/lab/tree/{START.as_posix()}"]
    if not browser:
        command.append("--no-browser")
    if superuser:
        command.append("--allow-root")
    return command


def has_display() -> bool:
    """Whether a browser can open a window here."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--browser/--no-browser", default=None, help="Open a browser; default: if it has a display.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(browser: bool | None, options: tuple[str, ...]) -> None:
    """Open the notebooks in JupyterLab; OPTIONS are handed on to it, for example --port=8890."""
    root = Path(__file__).resolve().parents[1]
    if not (root / START).is_file():
        raise ValueError(
            f"there is no {START} in {root}: the notebooks come with the repository, not with the installed "
            "package; clone it and type `make lab` there"
        )
    browser = has_display() if browser is None else browser
    if not browser:
        click.echo("Open the address that JupyterLab prints below (http://localhost...) in a browser.")
    superuser = hasattr(os, "geteuid") and os.geteuid() == 0
    sys.exit(_run_to_its_end([*lab_command(root, browser, superuser), *options]))


def _run_to_its_end(command: Sequence[str]) -> int:
    """Wait for a command that handles Ctrl+C itself: JupyterLab asks before it shuts down."""
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


@main.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Fetch every asset.")
def data(names: tuple[str, ...], everything: bool) -> None:
    """List what can be fetched, with licences and sizes; with NAMES, fetch those.

    The folder in the environment variable ASM_TEACH_MIRROR is read before anything is downloaded.
    """
    from asm_teach.assets import asset_licence, fetch, list_assets

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
