"""The commands that make a face move: as a person does in a video, or as a spoken sentence asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from asm_teach.cli.avatar import model_of
from asm_teach.cli.fits import FILE
from asm_teach.cli.help import examples
from asm_teach.cli.one_face import DEVICE, check_free, output_option
from asm_teach.cli.processes import is_given

if TYPE_CHECKING:
    from asm_teach.avatar.expressions import Expressions
    from asm_teach.beyond.speech.sentence import Sentence
    from asm_teach.model.adaptive import SkinnedModel


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
@click.option("--pictures", is_flag=True, help="Follow the skin in the pictures too: calmer, and a third as fast.")
@output_option("take.glb", "The animated head.")
@DEVICE
def track_command(
    take: Path, person: Path, rate: float | None, focal: float | None, lag: int | None, pictures: bool, output: Path,
    device: str,
) -> None:  # fmt: skip
    """Follow a person through TAKE and write the head with its animation, for Blender, three.js, Unity or Godot.

    TAKE is a video, a folder of its frames as pictures, or a file of landmarks (.npz with `landmarks` (T, L, 2) in
    pixels, `size` and `times`). MediaPipe finds the landmarks of pictures; a video needs PyAV too: pip install
    'asm_teach[photos,video]'. The person is a saved model (.npz), a scan, or a folder of photographs, as for
    `asm-teach avatar`.

    No file is replaced: name one that is not there.
    """
    check_free(output, (".glb",), [take, person])
    from asm_teach.avatar.export import export_gltf  # after the checks: it takes seconds to load
    from asm_teach.avatar.expressions import expression_shapes
    from asm_teach.tracking.follow import track
    from asm_teach.tracking.footage import read_footage

    footage = read_footage(take, rate=rate, say=click.echo)
    model = model_of(person, device)
    shapes = expression_shapes(model)
    found = track(
        model, footage.frames, footage.size, focal=focal, lag=lag, pictures=pictures, shapes=shapes, name=footage.name
    )
    for note in found.track.notes:
        click.echo(note)
    done = export_gltf(model, output, shapes=shapes, track=found.track)
    miss = found.miss[found.miss.isfinite()].median()
    click.echo(
        f"{len(found.track.times)} frames, {done.seconds:.1f} s; landmarks lie {float(miss):.1f} mm from the face, "
        f"focal length {found.focal:.0f} px"
    )
    click.echo(f"wrote {output}, {done.size / 1e6:.1f} MB")


@click.command(
    "speak",
    short_help="Let a face say a sentence, as a file or as a page with sound.",
    epilog=examples(
        "speak me.npz sentence.wav --page talk.html",
        "speak me.npz sentence.wav --phones sentence.phone.json -o talk.glb",
        "speak me.npz sentence.wav --words 'he might even have' -o talk.glb --page talk.html",
    ),
)  # fmt: skip
@click.argument("face", type=click.Path(exists=True, path_type=Path))
@click.argument("sentence", type=FILE)
@output_option("talk.glb", "The file for programs, without sound; left out where --page alone is given.")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page too: one HTML file that plays both.")
@click.option("--phones", type=FILE, help="When each phone is spoken: JSON, as `pocketsphinx -phone_align yes` prints.")
@click.option("--words", help="The words of the sentence, in English; PocketSphinx need not guess them then.")
@DEVICE
def speak_command(
    face: Path, sentence: Path, output: Path, page: Path | None, phones: Path | None, words: str | None, device: str
) -> None:
    """Let FACE say SENTENCE, a WAV file of up to a minute: a .glb file whose mouth moves, or a page with the sound.

    FACE is what `asm-teach avatar` takes: a saved model (.npz), a scan, or a folder with photographs. Without --phones
    PocketSphinx finds the phones, and without --words it guesses the words first (an extra: pip install
    'asm_teach[speech]'). The mouth follows a written rule for each phone, and only the mouth moves.

    No file is replaced: name one that is not there.
    """
    wanted = None if page is not None and not is_given("output") else output
    for path, endings, name in ((wanted, (".glb",), "output"), (page, (".html", ".htm"), "--page")):
        if path is not None:
            check_free(path, endings, [face, sentence, phones], name)
    if phones is not None and words is not None:
        raise ValueError("--words: the file of --phones has the words already; leave out one of the two")
    spoken = _spoken(sentence, phones, words)  # before the face, which may have to be fitted first
    click.echo(f"{sentence.name}: {spoken.sound.seconds:.1f} s, {len(spoken.phones)} phones: {spoken.text}")
    for note in spoken.sound.notes:
        click.echo(note)
    from asm_teach.avatar.export import export_gltf
    from asm_teach.beyond.speech.mouth_shapes import speak

    track = speak(spoken)
    model = model_of(face, device)
    shapes = _mouth(model, face)
    if wanted is not None:
        done = export_gltf(model, wanted, shapes=shapes, track=track)
        click.echo(f"{done.vertices} vertices, {len(done.shapes)} named shapes, {done.seconds:.1f} s of animation")
        click.echo(
            f"wrote {wanted}, {done.size / 1e6:.1f} MB; play {sentence.name} with it, a .glb file holds no sound"
        )
    if page is not None:
        from asm_teach.widgets.base.pages import save_page
        from asm_teach.widgets.track_player.page import write_page

        text = write_page(model, track, shapes)
        save_page(text, page)
        click.echo(f"wrote {page}, {len(text.encode()) / 1e6:.1f} MB; open it in a browser")


def _spoken(wav: Path, phones: Path | None, words: str | None) -> Sentence:
    from asm_teach.beyond.speech.listening import listen
    from asm_teach.beyond.speech.sentence import read_sentence
    from asm_teach.beyond.speech.sound import read_sound

    if phones is not None:
        return read_sentence(wav, phones)
    sound = read_sound(wav)
    if words is None:
        click.echo("PocketSphinx guesses the words; --words tells it")
    try:
        return listen(sound, words)
    except ModuleNotFoundError as error:  # PocketSphinx, an extra
        raise ValueError(str(error)) from None


def _mouth(model: SkinnedModel, face: Path) -> Expressions:
    """The shapes of a face that can speak; a ValueError for one that cannot open its mouth."""
    from asm_teach.avatar.expressions import expression_shapes
    from asm_teach.avatar.transfer import embedded_head

    if embedded_head(model.mesh) is None and "ibug68" not in model.mesh.landmarks:
        raise ValueError(
            f"{face.name}: this head has no landmarks, so nothing says where its mouth is; make a model of it with "
            "`asm-teach prepare`"
        )
    shapes = expression_shapes(model)
    if not shapes.by_name()["mouthClose"].any():  # of lips that are one surface
        raise ValueError(f"{face.name}: it cannot speak, its lips are one surface; take a head whose mouth can open")
    for note in shapes.notes:
        click.echo(note)
    return shapes
