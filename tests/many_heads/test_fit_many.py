"""Many heads by executors that behave and misbehave: nothing is lost, nothing is done twice, everything is told."""

from __future__ import annotations

import csv
import errno
import json
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asm_teach.base.arrays import load_npz
from asm_teach.geometry.mesh import read_mesh
from asm_teach.many_heads import worker
from asm_teach.many_heads.fit_many import fit_many
from asm_teach.many_heads.manifest import MANIFEST, TABLE, Manifest, read_manifest
from asm_teach.many_heads.run import Batch
from asm_teach.many_heads.sources import scans_in
from asm_teach.model.storage import load_model

from .heads import STEPS, Inline, opened, raises, saved_model, small_heads


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Batch]:
    """`fit_many` of a folder `in` with four heads, into `out`."""
    small_heads(tmp_path / "in", 4)
    model = saved_model(tmp_path)

    def call(executor: Any = None, **given: Any) -> Batch:
        said: list[str] = given.pop("said", [])
        given = {"model": model, "options": STEPS, **given}
        return fit_many(tmp_path / "in", executor or Inline(), tmp_path / "out", say=said.append, **given)

    return call


def lines(folder: Path) -> list[tuple[str, str]]:
    return [(entry.name, entry.status) for entry in read_manifest(folder / "out")]


HEADS = ["head0", "head1", "head2", "head3"]


def test_each_head_becomes_a_model_and_a_line(fit, tmp_path) -> None:
    batch = fit()
    assert batch.names("fitted") == batch.new == HEADS and not batch.left and not batch.stopped
    assert str(batch) == "4 fitted"
    scan = read_mesh(tmp_path / "in/head2.ply")
    away = (load_model(tmp_path / "out/head2.npz")() - scan.vertices).norm(dim=1)
    assert away.mean().item() == pytest.approx(batch.entries["head2"].mm, abs=0.2)
    errors = load_npz(tmp_path / "out/head2.npz")["errors"]
    assert errors.shape == away.shape and np.nanmax(errors) <= away.max() + 0.01  # a surface is nearer than a vertex
    with (tmp_path / "out" / TABLE).open() as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == HEADS and float(table[0]["mm"]) == batch.entries["head0"].mm
    assert {path.name for path in (tmp_path / "out").iterdir()} == {MANIFEST, TABLE, *(f"{h}.npz" for h in HEADS)}


def test_the_same_command_does_nothing_twice(fit, tmp_path) -> None:
    fit()
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    executor = Inline()
    batch = fit(executor)
    assert batch.names("fitted") == HEADS and not batch.new and not executor.sent
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert fit(options={**STEPS, "steps": 3}).new == HEADS  # other options are another fit
    small_heads(tmp_path / "in", 1, "head3.ply")  # another file under an old name
    assert fit(options={**STEPS, "steps": 3}).new == ["head3"]
    (tmp_path / "out/head1.npz").write_bytes((tmp_path / "out/head1.npz").read_bytes()[:-100])  # damaged since
    assert fit(options={**STEPS, "steps": 3}).new == ["head1"]


def test_one_bad_file_does_not_stop_the_rest(fit, tmp_path) -> None:
    (tmp_path / "in/head1.ply").write_text("ply\nno mesh\n")
    (tmp_path / "in/gone.ply").symlink_to(tmp_path / "nowhere.ply")
    batch = fit(Inline({"head2": raises(RuntimeError("the worker has no memory"))}))
    assert (batch.names("fitted"), batch.names("refused")) == (["head0", "head3"], ["head1"])
    assert batch.names("failed") == ["gone", "head2"]
    assert "head1.ply" in batch.entries["head1"].sentence and not batch.entries["head1"].traceback
    assert "No such file" in batch.entries["gone"].sentence
    assert batch.entries["head2"].sentence == "RuntimeError: the worker has no memory"
    # refused: not tried again, unless that is wished; failed: tried again
    executor = Inline()
    again = fit(executor)
    assert executor.sent == ["probe", "head2"] and again.names("refused") == ["head1"]
    assert again.names("fitted") == ["head0", "head2", "head3"]
    assert fit(executor := Inline(), retry=True).names("refused") == ["head1"] and "head1" in executor.sent


def test_an_error_of_the_package_is_kept_with_its_traceback(fit, monkeypatch) -> None:
    monkeypatch.setattr(worker, "_fit_scan", raises(ZeroDivisionError("of zero")))
    entry = fit().entries["head0"]
    assert (entry.status, entry.error, entry.sentence) == ("failed", "ZeroDivisionError", "of zero")
    assert "raise error" in entry.traceback


