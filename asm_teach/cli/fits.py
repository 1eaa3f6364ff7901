"""The commands that fit a user's own files: a scan, photographs; and the one that makes a new head ready.

Each imports what it needs when it runs, so that `asm-teach --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asm_teach.cli.help import MARKS, examples
from asm_teach.cli.many import CODES, fit_folders, for_folders, not_for_folders, only_for_folders
from asm_teach.cli.one_face import DEVICE, HEAD, adaptive_model, fit_to_scan, fit_to_views, named, output_option
from asm_teach.cli.processes import is_given
from asm_teach.formats.checks.outputs import check_output

if TYPE_CHECKING:
    from asm_teach.fitting.result import Fit
    from asm_teach.model.adaptive import SkinnedModel

OUTPUT = output_option("fit.obj", "OBJ, PLY, GLB.")
GROUP = click.option("--landmark-group", "group", help="Which group of points of an .ljson file with several.")
PRIOR = click.option(
    "--prior", metavar="FILE|learned", help="Believe what `asm-teach collect` learned, or the package did."
)
MESHES = (".obj", ".ply", ".glb")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)


@click.command(
    "fit-scan",
    short_help="Fit the model to a scan, or to a folder of scans.",
    epilog=MARKS
    + "\n\n"
    + CODES
    + "\n\n"
    + examples("fit-scan scan.ply -o me.glb", "fit-scan scan.obj --landmarks marks.json", "fit-scan scans -o fits"),
)
@click.argument("file", type=FILE_OR_FOLDER)
@click.option(
    "--landmarks", type=FILE, help="Points on it (.ljson, .json, .txt, .pts, .pp, .npy); without them it searches."
)
@GROUP
@click.option("--model", "model_file", type=FILE, help="A model to fit, as `asm-teach prepare` writes it.")
@PRIOR
@click.option("--landmarks-beside", is_flag=True, help="For folders: use the landmark file beside each scan.")
@for_folders
@HEAD
@OUTPUT
@DEVICE
def fit_scan_command(
    file: Path, landmarks: Path | None, group: str | None, model_file: Path | None, prior: str | None,
    landmarks_beside: bool, executor: str | None, dry_run: bool, retry: bool, head: str, output: Path, device: str,
) -> None:  # fmt: skip
    """Fit the adaptive model to FILE, a scan (OBJ, PLY, GLB, glTF, STL, OFF) of any topology, unit and pose.

    If FILE is a folder, every scan in it is fitted, by several processes or on other computers, and -o names the folder
    of results. docs/many_heads.md explains it.

    Landmarks are iBUG's 68, its 51 without the jaw, or a few by name or number; docs/your_own_data.md has the kinds.

    A mesh with the template's own vertices and faces counts as registered and is fitted vertex to vertex.
    """
    from asm_teach.model.storage import load_model

    prior = _prior_of(prior)
    if file.is_dir():
        from asm_teach.many_heads.sources import scans_in

        not_for_folders(landmarks=landmarks, landmark_group=group)
        folder = _results(output)
        found = scans_in(file, landmarks_beside, leave_out=folder)
        options = {"device": device} | ({} if prior is None else {"prior": prior})
        fit_folders(found, executor, folder, model_file or head, options, retry, dry_run)
        return
    only_for_folders(executor=executor, dry_run=dry_run, retry=retry, landmarks_beside=landmarks_beside)
    check_output(output, MESHES, inputs=(inputs := [file, landmarks, model_file]), given=is_given("output"))
    fit = fit_to_scan(
        file, lambda: adaptive_model(head) if model_file is None else load_model(model_file), device, landmarks, group,
        prior,
    )  # fmt: skip
    _write(fit, output, inputs)


@click.command(
    short_help="Make a model of your own head mesh.",
    epilog=MARKS + "\n\n" + examples("prepare head.obj marks.json -o my_model.npz"),
)
@click.argument("file", type=FILE)
@click.argument("landmarks", type=FILE)
@GROUP
@click.option("--part", help="Use only this part of the mesh.")
@click.option("--components", default=2, show_default=True, help="Gaussians per bone.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("model.npz"), show_default=True, help="The model."
)
def prepare(file: Path, landmarks: Path, group: str | None, part: str | None, components: int, output: Path) -> None:
    """Make an adaptive model of FILE, a head in any topology, from a handful of LANDMARKS (.json, .pp, .ljson, ...)."""
    from asm_teach.geometry.mesh import read_mesh
    from asm_teach.model.storage import save
    from asm_teach.new_head.given_landmarks import points_of_file
    from asm_teach.new_head.prepare import prepare_head

    check_output(output, (".npz",), inputs=[file, landmarks], given=is_given("output"))
    mesh = read_mesh(file)
    points = points_of_file(mesh, landmarks, group)
    with named(file):
        prepared = prepare_head(mesh, points, part=part)
    for note in prepared.notes:
        click.echo(note)
    save(prepared.model(components), output)
    size = f"{len(prepared.mesh.vertices)} vertices, {len(prepared.rig)} bones"
    click.echo(f"{size}, chart {prepared.chart}; wrote {output}")


@click.command(
    "fit-views",
    short_help="Fit the model to photographs, or to a folder of people.",
    epilog=CODES + "\n\n" + examples("fit-views left.jpg front.jpg right.jpg -o me.glb", "fit-views people -o fits"),
)
@click.argument("pictures", nargs=-1, required=True, type=FILE_OR_FOLDER, metavar="PHOTO...")
@click.option("--find", is_flag=True, help="Let MediaPipe find the landmarks, and ignore landmark files.")
@GROUP
@click.option("--ignore-exif", is_flag=True, help="Do not use the focal lengths in the pictures' EXIF data.")
@click.option("--embedding", type=FILE, help="Where a landmark set of your own lies on the mesh (.npz).")
@click.option("--model", "model_file", type=FILE, help="A model to fit, as `asm-teach prepare` writes it.")
@click.option("--resume", type=FILE, help="Continue from a model that an earlier fit wrote with --save.")
@PRIOR
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the fit; more take longer and fit more closely.")
@click.option("--save", "save_file", type=click.Path(path_type=Path), help="Write the fitted model too (.npz).")
@for_folders
@HEAD
@OUTPUT
@DEVICE
def fit_views_command(
    pictures: tuple[Path, ...], find: bool, group: str | None, ignore_exif: bool, embedding: Path | None,
    model_file: Path | None, resume: Path | None, prior: str | None, steps: int | None, save_file: Path | None,
    executor: str | None, dry_run: bool, retry: bool, head: str, output: Path, device: str,
) -> None:  # fmt: skip
    """Fit the adaptive model to photographs of one person; the cameras need not be known.

    With folders instead of photographs, each folder that holds pictures is one person, and -o names the folder of
    results. docs/many_heads.md explains it.

    The landmarks of face.jpg are read from face.npz (an array `landmarks` of (L, 2) pixels, x right and y down from the
    upper left corner), or face.npy, .tem, .ljson, .csv, .pts, .xml (dlib) or .json (MediaPipe): the 68 iBUG points, 51
    without the jaw, or 468 or 478 of a face mesh. Without such a file MediaPipe finds them: pip install
    'asm_teach[photos]'. The fit trusts a focal length in the EXIF data of a picture within some 7 %, while the pictures
    agree with it. Ctrl-C stops the fit and keeps the best result so far. With one or two photographs and
    landmarks placed by hand, --prior learned brings the fit nearer to the face; with more it does harm.
    """
    from asm_teach.data.sidecars import files_beside
    from asm_teach.model.storage import load_model, save

    prior = _prior_of(prior)
    if any(picture.is_dir() for picture in pictures):
        from asm_teach.many_heads.sources import views_in

        if single := next((picture for picture in pictures if not picture.is_dir()), None):
            raise ValueError(f"{single.name} is a file, beside a folder; give photographs of one person, or folders")
        not_for_folders(embedding=embedding, resume=resume, save=save_file)
        folder = _results(output)
        options = {"device": device, "find": find, "group": group, "exif": not ignore_exif}
        options |= {name: value for name, value in (("steps", steps), ("prior", prior)) if value is not None}
        found = views_in(pictures, leave_out=folder)
        fit_folders(found, executor, folder, model_file or head, options, retry, dry_run)
        return
    only_for_folders(executor=executor, dry_run=dry_run, retry=retry)
    if resume is not None and model_file is not None:
        raise ValueError("--model and --resume both name the model to begin with; give one of them")
    start = resume or model_file
    inputs = [*pictures, embedding, start, *(file for picture in pictures for file in files_beside(picture))]
    check_output(output, MESHES, inputs=inputs, given=is_given("output"))
    if save_file is not None:
        check_output(save_file, (".npz",), inputs=inputs, name="--save")
    model: SkinnedModel = adaptive_model(head) if start is None else load_model(start)
    fit, _ = fit_to_views(
        pictures, model, device, embedding=embedding, find=find, group=group, exif=not ignore_exif,
        resume=resume is not None, steps=steps, prior=prior,
    )  # fmt: skip
    if save_file is not None:
        save(fit.model, save_file)
        click.echo(f"wrote {save_file}; --resume {save_file} continues from there")
    _write(fit, output, inputs)


def _prior_of(given: str | None) -> str | None:
    """The prior of --prior, with the whole path of a file."""
    from asm_teach.data.face_prior import LEARNED

    if given is None or given == LEARNED:
        return given
    if not Path(given).is_file():
        raise ValueError(f"--prior: there is no file {given!r}; give one of `asm-teach collect`, or {LEARNED!r}")
    return str(Path(given).resolve())


def _results(output: Path) -> Path:
    """The folder of results of many heads, which the user must name."""
    if not is_given("output"):
        raise ValueError("output: name the folder of results with -o")
    return output


def _write(fit: Fit, output: Path, inputs: Iterable[Path | None]) -> None:
    files = fit.model.mesh.with_vertices(fit.vertices).to("cpu").write(output, keep=filter(None, inputs))
    beside = f", with {' and '.join(file.name for file in files[:-1])}" if len(files) > 1 else ""
    click.echo(f"{fit.seconds:.1f} s; wrote {output}{beside}")
