"""The head of the MakeHuman base mesh: crop, name the parts, and lay every part out in one injective chart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from chart import boundary_loops, disc_chart, fill_holes
from makehuman import BaseMesh
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, shortest_path

PARTS = ("face", "scalp", "eyes", "teeth", "eye_interior", "mouth_interior")
# How large a triangle of each part would like to be in the chart, relative to its size on the head.
CHART_SCALE = {"face": 1.0, "scalp": 0.4, "eye_interior": 0.35, "mouth_interior": 0.35}
RINGS_KEPT = {"eye_interior": 5, "mouth_interior": 8}  # the deeper rings of a cavity are never seen


@dataclass(frozen=True)
class HeadGeometry:
    source: np.ndarray  # (V,) vertex of the base mesh each vertex comes from
    faces: np.ndarray  # (F, 3)
    quads: np.ndarray  # (Q, 4)
    part_of_face: np.ndarray  # (F,) index into PARTS
    uv: np.ndarray  # (V, 2)


def build_geometry(base: BaseMesh, template: np.ndarray) -> HeadGeometry:
    """`template` (V_base, 3): the shape, in the base mesh's order, on which lengths and visibility are measured."""
    skin = crop(base)
    eyes, teeth = (
        base.group("helper-l-eye", "helper-r-eye"),
        base.group("helper-upper-teeth", "helper-lower-teeth"),
    )
    skin, label = name_parts(template, skin, eyes)
    eyes = np.concatenate([open_back(template, part) for part in split(eyes)])
    quads = np.concatenate([skin, eyes, teeth])
    label = np.concatenate([label, np.full(len(eyes), 2), np.full(len(teeth), 3)])
    source, flat = np.unique(quads, return_inverse=True)
    quads = flat.reshape(quads.shape)
    faces = triangulate(template[source], quads)
    part = np.repeat(label, 2)
    return HeadGeometry(source, faces, quads, part, lay_out(template[source], faces, part))


def crop(base: BaseMesh) -> np.ndarray:
    """Quads of the body above a plane through the neck that rises towards the back."""
    body = base.group("body")
    y, z = base.vertices[body][..., 1], base.vertices[body][..., 2]
    return max(split(body[(y + 0.3 * z > 575.0).all(1)]), key=len)


def split(quads: np.ndarray) -> list[np.ndarray]:
    """Connected pieces, in order of their smallest vertex."""
    count = quads.max() + 1
    graph = csr_matrix((np.ones(quads.size), (quads.ravel(), np.roll(quads, -1, 1).ravel())), (count, count))
    label = connected_components(graph, directed=False)[1][quads[:, 0]]
    return [quads[label == k] for k in dict.fromkeys(label[np.argsort(quads.min(1))])]


