"""The command that makes an avatar of a face: a file that programs play, and a page to give away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asm_teach.cli.fits import FILE
from asm_teach.cli.help import examples
from asm_teach.cli.one_face import DEVICE, adaptive_model, check_free, fit_to_scan, fit_to_views, output_option
from asm_teach.cli.processes import is_given

if TYPE_CHECKING:
    from asm_teach.fitting.result import Fit
    from asm_teach.model.adaptive import SkinnedModel
    from asm_teach.view_fit.view import View


@click.command(
    "avatar",
    short_help="Make an avatar of a face for Blender, three.js, Unity, Godot or a page.",
    epilog=examples(
        "avatar me.npz -o me.glb", "avatar photographs --track take.csv -o me.glb --page me.html",
        "avatar scan.ply --page me.html", "avatar me.npz --set 'nose width=2' -o other.glb",
    ),
)  # fmt: skip
@click.argument("face", type=click.Path(exists=True, path_type=Path))
@output_option("avatar.glb", "The file for programs; left out where --page alone is given.")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page too: one HTML file that plays the face.")
@click.option("--track", "take", type=FILE, help="A recorded face to play: Live Link Face's CSV, LLV, or a table.")
@click.option(
    "--influences",
    type=click.Choice(["4", "8"]),
    default="4",
    show_default=True,
    help="Bones for each vertex; not every program counts 8.",
)
@click.option("--posed", is_flag=True, help="Keep the template and move its bones, instead of baking the fitted face.")
@click.option("--set", "sets", multiple=True, metavar="NAME=MM", help="Change the face first; give it several times.")
@click.option("--no-shapes", is_flag=True, help="Leave out the named expressions; a mesh without landmarks has none.")
@DEVICE
def avatar_command(
    face: Path, output: Path, page: Path | None, take: Path | None, influences: str, posed: bool,
    sets: tuple[str, ...], no_shapes: bool, device: str,
) -> None:  # fmt: skip
    """Write FACE as a .glb file with bones, 51 named expressions and a skin, and as a page.

    FACE is a saved model (.npz), as `asm-teach fit-views --save` and asm.save write it; a scan, to which the model is
    fitted as by `fit-scan`; or a folder with photographs of one person, as for `fit-views`, from which the head takes
    its skin too. The expressions have ARKit's names, so the programs that record faces can drive them. --set moves a
    slider by millimetres on the skin: nose width, jaw width, eye distance and so on; a name that is not there tells
    all.

    No file is replaced: name one that is not there.
    """
    wanted = None if page is not None and not is_given("output") else output
    for path, endings, name in ((wanted, (".glb",), "output"), (page, (".html", ".htm"), "--page")):
        if path is not None:
            check_free(path, endings, [face, take], name)
    if no_shapes and (page is not None or take is not None):
        raise ValueError("--no-shapes: a page and a track need the shapes; leave it out")
    from asm_teach.avatar.editing import edit  # after the checks: it takes seconds to load
    from asm_teach.avatar.export import export_gltf
    from asm_teach.avatar.expressions import expression_shapes
    from asm_teach.avatar.track import read_track

    track = None if take is None else read_track(take)
    if track is not None:
        click.echo(f"{take.name if take else ''}: {track.seconds:.1f} s, {len(track.times)} frames")
        for note in track.notes:
            click.echo(note)
    edits = _edits(sets)
    model = model_of(face, device)
    edited = edit(model, "both", **edits) if edits else model
    shapes = None if no_shapes else expression_shapes(edited)
    for note in () if shapes is None else shapes.notes:
        click.echo(note)
    if wanted is not None:
        done = export_gltf(
            model,
            wanted,
            influences=int(influences),
            posed=posed,
            shapes=False if shapes is None else shapes,
            track=track,
            edits=edits,
        )
        skin = "with its texture" if done.textured else "in clay"
        named = f"{len(done.shapes)} named shapes" if done.shapes else "no named shapes"
        moves = f", {done.seconds:.1f} s of animation" if done.seconds else ""
        click.echo(f"{done.vertices} vertices, {done.bones} bones, {named}, {skin}{moves}")
        if posed:
            click.echo(
                f"{influences} bones for each vertex leave out {100 * done.left_out:.1f} % of the weights, so this "
                "face differs from the fit; without --posed it does not"
            )
        click.echo(f"wrote {wanted}, {done.size / 1e6:.1f} MB")
    if page is not None:
        from asm_teach.widgets.base.pages import save_page
        from asm_teach.widgets.track_player.page import write_page

        text = write_page(edited, track, shapes)
        save_page(text, page)
        click.echo(f"wrote {page}, {len(text.encode()) / 1e6:.1f} MB; open it in a browser")


def _edits(sets: tuple[str, ...]) -> dict[str, float]:
    """The sliders that --set names, and their millimetres."""
    from asm_teach.avatar.editing import slider_of

    edits: dict[str, float] = {}
    for words in sets:
        name, _, amount = words.partition("=")
        try:
            edits[slider_of(name).name] = float(amount)
        except ValueError as error:
            reason = str(error).removeprefix("amounts: ") if amount else "write a name and millimetres"
            raise ValueError(f"--set: found {words!r}, expected such as 'nose width=2': {reason}") from None
    return edits


def model_of(face: Path, device: str) -> SkinnedModel:
    """The model of a face: loaded, or fitted on the way."""
    from asm_teach.many_heads.sources import PICTURES
    from asm_teach.model.storage import load_model

    if face.is_dir():
        pictures = sorted(file for file in face.iterdir() if file.suffix.lower() in PICTURES)
        if not pictures:
            raise ValueError(f"{face.name}: there is no photograph in this folder; give photographs of one person")
        return _in_own_skin(*fit_to_views(pictures, adaptive_model("makehuman"), device))
    if face.suffix.lower() == ".npz":
        return load_model(face)
    if face.suffix.lower() in PICTURES:
        raise ValueError(f"{face.name} is one photograph; give the folder that holds those of this person")
    return fit_to_scan(face, lambda: adaptive_model("makehuman"), device).model


def _in_own_skin(fit: Fit, views: Sequence[View]) -> SkinnedModel:
    """The fitted model with the skin that its photographs show as its texture."""
    from asm_teach.drawing.own_skin import whole_skin

    model = fit.model
    mesh, images = model.mesh.to("cpu"), [view.image for view in views]
    pairs = [(camera.to("cpu"), image) for camera, image in zip(fit.cameras, images, strict=True) if image is not None]
    cameras, pictures = zip(*pairs, strict=True)
    model.mesh = replace(mesh, texture=whole_skin(mesh.with_vertices(fit.vertices.cpu()), cameras, pictures))
    return model
