"""How far fits to open and closed mouths are off: python -m tests.benchmarks.open_mouths.

Give lines such as 5,0.6,1,mask (seed, opening, smile, kind of scan) for others than the grid below, and --steps N. A
line takes some 25 CPU seconds. With --scan FILE.ply --landmarks FILE.json a scan of one's own: by how much its
landmarks are missed with and without them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from asm_teach.data.landmark_files import HANDFUL
from asm_teach.fitting.result import Fit
from asm_teach.geometry.mesh import Mesh, read_mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.new_head.given_landmarks import points_of_file
from asm_teach.scan_fit.fit import fit_scan
from tests.scan_fit.open_mouths import HEAD, misses, raw_scan

GRID = """
0,0,0,whole 2,0,0,coarse 3,0,0,noisy 6,0,0.5,mask 5,0,1,whole 0,0.3,0,mask 6,0.3,0,mask 7,0.3,0,coarse 1,0.3,1,coarse
3,0.45,0,whole 1,0.5,0.3,metres 2,0.6,0.5,noisy 5,0.6,1,mask 0,0.8,0,noisy 4,0.8,0.8,metres 1,1,0,whole 3,1,0,mask
7,1,0,mask 4,1,0.5,whole 5,1,1,coarse
"""


def fit(scan: Mesh, steps: int, landmarks: Tensor | None = None) -> Fit:
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2)
    return fit_scan(model, scan, landmarks=landmarks, steps=steps, progress=False, device="cpu")


def people(lines: list[str], steps: int) -> None:
    face = HEAD.mesh.part_vertices("face")
    print(f"{'seed, jawOpen, smile, scan':<28}{'lip':>6}{'chin':>6}{'corners':>9}{'face':>7}{'printed':>9}  mm")
    for line in lines:
        seed, opening, smile, kind = line.split(",")
        scan, truth = raw_scan(int(seed), float(opening), float(smile), kind)
        found = fit(scan, steps)
        off, mean = misses(found.vertices, truth), (found.vertices - truth)[face].norm(dim=1).mean()
        print(
            f"{line:<28}{off['lip']:>6.1f}{off['chin']:>6.1f}{off['corners']:>9.1f}{mean:>7.2f}"
            f"{found.history[-1].error:>9.3f}",
            flush=True,
        )


def with_landmarks(file: Path, marks: Path, steps: int) -> None:
    scan = read_mesh(file)
    points = points_of_file(scan, marks).to(scan.vertices)
    wrong = points.clone()
    wrong[48] += torch.tensor([-12.0, 14.0, 8.0])
    for name, given in (("no landmarks", None), ("its landmarks", points), ("mouth_right 20 mm off", wrong)):
        found = fit(scan, steps, given)
        off = (HEAD.landmarks.points(found.vertices, HEAD.mesh.faces) - points).norm(dim=1)
        print(
            f"{name}: " + ", ".join(f"{key} {off[number]:.1f}" for key, number in HANDFUL.items() if off[number] >= 0)
        )
        print("  " + " ".join(found.notes), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="*", default=GRID.split())
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--scan", type=Path)
    parser.add_argument("--landmarks", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.scan:
        with_landmarks(asked.scan, asked.landmarks, asked.steps)
    else:
        people(asked.lines, asked.steps)
