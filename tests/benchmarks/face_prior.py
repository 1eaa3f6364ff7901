"""What a learned prior is worth in a fit to photographs: python tests/benchmarks/face_prior.py. Takes a quarter hour.

The prior is that of the package (`data/recipe/face_prior.py`); nobody here is among those it was learned from.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.face_prior import learned_prior
from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.metrics import summarise
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.studies.cases import Case, measure
from asm_teach.studies.views import JAMES, PEOPLE, SCAN, Setting, pictures
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.view import FOCAL_PRIOR

STRENGTHS = (0.0, 0.25, 1.0, 4.0)  # 0: the general prior
VIEWS, SEEDS = (1, 2, 4), (0, 1, 2)


def cases(head: Head, seen: bool) -> Iterator[tuple[str, int, list[Case]]]:
    """Subject, number of photographs, and the cases of all seeds; without pictures unless they are to be `seen`."""
    for subject, views in [(s, n) for s in (SCAN, PEOPLE) for n in VIEWS] + [(JAMES, 2)]:
        found = []
        for seed in SEEDS if subject != JAMES else (0,):
            case = pictures(head, Setting(subject, views, seed, 512 if subject != JAMES else 0), progress=False)
            if not seen:
                blind = tuple(replace(view, image=None, size=view.size) for view in case.views)
                case = replace(case, views=blind)
            found.append(case)
        yield subject, views, found


def main(seen: bool) -> None:
    """Print the table: RMSE in mm, mean and range of the seeds, by strength; then the CPU seconds of the first."""
    torch.set_num_threads(1)
    head = load_head()
    model, learned = AdaptiveSkinningModel(head.mesh, head.rig), learned_prior()
    print(f"{'subject':16} {'photos':>6}" + "".join(f"{f'strength {s:g}':>22}" for s in STRENGTHS) + "   CPU s")
    try:
        for subject, views, found in cases(head, seen):
            line, seconds = f"{subject:16} {views:6}", []
            for strength in STRENGTHS:
                prior = replace(learned, strength=strength) if strength else None
                errors, start = [], time.process_time()
                for case in found:
                    fit = fit_views(
                        model, case.views, prior=prior, focal_prior=FOCAL_PRIOR, progress=False, device="cpu"
                    )
                    errors.append(summarise(measure(case, head, fit.vertices).distances)["rmse"])
                seconds.append((time.process_time() - start) / len(found))
                mean = sum(errors) / len(errors)
                line += f"{mean:8.2f} ({min(errors):.2f} to {max(errors):.2f})"
            print(line + "   " + ", ".join(f"{s:.1f}" for s in seconds), flush=True)
    except AssetUnavailable as error:
        print(f"left out: {error}")


if __name__ == "__main__":
    main("--pictures" in sys.argv)
