"""More views against more capacity: what each kind of model makes of 1, 2, 4, ... pictures. Printed in lesson 9.

Every model sees the same pictures and landmarks, and is measured at the same points of the true surface. A fit takes
seconds to minutes, so what comes of it is kept in the user's cache under a name made of everything it depends on: the
settings, the data and the code of the fit. When one of these changes, it is computed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pooch
import torch
from tqdm.auto import tqdm

from asm_teach.base.files import whole
from asm_teach.data.assets import AssetUnavailable, data_dir
from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.metrics import summarise
from asm_teach.studies.demo import Case, james_case, measure
from asm_teach.studies.view_cases import EYES, embedded_pictures, scan_case
from asm_teach.studies.view_models import REACH, Contender, view_contenders

SCAN, PEOPLE, JAMES = "lee-perry-smith", "embedded people", "james"
SUBJECTS = (SCAN, JAMES, PEOPLE)
VIEWS = (1, 2, 4, 8, 16)
ROOTS = ("viewmodels", "viewsets", "demo")  # the modules that a figure depends on, with all that they import
DATA = ("makehuman.npz", "skin.jpg", "lee-perry-smith468.npz", "facemesh478.npz")


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
class Result:
    """What came of one fit: point-to-surface error in mm over the face area after similarity alignment; CPU seconds."""

    setting: Setting
    model: str
    numbers: int
    mean: float
    median: float
    rmse: float
    p95: float
    seconds: float


def settings(
    subjects: Sequence[str] = SUBJECTS,
    views: Sequence[int] = VIEWS,
    seeds: int = 3,
    size: int = 512,
    noise: float = 1.5,
    points: int = 468,
    first: int = 0,
) -> list[Setting]:
    """All pictures of a table; `james` has two photographs, whatever else is asked for.

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
            found += [
                Setting(subject, n, seed, size, noise, points) for seed in range(first, first + seeds) for n in views
            ]
    return found


def pictures(head: Head, setting: Setting, progress: bool = True) -> Case:
    """The pictures of a setting. Raises AssetUnavailable where a scan is neither here nor to be had."""
    options = {"size": setting.size, "noise": setting.noise, "points": setting.points}
    if setting.subject == JAMES:
        return james_case(progress)
    if setting.subject == SCAN:
        return scan_case(SCAN, setting.views, setting.seed, progress=progress, **options)
    return embedded_pictures(head, setting.seed, setting.views, **options)


def take_on(head: Head, contender: Contender, case: Case, setting: Setting, progress: bool = False) -> Result:
    """Fit a model to pictures and measure it."""
    fit = contender.fit(case.views, setting.subject != PEOPLE, progress)
    figures = summarise(measure(case, head, fit.vertices).distances)
    four = (round(figures[name], 5) for name in ("mean", "median", "rmse", "p95"))
    return Result(setting, contender.name, contender.numbers, *four, round(fit.seconds, 2))


