"""One face from a user's own files: the work behind `fit-scan`, `fit-views` and `avatar`, and what they say of it.

Each function imports what it needs when it runs, so that `asm-teach --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asm_teach.formats.checks.outputs import check_output

if TYPE_CHECKING:
    from asm_teach.fitting.result import Fit
    from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
    from asm_teach.view_fit.view import View

Command = TypeVar("Command", bound=Callable[..., Any])
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto.")
HEAD = click.option("--head", default="makehuman", show_default=True, help="Template: makehuman or soma.")


def output_option(default: str, help: str) -> Callable[[Command], Command]:
    """The option that names the file to write."""
    names = ("-o", "--output", "--out")
    return click.option(*names, type=click.Path(path_type=Path), default=Path(default), show_default=True, help=help)


def check_free(path: Path, endings: Sequence[str], inputs: Sequence[Path | None], name: str = "output") -> None:
    """Raise a ValueError unless a file can be written and is not there: these commands replace nothing."""
    check_output(path, endings, inputs=inputs, name=name)
    if path.exists():
        raise ValueError(f"{name}: {str(path)!r} is there already; give another name, or move it away")


@contextmanager
def named(file: Path) -> Iterator[None]:
    """What the package says of a mesh names the file that it came from."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def adaptive_model(head: str) -> AdaptiveSkinningModel:
    """The model of an embedded head that fits begin with."""
    from asm_teach.data.heads import load_head
    from asm_teach.model.adaptive import AdaptiveSkinningModel

    template = load_head(head)
    return AdaptiveSkinningModel(template.mesh, template.rig, components=2)


def fit_to_scan(
    file: Path, model: Callable[[], SkinnedModel], device: str, landmarks: Path | None = None, group: str | None = None,
    prior: str | None = None,
) -> Fit:  # fmt: skip
    """Fit a model to the file of a scan, and print what there is to say of both.

    Args:
        file: the scan.
        model: loads the model, once the scan is read.
        device: as of `fit_scan`.
        landmarks: the file of points on it; None searches for the face.
        group: of the points of that file.
        prior: "learned" or the file of one, as of `fit_scan`.
    """
    from asm_teach.geometry.mesh import read_mesh
    from asm_teach.new_head.given_landmarks import points_of_file, unread_beside
    from asm_teach.scan_fit.fit import fit_scan

    scan = read_mesh(file)
    for note in scan.notes:  # now, as the fit may refuse it
        click.echo(note)
    start = model()
    points = None if landmarks is None else points_of_file(scan, landmarks, group).to(scan.vertices)
    for note in unread_beside(file) if landmarks is None else []:
        click.echo(note)
    with named(file):
        fit = fit_scan(start, scan, landmarks=points, prior=prior, device=device)
    for note in fit.notes[len(scan.notes) :]:
        click.echo(note)
    if fit.history:
        first, last = (fit.history[k].error for k in (0, -1))
        end = "when it was stopped" if fit.interrupted else "fitted"
        click.echo(f"mean distance of the points that count: {first:.3f} mm after the first step, {last:.3f} mm {end}")
    return fit


def fit_to_views(
    pictures: Sequence[Path], model: SkinnedModel, device: str, *, embedding: Path | None = None, find: bool = False,
    group: str | None = None, exif: bool = True, resume: bool = False, steps: int | None = None,
    prior: str | None = None,
) -> tuple[Fit, list[View]]:  # fmt: skip
    """Fit a model to photographs of one person, and print what there is to say of both: the fit, and what it saw.

    Args:
        pictures: their files.
        model: what the fit begins with.
        device: as of `fit_views`.
        embedding: where a landmark set of one's own lies on the mesh.
        find: have the landmarks found, and ignore landmark files.
        group: of the points of landmark files.
        exif: whether focal lengths of the pictures' EXIF data count.
        resume: whether the model is what an earlier fit wrote.
        steps: of the fit.
        prior: "learned" or the file of one, as of `fit_views`.
    """
    from asm_teach.view_fit.checks import before
    from asm_teach.view_fit.fit import fit_views
    from asm_teach.view_fit.photos import load_views, read_embedding

    own = None if embedding is None else read_embedding(embedding, model.mesh.faces)
    try:
        views = load_views(pictures, embedding=own, find=find, group=group, exif=exif, say=click.echo)
    except ModuleNotFoundError as error:  # MediaPipe, an extra
        raise ValueError(str(error)) from None
    said = before(model.mesh, views)  # now, not after some minutes
    for note in said:
        click.echo(note)
    given: dict[str, Any] = {} if steps is None else {"steps": steps}
    fit = fit_views(model, views, prior=prior, warm_start=resume, device=device, **given)
    for view, camera in zip(views, fit.cameras, strict=True):
        distance = camera.translation.norm().item()
        told = "" if view.focal_prior is None else f" ({view.focal_prior[0] * hypot(*view.size):.0f} by EXIF)"
        click.echo(f"{view.name}: focal length {camera.focal.item():.0f} px{told}, {distance:.0f} mm away")
    for note in fit.notes:
        if note not in said:
            click.echo(note)
    if fit.interrupted:
        click.echo("stopped early: this is the best result so far")
    return fit, views
