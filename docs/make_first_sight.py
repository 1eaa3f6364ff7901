"""The animation at the top of the README: six pictures of a man become a head, which turns and smiles.

    python docs/make_first_sight.py

Writes `docs/images/first_sight.webp`, in about five minutes. The pictures are the package's own renderings of Lee
Perry-Smith's scan (CC BY 3.0), which `asm-teach data lee-perry-smith` fetches; the fit is told neither their cameras
nor their lenses. The skin comes from the pictures. The eyes, which the man has closed, and the smile come from the
embedded head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

import asm_teach as asm
from asm_teach.avatar.rest_pose import baked
from asm_teach.data.heads import Head
from asm_teach.drawing import portrait, still
from asm_teach.drawing.own_skin import own_skin
from asm_teach.drawing.plots import BACKGROUND
from asm_teach.formats.pictures import to_pillow
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.mesh import Mesh
from asm_teach.studies.cases import measure
from asm_teach.studies.view_cases import scan_case
from asm_teach.view_fit.view import View

FILE = Path(__file__).resolve().parent / "images" / "first_sight.webp"
VIEWS, PICTURE, LINE = 6, 160, 30  # photographs, each so many pixels wide, and the line of words
STAGE = (440, 3 * PICTURE)  # pixels: of the head, beside two columns of photographs
STEPS = 14  # pictures of the fit while it runs
MOTION = 44  # pictures of the head that turns and smiles
SMILE = {"mouthSmile": 0.75, "cheekSquint": 0.5, "mouthDimple": 0.3, "mouthUpperUp": 0.1, "eyeSquint": 0.1}
LID = 0.5  # mm: how far a lid stands off its eyeball


@dataclass
class Stage:
    """Draws the head of every picture alike: the same camera about it, without the inside of the mouth.

    A fit to pictures says nothing of what they do not show: teeth and palate may reach through the skin.
    """

    head: Head
    fitted: Tensor
    texture: Tensor | None = None

    def draw(self, vertices: Tensor, turn: float) -> Image.Image:
        """The head, turned by so many degrees, in its skin or in clay."""
        mesh = self.head.mesh
        finish = portrait.finish_of(len(vertices), mesh.faces)
        assert finish is not None  # it is an embedded head
        shown = torch.ones(len(mesh.faces), dtype=torch.bool)
        for part in ("mouth_interior", "teeth"):
            shown[mesh.parts[part]] = False
        lids = torch.from_numpy(finish.lids)
        mouth = lids[mesh.vertices[lids].mean(1)[:, 1] < self.head.landmarks.points(mesh.vertices, mesh.faces)[33, 1]]
        eye = still.look(self.fitted, (turn, 2.0), STAGE, zoom=1.16)
        faces = torch.cat([mesh.faces[shown], mouth])
        drawn = torch.from_numpy(
            still.draw(vertices, faces, eye, texture=self.texture, uv=mesh.uv, finish=finish.values)
        )
        picture = Image.new("RGB", STAGE, BACKGROUND)
        picture.paste(to_pillow(drawn[..., :3]), mask=Image.fromarray((255 * drawn[..., 3]).byte().numpy()))
        return picture


def with_eyes(mesh: Mesh, vertices: Tensor, fitted: Tensor) -> Tensor:
    """The vertices with round eyes where the fit has them, and lids that lie on the eyes: a fit may cross the two."""
    vertices, skin, eyes = vertices.clone(), mesh.part_vertices("face"), mesh.part_vertices("eyes")
    for side in (1, -1):
        own = eyes[side * mesh.vertices[eyes, 0] > 0]
        ball = apply_alignment(mesh.vertices[own], align_points(mesh.vertices[own], fitted[own]))
        rows = torch.cat([2 * ball, torch.ones(len(ball), 1)], 1)  # |p|^2 = 2 c . p + r^2 - |c|^2 for each point
        *centre, rest = torch.linalg.lstsq(rows, ball.square().sum(1, keepdim=True)).solution[:, 0]
        middle = torch.stack(centre)
        least = (rest + middle @ middle).sqrt() + LID
        vertices[own], away = ball, vertices[skin] - middle
        far = away.norm(dim=1, keepdim=True)
        vertices[skin] = torch.where(far < least, middle + away * least / far, vertices[skin])
    return vertices


def cut_out(view: View) -> Image.Image:
    """The face in a photograph: a square about its landmarks, as far as the photograph reaches."""
    assert view.image is not None
    points = view.landmarks[view.landmarks.isfinite().all(1)]  # those that face the camera
    low, high, size = points.amin(0), points.amax(0), min(view.size)
    half = min(0.8 * float((high - low).max()), size / 2)
    x, y = (0.5 * (low + high)).clamp(half, size - half).tolist()
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    return to_pillow(view.image).crop(box).resize((PICTURE, PICTURE), Image.Resampling.LANCZOS)


def main() -> None:
    """Take the pictures, fit, and draw what the fit does, and then the head."""
    head = asm.load_head()
    case = scan_case("lee-perry-smith", views=VIEWS, seed=1, size=640, points=468)
    images = [view.image for view in case.views if view.image is not None]
    model = asm.AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    states: list[Tensor] = []
    fit = asm.fit_views(model, case.views, progress=False, watch=lambda _, face: states.append(face().detach().clone()))
    off = measure(case, head, fit.vertices).distances.mean()
    fitted = with_eyes(head.mesh, fit.vertices, fit.vertices)
    texture, _ = own_skin(head.mesh.with_vertices(fitted), fit.cameras, images)
    offsets = {name: head.offsets(expressions={name: 1.0}) for name in head.expressions.names}
    shapes = baked(fit.model, offsets).shapes
    smile = sum(much * (shapes[f"{name}Left"] + shapes[f"{name}Right"]) for name, much in SMILE.items())
    assert isinstance(smile, Tensor)

    ground = Image.new("RGB", (2 * PICTURE + STAGE[0], STAGE[1] + LINE), BACKGROUND)
    for number, view in enumerate(case.views):
        ground.paste(cut_out(view), (number % 2 * PICTURE, number // 2 * PICTURE))
    font, frames, times = ImageFont.load_default(15), [], []

    def add(picture: Image.Image, words: str, time: int) -> None:
        frame = ground.copy()
        frame.paste(picture, (2 * PICTURE, 0))
        ImageDraw.Draw(frame).text((10, STAGE[1] + 6), words, "#333333", font)
        frames.append(frame)
        times.append(time)

    clay, skin = Stage(head, fitted), Stage(head, fitted, texture)
    face = head.mesh.part_vertices("face")
    seen = "six pictures, cameras and lenses unknown"
    first = apply_alignment(head.mesh.vertices, align_points(head.mesh.vertices[face], fitted[face]))
    add(clay.draw(first, 0.0), f"{seen}: a mean head", 1200)
    # the first steps move most: what is shown lies ever further apart
    chosen = sorted({round((len(states) - 1) * (k / STEPS) ** 2) for k in range(1, STEPS + 1)})
    for number in chosen:
        state = apply_alignment(states[number], align_points(states[number][face], fitted[face], scale=True))
        state = with_eyes(head.mesh, state, state)
        add(clay.draw(state, 0.0), f"{seen}: the bones move, step {number + 1}", 140)
    add(clay.draw(fitted, 0.0), f"{seen}: {off:.2f} mm off his scan, on average", 1200)
    for number in range(MOTION):
        share = number / MOTION
        amount = 0.5 - 0.5 * math.cos(2 * math.pi * share)
        moved = with_eyes(head.mesh, fitted + amount * smile.to(fitted), fitted)
        add(skin.draw(moved, 38 * math.sin(2 * math.pi * share)), "the fitted head in his own skin, with a smile", 90)
    times[-MOTION] = 1000
    frames[0].save(FILE, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=80, method=4)
    print(f"{FILE.name}: {FILE.stat().st_size} bytes, {len(frames)} pictures; {off:.3f} mm off")


if __name__ == "__main__":
    main()
