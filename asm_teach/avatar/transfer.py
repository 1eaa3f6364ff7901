"""The embedded head's 51 shapes carried to the template of any head, as what its skin does.

The embedded head is fitted to the other one, so both surfaces lie on each other; its shapes go along by the blended
matrices. Then each vertex of the other head does what the place does that it lies on. Lips and lids touch, so a vertex
looks for its place on its own side of a mouth or an eye only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.avatar.openings import EYES, MOUTH, sides
from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.geometry.surface_points import OnSurface, Skin
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.scan_fit.fit import fit_scan


class TemplateShapes(NamedTuple):
    """What the 51 shapes do to a template, and where on it the lids end.

    Attributes:
        names: E names.
        offsets: (E, V, 3) mm, float64.
        margins: "Left" and "Right" -> the edge of the lids of that eye, points of the template.
        scalp: (V,) bool, what no shape may move.
    """

    names: tuple[str, ...]
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
            return TemplateShapes(head.expressions.names, offsets, _margins(head), _scalp(head))
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
        fitted = fit.model.cpu().double().requires_grad_(False)
        ours = fitted.mesh.with_vertices(fitted() if fit.unit == 1 else fit.vertices.cpu().double())
    exact = mesh.to("cpu", torch.float64)
    ours = ours.to("cpu", torch.float64)
    places = places_on(ours, exact, torch.arange(len(exact.vertices)))
    if head is None:
        moved = torch.einsum("vab,evb->eva", linear_part(fitted), _all_offsets(source))
        offsets = places.points(moved, ours.faces)
    margins = {}
    for name, margin in _margins(source).items():
        margins[name] = places_on(exact, ours, margin.nearest_vertices(ours.faces))
    return TemplateShapes(
        source.expressions.names, offsets, margins, _scalp(source)[places.nearest_vertices(ours.faces)]
    )


def embedded_head(mesh: Mesh) -> Head | None:
    """The embedded head whose faces this mesh has, in the same order."""
    heads = (load_head(name) for name in ("makehuman", "soma"))
    return next((head for head in heads if torch.equal(head.mesh.faces, mesh.faces.cpu())), None)


def linear_part(model: SkinnedModel) -> Tensor:
    """(V, 3, 3), the blended matrix of each vertex without its translation, sum_j w_ij A_j of eq. (10.1)."""
    return (model.weights() @ model.transforms()[..., :3].flatten(1)).unflatten(1, (3, 3))


def places_on(surface: Mesh, mesh: Mesh, rows: Tensor) -> LandmarkSet:
    """Where vertices (n,) of a mesh lie on another one in the same space.

    Each goes to the nearest place that faces its way, on its own side of mouth and eyes. Both have "ibug68".
    """
    points, normals = mesh.vertices[rows], vertex_normals(mesh.vertices, mesh.faces)[rows]
    found = _put(surface, torch.arange(len(surface.faces)), points, normals)
    face, beta = torch.from_numpy(found.face), torch.from_numpy(found.barycentric)
    for opening in (MOUTH, *EYES.values()):
        here, there = sides(mesh, opening).near(opening.reach), sides(surface, opening).near(opening.reach)
        for mine, other in ((here[0], there[1]), (here[1], there[0])):
            chosen = mine[rows].nonzero()[:, 0]
            allowed = (~other[surface.faces].any(1)).nonzero()[:, 0]
            if len(chosen):
                on = _put(surface, allowed, points[chosen], normals[chosen])
                face[chosen], beta[chosen] = allowed[torch.from_numpy(on.face)], torch.from_numpy(on.barycentric)
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
