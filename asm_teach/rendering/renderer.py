"""A mesh in a picture, in one call: rasterise, interpolate, look up, light, mend the edges. Built up in lesson 7."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.edges import Edges, antialias, mesh_edges
from asm_teach.rendering.interpolation import blend, look_up
from asm_teach.rendering.raster import Raster, rasterise
from asm_teach.rendering.shading import shade

SKIN = (0.87, 0.70, 0.60)


def render(
    mesh: Mesh,
    camera: Camera,
    *,
    vertices: Tensor | None = None,
    texture: Tensor | None = None,
    colours: Tensor | None = None,
    light: Tensor | None = None,
    background: Tensor | None = None,
    samples: int = 1,
    edges: Edges | None = None,
    antialiased: bool = True,
) -> Tensor:
    """The picture (H, W, 4) that a camera takes of a mesh: red, green, blue, and how much of a pixel is covered.

    Colours are already weighed by what is covered: over another picture they are `picture[..., :3] + (1 -
    picture[..., 3:]) * other`, which `background` does. Differentiable in vertices, camera, texture, colours, light
    and background.

    Args:
        mesh: its topology, and what the other arguments do not replace.
        camera: in the precision and on the device of the mesh.
        vertices: (V, 3) mm in the place of the mesh's own.
        texture: (Ht, Wt, 3) in the place of the mesh's own, seen through its `uv`.
        colours: (V, 3) of the vertices, in the place of any texture. Without any of these: one colour of skin.
        light: (9, 3) spherical harmonics, see `shading`; None shows texture or colours as they are.
        background: (3,) or (H, W, 3).
        samples: each pixel is the mean of samples x samples rays.
        edges: `mesh_edges(mesh.faces, mesh.vertices)`, to be found once for many pictures; found here if None.
        antialiased: draw outlines smoothly, and let their gradients through.

    Raises:
        ValueError: wrong shapes, a texture for a mesh without uv, fewer than one sample.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}: give a whole number, 1 for one ray through each pixel")
    vertices = mesh.vertices if vertices is None else mesh.with_vertices(vertices).vertices
    width, height = camera.size
    if background is not None and tuple(background.shape) not in ((3,), (height, width, 3)):
        raise ValueError(
            f"background has shape {tuple(background.shape)}: give (3,) or {(height, width, 3)}, a colour or a picture"
        )
    raster = rasterise(vertices, mesh.faces, camera, (samples * width, samples * height))
    colour = surface_colours(raster, mesh, texture, colours)
    if light is not None:
        colour = shade(colour, surface_normals(raster, vertices), light)
    picture = raster.spread(torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1))
    if antialiased:
        picture = antialias(picture, raster, mesh_edges(mesh.faces, mesh.vertices) if edges is None else edges)
    if samples > 1:
        picture = picture.reshape(height, samples, width, samples, 4).mean(dim=(1, 3))
    if background is not None:
        picture = torch.cat([picture[..., :3] + (1 - picture[..., 3:]) * background, picture[..., 3:]], dim=-1)
    return picture


def surface_colours(raster: Raster, mesh: Mesh, texture: Tensor | None = None, colours: Tensor | None = None) -> Tensor:
    """The surface's own colours (n, 3) at the n covered pixels; the arguments are those of `render`."""
    if colours is not None:
        return blend(raster.weights, colours, raster.faces, raster.hits)
    if texture is None:
        texture = mesh.texture
    if texture is None:
        return raster.weights.new_tensor(SKIN).expand(len(raster.hits), 3)
    if mesh.uv is None:
        raise ValueError("texture is given, but the mesh has no uv, which says where on it each vertex lies")
    chart = mesh.faces if mesh.uv_faces is None else mesh.uv_faces
    return look_up(texture, blend(raster.weights, mesh.uv, chart, raster.hits))


def surface_normals(raster: Raster, vertices: Tensor) -> Tensor:
    """Unit normals (n, 3) at the n covered pixels, interpolated from those of the vertices (V, 3)."""
    normals = blend(raster.weights, vertex_normals(vertices, raster.faces), raster.faces, raster.hits)
    x, y, z = normals.unbind(1)  # blended normals are a little shorter than 1; a channel at a time is the quick way
    return normals * (x * x + y * y + z * z).clamp_min(1e-24).rsqrt()[:, None]