def test_a_dry_run_writes_nothing(fit, tmp_path) -> None:
    executor = Inline()
    batch = fit(executor, dry_run=True)
    assert batch.left == HEADS and not batch.entries and not executor.sent and not (tmp_path / "out").exists()
    fit()
    small_heads(tmp_path / "in", 5)
    before = (tmp_path / "out" / MANIFEST).read_bytes()
    batch = fit(dry_run=True)
    assert batch.left == ["head4"] and batch.names("fitted") == HEADS
    assert (tmp_path / "out" / MANIFEST).read_bytes() == before


# --- faults


def test_a_file_that_changed_since_it_was_listed_is_not_fitted(fit, tmp_path) -> None:
    def change_the_next(job: worker.Job) -> Any:
        small_heads(tmp_path / "in", 1, "head1.ply")
        return worker.fit_one(job)

    batch = fit(Inline({"head0": change_the_next}))
    assert batch.names("failed") == ["head1"] and "have changed since" in batch.entries["head1"].sentence
    assert not (tmp_path / "out/head1.npz").exists()
    assert fit().names("fitted") == HEADS


def test_a_full_disk_of_a_worker_fails_its_head_and_leaves_no_part(fit, tmp_path, monkeypatch) -> None:
    from asm_teach.model import storage

    real = np.savez_compressed

    def full(file: Any, **arrays: Any) -> None:
        real(file, **arrays)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage.np, "savez_compressed", full)
        batch = fit()
    assert batch.names("failed") == HEADS and "No space left" in batch.entries["head0"].sentence
    assert {path.name for path in (tmp_path / "out").iterdir()} == {MANIFEST, TABLE}
    assert fit().names("fitted") == HEADS


def test_a_full_disk_of_the_parent_ends_the_run_and_loses_no_fit(fit, tmp_path, monkeypatch) -> None:
    add = Manifest.add

    def full(self: Manifest, entry: Any) -> None:
        if entry.name == "head1":
            self._file.write(entry.text()[:50])  # as far as there is space
            self._file.flush()
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, entry)

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "add", full)
        batch = fit(in_flight=1)
    assert "No space left" in batch.stopped and batch.new == ["head0"] and batch.left == HEADS[1:]
    batch = fit(executor := Inline())
    assert executor.sent == ["probe", "head2", "head3"]  # what head1's worker wrote tells how it went
    assert batch.names("fitted") == HEADS and len(lines(tmp_path)) == 4


def test_a_parent_that_is_interrupted_keeps_what_was_fitted(fit) -> None:
    def interrupted(batch: Batch, left: int) -> None:
        if len(batch.new) == 2:
            raise KeyboardInterrupt

    batch = fit(watch=interrupted, in_flight=1)
    assert batch.stopped == "stopped" and batch.names("fitted") == batch.new == ["head0", "head1"]
    assert batch.left == ["head2", "head3"]
    assert fit().new == ["head2", "head3"]


class Breaks(Inline):
    """A pool of processes: when `head1` kills one, everything that it was given is broken, and so is the pool."""

    broken = False

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if self.broken:
            raise BrokenExecutor("the pool is broken")
        self.broken = getattr(args[0], "source", None) is not None and args[0].source.name == "head1"
        instead = raises(BrokenExecutor("a process died"))
        future = super().submit(instead if self.broken else function, *args, **kwargs)
        return future


def test_a_head_that_kills_its_worker_twice_is_lost_and_nothing_else_is(fit, tmp_path) -> None:
    pools: list[Breaks] = []

    def pool() -> Any:
        pools.append(Breaks())
        return opened(pools[-1])

    batch = fit(pool)
    assert batch.names("lost") == ["head1"] and batch.names("fitted") == ["head0", "head2", "head3"]
    assert "died" in batch.entries["head1"].sentence
    assert lines(tmp_path).count(("head1", "lost")) == 2
    assert [name for name, status in lines(tmp_path) if status == "fitted"] == ["head0", "head2", "head3"]
    assert not fit(pool).new and len(pools) == 3
    assert fit(retry=True).names("fitted") == HEADS  # it has more memory now


