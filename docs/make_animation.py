"""The animation at the top of the README: a head being fitted to a raw scan. Writes `docs/images/fit.webp`.

    python docs/make_animation.py

The scan is Lee Perry-Smith's head (CC BY 3.0), which `asm-teach data lee-perry-smith` fetches.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

import asm_teach as asm
from asm_teach.formats.pictures import to_pillow
from asm_teach.geometry.closest_point import Surface, to_array
from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp

FILE = Path(__file__).resolve().parent / "images" / "fit.webp"
SIZE, MOST = (250, 320), 4.0  # pixels of a panel; mm at the end of the scale
STEPS, KEPT = 30, (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 25, 29)
BACKGROUND = torch.tensor([0.957, 0.961, 0.969])


def picture(mesh: Mesh, camera: asm.Camera, colours: Tensor | None = None) -> Image.Image:
    """One panel."""
    light = lamp(torch.tensor([0.35, 0.55, 1.0]), strength=0.75, ambient=0.42)
    image = render(mesh, camera, colours=colours, light=light, background=BACKGROUND, samples=2)
    return to_pillow(image[..., :3])


def main() -> None:
    """Fit, draw a picture of some of the steps, and write them as one animation."""
    head = asm.load_head()
    model = asm.AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    frames: list[tuple[int, Tensor]] = []

    def watch(record: object, moved: asm.AdaptiveSkinningModel) -> None:
        frames.append((len(frames), moved().detach().clone()))

    fit = asm.fit_scan(model, asm.load_scan("lee-perry-smith").mesh, steps=STEPS, watch=watch, progress=False)
    scan = fit.scan
    surface = Surface(scan.vertices, scan.faces)
    face = fit.vertices[head.mesh.part_vertices("face")]
    target = face.mean(0) + torch.tensor([0.0, -8.0, 0.0])
    camera = asm.look_at(target + torch.tensor([230.0, 30.0, 700.0]), target, focal=740.0, size=SIZE)
    scale = matplotlib.colormaps["YlOrBr"]
    clay = torch.tensor([0.93, 0.90, 0.86])
    left = picture(scan, camera)
    font = ImageFont.load_default(13)
    pictures = []
    for number, vertices in [(-1, head.mesh.vertices), *(frames[k] for k in KEPT if k < len(frames))]:
        if number < 0:  # the template, at the middle of the scan's face
            vertices = vertices + (face - vertices[head.mesh.part_vertices("face")]).mean(0)
        away = torch.from_numpy(surface.closest(to_array(vertices))[1])
        share = (away / MOST).clamp(0, 1).numpy()
        colours = torch.from_numpy(scale(share)[:, :3]).float()
        colours = clay + (colours - clay) * torch.from_numpy(share)[:, None].float().sqrt()
        right = picture(head.mesh.with_vertices(vertices), camera, colours)
        both = Image.new("RGB", (2 * SIZE[0], SIZE[1] + 26), "#f4f5f7")
        both.paste(left, (0, 0))
        both.paste(right, (SIZE[0], 0))
        draw = ImageDraw.Draw(both)
        mean = float(away[head.mesh.part_vertices("face")].mean())
        draw.text((12, SIZE[1] + 4), "a raw scan", "#333333", font)
        step = "the mean head" if number < 0 else f"step {number + 1}"
        draw.text((SIZE[0] + 12, SIZE[1] + 4), f"{step}: {mean:.2f} mm off (face, mean)", "#333333", font)
        pictures.append(both)
    times = [1200, *[160] * (len(pictures) - 2), 2500]
    pictures[0].save(FILE, save_all=True, append_images=pictures[1:], duration=times, loop=0, quality=72, method=6)
    print(FILE.name, FILE.stat().st_size, "bytes,", len(pictures), "pictures; the last", f"{mean:.3f} mm")


if __name__ == "__main__":
    main()
