"""A fitted head in the skin that its own photographs show, over them, beside them, and on an avatar. Lessons 8, 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from asm_teach.avatar.inside import INNER
from asm_teach.drawing.plots import new_figure
from asm_teach.drawing.portrait import finish_of
from asm_teach.drawing.still import to_numpy
from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.interpolation import blend, look_up
from asm_teach.rendering.raster import Raster, rasterise
from asm_teach.rendering.renderer import render, surface_normals
from asm_teach.rendering.shading import even_light, harmonics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from asm_teach.view_fit.view import View

BEHIND = 3.0  # mm: a point that lies this far behind what a pixel shows is hidden there
DIMMEST = 0.15  # of the light: where less is estimated, a picture says nothing of the skin's colour
CARD = 0.93  # grey of the ground beside the photographs
BAND = 22.0  # mm: within this of the scalp the face's own skin gives way to one colour
DRAWN = ("face", "scalp", "eyes")  # parts: a fit to pictures says nothing of teeth and palate


def own_skin(
    mesh: Mesh, cameras: Sequence[Camera], images: Sequence[Tensor], size: int = 512
) -> tuple[Tensor, list[Tensor]]:
    """The skin that photographs show on a fitted head, and the light in which each of them shows it.

    Each texel looks itself up in every picture that sees it, and takes a mean in which pictures count by the fourth
    power of the cosine to their line of sight. First the mean is taken as it is; with it the nine numbers of each
    picture's light follow by least squares (eq. (7.4)); then the mean is taken again, of what is left when each
    picture's light is divided away. A texel that no picture sees takes the colour of the nearest one that is seen.

    Args:
        mesh: V fitted vertices, with one uv for each.
        cameras: N, as fitted.
        images: N pictures (H, W, 3) in [0, 1], each of its camera's size.
        size: of the texture, in texels.

    Returns:
        The texture (size, size, 3), row 0 at v = 1, and N lights (9, 3), see `shading`.

    Raises:
        ValueError: another number of pictures than of cameras, none, a picture of another size than its camera's, a
            mesh without one uv per vertex, or cameras that see nothing of the mesh.
    """
    if len(cameras) != len(images) or not cameras:
        raise ValueError(f"images: found {len(images)} for {len(cameras)} cameras; give one picture for each camera")
    for n, (camera, image) in enumerate(zip(cameras, images, strict=True)):
        if tuple(image.shape) != (camera.size[1], camera.size[0], 3):
            raise ValueError(
                f"images: number {n} has shape {tuple(image.shape)}; its camera takes {camera.size[0]} x "
                f"{camera.size[1]} pixels, so give {(camera.size[1], camera.size[0], 3)}"
            )
    chart = _flat(mesh, size)
    points, normals = blend(chart.weights, mesh.vertices, mesh.faces, chart.hits), surface_normals(chart, mesh.vertices)
    looks = [_look(mesh, points, normals, *pair) for pair in zip(cameras, images, strict=True)]
    colours, weights = (torch.stack(list(x)) for x in zip(*looks, strict=True))  # (N, n, 3) and (N, n, 1)
    if not (weights > 0).any():
        raise ValueError("cameras: no picture sees a point of the mesh; give the cameras of the fit to these pictures")
    share = weights / weights.sum(0).clamp_min(1e-9)
    mean, basis = (share * colours).sum(0), harmonics(normals)
    lights = [_light(mean, basis, *pair) for pair in zip(colours, weights, strict=True)]
    shades = torch.stack([basis @ light for light in lights])
    weights = weights * (shades.amin(2, keepdim=True) > DIMMEST)
    share = weights / weights.sum(0).clamp_min(1e-9)
    mean = (share * colours / shades.clamp_min(DIMMEST)).sum(0)
    seen = chart.spread(weights.sum(0), 0.0)[..., 0] > 1e-4
    nearest = torch.from_numpy(distance_transform_edt(to_numpy(~seen), return_distances=False, return_indices=True))
    return chart.spread(mean)[tuple(nearest.long())].clamp(0, 1), lights


def whole_skin(mesh: Mesh, cameras: Sequence[Camera], images: Sequence[Tensor], size: int = 1024) -> Tensor:
    """A texture (size, size, 3) for a whole head: the face as its photographs show it, the rest in one colour of skin.

    What lies inside, which no photograph shows, keeps the mesh's own texture. The arguments are those of `own_skin`.
    """
    texture = _in_one_colour(mesh, own_skin(mesh, cameras, images, size)[0], _own_share(mesh))
    if mesh.texture is None:
        return texture
    inner = torch.cat([mesh.faces[:0, 0], *(mesh.parts[name] for name in INNER if name in mesh.parts)])
    hidden = torch.isin(_flat(mesh, size).face, inner)[..., None]
    resized = torch.nn.functional.interpolate(mesh.texture.movedim(2, 0)[None], (size, size), mode="bilinear")
    return torch.where(hidden, resized[0].movedim(0, 2).to(texture), texture)


def _flat(mesh: Mesh, size: int) -> Raster:
    """The chart as a picture: a camera before it at the distance 1 whose focal length is the texture's size."""
    u, v = mesh.vertex_uv().unbind(1)
    zero = u.new_zeros(3)
    camera = Camera(u.new_tensor(float(size)), zero[:2], zero, zero, (size, size))
    return rasterise(torch.stack([u, 1 - v, torch.ones_like(u)], 1), mesh.faces, camera)


