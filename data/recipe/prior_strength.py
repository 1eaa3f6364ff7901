"""Measure for lesson 19 what a prior learned from 300 people adds to few photographs, by its strength.

    python data/recipe/prior_strength.py

Writes `prior_strength.json`: subject -> number of photographs -> strength -> RMSE in mm for each of three seeds.
Strength 0 is the general prior of a fit. The photographs are rendered, and only their landmarks are used. It takes some
minutes and the scan lee-perry-smith, which `asm-teach data` fetches.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from asm_teach.data.face_prior import learned_prior
from asm_teach.data.heads import load_head
from asm_teach.geometry.metrics import summarise
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.studies.cases import measure
from asm_teach.studies.views import PEOPLE, SCAN, Setting, pictures
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.view import FOCAL_PRIOR

RECORD = Path(__file__).parents[1] / "prior_strength.json"
STRENGTHS, VIEWS, SEEDS = (0.0, 0.25, 1.0, 4.0), (1, 2), (0, 1, 2)


def main() -> None:
    torch.set_num_threads(1)
    head = load_head()
    model, learned = AdaptiveSkinningModel(head.mesh, head.rig), learned_prior()
    record: dict[str, dict[str, dict[str, list[float]]]] = {}
    for subject in (PEOPLE, SCAN):
        for views in VIEWS:
            rows = record.setdefault(subject, {}).setdefault(str(views), {})
            for seed in SEEDS:
                case = pictures(head, Setting(subject, views, seed, 512), progress=False)
                marks = [replace(view, image=None, size=view.size) for view in case.views]
                for strength in STRENGTHS:
                    prior = replace(learned, strength=strength) if strength else None
                    fit = fit_views(model, marks, prior=prior, focal_prior=FOCAL_PRIOR, progress=False, device="cpu")
                    error = summarise(measure(case, head, fit.vertices).distances)["rmse"]
                    rows.setdefault(f"{strength:g}", []).append(round(float(error), 3))
            print(subject, views, rows, flush=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