def view_evidence(
    head: Head,
    models: Sequence[Contender],
    wanted: Sequence[Setting],
    recompute: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Fit every model to all pictures, or read what came of it from the cache; `recompute` does not read.

    What is interrupted (Ctrl-C) gives what is done by then. A scan that is not here is left out, and `say` told.
    """
    results: list[Result] = []
    missing: set[str] = set()
    bar = tqdm(total=len(wanted) * len(models), desc="views", leave=False, disable=not progress)
    with bar, suppress(KeyboardInterrupt):
        for setting in wanted:
            case = None
            for contender in models:
                bar.set_postfix_str(f"{contender.name}: {setting.subject} {setting.seed}, {setting.views} pictures")
                kept = None if recompute else recall(setting, contender.name)
                if kept is None and setting.subject not in missing:
                    try:
                        case = case or pictures(head, setting, progress)
                    except AssetUnavailable as error:
                        missing.add(setting.subject)
                        say(f"{setting.subject} is left out: {error}")
                    else:
                        kept = take_on(head, contender, case, setting)
                        remember(kept)
                if kept is not None:
                    results.append(kept)
                bar.update()
    return results


# --- what was computed before


def cache_folder() -> Path:
    """Where results are kept: beside what is fetched, in the user's cache or the folder named by ASM_TEACH_CACHE."""
    return Path(os.environ.get("ASM_TEACH_CACHE", "") or pooch.os_cache("asm_teach")) / "views"


@cache
def code_version() -> str:
    """A name for the code and the data that a figure depends on; it changes with any of them."""
    digest, read, open_ends = hashlib.sha256(), {}, set(ROOTS)
    while open_ends:
        name = open_ends.pop()
        read[name] = Path(__file__).with_name(f"{name}.py").read_bytes()
        found = re.findall(rb"^\s*from asm_teach\.(\w+) import", read[name], re.MULTILINE)
        open_ends |= {module.decode() for module in found} - set(read)
    for name in sorted(read):
        digest.update(read[name])
    for name in DATA:
        digest.update((data_dir() / name).read_bytes())
    return digest.hexdigest()[:16]


def recall(setting: Setting, model: str) -> Result | None:
    """What came of a model and a setting before, by this code and these data; None if they were not tried."""
    file = _file(setting, model)
    if not file.is_file():
        return None
    try:
        return _result(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError, KeyError):  # cut off, or by hand: compute it again
        return None


def remember(result: Result) -> None:
    """Keep a result for `recall`."""
    file = _file(result.setting, result.model)
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as part:
        part.write_text(json.dumps(asdict(result)), encoding="utf-8")


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write results with all their settings to a JSON file, whole or not at all."""
    about = {"code": code_version(), "torch": torch.__version__, "reach": REACH}
    lines = ",\n".join(json.dumps(asdict(result)) for result in results)
    with whole(Path(path)) as part:
        part.write_text(f'{{"about": {json.dumps(about)},\n"results": [\n{lines}\n]}}\n', encoding="utf-8")


def read_results(path: Path) -> list[Result]:
    """Read what `write_results` wrote. Raises ValueError for a file that is something else."""
    try:
        return [_result(entry) for entry in json.loads(Path(path).read_text("utf-8"))["results"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"path: {path} holds no results of `asm-teach views` ({error})") from error


def _file(setting: Setting, model: str) -> Path:
    key = json.dumps([code_version(), model, asdict(setting)])
    return cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _result(entry: dict) -> Result:
    return Result(**{**entry, "setting": Setting(**entry["setting"])})


# --- the table


@dataclass(frozen=True)
class Row:
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


def summary(results: Sequence[Result]) -> list[Row]:
    """Results of several seeds together, in the order of subjects, numbers of pictures and models."""
    groups: dict[tuple[str, int, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.setting.subject, result.setting.views, result.model), []).append(result)
    rows = []
    for (subject, views, model), same in groups.items():
        mean, median, rmse, seconds = (
            float(np.mean([getattr(result, name) for result in same])) for name in ("mean", "median", "rmse", "seconds")
        )
        ends = [result.rmse for result in same]
        rows.append(Row(subject, views, model, len(same), mean, median, rmse, min(ends), max(ends), seconds))
    order = list(dict.fromkeys(result.model for result in results))
    return sorted(rows, key=lambda row: (SUBJECTS.index(row.subject), row.views, order.index(row.model)))


def format_views(rows: Sequence[Row]) -> str:
    """The rows as text in columns."""
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield (
        "Point-to-surface distance in mm over the face area after similarity alignment; a scan without a unit is "
        f"brought to {EYES:.0f} mm between the eyes."
    )
    yield f"{'':<20}{'mean':>8}{'median':>8}{'RMSE':>8}{'of seeds':>16}{'CPU s':>8}"
    before = None
    for row in rows:
        if before != (row.subject, row.views):
            before = (row.subject, row.views)
            count = "" if row.seeds == 1 else f", {row.seeds} seeds"
            yield f"{row.subject}, {row.views} picture{'s' if row.views > 1 else ''}{count}"
        spread = "" if row.seeds == 1 else f"{row.low:.2f} to {row.high:.2f}"
        yield (f"  {row.model:<18}{row.mean:8.3f}{row.median:8.3f}{row.rmse:8.3f}{spread:>16}{row.seconds:8.1f}")


def run_views(
    subjects: Sequence[str] = SUBJECTS,
    views: Sequence[int] = VIEWS,
    seeds: int = 3,
    models: Sequence[str] | None = None,
    size: int = 512,
    noise: float = 1.5,
    points: int = 468,
    recompute: bool = False,
    output: Path | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Compute the table of lesson 9, print it and give back its results. Raises ValueError as `settings` does."""
    wanted = settings(subjects, views, seeds, size, noise, points)
    if output is not None and not Path(output).parent.is_dir():
        raise ValueError(f"output: there is no folder {str(Path(output).parent)!r}; make it first")
    head = load_head()
    results = view_evidence(head, view_contenders(head, models), wanted, recompute, progress, say)
    if results:
        say(format_views(summary(results)))
    if results and output is not None:
        write_results(results, output)
    return results