def _look(mesh: Mesh, points: Tensor, normals: Tensor, camera: Camera, image: Tensor) -> tuple[Tensor, Tensor]:
    """The colours (n, 3) that a picture shows at points (n, 3) of the mesh, and how much each counts, (n, 1)."""
    width, height = camera.size
    depth = rasterise(mesh.vertices, mesh.faces, camera).depth
    x, y = camera.project(points).unbind(1)
    column, row = x.floor().long().clamp(0, width - 1), y.floor().long().clamp(0, height - 1)
    shown = (camera.depth(points) - depth[row, column] < BEHIND) & (x > 0) & (x < width) & (y > 0) & (y < height)
    towards = torch.nn.functional.normalize(camera.centre() - points, dim=1)
    square = (normals * towards).sum(1).clamp_min(0) ** 4
    return look_up(image, torch.stack([x / width, 1 - y / height], 1)), (square * shown)[:, None]


def _light(albedo: Tensor, basis: Tensor, colours: Tensor, weights: Tensor) -> Tensor:
    """(9, 3): the light in which points (n, 3) with harmonics (n, 9) show these colours, least squares with weights."""
    found = even_light(like=albedo)
    for channel in range(3):
        rows = weights * albedo[:, channel, None] * basis
        inner = rows.T @ (albedo[:, channel, None] * basis)
        hold = 1e-3 * inner.trace() / 9 * torch.eye(9).to(inner)  # what a picture does not show stays even
        right = rows.T @ colours[:, channel] + hold @ found[:, channel]
        found[:, channel] = torch.linalg.solve(inner + hold, right)
    return found


