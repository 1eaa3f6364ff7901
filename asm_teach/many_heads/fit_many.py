"""Fit many heads on the workers of any executor, and keep account of them. No scheduler: the executor is one.

The parent lists, hashes and sends paths; workers read, fit and write. Only the parent writes the manifest, so the same
command goes on where an earlier one ended, whatever ended it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

import asm_teach
from asm_teach.many_heads import worker
from asm_teach.many_heads.executors import Opener
from asm_teach.many_heads.manifest import MANIFEST, Manifest
from asm_teach.many_heads.run import TRIES, Batch, Run, Say
from asm_teach.many_heads.sources import Source, scans_in
from asm_teach.many_heads.worker import Job
from asm_teach.model.adaptive import SkinnedModel


def fit_many(
    sources: Iterable[Source] | str | PathLike[str],
    executor: Executor | Opener,
    output: str | PathLike[str],
    *,
    model: SkinnedModel | str | PathLike[str] = "makehuman",
    options: Mapping[str, Any] | None = None,
    retry: bool = False,
    dry_run: bool = False,
    in_flight: int | None = None,
    say: Say = print,
    watch: Callable[[Batch, int], None] | None = None,
) -> Batch:
    """Fit the heads of a folder on the workers of an executor; given again, it goes on where it ended.

    Each head becomes a saved model, `NAME.npz` in `output`, and a line of `manifest.jsonl` there. A head is not fitted
    again while its files, the model, the options and the version are the same; nor is one that was refused, or whose
    worker died twice. One that failed for another reason is tried again by the next run.

    Args:
        sources: `scans_in(folder)`, `views_in(folders)`, or a folder of scans.
        executor: any of `concurrent.futures`; or a function that opens one for a block, such as
            `executor_of("processes:4")`, which is called again if a worker's death has broken the first.
        output: the folder of results; made if it is not there. All workers must see it, and the inputs.
        model: the name of an embedded head, a saved model's file, or a model.
        options: what `fit_scan` or `fit_views` is given besides, such as {"steps": 20, "device": "cpu"}.
        retry: try refused and lost heads once more.
        dry_run: list and hash only; `left` has what would be fitted.
        in_flight: how many jobs the executor has at most; by default two for each process of a pool, and all of them
            with any other executor.
        say: told, in sentences, what happens.
        watch: called with the batch and the number of heads still to fit after each head and twice a second.

    Raises:
        ValueError: no heads, a place that cannot be written to, an executor that refuses or whose workers see other
            files or run another version.
    """
    if isinstance(sources, (str, PathLike)):
        sources = scans_in(sources, leave_out=output)
    sources = list(sources)
    if not sources:
        raise ValueError("sources: there is no head in the list; scans_in(folder) and views_in(folders) make one")
    output = Path(output).resolve()
    if output.exists() and not output.is_dir():
        raise ValueError(f"output: {str(output)!r} is a file; give a folder")
    if not dry_run:
        _make(output)
    name = _named_model(model, output)
    manifest, batch = Manifest(output), Batch()
    with nullcontext() if dry_run else manifest.opened():
        jobs = list(_jobs(sources, name, dict(options or {}), output, manifest, batch, retry, dry_run))
        batch.left = [job.source.name for job in jobs]
        if dry_run:
            return batch
        if jobs:
            run = Run(manifest, batch, jobs, executor, in_flight, say, watch)
            run.to_its_end()
            batch.left = list(run.open)
    try:
        manifest.write_table()
    except OSError as error:
        say(f"the table was not written ({error.strerror or error}); {MANIFEST} has all that it would hold")
    return batch


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"output: {str(folder)!r} cannot be made ({error.strerror}); give another") from None


def _named_model(model: SkinnedModel | str | PathLike[str], output: Path) -> str:
    """The name or the file under which workers find a model. Raises ValueError for a file that holds none."""
    from asm_teach.data.heads import load_head
    from asm_teach.model.storage import load_model, save

    if isinstance(model, SkinnedModel):
        save(model, kept := output / "model.npz")
        return str(kept)
    if isinstance(model, str) and not model.endswith(".npz"):
        load_head(model)
        return model
    load_model(model)
    if Path(model).suffix != ".npz":
        raise ValueError(f"model: {Path(model).name!r} should end in .npz")
    return str(Path(model).resolve())


def _jobs(
    sources: list[Source], model: str, options: dict[str, Any], output: Path, manifest: Manifest, batch: Batch,
    retry: bool, dry_run: bool,
) -> Iterator[Job]:  # fmt: skip
    """What is still to do. What cannot be read is written down as failed; what was done before, as it went."""
    same = json.dumps([asm_teach.__version__, worker.model_digest(model), options], sort_keys=True, default=str)
    for source in sources:
        place = output / f"{source.name}.npz"
        try:
            digest = source.digest()
        except OSError as error:
            job = Job(source, "", "", model, place)
            told = f"{error.filename or source.name} cannot be read: {error.strerror or error}"
            entry = job.entry(status="failed", sentence=told, error=type(error).__name__)
            if not dry_run:
                manifest.add(entry)
            batch.entries[source.name] = entry
            batch.new.append(source.name)
            continue
        key = hashlib.sha256(f"{same}{source.kind}{digest}".encode()).hexdigest()
        job = Job(source, digest, key, model, place, options)
        before = manifest.entries.get(source.name)
        before = before if before and before.key == key else None
        found = worker.kept(place, key)
        if found and not (before and before.status == "fitted") and not dry_run:
            manifest.add(found)  # the run that had it fitted was killed before it wrote that down
        given_up = before and (before.status == "refused" or manifest.losses[key] >= TRIES) and not retry
        if known := found or (before if given_up else None):
            batch.entries[source.name] = known
            continue
        if not dry_run:
            _make(place.parent)
        yield job
