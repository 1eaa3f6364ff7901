"""What a fit says of one odd picture among good ones: accused, not accused or refused, in a table.

The good pictures are drawn of a sampled person, or lie in a folder with their points (`--photos`). One of them, seen
from nearly the front, is spoilt in each of the ways of `KINDS`. Its points stay where a perfect detector would find
them, under a hand too. "moved" is how far the fit is from that of the good pictures, RMS over the face in mm; what
moves it far and is not accused should be. From the root of the repository:

    python -m tests.benchmarks.odd_pictures --views 8 --photos FOLDER

By the whole fit: on eight drawn pictures of 512 pixels, and on eight photographs of Lee Perry-Smith by Cycles. Good
pictures are never accused, on the photographs by the adaptive model neither. A dash: not run with the present words.

    odd picture             drawn, adaptive     drawn, painted      photographs, painted
    nothing                 not accused  0.00   not accused  0.00   not accused  0.00
    another person          accused      0.73   -                   accused      2.46
    two faces               not accused  0.96   not accused  0.53   not accused  0.77
    smiling                 accused      1.32   -
    mirrored                accused      0.74   accused      0.70   accused      1.05
    hand before the mouth   accused      0.18   -                   -
    painting                -                   accused      0.24   accused      1.41
    JPEG quality 5          -                   -                   accused      1.48
    profile only            -                   -                   said         4.72

Two faces are told by `find_landmarks`, where the points come from; the fit sees one face, beside the middle.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from asm_teach.data.heads import Head, load_head
from asm_teach.formats.pictures import picture_tensor, to_pillow
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.mesh import Mesh
from asm_teach.studies.cases import methods
from asm_teach.studies.view_cases import rendered_case
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.photos import load_views
from asm_teach.view_fit.view import View

SMILE = {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5}
LIPS, EYES = (13, 14, 61, 291), ((33, 133, 159, 145), (362, 263, 386, 374))  # of MediaPipe's points


@dataclass(frozen=True, eq=False)
class Album:
    """Good pictures; and one of another person and one of a smile, where they can be had, in the odd one's place."""

    name: str
    views: Sequence[View]
    odd: int
    another: View
    smiling: View | None


def drawn(person: Mesh, head: Head, count: int, size: int) -> list[View]:
    """Pictures of a head's person with the 468 points that each shows, from the same sides and in the same light."""
    points = head.dense_landmarks.points(person.vertices, person.faces)[:468]
    ibug = head.landmarks.points(person.vertices, person.faces)
    case = rendered_case(person, points, ibug, person.part_vertices("face"), views=count, size=size)
    return [replace(view, name=f"view{n}") for n, view in enumerate(case.views)]


