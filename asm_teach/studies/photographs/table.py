"""What to expect of a fit to photographs: by another renderer, with the points of a real detector. See lesson 9.

Every model is fitted to the same photographs, by landmarks alone and with the pictures and their outlines, and
measured at the same points of the true surface. The file is written after every fit, and a later run goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asm_teach import __version__
from asm_teach.data.heads import Head
from asm_teach.formats.checks.outputs import check_output
from asm_teach.formats.text_files import parse_json, read_text
from asm_teach.geometry.metrics import summarise
from asm_teach.studies.cases import Case, measure
from asm_teach.studies.photographs.folder import photographed_case
from asm_teach.studies.record_files import checked, write_records
from asm_teach.studies.view_models import ViewContender, view_contenders

MODELS = ("mean template", "linear, 199 modes", "static, painted", "static, 84 bones", "adaptive")
COUNTS = (2, 3, 4, 8)
FOREHEAD = 40.0  # mm above the tip of the nose it begins
_TIP = 30  # of the nose, among iBUG's points


@dataclass(frozen=True)
class PhotographFit:
    """One fit to `photographs` of the folder `set`, with their pictures or by their landmarks alone.

    mean, median, rmse: mm, point to surface over the face area after similarity alignment. forehead: the RMSE of what
    lies more than `FOREHEAD` above the tip of the nose. nearest, farthest: the least and the largest focal length that
    was found, divided by the true one; 0 where the model has no camera. seconds: of one processor. by: the versions of
    the programs.
    """

    set: str
    person: str
    photographs: int
    pictures: bool
    model: str
    numbers: int
    mean: float
    median: float
    rmse: float
    forehead: float
    nearest: float
    farthest: float
    seconds: float
    by: str = ""

    @property
    def key(self) -> tuple[str, int, bool, str]:
        """What was fitted to what."""
        return self.set, self.photographs, self.pictures, self.model


def fit_photographs(head: Head, contender: ViewContender, case: Case, name: str, pictures: bool) -> PhotographFit:
    """Fit a model to a case and measure it; without `pictures` by the landmarks alone. name: of the set."""
    views = case.views if pictures else [replace(view, image=None) for view in case.views]
    fit = contender.fit(views, not case.name.startswith("embedded"))
    found = measure(case, head, fit.vertices)
    figures = summarise(found.distances)
    high = found.distances[case.truth.vertices[found.indices, 1] > case.landmarks[_TIP, 1] + FOREHEAD]
    lenses = [float(c.focal) / true for c, true in zip(fit.cameras, case.focal, strict=False)] or [0.0]
    return PhotographFit(
        set=name,
        person=case.name,
        photographs=len(case.views),
        pictures=pictures,
        model=contender.name,
        numbers=contender.numbers,
        mean=round(figures["mean"], 4),
        median=round(figures["median"], 4),
        rmse=round(figures["rmse"], 4),
        forehead=round(float(high.square().mean().sqrt()), 4),
        nearest=round(min(lenses), 3),
        farthest=round(max(lenses), 3),
        seconds=round(fit.seconds, 1),
        by=f"asm_teach {__version__}, torch {torch.__version__}",
    )


def photograph_fits(
    head: Head,
    folders: Sequence[Path],
    counts: Sequence[int] = COUNTS,
    models: Sequence[str] | None = None,
    file: Path | None = None,
    recompute: bool = False,
    say: Callable[[str], None] = print,
) -> list[PhotographFit]:
    """Fit every model to some photographs of every folder, once by landmarks alone and once with the pictures.

    Args:
        head: of the models.
        folders: as `take_photographs` writes them; each is called by its own name.
        counts: how many photographs, spread evenly; a set that has fewer is left out of those.
        models: names of `view_contenders`; None: `MODELS`.
        file: read before the first fit if it exists, and written after each; its other results stay in it.
        recompute: fit what the file holds too.
        say: is told of every fit.

    Returns:
        What is done; fewer than all after an interruption (Ctrl-C).

    Raises:
        ValueError: no folders or two of one name, a count below 1, a model that is not known, a folder without
            photographs, a file that is something else or cannot be written.
    """
    if not folders or len({folder.name for folder in folders}) < len(folders):
        raise ValueError("folders: give one or more, each with another name")
    if not counts or min(counts) < 1:
        raise ValueError(f"counts: found {list(counts)}; give numbers of photographs, 1 or more")
    if file is not None:
        check_output(file, name="file")
    contenders = view_contenders(head, models or MODELS, outlines=True)
    whole_sets = {folder: photographed_case(folder) for folder in folders}
    saved = {fit.key: fit for fit in read_fits(file)} if file is not None and file.exists() else {}
    wanted = [
        (folder, count, model, pictures)
        for folder in folders
        for count in counts
        if count <= len(whole_sets[folder].views)
        for model in contenders
        for pictures in ((False, True) if model.numbers else (False,))  # the template looks at nothing
    ]
    done = []
    with suppress(KeyboardInterrupt):
        for folder, count, model, pictures in wanted:
            key = folder.name, count, pictures, model.name
            if key not in saved or recompute:
                case = photographed_case(folder, count)
                saved[key] = fit_photographs(head, model, case, folder.name, pictures)
                say(f"{folder.name}, {count} photographs: {format_fits([saved[key]]).splitlines()[-1].strip()}")
                if file is not None:
                    write_fits(saved.values(), file)
            done.append(saved[key])
    return done


def write_fits(fits: Iterable[PhotographFit], path: Path) -> None:
    """Write results to a JSON file, whole or not at all."""
    write_records(fits, path, "photographs")


def read_fits(path: Path) -> list[PhotographFit]:
    """Read what `write_fits` wrote. Raises ValueError for a file that is something else."""
    try:
        entries = parse_json(read_text(path), path.name)["photographs"]
        return [checked(PhotographFit(**entry)) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"path: {path} holds no results of `asm-teach views --photographs` ({error})") from None


def mean_fits(fits: Sequence[PhotographFit]) -> list[PhotographFit]:
    """Fits of several sets together: for each number of photographs, way and model the means, and the lenses' extremes.

    `set` and `person` become "all". Only what was fitted on every set counts, so that no model has easier sets.
    """
    sets = len({fit.set for fit in fits})
    groups: dict[tuple[int, bool, str], list[PhotographFit]] = {}
    for fit in fits:
        groups.setdefault((fit.photographs, fit.pictures, fit.model), []).append(fit)
    found = []
    for same in groups.values():
        if len(same) == sets:
            means: dict[str, Any] = {
                name: float(np.mean([getattr(fit, name) for fit in same]))
                for name in ("mean", "median", "rmse", "forehead", "seconds")
            }
            means |= {"nearest": min(fit.nearest for fit in same), "farthest": max(fit.farthest for fit in same)}
            found.append(replace(same[0], set="all", person="all", **means))
    return found


def format_fits(fits: Sequence[PhotographFit]) -> str:
    """The fits as text in columns, one block for each set and number of photographs."""
    lines = [
        "Point-to-surface distance in mm over the face area after similarity alignment; focal lengths as shares of the "
        "true ones.",
        f"{'':<34}{'mean':>7}{'median':>8}{'RMSE':>7}{'forehead':>10}{'focal lengths':>16}{'CPU s':>8}",
    ]
    for (name, count), block in groupby(fits, key=lambda fit: (fit.set, fit.photographs)):
        lines.append(f"{name}, {count} photograph{'s' if count > 1 else ''}")
        for fit in block:
            way = "" if not fit.numbers else ", pictures" if fit.pictures else ", landmarks"
            lenses = f"{fit.nearest:.2f} to {fit.farthest:.2f}" if fit.farthest else ""
            lines.append(
                f"  {fit.model + way:<32}{fit.mean:7.2f}{fit.median:8.2f}{fit.rmse:7.2f}{fit.forehead:10.2f}"
                f"{lenses:>16}{fit.seconds:8.1f}"
            )
    return "\n".join(lines)
