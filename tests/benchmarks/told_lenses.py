"""What focal lengths from EXIF data are worth to a fit, right and wrong ones: errors and focal lengths, in a table.

Pictures of embedded people by cameras whose lenses are known. The files are told to tell them within 5 %, or twice as
long in the first picture, or in all. From the root of the repository:

    python -m tests.benchmarks.told_lenses --seeds 3 --views 1,2,4,8
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.studies.cases import Case, measure
from asm_teach.studies.view_cases import embedded_pictures
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.view import TOLD, View

KINDS = ("nothing told", "right", "one twice as long", "all twice as long")
SLIP = 0.05  # how far off a right one is, as a deviation of the logarithm


def told(case: Case, kind: str, seed: int) -> list[View]:
    """The views with what their files tell of their lenses."""
    if kind == KINDS[0]:
        return list(case.views)
    slips = np.exp(np.random.default_rng(seed).normal(0, SLIP, len(case.views)))
    slips[{"right": slice(0), "one twice as long": slice(1)}.get(kind, slice(None))] *= 2
    return [
        replace(view, focal_prior=(focal * slip / math.hypot(*view.size), TOLD))
        for view, focal, slip in zip(case.views, case.focal, slips, strict=True)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--views", default="1,2,4,8")
    options = parser.parse_args()
    torch.set_num_threads(1)
    head = load_head()
    model = AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    print(f"{'views':>5}  {'told':<18}{'RMSE, mm':>9}{'focal lengths, of the true ones':>33}{'off by':>8}{'notes':>7}")
    for views in map(int, options.views.split(",")):
        found: dict[str, list[tuple[float, Sequence[float], int]]] = defaultdict(list)
        for seed in range(options.seeds):
            case = embedded_pictures(head, seed, views, points=468)
            for kind in KINDS[: 3 if views == 1 else 4]:
                fit = fit_views(model, told(case, kind, seed), outlines=True, progress=False, device="cpu")
                rmse = float(measure(case, head, fit.vertices).distances.square().mean().sqrt())
                ratios = [float(c.focal) / true for c, true in zip(fit.cameras, case.focal, strict=True)]
                found[kind].append((rmse, ratios, sum("EXIF" in note for note in fit.notes)))
        for kind, rows in found.items():
            rmse, ratios = np.mean([row[0] for row in rows]), np.concatenate([row[1] for row in rows])
            off, notes = np.exp(np.abs(np.log(ratios)).mean()) - 1, sum(row[2] for row in rows)
            span = f"{ratios.min():.2f} to {ratios.max():.2f}"
            print(f"{views:5}  {kind:<18}{rmse:9.2f}{span:>33}{off:8.0%}{notes:7}", flush=True)


if __name__ == "__main__":
    main()
