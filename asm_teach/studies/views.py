"""More views against more capacity: how well each kind of model is fitted to 1, 2, 4, ... pictures. See lesson 9.

Every model sees the same pictures and landmarks, and is measured at the same points of the true surface. A fit takes
seconds to minutes, so a table is saved to a file after every fit: the next run with that file computes only what it
does not hold. Each row of the file says which versions of the programs computed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from asm_teach import __version__
from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import Head, load_head
from asm_teach.formats.checks.outputs import check_output
from asm_teach.formats.text_files import parse_json, read_text
from asm_teach.geometry.metrics import summarise
from asm_teach.studies.cases import Case, james_case, measure
from asm_teach.studies.record_files import checked, write_records
from asm_teach.studies.view_cases import EYES, embedded_pictures, scan_case
from asm_teach.studies.view_models import ViewContender, view_contenders

SCAN, PEOPLE, JAMES = "lee-perry-smith", "embedded people", "james"
SUBJECTS = (SCAN, JAMES, PEOPLE)
VIEWS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Setting:
    """Pictures to fit to. seed: of the cameras and light on a scan, of the person too where people are sampled."""

    subject: str
    views: int
    seed: int
    size: int = 512
    noise: float = 1.5
    points: int = 468


@dataclass(frozen=True)
class ViewResult:
    """The outcome of one fit: point-to-surface error in mm over the face area after similarity alignment; CPU seconds.

    by: the versions of the programs that computed it.
    """

    setting: Setting
    model: str
    numbers: int
    mean: float
    median: float
    rmse: float
    p95: float
    seconds: float
    by: str = ""


def settings(
    subjects: Sequence[str] = SUBJECTS,
    views: Sequence[int] = VIEWS,
    seeds: int = 3,
    size: int = 512,
    noise: float = 1.5,
    points: int = 468,
) -> list[Setting]:
    """The settings of a table, one per subject, seed and number of pictures; `james` always has his two photographs.

    Raises ValueError for subjects that are not known, no views, no seeds.
    """
    for subject in subjects:
        if subject not in SUBJECTS:
            raise ValueError(f"subjects: there is no {subject!r}; choose from {', '.join(SUBJECTS)}")
    if seeds < 1:
        raise ValueError(f"seeds: found {seeds}; give 1 or more")
    if not views or min(views) < 1:
        raise ValueError(f"views: found {list(views)}; give numbers of pictures, 1 or more")
    found = []
    for subject in subjects:
        if subject == JAMES:
            found.append(Setting(JAMES, 2, 0, 0, 0.0, 478))
        else:
            found += [Setting(subject, n, seed, size, noise, points) for seed in range(seeds) for n in views]
    return found


def pictures(head: Head, setting: Setting, progress: bool = True) -> Case:
    """The pictures of a setting. Raises AssetUnavailable for a scan that is neither here nor can be fetched."""
    s = setting
    if s.subject == JAMES:
        return james_case(progress)
    if s.subject == SCAN:
        return scan_case(SCAN, s.views, s.seed, size=s.size, noise=s.noise, points=s.points, progress=progress)
    return embedded_pictures(head, s.seed, s.views, s.size, s.noise, s.points)


def take_on(head: Head, contender: ViewContender, case: Case, setting: Setting) -> ViewResult:
    """Fit a model to pictures and measure it."""
    fit = contender.fit(case.views, setting.subject != PEOPLE)
    figures = summarise(measure(case, head, fit.vertices).distances)
    mean, median, rmse, p95 = (round(figures[name], 5) for name in ("mean", "median", "rmse", "p95"))
    by = f"asm_teach {__version__}, torch {torch.__version__}"
    return ViewResult(setting, contender.name, contender.numbers, mean, median, rmse, p95, round(fit.seconds, 2), by)


def view_evidence(
    head: Head,
    models: Sequence[ViewContender],
    wanted: Sequence[Setting],
    file: Path | None = None,
    recompute: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> list[ViewResult]:
    """Fit every model to all pictures; the results of what was wanted, in order.

    Args:
        head, models, wanted: what to fit to which pictures.
        file: read before the first fit if it exists, and written after each. What it holds of the same setting and
            model is taken from it, and its other results stay in it.
        recompute: fit all that is wanted, and replace what the file holds of it.
        progress: whether to show a bar.
        say: prints which scans are left out because they are neither here nor can be fetched.

    Returns:
        What is done; fewer than wanted after an interruption (Ctrl-C).

    Raises:
        ValueError: the file holds something else.
    """
    saved = {(result.setting, result.model): result for result in read_results(file)} if file and file.exists() else {}
    results: list[ViewResult] = []
    missing: set[str] = set()
    bar = tqdm(total=len(wanted) * len(models), desc="views", leave=False, disable=not progress)
    with bar, suppress(KeyboardInterrupt):
        for setting in wanted:
            case = None
            for contender in models:
                bar.set_postfix_str(f"{contender.name}: {setting.subject} {setting.seed}, {setting.views} pictures")
                key = (setting, contender.name)
                if key in saved and not recompute:
                    results.append(saved[key])
                elif setting.subject not in missing:
                    try:
                        case = case or pictures(head, setting, progress)
                    except AssetUnavailable as error:
                        missing.add(setting.subject)
                        say(f"{setting.subject} is left out: {error}")
                    else:
                        saved[key] = take_on(head, contender, case, setting)
                        results.append(saved[key])
                        if file:
                            write_results(saved.values(), file)
                bar.update()
    return results


def write_results(results: Iterable[ViewResult], path: Path) -> None:
    """Write results with all their settings to a JSON file, whole or not at all."""
    write_records(results, path, "results")


def read_results(path: Path) -> list[ViewResult]:
    """Read what `write_results` wrote. Raises ValueError for a file that is something else."""
    try:
        entries = parse_json(read_text(path), path.name, nan=True)["results"]
        return [checked(ViewResult(**{**entry, "setting": checked(Setting(**entry["setting"]))})) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"path: {path} holds no results of `asm-teach views` ({error})") from None


# --- the table


@dataclass(frozen=True)
class ViewRow:
    """One line: a model on a kind of face in so many pictures. Means over seeds; low, high: of the RMSE among them."""

    subject: str
    views: int
    model: str
    seeds: int
    mean: float
    median: float
    rmse: float
    low: float
    high: float
    seconds: float


def summary(results: Sequence[ViewResult]) -> list[ViewRow]:
    """Results of several seeds together, in the order of subjects, numbers of pictures and models."""
    groups: dict[tuple[str, int, str], list[ViewResult]] = {}
    for result in results:
        groups.setdefault((result.setting.subject, result.setting.views, result.model), []).append(result)
    rows = []
    for (subject, views, model), same in groups.items():
        mean, median, rmse, seconds = (
            float(np.mean([getattr(result, name) for result in same])) for name in ("mean", "median", "rmse", "seconds")
        )
        ends = [result.rmse for result in same]
        rows.append(ViewRow(subject, views, model, len(same), mean, median, rmse, min(ends), max(ends), seconds))
    order = list(dict.fromkeys(result.model for result in results))
    return sorted(rows, key=lambda row: (SUBJECTS.index(row.subject), row.views, order.index(row.model)))


def format_views(rows: Sequence[ViewRow]) -> str:
    """The rows as text in columns."""
    lines = [
        "Point-to-surface distance in mm over the face area after similarity alignment; a scan without a unit is "
        f"brought to {EYES:.0f} mm between the eyes.",
        f"{'':<20}{'mean':>8}{'median':>8}{'RMSE':>8}{'of seeds':>16}{'CPU s':>8}",
    ]
    before = None
    for row in rows:
        if before != (row.subject, row.views):
            before = (row.subject, row.views)
            count = "" if row.seeds == 1 else f", {row.seeds} seeds"
            lines.append(f"{row.subject}, {row.views} picture{'s' if row.views > 1 else ''}{count}")
        spread = "" if row.seeds == 1 else f"{row.low:.2f} to {row.high:.2f}"
        lines.append(f"  {row.model:<18}{row.mean:8.3f}{row.median:8.3f}{row.rmse:8.3f}{spread:>16}{row.seconds:8.1f}")
    return "\n".join(lines)


def run_views(
    wanted: Sequence[Setting],
    models: Sequence[str] | None = None,
    file: Path | None = None,
    recompute: bool = False,
    say: Callable[[str], None] = print,
) -> list[ViewResult]:
    """Compute the table of lesson 9 as `view_evidence` does, print it and give back its results.

    Raises ValueError as `view_contenders` and `view_evidence` do, and for a file that cannot be written.
    """
    if file is not None:
        check_output(file, name="file")
    head = load_head()
    results = view_evidence(head, view_contenders(head, models), wanted, file, recompute, say=say)
    if results:
        say(format_views(summary(results)))
    return results
