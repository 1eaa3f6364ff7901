"""The main job, end to end: a person in photographs with unknown cameras becomes a head, measured in millimetres.

Two cases. An embedded person, whose shape is known because it was sampled, in five pictures; and `james`, a real man in
two photographs, measured against his scan. The fit sees neither the cameras nor the scan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import Head, load_head
from asm_teach.fitting.result import Fit
from asm_teach.geometry.metrics import ScanDistances, summarise
from asm_teach.studies.cases import Case, embedded_case, james_case, measure, methods
from asm_teach.view_fit.fit import fit_views

REACH = 8.0  # mm: a vertex further than this from every measured point has no error to show


@dataclass(frozen=True, eq=False)
class Outcome:
    """One method on one case: its head (V, 3), the error at each point of the region, and its fit if there was one."""

    case: str
    method: str
    vertices: Tensor
    seen: ScanDistances
    fit: Fit | None = None

    @property
    def seconds(self) -> float:
        """That the fit took, watched or not."""
        return self.fit.seconds if self.fit else 0.0

    @property
    def figures(self) -> dict[str, float]:
        """Point-to-surface error in mm: mean, median, rmse, p95, and the number of points n."""
        return summarise(self.seen.distances)


def main_case(head: Head, say: Callable[[str], None] = print) -> Case:
    """`james` when his photographs are here or can be fetched, else an embedded person; says which, and why."""
    try:
        case = james_case()
    except AssetUnavailable as missing:
        case = embedded_case(head, pictures=True)
        say(f"The photographs of james are not here: {missing}")
    say(f"{case.name}: {case.about}. Licence: {case.licence}")
    return case


def error_on_head(case: Case, head: Head, outcome: Outcome) -> Tensor:
    """An outcome's errors carried over to the head's vertices, (V,) mm: that of the nearest measured point.

    NaN beyond the face area and on what no picture shows (eyes, teeth, interiors).
    """
    seen, errors = outcome.seen, torch.full((len(outcome.vertices),), torch.nan)
    face = head.mesh.part_vertices("face")
    gap, nearest = cKDTree(case.truth.vertices[seen.indices]).query(seen.vertices[face])
    near = torch.from_numpy(gap < REACH)
    errors[face[near]] = seen.distances.float()[torch.from_numpy(nearest)[near]]
    return errors


def compare(
    case: Case, head: Head, device: str = "auto", progress: bool = True, fits: Mapping[str, Fit] | None = None
) -> list[Outcome]:
    """Fit every method to a case and measure it. `fits` are there already, by the method's name: not made again.

    Raises ValueError for a name in `fits` that is none of those methods that are fitted.
    """
    compared, fits, outcomes = methods(head), fits or {}, []
    fitted = [name for name, model in compared.items() if model]
    if unknown := set(fits) - set(fitted):
        raise ValueError(f"fits: found {', '.join(map(repr, sorted(unknown)))}; the methods that are fitted: {fitted}")
    for name, model in compared.items():
        fit = fits.get(name)
        if model and fit is None:
            fit = fit_views(model, case.views, device=device, progress=progress)
        vertices = fit.vertices.cpu() if fit else head.mesh.vertices
        outcomes.append(Outcome(case.name, name, vertices, measure(case, head, vertices), fit))
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as text, a row for each method on each case."""
    rows = [f"{'case':<20}{'method':<20}{'mean':>8}{'median':>8}{'RMSE':>8}{'seconds':>9}   (mm)"]
    for o in outcomes:
        f = o.figures
        rows.append(f"{o.case:<20}{o.method:<20}{f['mean']:8.3f}{f['median']:8.3f}{f['rmse']:8.3f}{o.seconds:9.1f}")
    return "\n".join(rows)


def run_demo(
    only: str | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> list[Outcome]:
    """The main job without a browser: (a) an embedded person, (b) james; prints one table.

    Raises ValueError when `only` is neither "a" nor "b".
    """
    if only not in (None, "a", "b"):
        raise ValueError(f"only: give 'a' (embedded person) or 'b' (james), found {only!r}")
    head = load_head()
    outcomes: list[Outcome] = []
    if only != "b":
        outcomes += compare(embedded_case(head, seed), head, device, progress)
    if only != "a":
        try:
            case = james_case(progress)
        except AssetUnavailable as missing:
            say(f"case (b) is left out: {missing}")
        else:
            outcomes += compare(case, head, device, progress)
            say(case.licence)
    say(table(outcomes))
    return outcomes
