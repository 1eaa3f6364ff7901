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
    case: Case,
    head: Head,
    device: str = "auto",
    progress: bool = True,
    fits: Mapping[str, Fit] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Fit every method to a case and measure it.

    Args:
        fits: fits that are there already, by the method's name; they are not made again.
        say: gets a line before each fit, which names it.

    Raises:
        ValueError: a name in `fits` that is not that of a method with a fit.
    """
    compared, fits, outcomes = methods(head), fits or {}, []
    fitted = [name for name, model in compared.items() if model]
    if unknown := set(fits) - set(fitted):
        raise ValueError(f"fits: found {', '.join(map(repr, sorted(unknown)))}; the methods that are fitted: {fitted}")
    for name, model in compared.items():
        fit = fits.get(name)
        if model and fit is None:
            say(f"{case.name}: fitting {name!r} ({fitted.index(name) + 1} of {len(fitted)})")
            fit = fit_views(model, case.views, device=device, progress=progress)
        vertices = fit.vertices.cpu() if fit else head.mesh.vertices
        outcomes.append(Outcome(case.name, name, vertices, measure(case, head, vertices), fit))
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as text, a row for each method on each case."""
    rows = [f"{'case':<20}{'method':<20}{'mean, mm':>10}{'median, mm':>12}{'RMSE, mm':>10}{'time, s':>9}"]
    for o in outcomes:
        f = o.figures
        rows.append(f"{o.case:<20}{o.method:<20}{f['mean']:10.3f}{f['median']:12.3f}{f['rmse']:10.3f}{o.seconds:9.1f}")
    return "\n".join(rows)


def conclusion(outcomes: list[Outcome]) -> str:
    """One sentence about one case: how much nearer the last method is than each of the others."""
    *others, best = outcomes
    off = best.figures["mean"]
    less = [f"{100 * (1 - off / o.figures['mean']):.0f} % less than {o.method!r}" for o in others]
    return f"{best.case}: {best.method!r} is {off:.2f} mm off on average, {', '.join(less[:-1])} and {less[-1]}."


def run_demo(
    only: str | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: bool = True,
    say: Callable[[str], None] = print,
    done: Callable[[Case, Head, list[Outcome]], None] = lambda *_: None,
) -> list[Outcome]:
    """The main job without a browser: (a) an embedded person, (b) james; prints one table and a sentence about each.

    Args:
        done: gets each case with its outcomes when it is measured.

    Raises:
        ValueError: `only` is neither "a" nor "b".
    """
    if only not in (None, "a", "b"):
        raise ValueError(f"only: give 'a' (embedded person) or 'b' (james), found {only!r}")
    head = load_head()
    outcomes: list[list[Outcome]] = []

    def run(case: Case) -> None:
        outcomes.append(compare(case, head, device, progress, say=say))
        done(case, head, outcomes[-1])

    if only != "b":
        run(embedded_case(head, seed))
    if only != "a":
        try:
            case = james_case(progress)
        except AssetUnavailable as missing:
            say(f"case (b) is left out: {missing}")
        else:
            run(case)
            say(case.licence)
    say(table(found := [one for of_case in outcomes for one in of_case]))
    for of_case in outcomes:
        say(conclusion(of_case))
    return found
