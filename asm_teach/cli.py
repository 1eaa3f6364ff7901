"""The command line: open the notebooks, run the demonstration, fetch data, fit your own files.

Each command imports what it needs when it runs, so that `asm-teach --help` answers at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from asm_teach import __version__

if TYPE_CHECKING:
    from torch import Tensor

    from asm_teach.fitting import Fit
    from asm_teach.model import AdaptiveSkinningModel

START = Path("notebooks/00_start_here.ipynb")
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto.")
HEAD = click.option("--head", default="makehuman", show_default=True, help="Template: makehuman or soma.")
OUTPUT = click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("fit.obj"), show_default=True, help="OBJ, PLY, GLB."
)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


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


@main.command()
@click.option("--only", type=click.Choice(["a", "b"]), help="One of the two cases; by default both.")
@click.option("--seed", default=0, show_default=True, help="Which embedded person case a shows.")
@DEVICE
def demo(only: str | None, seed: int, device: str) -> None:
    """Run the main job: fit three models to pictures of a face and print their errors in mm.

    (a) an embedded person photographed from five unknown cameras; (b) james, from two photographs, if fetched.
    """
    from asm_teach.demo import run_demo

    run_demo(only=only, device=device, seed=seed)


@main.command("fit-scan")
@click.argument("file", type=FILE)
@click.option("--landmarks", type=FILE, help="Its 68 points in iBUG's order (.ljson, .txt, .json); else a search.")
@click.option("--model", "model_file", type=FILE, help="A model to fit, as `asm-teach prepare` writes it.")
@HEAD
@OUTPUT
@DEVICE
def fit_scan_command(
    file: Path, landmarks: Path | None, model_file: Path | None, head: str, output: Path, device: str
) -> None:
    """Fit the adaptive model to FILE, a scan (OBJ, PLY, GLB) of any topology, unit and pose.

    A mesh with the template's own vertices in its own faces is taken as registered: fitted vertex to vertex.
    """
    from asm_teach.marks import mark_points, read_marks
    from asm_teach.meshio import read_mesh
    from asm_teach.scanfit import fit_scan
    from asm_teach.storage import load_model

    scan = read_mesh(file)
    model = _adaptive_model(head) if model_file is None else load_model(model_file)
    points = None if landmarks is None else mark_points(scan, read_marks(landmarks)).to(scan.vertices)
    fit = fit_scan(model, scan, landmarks=points, device=device)
    for note in fit.notes:
        click.echo(note)
    first, last = (fit.history[k].error for k in (0, -1))
    click.echo(f"mean distance of what counts: {first:.3f} mm after the first step, {last:.3f} mm fitted")
    _write(fit, output)


@main.command()
@click.argument("file", type=FILE)
@click.argument("landmarks", type=FILE)
@click.option("--part", help="Use only this part of the mesh.")
@click.option("--components", default=2, show_default=True, help="Gaussians a bone.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("model.npz"), show_default=True, help="The model."
)
def prepare(file: Path, landmarks: Path, part: str | None, components: int, output: Path) -> None:
    """Make an adaptive model of FILE, a head in any topology, from a handful of LANDMARKS (.json, .ljson, .txt)."""
    from asm_teach.marks import read_marks
    from asm_teach.meshio import read_mesh
    from asm_teach.storage import save
    from asm_teach.topology import prepare_head

    prepared = prepare_head(read_mesh(file), read_marks(landmarks), part=part)
    for note in prepared.notes:
        click.echo(note)
    save(prepared.model(components), output)
    size = f"{len(prepared.mesh.vertices)} vertices, {len(prepared.rig)} bones"
    click.echo(f"{size}, chart {prepared.chart}; wrote {output}")


@main.command()
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
    from asm_teach.capacity import run_capacity

    given = {name: value for name, value in (("scans", scans), ("groups", groups)) if value}
    run_capacity(
        people=people, quick=quick, facekit=facekit, output=output, device=device, say=click.echo, **given
    )


@main.command()
@DEVICE
def heads(device: str) -> None:
    """Make five heads of other topologies ready, fit each to one person and compare: the table of lesson 6."""
    from asm_teach.newheads import compare_heads, format_heads, new_heads
    from asm_teach.scans import load_scan

    james = load_scan("james")
    assert james.landmarks is not None
    click.echo(format_heads(compare_heads(new_heads(), james.mesh, james.landmarks, device=device)))


@main.command("fit-views")
@click.argument("pictures", nargs=-1, required=True, type=FILE, metavar="FILE...")
@HEAD
@OUTPUT
@DEVICE
def fit_views_command(pictures: tuple[Path, ...], head: str, output: Path, device: str) -> None:
    """Fit the adaptive model to photographs of one person, each with its landmarks in a file beside it.

    The landmarks of face.jpg stand in face.npz (an array `landmarks` of (L, 2) pixels, x right and y down from the
    upper left corner), face.tem or face.ljson: the 68 iBUG points, or 468 or 478 of a face mesh.
    """
    from asm_teach.picture import read_picture
    from asm_teach.viewfit import View, fit_views

    views = [View(read_picture(picture), _landmarks_beside(picture)) for picture in pictures]
    fit = fit_views(_adaptive_model(head), views, device=device)
    for picture, camera in zip(pictures, fit.cameras, strict=True):
        distance = camera.translation.norm().item()
        click.echo(f"{picture.name}: focal length {camera.focal.item():.0f} px, {distance:.0f} mm away")
    _write(fit, output)


def _adaptive_model(head: str) -> AdaptiveSkinningModel:
    from asm_teach.data import load_head
    from asm_teach.model import AdaptiveSkinningModel

    template = load_head(head)
    return AdaptiveSkinningModel(template.mesh, template.rig, components=2)


def _landmarks_beside(picture: Path) -> Tensor:
    """Landmarks (L, 2) of a picture, from the first landmark file of its name."""
    from asm_teach.landmarks import read_ljson, read_tem
    from asm_teach.npz import load_npz

    readers = {".npz": load_npz, ".tem": read_tem, ".ljson": lambda path: read_ljson(path).points}
    found = next((path for suffix in readers if (path := picture.with_suffix(suffix)).is_file()), None)
    if found is None:
        names = ", ".join(picture.with_suffix(suffix).name for suffix in readers)
        raise ValueError(f"{picture.name}: no landmarks beside it; put them into one of {names}")
    content = readers[found.suffix](found)
    if found.suffix == ".npz":
        if "landmarks" not in content:
            raise ValueError(
                f"{found.name}: no array `landmarks` in it, but {', '.join(content) or 'nothing'}; write it with "
                "numpy.savez(name, landmarks=points)"
            )
        import torch

        content = torch.from_numpy(content["landmarks"])
    return content


def _write(fit: Fit, output: Path) -> None:
    fit.model.mesh.with_vertices(fit.vertices).to("cpu").write(output)
    click.echo(f"{fit.seconds:.1f} s; wrote {output}")