def albums(head: Head, folders: Sequence[Path], count: int, size: int) -> list[Album]:
    """Pictures of a sampled person of the head, and those of each folder: `count` of them, evenly spread."""
    odd, person = count // 2, head.sample(3, expression=False)
    smile = person.with_vertices(person.vertices + head.offsets(expressions=SMILE))
    views, other = (drawn(mesh, head, count, size) for mesh in (person, head.sample(6, expression=False)))
    found = [Album("drawn", views, odd, other[odd], drawn(smile, head, count, size)[odd])]
    for folder in folders:
        files = sorted(folder.glob("view*.jpg"))
        chosen = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
        photos = load_views([files[k] for k in chosen], exif=False, say=lambda note: None)
        found.append(Album(folder.name, photos, len(photos) // 2, other[odd], None))
    return found


def disc(view: View, middle: Tensor, radius: float, shape: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """(H, W, 1) how far inside (1) or outside (0) of an ellipse each pixel lies, soft over two pixels."""
    width, height = view.size
    across, down = torch.meshgrid(torch.arange(width) + 0.5, torch.arange(height) + 0.5, indexing="xy")
    far = (((across - middle[0]) / shape[0]) ** 2 + ((down - middle[1]) / shape[1]) ** 2).sqrt()
    return ((radius - far) / 2 + 0.5).clamp(0, 1)[..., None]


def extent(view: View) -> float:
    """Pixels: the height of the face."""
    found = view.landmarks[view.landmarks.isfinite().all(1), 1]
    return float(found.max() - found.min())


def hand(view: View) -> View:
    """Something of the skin's colour, a little shaded, before mouth and chin."""
    tall = extent(view)
    middle = view.landmarks[list(LIPS)].nanmean(0) + torch.tensor([0.05, 0.08]) * tall
    cover = disc(view, middle, 0.2 * tall, (1.5, 1.0))
    cheek = view.landmarks[[50, 280, 205, 425]].nanmean(0).long()
    colour = view.image[cheek[1] - 3 : cheek[1] + 4, cheek[0] - 3 : cheek[0] + 4].mean((0, 1))
    shade = 1 - 0.25 * (1 - disc(view, middle, 0.1 * tall, (2.5, 1.5)))
    return replace(view, image=torch.lerp(view.image, colour * shade, cover))


def glasses(view: View) -> View:
    """Thick black rims and slightly dark lenses."""
    image, tall = view.image, extent(view)
    for corners in EYES:
        middle = view.landmarks[list(corners)].nanmean(0)
        outer, inner = (disc(view, middle, r * tall, (1.2, 1.0)) for r in (0.145, 0.12))
        image = image * (1 - outer * torch.where(inner > 0.5, 0.2, 0.95))
    return replace(view, image=image)


def painting(view: View) -> View:
    """Blurred by 3 pixels of 500, and in five tones of each colour."""
    blur = 0.006 * max(view.size)
    reach = math.ceil(3 * blur)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * blur**2))
    layers = pad(view.image.permute(2, 0, 1)[:, None], (reach,) * 4, mode="replicate")
    layers = conv2d(conv2d(layers, kernel[None, None, None]), kernel[None, None, :, None]) / kernel.sum() ** 2
    return replace(view, image=(4 * layers[:, 0].permute(1, 2, 0)).round() / 4)


def compressed(view: View) -> View:
    """As a JPEG of quality 5."""
    buffer = io.BytesIO()
    to_pillow(view.image).save(buffer, format="JPEG", quality=5)
    return replace(view, image=picture_tensor(Image.open(buffer), None))


def mirrored(view: View, head: Head) -> View:
    """The picture flipped, and its points as they are found in the flipped one."""
    points = head.dense_landmarks.points(head.mesh.vertices, head.mesh.faces)[: len(view.landmarks)]
    partner = torch.cdist(points * torch.tensor([-1.0, 1, 1]), points).argmin(1)
    flipped = view.landmarks[: len(points)][partner]
    return replace(
        view, image=view.image.flip(1), landmarks=torch.stack([view.size[0] - flipped[:, 0], flipped[:, 1]], 1)
    )


def cut_off(view: View) -> View:
    """Without the lower part, in which a seventh of the points lies: those are guesses beyond the frame."""
    found = view.landmarks[view.landmarks.isfinite().all(1), 1]
    height = int(found.quantile(0.86))
    return replace(view, image=view.image[:height], size=(view.size[0], height))


def two_faces(view: View, another: View) -> View:
    """Another person's picture beside it, half as large; the points are those of the larger face."""
    small = avg_pool2d(another.image.permute(2, 0, 1), 2).permute(1, 2, 0)[: view.size[1]]
    beside = view.image.new_full((view.size[1], small.shape[1], 3), 0.5)
    beside[: len(small)] = small
    image = torch.cat([view.image, beside], 1)
    return replace(view, image=image, size=(image.shape[1], image.shape[0]))


KINDS: dict[str, Callable[[Album, Head], View | None]] = {
    "nothing": lambda album, head: album.views[album.odd],
    "another person": lambda album, head: album.another,
    "two faces": lambda album, head: two_faces(album.views[album.odd], album.another),
    "smiling": lambda album, head: album.smiling,
    "mirrored": lambda album, head: mirrored(album.views[album.odd], head),
    "hand before the mouth": lambda album, head: hand(album.views[album.odd]),
    "glasses": lambda album, head: glasses(album.views[album.odd]),
    "painting": lambda album, head: painting(album.views[album.odd]),
    "JPEG quality 5": lambda album, head: compressed(album.views[album.odd]),
    "cut off by the frame": lambda album, head: cut_off(album.views[album.odd]),
}
PROFILE = "profile only"  # the outermost picture alone


def verdict(notes: Sequence[str], name: str) -> str:
    """Whether the odd picture is named in what is said, and whether a good one is."""
    own = [note for note in notes if name in note]
    others = [note for note in notes if name not in note]
    return ("accused" if own else "not accused") + (", and others are" if others else "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--size", type=int, default=512, help="of the pictures that are drawn, pixels")
    parser.add_argument(
        "--photos", type=Path, action="append", default=[], help="a folder of view0.jpg, view0.npz, ..."
    )
    parser.add_argument("--kinds", default=",".join([*KINDS, PROFILE]))
    parser.add_argument("--model", default="adaptive", choices=("adaptive", "static, 84 bones", "static, painted"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    head = load_head()
    model = methods(head)[options.model]
    assert model is not None
    face = head.mesh.part_vertices("face")
    for album in albums(head, options.photos, options.views, options.size):
        good: Tensor | None = None
        for kind in options.kinds.split(","):
            views = list(album.views)
            if kind == PROFILE:
                views = [views[-1]]
                name = views[0].name
            else:
                spoilt = KINDS[kind](album, head)
                if spoilt is None:
                    continue
                name = views[album.odd].name
                views[album.odd] = replace(spoilt, name=name)
            try:
                fit = fit_views(model, views, progress=False, device="cpu")
            except ValueError as error:
                print(f"{album.name:<8}{kind:<24}{'refused':<28}{'':>6}  {error}", flush=True)
                continue
            found = fit.vertices[face]
            good = found if good is None else good
            away = apply_alignment(found, align_points(found, good)) - good
            moved = float(away.square().sum(1).mean().sqrt())
            said = verdict(fit.notes, name) if kind != PROFILE else "said" if fit.notes else "nothing said"
            print(f"{album.name:<8}{kind:<24}{said:<28}{moved:6.2f}  {' | '.join(fit.notes)}", flush=True)


if __name__ == "__main__":
    main()
