"""The command that follows a person through a video and writes the performance as an animation."""

from __future__ import annotations

from pathlib import Path

import click

from asm_teach.cli.avatar import model_of
from asm_teach.cli.help import examples
from asm_teach.cli.one_face import DEVICE, output_option
from asm_teach.formats.checks.outputs import check_output


@click.command(
    "track",
    short_help="Follow a person through a video, and write the performance as an animation.",
    epilog=examples("track video.mp4 --person me.npz -o take.glb", "track frames --person me.npz --rate 25"),
)
@click.argument("take", type=click.Path(exists=True, path_type=Path))
@click.option("--person", required=True, type=click.Path(exists=True, path_type=Path), help="Who it is, see below.")
@click.option("--rate", type=float, help="Frames a second of a folder; 30 by default. A video knows its own.")
@click.option("--focal", type=float, help="The focal length in pixels, if known.")
@click.option("--lag", type=click.IntRange(min=0), help="Later frames that each one waits for; all by default.")
@output_option("take.glb", "The animated head.")
@DEVICE
def track_command(
    take: Path, person: Path, rate: float | None, focal: float | None, lag: int | None, output: Path, device: str
) -> None:
    """Follow a person through TAKE and write the head with its animation, for Blender, three.js, Unity or Godot.

    TAKE is a video, a folder of its frames as pictures, or a file of landmarks (.npz with `landmarks` (T, L, 2) in
    pixels, `size` and `times`). MediaPipe finds the landmarks of pictures; a video needs PyAV too: pip install
    'asm_teach[photos,video]'. The person is a saved model (.npz), a scan, or a folder of photographs, as for
    `asm-teach avatar`.

    No file is replaced: name one that is not there.
    """
    check_output(output, (".glb",), inputs=[take, person])
    if output.exists():
        raise ValueError(f"output: {str(output)!r} is there already; give another name, or move it away")
    from asm_teach.avatar.export import export_gltf  # after the checks: it takes seconds to load
    from asm_teach.avatar.expressions import expression_shapes
    from asm_teach.tracking.follow import track
    from asm_teach.tracking.footage import read_footage

    footage = read_footage(take, rate=rate, say=click.echo)
    model = model_of(person, device)
    shapes = expression_shapes(model)
    found = track(model, footage.frames, footage.size, focal=focal, lag=lag, shapes=shapes, name=footage.name)
    for note in found.track.notes:
        click.echo(note)
    done = export_gltf(model, output, shapes=shapes, track=found.track)
    miss = found.miss[found.miss.isfinite()].median()
    click.echo(
        f"{len(found.track.times)} frames, {done.seconds:.1f} s; landmarks lie {float(miss):.1f} mm from the face, "
        f"focal length {found.focal:.0f} px"
    )
    click.echo(f"wrote {output}, {done.size / 1e6:.1f} MB")
