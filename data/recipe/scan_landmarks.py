"""MediaPipe's 468 face-mesh points on a scan that comes without landmarks: draw it, detect them, triangulate them.

Needs `mediapipe==0.10.14` beside the package. The points are found in pictures from eleven sides, each the median of
several framings; each is put where the rays through them meet, robustly, and from there on the nearest surface.
Writes `lee-perry-smith468.npz`: points (468, 3) mm, float32, in the coordinates of `load_scan`.

    python scan_landmarks.py --pictures FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from asm_teach.data.scans import load_scan
from asm_teach.geometry.closest_point import closest_points
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp
from asm_teach.view_fit.face_detector import find_landmarks

SIZE, FOCAL, DISTANCE, GAMMA = 800, 2.9 * 800, 900.0, 2.2  # pixels, pixels, mm, of the screen
SIDES = [(0, 0), (0.35, 0), (-0.35, 0), (0, 0.2), (0, -0.2), (0.2, 0.1), (-0.2, 0.1), (0.7, 0), (-0.7, 0), (0.5, 0.2),
         (-0.5, 0.2)]  # fmt: skip
TURNED = 0.25  # cosine of normal and ray below which a point of the outline is a guess


def rays(camera: Camera, pixels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Origin (3,) and unit directions (n, 3) through pixels (n, 2)."""
    plane = (pixels - camera.principal) / camera.focal
    towards = torch.cat([plane, torch.ones_like(plane[:, :1])], 1).double() @ camera.world_to_camera()[:, :3].double()
    return camera.centre().double().numpy(), torch.nn.functional.normalize(towards, dim=1).numpy()


def meet(origins: np.ndarray, towards: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points nearest to their rays and how far each ray misses: (N, 3), (N, n, 3), (N, n) -> (n, 3), (N, n)."""
    off = np.eye(3) - towards[..., :, None] * towards[..., None, :]
    robust = weight
    for _ in range(20):
        normal = (robust[..., None, None] * off).sum(0)
        right = (robust[..., None, None] * off @ origins[:, None, :, None]).sum(0)
        points = np.linalg.solve(normal, right)[..., 0]
        miss = np.linalg.norm((off @ (points[None] - origins[:, None])[..., None])[..., 0], axis=-1)
        robust = weight / (1 + miss**2)
    return points, miss


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="lee-perry-smith")
    parser.add_argument("--middle", type=float, nargs=3, default=(-5.0, 55.0, 60.0), help="of the head, mm")
    parser.add_argument("--pictures", type=Path, help="also keep the pictures in this folder, with the points")
    options = parser.parse_args()
    mesh = load_scan(options.name).mesh
    middle, grey = torch.tensor(options.middle), torch.full((3,), 0.5)
    albedo, light = mesh.texture**GAMMA, lamp(torch.tensor([0.3, 0.5, 0.8]), 0.6, 0.5)
    origins, towards, pictures, cameras = [], [], [], []
    for k, (yaw, pitch) in enumerate(SIDES):
        way = torch.tensor([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]).float()
        camera = look_at(middle + DISTANCE * way, middle, FOCAL, (SIZE, SIZE))
        drawn = render(mesh, camera, texture=albedo, light=light, background=grey, samples=2)
        picture = drawn[..., :3].clamp(0, 1) ** (1 / GAMMA)
        origin, ray = rays(camera, find_landmarks(picture, f"side {k}")[:468])
        origins.append(origin)
        towards.append(ray)
        pictures.append(picture)
        cameras.append(camera)
    origins, towards = np.array(origins), np.array(towards)
    weight = np.ones(towards.shape[:2])
    for _ in range(3):  # what a side sees edge on counts less, once it is known where the point lies
        points, miss = meet(origins, towards, weight)
        on, away, face = closest_points(torch.from_numpy(points), mesh.vertices.double(), mesh.faces)
        corners = mesh.vertices.double()[mesh.faces[face]].numpy()
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        weight = 1 / (1 + np.exp(((normal * towards).sum(-1) + TURNED) / 0.08))
    seen = (weight * miss).sum(0) / weight.sum(0)
    print(f"rays miss their points by {np.median(seen):.2f} mm in the median, {np.quantile(seen, 0.95):.2f} at 95 %")
    print(f"points lie {float(away.median()):.2f} mm from the surface in the median, at most {float(away.max()):.2f}")
    file = Path(__file__).parents[1] / f"{options.name}468.npz"
    np.savez_compressed(file, points=on.float().numpy())
    if options.pictures:
        for k, (picture, camera) in enumerate(zip(pictures, cameras, strict=True)):
            shown = (255 * picture).round().byte().numpy().copy()
            column, row = camera.project(on.float()).long().clamp(1, SIZE - 2).T
            for a in (0, 1):
                for b in (0, 1):
                    shown[row + a, column + b] = (40, 255, 60)
            Image.fromarray(shown).save(options.pictures / f"side{k}.png")


if __name__ == "__main__":
    main()
