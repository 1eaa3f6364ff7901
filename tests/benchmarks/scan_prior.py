"""What a learned prior is worth in a fit to a scan: python tests/benchmarks/scan_prior.py. Takes ten minutes.

Fits of 16 steps. Mean distance over the whole face, scanned or not, of embedded persons 0, 1 and 2 (whole:
person 0 alone; 150 vertices: 0 and 1) and of a real head. Strength 0 is the general prior:

    mm over the whole face           strength 0              strength 1
    embedded, whole                     0.29                    0.36
    embedded, right half         1.97 (1.68 to 2.18)     0.80 (0.67 to 0.89)
    embedded, 150 vertices       1.09 (1.01 to 1.17)     0.88 (0.81 to 0.95)
    lee-perry-smith, whole              0.38                    0.42
    lee-perry-smith, right half         1.69                    1.05

It knows what goes with what was scanned, also on a stranger. Where all of a face was scanned it harms: it holds the fit
back, and its weights start as wide as those of a new model. So it is off unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

import asm_teach as asm
from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.face_prior import FacePrior, learned_prior
from asm_teach.geometry.closest_point import closest_points
from asm_teach.scan_fit.clean import keep_faces
from asm_teach.studies.view_cases import scanned_sitter

STRENGTHS = (0.0, 0.25, 1.0)  # 0: the general prior
SEEDS = (0, 1, 2)
FEW = 150  # vertices of a sparse scan
STEPS = 16


def masks(head: asm.Head, seed: int) -> dict[str, Tensor]:
    """How much each vertex of a registered scan counts, (V,)."""
    skin, none = head.mesh.part_vertices("face"), torch.zeros(len(head.mesh.vertices))
    face = none.index_fill(0, skin, 1.0)
    chosen = torch.randperm(len(skin), generator=torch.Generator().manual_seed(seed))[:FEW]
    right, upper = head.mesh.vertices[:, 0] < 0, head.mesh.vertices[:, 1] > -20
    return {
        "whole": face, "right half": face * right, "above the mouth": face * upper,
        f"{FEW} vertices": none.index_fill(0, skin[chosen], 1.0),
    }  # fmt: skip


def registered(
    head: asm.Head, model: asm.AdaptiveSkinningModel, prior: FacePrior | None
) -> Iterator[tuple[str, float]]:
    """What was scanned of an embedded person, and the mean error over the whole face, mm."""
    skin = head.mesh.part_vertices("face")
    for seed in SEEDS:
        scan = head.sample(seed, expression=False)
        for name, mask in masks(head, seed).items():
            fit = asm.fit_scan(model, scan, mask=mask, prior=prior, steps=STEPS, progress=False, device="cpu")
            yield f"embedded, {name}", float((fit.vertices - scan.vertices)[skin].norm(dim=1).mean())


def raw(model: asm.AdaptiveSkinningModel, prior: FacePrior | None) -> Iterator[tuple[str, float]]:
    """The same of a real head, a raw scan with landmarks: mean distance of its face from the fit, mm."""
    sitter = scanned_sitter("lee-perry-smith", progress=False)
    middle = float(sitter.landmarks[27:31, 0].mean())
    for name, seen in {"whole": 1e9, "right half": middle}.items():
        kept = (sitter.mesh.vertices[:, 0] < seen)[sitter.mesh.faces].all(1)
        points = torch.where(sitter.landmarks[:, :1] < seen, sitter.landmarks, torch.nan)
        scan = keep_faces(sitter.mesh, kept)
        fit = asm.fit_scan(model, scan, landmarks=points, prior=prior, steps=STEPS, progress=False, device="cpu")
        near = closest_points(fit.unit * sitter.mesh.vertices[sitter.region], fit.vertices, model.mesh.faces)[0]
        away = near - fit.unit * sitter.mesh.vertices[sitter.region]
        yield f"lee-perry-smith, {name}", float(away.norm(dim=1).mean())


def main() -> None:
    """Print the table: mean and range of three people, by strength of the prior."""
    torch.set_num_threads(1)
    head = asm.load_head()
    model = asm.AdaptiveSkinningModel(head.mesh, head.rig)
    table: dict[str, dict[float, list[float]]] = {}
    for strength in STRENGTHS:
        prior = replace(learned_prior(), strength=strength) if strength else None
        for rows in (registered(head, model, prior), raw(model, prior)):
            try:
                for name, error in rows:
                    table.setdefault(name, {}).setdefault(strength, []).append(error)
            except AssetUnavailable as missing:
                print(missing)
        print(f"strength {strength:g} is done", flush=True)
    print(f"{'mm over the whole face':28}" + "".join(f"{f'strength {s:g}':>22}" for s in STRENGTHS))
    for name, by in table.items():
        cells = (f"{sum(x) / len(x):.2f} ({min(x):.2f} to {max(x):.2f})" for x in by.values())
        print(f"{name:28}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