def name_parts(vertices: np.ndarray, skin: np.ndarray, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin quads (the deepest of the cavities left out) and the part of each."""
    hidden = openness(vertices, skin, np.concatenate([skin, eyes])) < 0.01
    label = np.full(len(skin), 1)
    centre, tip = (
        vertices[skin].mean(1),
        vertices[np.unique(skin)][np.argmax(vertices[np.unique(skin)][:, 2])],
    )
    eye = vertices[np.unique(eyes)].mean(0)
    forehead, chin = eye[1] + 72.0, tip[1] - 75.0
    label[(centre[:, 2] > tip[2] - 95.0) & (centre[:, 1] < forehead) & (centre[:, 1] > chin)] = 0
    for cavity in split(skin[hidden]):
        middle = vertices[cavity].mean((0, 1))
        if len(cavity) > 50 and abs(middle[0]) < 45:  # not the folds of the ears
            inside = hidden & np.isin(skin, cavity).all(1)
            label[inside] = 4 if middle[1] > tip[1] else 5
    keep = np.ones(len(skin), bool)
    rings = depth(skin, label >= 4)
    for name, kept in RINGS_KEPT.items():
        keep &= (label != PARTS.index(name)) | (rings[skin].min(1) < kept)
    return skin[keep], label[keep]


def openness(vertices: np.ndarray, quads: np.ndarray, occluders: np.ndarray, directions: int = 256) -> np.ndarray:
    """Share of the outward half-space that each quad sees, by ray casting, made symmetric by casting mirrored rays."""
    solid = trimesh.Trimesh(vertices, np.concatenate([occluders[:, :3], occluders[:, [0, 2, 3]]]), process=False)
    rays = np.random.default_rng(0).normal(size=(directions // 2, 3))
    rays = np.concatenate([rays, rays * [-1, 1, 1]]) / np.linalg.norm(np.tile(rays, (2, 1)), axis=1, keepdims=True)
    p = vertices[quads]
    normal = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    # Quads are bent: start far enough above one not to begin below its own triangles.
    centre, seen, cast = p.mean(1) + 0.5 * normal, np.zeros(len(quads)), np.zeros(len(quads))
    for ray in rays:
        above = normal @ ray > 0.05
        seen[above] += ~solid.ray.intersects_any(centre[above] + 0.05 * ray, np.tile(ray, (above.sum(), 1)))
        cast += above
    return seen / cast


def depth(quads: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Graph distance of every vertex from the nearest vertex of a quad that is not inside a cavity."""
    count = quads.max() + 1
    rim = np.unique(quads[~inside])
    edges = np.stack([quads.ravel(), np.roll(quads, -1, 1).ravel()])
    start = np.stack([np.full(len(rim), count), rim])  # one extra node that touches the whole rim
    i, j = np.concatenate([edges, start], 1)
    graph = csr_matrix((np.ones(len(i)), (i, j)), (count + 1, count + 1))
    return shortest_path(graph, directed=False, unweighted=True, indices=count)[:count] - 1


def open_back(vertices: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """An eyeball without the quads round its hindmost vertex: a disc, which a chart can hold."""
    hindmost = np.unique(eye)[np.argmin(vertices[np.unique(eye)][:, 2])]
    return eye[~(eye == hindmost).any(1)]


def triangulate(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Two triangles a quad along its shorter diagonal, (2 Q, 3): those of quad q are 2 q and 2 q + 1."""
    p = vertices[quads]
    turn = np.linalg.norm(p[:, 1] - p[:, 3], axis=1) < np.linalg.norm(p[:, 0] - p[:, 2], axis=1) - 1e-6
    q = np.where(turn[:, None], np.roll(quads, -1, 1), quads)
    return q[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def lay_out(vertices: np.ndarray, faces: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Skin as one disc; eyeballs and teeth as small discs in the holes that their cavities leave in it."""
    uv = np.zeros((len(vertices), 2))
    skin = faces[~np.isin(part, (2, 3))]
    scale = np.array([CHART_SCALE.get(PARTS[k], 1.0) for k in part[~np.isin(part, (2, 3))]])
    filled_vertices, filled, holes = fill_holes(vertices, skin)
    low = min(filled_vertices[len(vertices) :, 1])  # of the three holes the mouth's needs little room
    scale = np.concatenate([scale, np.where(filled_vertices[filled[len(skin) :, 2], 1] == low, 0.25, 1.6)])
    loop = boundary_loops(filled_vertices, filled)[0]
    back = loop[np.argmin(vertices[loop][:, 2] + 0.1 * np.abs(vertices[loop][:, 0]))]
    local, used = compact(filled)
    plane = disc_chart(filled_vertices[used], local, scale, int(np.searchsorted(used, back)))
    position = dict(zip(used.tolist(), plane, strict=True))
    uv[np.unique(skin)] = [position[i] for i in np.unique(skin).tolist()]
    hole_centres = [position[len(vertices) + k] for k in range(len(holes))]
    mouth = int(np.argmin([c[1] for c in hole_centres]))
    for k, (centre, loop) in enumerate(zip(hole_centres, holes, strict=True)):
        radius = 0.9 * inner_radius(centre, uv[loop])
        if k == mouth:
            upper, lower = sorted(pieces(faces[part == 3]), key=lambda f: -vertices[f][..., 1].mean())
            place(uv, vertices, upper, centre + [0, radius / 2], radius / 2)
            place(uv, vertices, lower, centre - [0, radius / 2], radius / 2)
        else:
            side = np.sign(vertices[loop][:, 0].mean())
            (eye,) = [f for f in pieces(faces[part == 2]) if np.sign(vertices[f][..., 0].mean()) == side]
            place(uv, vertices, eye, centre, radius)
    return uv


def on_surface(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest surface points as face (n,) and barycentric coordinates (n, 3)."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    nearest, _, face = trimesh.proximity.closest_point(mesh, points)
    beta = np.clip(trimesh.triangles.points_to_barycentric(mesh.triangles[face], nearest), 0, 1)
    return face, beta / beta.sum(1, keepdims=True)


def pieces(faces: np.ndarray) -> list[np.ndarray]:
    count = faces.max() + 1
    graph = csr_matrix((np.ones(faces.size), (faces.ravel(), np.roll(faces, -1, 1).ravel())), (count, count))
    label = connected_components(graph, directed=False)[1][faces[:, 0]]
    return [faces[label == k] for k in np.unique(label)]


def place(uv: np.ndarray, vertices: np.ndarray, faces: np.ndarray, centre: np.ndarray, radius: float) -> None:
    local, used = compact(faces)
    loop = boundary_loops(vertices[used], local)[0]
    top = int(loop[np.argmax(vertices[used][loop][:, 1])])
    disc = disc_chart(vertices[used], local, np.ones(len(local)), top)
    uv[used] = centre + (disc - 0.5) * (0.95 * radius / 0.49)


def compact(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used, flat = np.unique(faces, return_inverse=True)
    return flat.reshape(faces.shape), used


def inner_radius(centre: np.ndarray, polygon: np.ndarray) -> float:
    """Distance from a point to the nearest edge of a polygon."""
    a, edge = polygon - centre, np.roll(polygon, -1, 0) - polygon
    t = np.clip(-(a * edge).sum(1) / (edge**2).sum(1), 0, 1)
    return float(np.linalg.norm(a + t[:, None] * edge, axis=1).min())
