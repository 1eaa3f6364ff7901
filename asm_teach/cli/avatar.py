"""The command that writes a fitted head for programs that play it."""

from __future__ import annotations

from pathlib import Path

import click

from asm_teach.cli.fits import FILE
from asm_teach.cli.help import examples
from asm_teach.cli.processes import is_given
from asm_teach.formats.checks.outputs import check_output


@click.command(
    "avatar",
    short_help="Write a fitted head for Blender, three.js, Unity or Godot.",
    epilog=examples("avatar me.npz -o me.glb", "avatar me.npz -o me.glb --influences 8"),
)
@click.argument("face", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("avatar.glb"),
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--influences",
    type=click.Choice(["4", "8"]),
    default="4",
    show_default=True,
    help="Bones for each vertex; not every program counts 8.",
)
@click.option("--posed", is_flag=True, help="Keep the template and move its bones, instead of baking the fitted face.")
@click.option("--no-shapes", is_flag=True, help="Leave out the named shapes; a mesh of your own has none.")
def avatar_command(face: Path, output: Path, influences: str, posed: bool, no_shapes: bool) -> None:
    """Write FACE, a saved model (.npz), as a .glb file with bones, 51 named expressions and a skin.

    `asm-teach fit-views --save` writes such a model, and so does asm.save. The expressions have ARKit's names, so the
    programs that record faces can drive them.
    """
    check_output(output, (".glb",), inputs=[face], given=is_given("output"))
    from asm_teach.avatar.export import export_gltf  # after the check: it takes seconds to load
    from asm_teach.model.storage import load_model

    model = load_model(face)
    done = export_gltf(
        model, output, influences=int(influences), posed=posed, shapes=not no_shapes, overwrite=True
    )  # the output was checked
    skin = "with its texture" if done.textured else "in clay"
    shapes = f"{len(done.shapes)} named shapes" if done.shapes else "no named shapes"
    click.echo(f"{done.vertices} vertices, {done.bones} bones, {shapes}, {skin}")
    if posed:
        click.echo(
            f"{influences} bones for each vertex leave out {100 * done.left_out:.1f} % of the weights, so this face "
            "differs from the fit; without --posed it does not"
        )
    click.echo(f"wrote {output}, {done.size / 1e6:.1f} MB")
