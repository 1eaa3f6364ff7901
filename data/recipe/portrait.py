"""Compute `portrait.npz`: what a picture of an embedded head needs beside its shape, a few numbers per vertex.

    python data/recipe/portrait.py

It needs the package, `makehuman.npz` and `soma.npz` alone. For each vertex it writes how much of the sky the vertex
sees (ambient occlusion), how much of it is drawn (the neck fades out above its cut), and, on eyes and teeth, where on
the iris or in the row of teeth it lies. It adds triangles that close mouth and eyes, behind which the skull would be
seen. `asm_teach/drawing/portrait.py` says what the numbers mean.
"""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import roma
import torch

from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.mesh import vertex_normals
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.raster import rasterise

DATA = Path(__file__).parents[1]
DIRECTIONS, PIXELS, FAR = 320, 420, 20_000.0  # of the sky, across a picture, mm from the head: nearly parallel rays
BIAS = 1.2  # mm: a vertex this far behind what a ray meets still counts as seen
IRIS, TOOTH = 5.9, 6.6  # mm: radius, and how wide a tooth is
FADE = 42.0  # mm above the cut of the neck, within which it fades in


def sky(count: int) -> np.ndarray:
    """(count, 3) unit vectors spread evenly over the sphere: Fibonacci's lattice."""
    k = np.arange(count) + 0.5
    y, turn = 1 - 2 * k / count, np.pi * (3 - np.sqrt(5)) * k
    ring = np.sqrt(1 - y * y)
    return np.stack([ring * np.cos(turn), y, ring * np.sin(turn)], 1)


