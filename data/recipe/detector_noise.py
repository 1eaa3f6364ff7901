"""From the errors that `detector_errors.py` measured to the noise model that is embedded: `detector_noise.npz`.

Bias by least squares, a polynomial in yaw and pitch for each point; then, in windows of yaw, the covariance of what is
left: the modes of most variance, and the deviation of each point's remainder. Every picture counts twice, as it is and
mirrored, so that the model is as symmetric as faces are.

    python detector_noise.py --parts FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from asm_teach.data.detector_noise import POINTS, POWERS
from asm_teach.data.heads import load_head
from asm_teach.rendering.camera import Camera
from asm_teach.view_fit.camera_numbers import CameraNumbers

YAWS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # radians
WINDOW = 0.2  # radians: pictures so near a yaw tell of it
MODES = 24
LOST = 8.0  # mm: a picture whose points are off by that, in the median, shows that something else was found
LEAST = 0.8  # mm: no point of a real picture is better than this; renderings of one skin are more alike than people


def errors(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Yaw (n,), pitch (n,) and errors (n, 468, 2), upright, mm, of the pictures of a part."""
    raw = np.load(file)
    side, tilt, off = [], [], []
    for k in range(len(raw["seed"])):
        points = torch.from_numpy(raw["points"][k, :POINTS]).double()
        parts = (torch.tensor(raw[name][k]).double() for name in ("focal", "principal", "rotation", "translation"))
        camera = Camera(*parts, (1, 1))
        numbers = CameraNumbers.of([camera], points.mean(0))
        yaw, pitch, upright = numbers.side(0)
        away = (torch.from_numpy(raw["found"][k, :POINTS]).double() - camera.project(points)) / numbers.log_size[
            0
        ].exp()
        side.append(yaw)
        tilt.append(pitch)
        off.append((away @ upright.T).numpy())
    return np.array(side), np.array(tilt), np.array(off)


def robust_solve(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least squares (t, c) of design (n, t) and values (n, c), where a picture that is far off counts less."""
    weight = np.ones(len(design))
    for _ in range(5):
        left = design * weight[:, None]
        found = np.linalg.solve(left.T @ design + 1e-3 * np.eye(design.shape[1]), left.T @ values)
        off = np.square(values - design @ found).mean(1)
        weight = 1 / (1 + off / (3 * np.median(off)))
    return found


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=Path, required=True)
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "detector_noise.npz")
    options = parser.parse_args()
    side, tilt, off = (
        np.concatenate(x) for x in zip(*map(errors, sorted(options.parts.glob("part*.npz"))), strict=True)
    )
    kept = np.median(np.linalg.norm(off, axis=2), axis=1) < LOST
    print(f"{len(kept)} pictures, {int((~kept).sum())} of them lost")
    side, tilt, off = side[kept], tilt[kept], off[kept]
    head = load_head()
    mean = head.dense_landmarks.points(head.mesh.vertices, head.mesh.faces)[:POINTS]
    mirror = torch.cdist(mean * torch.tensor([-1.0, 1.0, 1.0]), mean).argmin(1).numpy()
    assert (mirror[mirror] == np.arange(POINTS)).all()
    both = np.concatenate([off, off[:, mirror] * [-1, 1]])
    side, tilt = np.concatenate([side, -side]), np.concatenate([tilt, tilt])
    design = np.stack([side**a * tilt**b for a, b in POWERS], 1)
    use = side > -0.5  # a polynomial for this side alone, beyond 0 for its smoothness there
    bias = robust_solve(design[use], both[use].reshape(use.sum(), -1))
    left = (both.reshape(len(both), -1) - design @ bias).reshape(both.shape)
    modes, rest = [], []
    for yaw in YAWS:
        near = np.abs(side - yaw) < (WINDOW if yaw < YAWS[-1] else 2 * WINDOW)
        here = left[near].reshape(near.sum(), -1)
        size = np.sqrt(np.square(here).mean(1))
        here = here * np.minimum(1, 2 * np.median(size) / size)[:, None]  # what is far off does not make the modes
        _, values, ways = np.linalg.svd(here / np.sqrt(len(here)), full_matrices=False)
        found = (values[:MODES, None] * ways[:MODES]).T
        remainder = here - here @ ways[:MODES].T @ ways[:MODES]
        modes.append(found.reshape(POINTS, 2, MODES))
        rest.append(np.sqrt(np.square(remainder).reshape(-1, POINTS, 2).mean((0, 2))).clip(LEAST))
        plain = np.linalg.norm(both[near], axis=2)
        print(
            f"yaw {yaw:.2f}: {near.sum()} pictures, error {np.median(plain):.2f} mm in the median, without bias "
            f"{np.median(np.linalg.norm(left[near], axis=2)):.2f}, modes {values[0]:.1f} to {values[MODES - 1]:.1f}, "
            f"rest {np.median(rest[-1]):.2f}"
        )
    modes_, unit = np.stack(modes), np.abs(np.stack(modes)).max((1, 2)) / 127
    arrays = {
        "bias": bias.T.reshape(POINTS, 2, -1).astype(np.float16), "yaws": YAWS.astype(np.float32),
        "modes": np.round(modes_ / unit[:, None, None]).astype(np.int8), "mode_unit": unit.astype(np.float32),
        "rest": np.stack(rest).astype(np.float16), "mirror": mirror.astype(np.int16),
    }  # fmt: skip
    np.savez_compressed(options.to, **arrays)
    print(f"{options.to.name}: {options.to.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
