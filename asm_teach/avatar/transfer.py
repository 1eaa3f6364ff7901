"""The embedded head's 51 shapes carried to other faces, as what their skin does.

A shape goes from one face to another by local frames: round each vertex, the similarity that brings one face to the
other turns and scales what the vertex does. The bones' own matrices would do it too, but they differ more from place
to place than the faces do: four times farther from the truth on people whose expressions are known.

To a mesh of another maker, the embedded head is fitted first, so that both surfaces lie on each other. Then each vertex
does what the place does that it lies on. Lips and lids touch, so it looks for its place on its own side of a mouth or
an eye only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.avatar.openings import EYES, MOUTH, sides
from asm_teach.data.heads import Head, embedded_head, load_head
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.geometry.surface_points import OnSurface, Skin
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.scan_fit.fit import fit_scan

_NEIGHBOURS = 25.0  # mm: the size of a feature of the face, such as an eye
_EVIDENCE = 2000  # vertices, at least, that say how one face becomes the other


class TemplateShapes(NamedTuple):
    """What the 51 shapes do to a template, and where on it the lids end.

    Attributes:
        names: E names.
        vertices: (V, 3) mm, the template.
        offsets: (E, V, 3) mm, float64.
        margins: "Left" and "Right" -> the edge of the lids of that eye, points of the template.
        scalp: (V,) bool, what no shape may move.
    """

    names: tuple[str, ...]
    vertices: Tensor
    offsets: Tensor
    margins: Mapping[str, LandmarkSet]
    scalp: Tensor


def template_shapes(mesh: Mesh, *, steps: int | None = None, progress: bool = False) -> TemplateShapes:
    """The 51 shapes of a template: known of the embedded heads, carried over by a fit to any other.

    Args:
        mesh: the template of a model, with the landmarks "ibug68", as `prepare_head` makes it; its mouth closed.
        steps: of the fit.
        progress: show how far it is.

    Raises:
        ValueError: a mesh that is no embedded head and has no landmarks.
    """
    source = load_head()
    if (head := embedded_head(mesh)) is not None:
        offsets = _all_offsets(head)
        if head.source is None:
            return TemplateShapes(
                head.expressions.names, head.mesh.vertices.double(), offsets, _margins(head), _scalp(head)
            )
        ours = source.mesh  # the same face in two meshes: they lie on each other as they are
    else:
        if "ibug68" not in mesh.landmarks:
            raise ValueError(
                "mesh: it is none of the embedded heads and has no landmarks 'ibug68', so nothing says where its eyes "
                "and mouth are; make a model of it by prepare_head, or write its bones alone with shapes=False "
                "(--no-shapes)"
            )
        marks = mesh.landmarks["ibug68"].points(mesh.vertices, mesh.faces)
        start = AdaptiveSkinningModel(source.mesh, source.rig)
        fit = fit_scan(start, Mesh(mesh.vertices, mesh.faces), landmarks=marks, steps=steps, progress=progress)
        ours = source.mesh.with_vertices(fit.vertices.cpu())
    exact = (mesh if head is None else head.mesh).to("cpu", torch.float64)
    ours = ours.to("cpu", torch.float64)
    places = places_on(ours, exact, torch.arange(len(exact.vertices)))
    if head is None:
        moved = carried(_all_offsets(source), source.mesh.vertices.double(), ours.vertices)
        offsets = places.points(moved, ours.faces)
    margins = {}
    for name, margin in _margins(source).items():
        margins[name] = places_on(exact, ours, margin.nearest_vertices(ours.faces))
    scalp = _scalp(source)[places.nearest_vertices(ours.faces)]
    return TemplateShapes(source.expressions.names, exact.vertices, offsets, margins, scalp)


def carried(offsets: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Offsets (E, V, 3) of one face as those of another, with the same vertices: `start` and `end` (V, 3).

    Round each vertex the similarity of least squares from start to end is found (Umeyama's closed form), where others
    count by a Gaussian of their distance; its rotation and scale are applied.
    """
    evidence = torch.arange(0, len(start), max(1, len(start) // _EVIDENCE))
    p, q = start[evidence], end[evidence]
    products = (q[:, :, None] * p[:, None]).flatten(1)
    columns = torch.cat([p, q, products, p.square().sum(1, keepdim=True)], 1)
    frames = []
    for some in start.split(1000):
        share = torch.softmax(torch.cdist(some, p).square() / (-2 * _NEIGHBOURS**2), 1)
        middle_p, middle_q, product, square = (share @ columns).split([3, 3, 9, 1], 1)
        covariance = product.unflatten(1, (3, 3)) - middle_q[:, :, None] * middle_p[:, None]
        u, values, v = torch.linalg.svd(covariance)
        sign = torch.ones_like(values)
        sign[:, 2] = torch.linalg.det(u @ v).sign()  # a rotation, not a reflection
        scale = (values * sign).sum(1) / (square[:, 0] - middle_p.square().sum(1))
        frames.append(scale[:, None, None] * (u * sign[:, None]) @ v)
    return torch.einsum("vab,evb->eva", torch.cat(frames), offsets)


def places_on(surface: Mesh, mesh: Mesh, rows: Tensor) -> LandmarkSet:
    """Where vertices (n,) of a mesh lie on another one in the same space.

    Each goes to the nearest place that faces its way, on its own side of mouth and eyes; a vertex of the skin goes to
    the skin, not to the teeth behind it. Both have "ibug68".
    """
    points, normals = mesh.vertices[rows], vertex_normals(mesh.vertices, mesh.faces)[rows]
    found = _put(surface, torch.arange(len(surface.faces)), points, normals)
    face, beta = torch.from_numpy(found.face), torch.from_numpy(found.barycentric)

    def put(chosen: Tensor, allowed: Tensor) -> None:
        if len(chosen) and len(allowed):
            on = _put(surface, allowed, points[chosen], normals[chosen])
            face[chosen], beta[chosen] = allowed[torch.from_numpy(on.face)], torch.from_numpy(on.barycentric)

    skin = sides(surface, MOUTH).upper.isfinite()[surface.faces].all(1)
    put((sides(mesh, MOUTH).upper.isfinite()[rows] & ~skin[face]).nonzero()[:, 0], skin.nonzero()[:, 0])
    for opening in (MOUTH, *EYES.values()):
        here, there = sides(mesh, opening).near(opening.reach), sides(surface, opening).near(opening.reach)
        for mine, other in ((here[0], there[1]), (here[1], there[0])):
            put(mine[rows].nonzero()[:, 0], (skin & ~other[surface.faces].any(1)).nonzero()[:, 0])
    return LandmarkSet(face, beta)


def _put(surface: Mesh, faces: Tensor, points: Tensor, normals: Tensor) -> OnSurface:
    skin = Skin(to_array(surface.vertices), surface.faces[faces].numpy())
    return skin.put(to_array(points), to_array(normals))


def _all_offsets(head: Head) -> Tensor:
    return torch.stack([head.offsets(expressions={name: 1.0}) for name in head.expressions.names]).double()


def _margins(head: Head) -> dict[str, LandmarkSet]:
    """The edges of the lids of the embedded head with eyes: where its skin goes over into what lies inside."""
    mesh = head.mesh
    skin, inside = mesh.part_vertices("face"), mesh.part_vertices("eye_interior")
    edge = skin[torch.isin(skin, inside)]
    left = mesh.vertices[edge, 0] > 0
    return {name: LandmarkSet.from_vertices(edge[of], mesh.faces) for name, of in (("Left", left), ("Right", ~left))}


def _scalp(head: Head) -> Tensor:
    """(V,) the scalp of the embedded head with eyes above the root of the nose, without the line where it ends."""
    mesh = head.mesh
    scalp = torch.zeros(len(mesh.vertices), dtype=torch.bool)
    scalp[mesh.part_vertices("scalp")] = True
    scalp[mesh.part_vertices("face")] = False
    root = head.landmarks.points(mesh.vertices, mesh.faces)[27]
    return scalp & (mesh.vertices[:, 1] > root[1])