def occlusion(vertices: torch.Tensor, faces: torch.Tensor) -> np.ndarray:
    """(V,) in [0, 1]: the share of the light of an even sky that reaches each vertex."""
    points, normals = vertices.double(), vertex_normals(vertices.double(), faces)
    centre = (points.amin(0) + points.amax(0)) / 2
    radius = float((points - centre).norm(dim=1).max())
    light = torch.zeros(len(points), dtype=torch.float64)
    total = torch.zeros_like(light)
    for towards in torch.from_numpy(sky(DIRECTIONS)):
        facing = normals @ towards
        right = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), towards)
        right = right / right.norm()
        down = torch.linalg.cross(-towards, right)
        rotation = torch.stack([right, down, -towards])  # x right, y down, z away from the viewer
        focal = points.new_tensor(FAR * 0.49 * PIXELS / radius)
        camera = Camera(
            focal, focal.new_tensor([PIXELS / 2] * 2), roma.rotmat_to_rotvec(rotation),
            focal.new_tensor([0.0, 0.0, FAR]) - rotation @ centre, (PIXELS, PIXELS),
        )  # fmt: skip
        seen = rasterise(points, faces, camera)
        depth, at = camera.depth(points), camera.project(points)
        nearest = torch.full((PIXELS * PIXELS,), torch.inf, dtype=torch.float64)
        hit = seen.face.flatten() >= 0
        nearest[hit] = (depth[faces[seen.hits]] * seen.weights).sum(1)
        column, row = at[:, 0].long().clamp(1, PIXELS - 2), at[:, 1].long().clamp(1, PIXELS - 2)
        around = [nearest[(row + i) * PIXELS + column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        free = torch.stack([depth <= one + BIAS for one in around]).double().mean(0)
        share = facing.clamp_min(0)
        light, total = light + share * free, total + share
    return (light / total.clamp_min(1e-9)).numpy()


def smooth(values: np.ndarray, faces: np.ndarray, rounds: int = 2) -> np.ndarray:
    """Each vertex mixed with its neighbours: rays that just miss leave a grain."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    for _ in range(rounds):
        total, many = np.zeros_like(values), np.zeros_like(values)
        for a, b in (ends.T, ends.T[::-1]):
            np.add.at(total, a, values[b])
            np.add.at(many, a, 1)
        values = 0.5 * values + 0.5 * np.where(many > 0, total / np.maximum(many, 1), values)
    return values


def open_rims(vertices: np.ndarray, skin: np.ndarray) -> list[np.ndarray]:
    """Each rim of the skin as a loop of vertices, turned as the triangle that closes it; the neck's is the first."""
    corners = {(int(a), int(b)) for f in skin for a, b in (f[[0, 1]], f[[1, 2]], f[[2, 0]])}
    after = {b: a for a, b in corners if (b, a) not in corners}
    loops = []
    while after:
        loop = [next(iter(after))]
        while (step := after.pop(loop[-1])) != loop[0]:
            loop.append(step)
        loops.append(np.array(loop))
    return sorted(loops, key=lambda loop: vertices[loop, 1].min())


def neck_fade(vertices: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """(V,) from 0 at the cut of the neck, which follows a plane that rises towards the back, to 1."""
    height = vertices[:, 1] + 0.3 * vertices[:, 2]
    share = np.clip((height - height[cut].max() - 1) / FADE, 0, 1)
    return share * share * (3 - 2 * share)


def portrait(head: Head) -> dict[str, np.ndarray]:
    """The arrays of one head."""
    mesh, faces = head.mesh, head.mesh.faces.numpy()
    rest = mesh.vertices.numpy().astype(float)
    shade = occlusion(mesh.vertices, mesh.faces)
    loose = [mesh.parts[name] for name in ("eyes", "teeth") if name in mesh.parts]
    skin = np.delete(faces, torch.cat(loose).numpy() if loose else [], axis=0)
    cut, *rims = open_rims(rest, skin)
    lids = [[rim[0], rim[k], rim[k + 1]] for rim in rims for k in range(1, len(rim) - 1)]
    x, y, kind = np.zeros(len(rest)), np.zeros(len(rest)), np.zeros(len(rest))
    if "teeth" in mesh.parts:  # makehuman: the other head has neither eyes nor teeth
        opened = mesh.vertices + head.offsets(expressions={"jawOpen": 0.7})
        open_shade = occlusion(opened, mesh.faces)
        inside = {name: mesh.part_vertices(name).numpy() for name in ("mouth_interior", "teeth", "eyes", "face")}
        deep = np.setdiff1d(inside["mouth_interior"], inside["face"])
        y[deep] = 1.0
        for part in (deep, inside["teeth"]):
            shade[part] = open_shade[part]
        for side in (1, -1):
            eye = inside["eyes"][rest[inside["eyes"], 0] * side > 0]
            middle = (rest[eye].min(0) + rest[eye].max(0)) / 2
            front = rest[eye, 2] > middle[2]
            away = (rest[eye] - middle)[:, :2] / IRIS / 2.5
            away = np.where(front[:, None], away, 1.0)  # the back of the eyeball has no iris
            x[eye], y[eye], kind[eye] = away[:, 0], np.clip(away[:, 1], -1, 1), 2.0
        teeth = inside["teeth"]
        middle = rest[teeth].mean(0)
        for upper in (True, False):
            row = teeth[(rest[teeth, 1] > middle[1]) == upper]
            along = np.abs(np.arctan2(rest[row, 0], rest[row, 2] - rest[row, 2].min() + 8.0))
            order = np.argsort(along)
            arc = np.interp(along, along[order], _arc_length(rest[row][order]))
            high = (rest[row, 1] - rest[row, 1].min()) / np.ptp(rest[row, 1])
            x[row], kind[row] = np.sign(rest[row, 0]) * arc / TOOTH, 4.0
            y[row] = (1 - 2 * high) if upper else (2 * high - 1)  # -1 at the gum, 1 where teeth bite
    return {
        "occlusion": np.round(255 * np.clip(smooth(shade, faces), 0, 1)).astype(np.uint8),
        "fade": np.round(255 * neck_fade(rest, cut)).astype(np.uint8),
        "lids": np.array(lids, np.uint16).reshape(-1, 3),
        "place": np.stack([x, kind + 0.4 * y], 1).astype(np.float16),
        "topology": np.array([len(rest), len(faces), crc32(np.ascontiguousarray(faces, "<i4").tobytes())], np.int64),
    }


def _arc_length(points: np.ndarray) -> np.ndarray:
    """(n,) mm along a row of teeth from its middle, for points in order; both sides, top and bottom share a place."""
    distance = np.hypot(np.abs(points[:, 0]), points[:, 2] - points[:, 2].max())
    return np.maximum.accumulate(distance)


def main() -> None:
    arrays = {
        f"{name}_{key}": value for name in ("makehuman", "soma") for key, value in portrait(load_head(name)).items()
    }
    path = DATA / "portrait.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
