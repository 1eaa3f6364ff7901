"""A bone budget: the same head with fewer bones, or with more. Used in lesson 5."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral

import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.binding import Chart
from asm_teach.model.transforms import Rig

MIDDLE = 1.0  # mm: a point no further than this from x = 0 is its own mirror image
EXTRA = "extra"  # new bones are called extra000_L, extra000_R, ...


def budget_rig(mesh: Mesh, rig: Rig, bones: int) -> Rig:
    """A rig with another number of bones on the same head, as symmetric as the given one.

    Fewer: keeps the roots, then again and again the bone furthest from those kept, together with its mirror image; a
    bone whose parent is gone becomes a child of its nearest ancestor that is left. More: keeps all, and puts new ones
    at the vertices of the part `face` (of all parts if there is none) that are furthest from every bone, in mirrored
    pairs; each becomes a sibling of the bone nearest to it. Distances are in mm on the template. A single last bone
    comes from the middle.

    Args:
        mesh: the template, +x the person's left, with one UV for each vertex.
        rig: bones with UV positions.
        bones: J.

    Raises:
        ValueError: a rig without UV, fewer bones than roots, or more than vertices to put them on.
    """
    if rig.uv is None:
        raise ValueError("rig: its bones have no places on the chart (rig.uv); a budget needs them")
    roots = int((rig.parents < 0).sum())
    spots = mesh.part_vertices("face") if "face" in mesh.parts else torch.unique(mesh.faces)
    if not isinstance(bones, Integral) or not roots <= bones <= len(rig) + len(spots):
        raise ValueError(f"bones: this head can have {roots} (its roots) to {len(rig) + len(spots)}, found {bones}")
    if bones <= len(rig):
        return _fewer(mesh, rig, bones)
    return _more(mesh, rig, bones - len(rig), spots)


def _fewer(mesh: Mesh, rig: Rig, bones: int) -> Rig:
    assert rig.uv is not None
    points = Chart.from_mesh(mesh).bind(rig.uv.to(mesh.vertices), mesh.vertices)
    parents = rig.parents.tolist()
    images = torch.tensor(rig.mirror_images(), device=points.device)
    kept = [j for j, parent in enumerate(parents) if parent < 0]
    chosen = _furthest(points, images, points[kept], bones - len(kept), kept)
    kept = sorted({*kept, *chosen})
    order = {j: k for k, j in enumerate(kept)}

    def ancestor(j: int) -> int:
        while (j := parents[j]) >= 0 and j not in order:
            pass
        return order.get(j, -1)

    positions = None if rig.positions is None else rig.positions[kept]
    hung = torch.tensor([ancestor(j) for j in kept], dtype=torch.int64, device=rig.parents.device)
    return Rig(tuple(rig.names[j] for j in kept), hung, rig.uv[kept], positions)


def _more(mesh: Mesh, rig: Rig, count: int, spots: Tensor) -> Rig:
    assert rig.uv is not None
    uv = mesh.vertex_uv()
    places, points = mesh.vertices[spots], Chart.from_mesh(mesh).bind(rig.uv.to(mesh.vertices), mesh.vertices)
    image = torch.cdist(places * places.new_tensor([-1.0, 1.0, 1.0]), places).argmin(1)
    alone = (places[:, 0].abs() <= MIDDLE) | (places[:, 0] * places[image, 0] >= 0)
    image[alone] = alone.nonzero()[:, 0]
    chosen = _furthest(places, image, points, count)
    nearest = torch.cdist(places[chosen], points).argmin(1)
    above = rig.parents[nearest]
    names: list[str] = []
    number: dict[frozenset[int], int] = {}
    before = sum(name.startswith(EXTRA) for name in rig.names)
    for i in chosen:
        pair = frozenset({i, int(image[i])})
        side = "" if len(pair) == 1 else "_L" if places[i, 0] > 0 else "_R"
        names.append(f"{EXTRA}{number.setdefault(pair, before + len(number)):03d}{side}")
    positions = None if rig.positions is None else torch.cat([rig.positions, places[chosen].to(rig.positions)])
    return Rig(
        (*rig.names, *names),
        torch.cat([rig.parents, torch.where(above < 0, nearest, above)]),
        torch.cat([rig.uv, uv[spots[chosen]].to(rig.uv)]),
        positions,
    )


def _furthest(points: Tensor, image: Tensor, start: Tensor, count: int, barred: Collection[int] = ()) -> list[int]:
    """`count` of the points (n, 3), each time the one furthest from `start` and those taken before, with its image.

    image: (n,) which point is taken together with each. barred: points not to choose. Where a single last
    place is left, a point without an image fills it; a pair is broken only where there is none.
    """
    points = points.double()  # cdist of float32 is good to 0.05 mm only
    away = torch.cdist(points, start.double()).amin(1)
    free = torch.ones(len(points), dtype=torch.bool, device=points.device)
    free[list(barred)] = False
    taken: list[int] = []
    while len(taken) < count:
        fits = free
        if len(taken) == count - 1:
            single = free & ~(free[image] & (image != torch.arange(len(image), device=image.device)))
            fits = single if single.any() else free
        best = int(torch.where(fits, away, -1.0).argmax())
        pair = [k for k in dict.fromkeys([best, int(image[best])]) if free[k]][: count - len(taken)]
        taken += pair
        free[pair] = False
        away = torch.minimum(away, torch.cdist(points, points[pair]).amin(1))
    return taken
