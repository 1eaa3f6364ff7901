"""What a worker does: fit one head on one thread, and write its model whole or not at all.

A worker may be a process of this computer or one far away; what both sides send each other is plain and small. A job
that is done twice writes the same file twice, and one whose result is there already only reads it.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
import traceback
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import asm_teach
from asm_teach.base.files import whole
from asm_teach.formats.checks.outputs import check_output
from asm_teach.formats.text_files import parse_json
from asm_teach.many_heads.manifest import Entry
from asm_teach.many_heads.sources import Source, file_digest

if TYPE_CHECKING:
    from asm_teach.fitting.result import Fit
    from asm_teach.model.adaptive import SkinnedModel

ENTRY, FITTED, ERRORS = "entry", "fitted", "errors"  # what a result holds beside its model
_FAR = 15.0  # mm: a vertex that is farther from the scan has nothing to be compared with
_ALIKE = 0.3  # cosine between normals that face the same way


@dataclass(frozen=True)
class Job:
    """One head to fit, as it is sent to a worker.

    digest: of the source's files when they were listed. key: of these, the model, the options and the version.
    model: a file, or the name of an embedded head. output: the file to write.
    options: what `fit_scan` or `fit_views` is given besides. version: of the package that sends it.
    """

    source: Source
    digest: str
    key: str
    model: str
    output: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    version: str = asm_teach.__version__

    def entry(self, **how: Any) -> Entry:
        """An entry of the manifest about this job."""
        return Entry(name=self.source.name, source=str(_place(self.source)), key=self.key, **how)


class Elsewhere(RuntimeError):
    """A worker that is not set up as the program that sends it jobs."""


def fit_one(job: Job) -> Entry:
    """Fit a head, write its model, and tell how it went; never raises an error of its own."""
    began = time.perf_counter()
    try:
        entry = kept(job.output, job.key) or _fit(job)
    except ValueError as error:  # what the package says to bad input
        entry = job.entry(status="refused", sentence=_sentence(error))
    except (Exception, KeyboardInterrupt) as error:
        status = "lost" if isinstance(error, KeyboardInterrupt) else "failed"
        how = {"error": type(error).__name__, "traceback": traceback.format_exc()}
        entry = job.entry(status=status, sentence=_sentence(error), **how)
    seconds = entry.seconds or round(time.perf_counter() - began, 3)
    return replace(entry, seconds=seconds, host=entry.host or platform.node())


def probe(model: str, example: Path, token: Path, version: str) -> str:
    """Look round on a worker before any job is sent: the name of its computer, or an error that says what is wrong.

    Args:
        model: the model's file or name. example: an input. version: of the package that asks.
        token: a file in the folder of results; the worker writes one beside it, `.seen`, which the asker looks for.
    """
    host = platform.node()
    if version != asm_teach.__version__:
        raise Elsewhere(f"{host} has asm_teach {asm_teach.__version__}, and this command is {version}")
    for file in (example, token, *([Path(model)] if _is_file(model) else [])):
        if not file.exists():
            raise Elsewhere(
                f"{host} does not see {str(file)!r}; inputs and results must lie where all workers see them"
            )
    token.with_suffix(".seen").write_bytes(token.read_bytes())
    return host


def kept(output: Path, key: str) -> Entry | None:
    """The entry that a result holds, if it is a whole file and the result of this key."""
    try:
        with zipfile.ZipFile(output) as archive, archive.open(f"{ENTRY}.npy") as member:
            found = Entry.read(parse_json(np.lib.format.read_array(member, allow_pickle=False).tobytes(), ENTRY))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return found if found.key == key else None


def set_one_thread() -> None:
    """Leave the other cores to the other workers."""
    import torch

    torch.set_num_threads(1)


def _fit(job: Job) -> Entry:
    set_one_thread()
    if job.version != asm_teach.__version__:
        raise Elsewhere(f"this worker has asm_teach {asm_teach.__version__}, and the job is of {job.version}")
    if job.source.digest() != job.digest:
        raise Elsewhere("its files have changed since they were listed; give the command again")
    try:
        check_output(job.output, (".npz",), given=False)
    except ValueError as error:  # no fault of the input
        raise OSError(str(error)) from None
    began, told = time.perf_counter(), list[str]()
    model = _model(job.model, _stamp(job.model))
    fit = _fit_scan(job, model) if job.source.kind == "scan" else _fit_views(job, model, told)
    if fit.interrupted:
        raise KeyboardInterrupt("the fit was stopped")
    errors = None if fit.scan is None else vertex_errors(fit)
    last = fit.history[-1].error if fit.history else math.nan
    entry = job.entry(
        status="fitted",
        notes=tuple(dict.fromkeys([*told, *fit.notes])),
        mm=None if math.isnan(last) else round(last, 4),
        seconds=round(time.perf_counter() - began, 3),
        host=platform.node(),
    )
    _write(job.output, fit.model.to("cpu"), entry, errors)
    return entry


def _fit_scan(job: Job, model: SkinnedModel) -> Fit:
    from asm_teach.geometry.mesh import read_mesh
    from asm_teach.new_head.given_landmarks import points_of_file
    from asm_teach.scan_fit.fit import fit_scan

    (file,), marks = job.source.files, job.source.landmarks
    scan = read_mesh(file)
    points = None if marks is None else points_of_file(scan, marks).to(scan.vertices)
    return fit_scan(model, scan, landmarks=points, progress=False, **job.options)


def _fit_views(job: Job, model: SkinnedModel, told: list[str]) -> Fit:
    from asm_teach.view_fit.fit import fit_views
    from asm_teach.view_fit.photos import load_views

    reading = {name: value for name, value in job.options.items() if name in ("find", "group", "exif")}
    fitting = {name: value for name, value in job.options.items() if name not in reading}
    views = load_views(job.source.files, say=told.append, **reading)
    return fit_views(model, views, progress=False, **fitting)


@lru_cache(maxsize=1)
def _model(name: str, stamp: tuple[int, int]) -> SkinnedModel:
    """The model that all jobs of a run begin with, loaded once per worker; a file that changed since is read again."""
    from asm_teach.data.heads import load_head
    from asm_teach.model.adaptive import AdaptiveSkinningModel
    from asm_teach.model.storage import load_model

    if _is_file(name):
        return load_model(name)
    head = load_head(name)
    return AdaptiveSkinningModel(head.mesh, head.rig, components=2)


def _stamp(model: str) -> tuple[int, int]:
    if not _is_file(model):
        return 0, 0
    found = os.stat(model)
    return found.st_size, found.st_mtime_ns


def model_digest(model: str) -> str:
    """What a key holds of a model: the SHA-256 of its file, or its name. Raises OSError for an unreadable file."""
    return file_digest(Path(model)) if _is_file(model) else model


def _is_file(model: str) -> bool:
    return model.endswith(".npz")


def _write(output: Path, model: SkinnedModel, entry: Entry, errors: np.ndarray | None) -> None:
    """Write the model, whole or not at all, with its entry, its vertices and, where there is a scan, their errors."""
    from asm_teach.model.storage import save

    more = {
        ENTRY: np.frombuffer(json.dumps(asdict(entry)).encode(), np.uint8),
        FITTED: model().detach().numpy(),  # so that the page and the collection need not pose it again
    }
    if errors is not None:
        more[ERRORS] = errors
    with whole(output) as part:
        save(model, part)
        with zipfile.ZipFile(part, "a", zipfile.ZIP_DEFLATED) as archive:
            for name, array in more.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


def vertex_errors(fit: Fit) -> np.ndarray:
    """How far each fitted vertex is from the scan, (V,) float16 mm; NaN where there is nothing to compare it with."""
    from asm_teach.geometry.closest_point import Surface, to_array
    from asm_teach.geometry.mesh import vertex_normals

    assert fit.scan is not None
    surface = Surface(fit.scan.vertices, fit.scan.faces)
    _, away, face = surface.closest(to_array(fit.vertices))
    facing = to_array(vertex_normals(fit.vertices, fit.model.mesh.faces))
    alike = (surface.normals(face) * facing).sum(1) > _ALIKE
    return np.where(alike & (away < _FAR), away, np.nan).astype(np.float16)


def _place(source: Source) -> Path:
    return source.files[0] if source.kind == "scan" else source.files[0].parent


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
