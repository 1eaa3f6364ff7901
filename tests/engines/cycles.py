"""Whether Blender's Cycles draws what our camera sees: run by hand where `bpy` is installed, after a change of either.

    python -m tests.engines.cycles

It prints, for cameras of all kinds, how many pixels apart Blender and `Camera.project` show the same points, and how
far what Cycles draws covers the pixels that our own rasteriser covers. It takes about a minute.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from asm_teach.data.heads import load_head
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.renderer import render
from asm_teach.studies.photographs.cycles import aim, blender, build, draw
from asm_teach.studies.photographs.scene import Scene, scene
from asm_teach.studies.view_cases import embedded_sitter

SIZE = 200


def main() -> None:
    """Print both figures, and fail where they are too large."""
    bpy = blender()
    taken = scene(embedded_sitter(load_head(), 3), 3, 1, SIZE)
    build(bpy, taken, 1, 2)
    points = taken.sitter.points
    for camera in (*taken.cameras, aside(taken.cameras[0])):
        aim(bpy, camera)
        bpy.context.view_layer.update()
        apart = float((blenders_pixels(bpy, points, camera) - camera.project(points)).abs().max())
        print(
            f"focal length {float(camera.focal):6.1f} px: Blender and Camera.project are {apart:.5f} px apart at most"
        )
        assert apart < 1e-3
    for camera, light in zip(taken.cameras, draw(bare(taken), samples=4), strict=True):
        ours = (
            render(taken.sitter.mesh, camera, colours=torch.ones_like(taken.sitter.mesh.vertices))[..., 3].numpy() > 0.5
        )
        bright = light.mean(-1)
        theirs = bright > 0.1 * np.median(bright[ours])  # a pixel's filter reaches a little beyond its edges
        shared = (ours & theirs).sum() / (ours | theirs).sum()
        print(f"focal length {float(camera.focal):6.1f} px: {100 * shared:.1f} % of the covered pixels are the same")
        assert shared > 0.98


def aside(camera: Camera) -> Camera:
    """A picture cut out of a larger one: not square, its optical axis not in the middle."""
    return replace(camera, principal=torch.tensor([70.0, 130.0]), size=(SIZE, SIZE + 60))


def bare(taken: Scene) -> Scene:
    """The head alone in a dark room, white, with a lamp at every camera: what shows is the head."""
    white = replace(taken.sitter.mesh, texture=torch.ones(4, 4, 3))
    near = [replace(lamp, place=tuple(c.centre().tolist()), power=50.0, side=20.0) for lamp, c in
            zip(taken.lamps, taken.cameras, strict=True)]  # fmt: skip
    dark = np.zeros_like(taken.room)
    return replace(taken, sitter=replace(taken.sitter, mesh=white), clothes=None, room=dark, lamps=tuple(near))


def blenders_pixels(bpy: object, points: torch.Tensor, camera: Camera) -> torch.Tensor:
    """Where Blender says that points (n, 3) mm are in its picture, (n, 2) pixels from the upper left corner."""
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    settings = bpy.context.scene  # type: ignore[attr-defined]
    places = [world_to_camera_view(settings, settings.camera, Vector((p / 1000).tolist())) for p in points.double()]
    width, height = camera.size
    return torch.tensor([[width * x, height * (1 - y)] for x, y, _ in places])


if __name__ == "__main__":
    main()