def test_an_executor_that_was_given_ends_the_run_when_it_breaks(fit) -> None:
    batch = fit(Breaks())
    assert batch.stopped == "a worker died, and the executor with it"
    assert batch.new == ["head0"] and set(batch.left) == {"head1", "head2", "head3"}
    batch = fit(Breaks())  # head1 alone, first: it is lost for good now
    assert batch.names("lost") == ["head1"]
    assert fit(Breaks()).names("fitted") == ["head0", "head2", "head3"]


def test_a_scheduler_that_goes_leaves_its_heads_to_the_next_run(fit, tmp_path) -> None:
    batch = fit(Inline({"head1": raises(CancelledError("scheduler-connection-lost"))}), in_flight=1)
    assert batch.stopped.startswith("the executor is gone") and batch.left == ["head1", "head2", "head3"]
    assert lines(tmp_path) == [("head0", "fitted")]
    assert fit().new == ["head1", "head2", "head3"]


# --- an executor that will not do


def test_an_executor_that_refuses_is_told_before_any_head_is_sent(fit) -> None:
    for error, words in {
        RuntimeError("cannot schedule new futures after shutdown"): "refused the first task",
        ModuleNotFoundError("No module named 'asm_teach'"): "must be installed where its workers run",
        BrokenExecutor("all died"): "its first worker died at once",
    }.items():
        executor = Inline({"probe": raises(error)})
        with pytest.raises(ValueError, match=words):
            fit(executor)
        assert executor.sent == ["probe"]


def test_workers_of_another_version_are_refused(fit, monkeypatch) -> None:
    def older(*arguments: Any) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(worker.asm_teach, "__version__", "0.0.9")
            return worker.probe(*arguments)

    with pytest.raises(ValueError, match="has asm_teach 0.0.9, and this command is"):
        fit(Inline({"probe": older}))

    def older_later(job: worker.Job) -> Any:  # of several workers only one was probed
        return worker.fit_one(replace(job, version="0.0.9"))

    entry = fit(Inline({"head1": older_later})).entries["head1"]
    assert entry.status == "failed" and "the job is of 0.0.9" in entry.sentence


def test_workers_that_see_another_folder_are_refused(fit, tmp_path) -> None:
    def elsewhere(model: str, example: Path, token: Path, version: str) -> str:
        return worker.probe(model, Path("/there/is/no/such.ply"), token, version)

    with pytest.raises(ValueError, match="does not see '/there/is/no/such.ply'"):
        fit(Inline({"probe": elsewhere}))
    assert not list((tmp_path / "out").glob(".probe*"))


def test_an_output_that_cannot_be_used_is_told(fit, tmp_path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ValueError, match="is a file; give a folder"):
        fit()
    (tmp_path / "out").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/head1.npz").write_bytes(b"somebody's own")
    batch = fit()
    assert batch.names("failed") == ["head1"] and "is there already" in batch.entries["head1"].sentence
    assert (tmp_path / "out/head1.npz").read_bytes() == b"somebody's own"
    with Manifest(tmp_path / "out").opened(), pytest.raises(ValueError, match="another command is writing"):
        fit()
    with pytest.raises(ValueError, match="no head in the list"):
        fit_many([], Inline(), tmp_path / "out")


def test_a_model_in_memory_reaches_the_workers_as_a_file(fit, tmp_path) -> None:
    batch = fit(model=load_model(saved_model(tmp_path)))
    assert batch.names("fitted") == HEADS and (tmp_path / "out/model.npz").is_file()
    assert not fit(model=load_model(saved_model(tmp_path))).new
    (tmp_path / "bad.npz").write_bytes(b"no model")
    with pytest.raises(ValueError, match="bad.npz"):
        fit(model=tmp_path / "bad.npz")


# --- the manifest


def test_a_line_that_was_cut_off_is_passed_over_and_swallows_no_other(fit, tmp_path) -> None:
    fit()
    path = tmp_path / "out" / MANIFEST
    path.write_bytes(path.read_bytes() + b'{"name": "head9", "sta')
    (tmp_path / "out/head3.npz").unlink()
    assert fit().new == ["head3"]
    assert lines(tmp_path)[-1] == ("head3", "fitted") and len(lines(tmp_path)) == 5
    assert sum(json.loads(line)["name"] == "head3" for line in path.read_text().splitlines() if line[-1] == "}") == 2


def test_sources_can_be_chosen(tmp_path) -> None:
    small_heads(tmp_path / "in", 3)
    chosen = scans_in(tmp_path / "in")[1:]
    batch = fit_many(chosen, Inline(), tmp_path / "out", model=saved_model(tmp_path), options=STEPS)
    assert batch.names("fitted") == ["head1", "head2"]