def _smaller(camera: Camera, image: Tensor, rows: int) -> tuple[Camera, Tensor]:
    """A picture of about so many rows, made of every k-th pixel, and the camera that takes it."""
    step = max(1, image.shape[0] // rows)
    image = image[::step, ::step]
    principal = (camera.principal - 0.5) / step + 0.5  # the middle of the first pixel stays in the middle
    size = (image.shape[1], image.shape[0])
    return replace(camera, focal=camera.focal / step, principal=principal, size=size), image


def _own_share(mesh: Mesh) -> Tensor:
    """How much each vertex wears its own skin, (V, 1): 1 in the face and the eyes, softly 0 where the scalp begins."""
    share = torch.zeros(len(mesh.vertices)).to(mesh.vertices)
    share[torch.cat([mesh.part_vertices(name) for name in ("face", "eyes") if name in mesh.parts])] = 1.0
    if "scalp" in mesh.parts:
        face = mesh.part_vertices("face")
        border = face[torch.isin(face, mesh.part_vertices("scalp"))]
        exact = "donot_use_mm_for_euclid_dist"  # 0 on the border itself
        inward = torch.cdist(mesh.vertices[face], mesh.vertices[border], compute_mode=exact).amin(1) / BAND
        inward = inward.clamp_max(1)
        share[face] = inward**2 * (3 - 2 * inward)
    return share[:, None]


def _in_one_colour(mesh: Mesh, texture: Tensor, share: Tensor) -> Tensor:
    """The texture where a vertex's share (V, 1) is 1; the middle colour of that skin where it is 0."""
    chart = _flat(mesh, len(texture))
    here = blend(chart.weights, share, mesh.faces, chart.hits)
    inside = chart.spread(here)[..., 0]
    skin = texture[inside > 0.99].median(0).values
    return skin + chart.spread(here) * (texture - skin)


def draw_in_own_skin(
    mesh: Mesh, views: Sequence[View], cameras: Sequence[Camera], height: int = 180, whole_head: bool = True
) -> Figure:
    """Each photograph, the fitted face over it, and the fitted head alone, in its own skin and the picture's light.

    The face's own skin gives way softly: to the photograph in the one picture, to one colour of the head in the other.

    Args:
        mesh: the template's topology with the fitted vertices (V, 3), one uv for each, and the part `face`. Of its
            other parts `scalp` and `eyes` are drawn: photographs tell nothing of the inside of a mouth.
        views: N photographs.
        cameras: N, as fitted to them.
        height: of a photograph in the figure, in pixels.
        whole_head: False shows the face alone, which fades out: for a fit that leaves the rest of the head anywhere.

    Raises:
        ValueError: a view without a picture, or as `own_skin`.
    """
    if any(view.image is None for view in views):
        raise ValueError("views: one of them has no picture; leave it and its camera out")
    if len(views) != len(cameras):
        raise ValueError(f"cameras: found {len(cameras)} for {len(views)} views; give one fitted camera for each view")
    taken = [view.image for view in views if view.image is not None]
    pairs = [_smaller(camera, image, 2 * height) for camera, image in zip(cameras, taken, strict=True)]
    texture, lights = own_skin(mesh, [camera for camera, _ in pairs], [image for _, image in pairs])
    share, finish = _own_share(mesh), finish_of(len(mesh.vertices), mesh.faces)
    fade = torch.ones_like(share) if finish is None else torch.from_numpy(finish.values[:, 1:2]).to(share)
    texture = _in_one_colour(mesh, texture, share)
    drawn = torch.cat([mesh.parts[name] for name in DRAWN if name in mesh.parts])
    head = replace(mesh, faces=mesh.faces[drawn], quads=None, parts={}, landmarks={})
    width = max(1, round(height * max(view.size[0] / view.size[1] for view in views)))
    figure, axes = new_figure(len(views), (width, height), rows=3)
    for column, (camera, image), light in zip(axes.T, pairs, lights, strict=True):
        lit = render(head, camera, texture=texture, light=light, samples=2)
        own, shown = (render(head, camera, colours=much.expand(-1, 3), samples=2)[..., :1] for much in (share, fade))
        bare = lit[..., :3] / lit[..., 3:].clamp_min(1e-6)  # not yet weighed by what a pixel covers
        over, alone = image + own * (bare - image), CARD + (shown if whole_head else own) * (bare - CARD)
        for ax, picture in zip(column, (image, over, alone), strict=True):
            ax.imshow(to_numpy(picture.clamp(0, 1)))
            ax.set(xticks=[], yticks=[])
    for ax, name in zip(
        axes[:, 0],
        ("photograph", "fitted face over it", f"fitted {'head' if whole_head else 'face'} alone"),
        strict=True,
    ):
        ax.set_ylabel(name, fontsize=9)
    return figure
