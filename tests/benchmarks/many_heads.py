"""How fast many heads are fitted, by which executor, and where the parent becomes the limit.

    python -m tests.benchmarks.many_heads   # 100 fits by 1 and 2 workers: processes, dask, and programs without either
    python -m tests.benchmarks.many_heads --count 16 --steps 6     # shorter
    python -m tests.benchmarks.many_heads --simulate               # up to 1,000 workers and 100,000 heads

Times of a machine that does other things as well are upper bounds. The simulation runs the real parent: its own work
takes the time that it takes, and only the waiting is left out.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

import click
import psutil

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import read_mesh
from asm_teach.many_heads import run as run_module
from asm_teach.many_heads import worker
from asm_teach.many_heads.executors import Opener, dask, processes
from asm_teach.many_heads.fit_many import fit_many
from asm_teach.many_heads.manifest import Entry
from asm_teach.many_heads.run import Batch
from asm_teach.many_heads.sources import Source, scans_in
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.scan_fit.fit import fit_scan

_SPREAD = 0.25  # of the logarithm of a fit's duration, as recorded
_HEADS = 100_000
ENGINES = ["by hand", "processes", "dask"]


@contextmanager
def local_dask(count: int) -> Iterator[Opener]:
    """A dask cluster of this computer."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster:
        yield dask(cluster.scheduler_address)


class Clock:
    """Counts from the first answer of a worker, without the start of the workers; keeps their largest memory."""

    def __init__(self) -> None:
        self.began, self.memory = 0.0, 0

    def __call__(self, batch: Batch, left: int) -> None:
        self.began = self.began or time.perf_counter()
        for child in psutil.Process().children(recursive=True):
            try:
                self.memory = max(self.memory, child.memory_info().rss)
            except psutil.NoSuchProcess:
                continue


def measure(sources: list[Source], opener: Opener, workers: int, output: Path, steps: int) -> tuple[float, ...]:
    """Heads per minute, memory of the largest worker in MB, and seconds per head that no fit used."""
    clock = Clock()
    batch = fit_many(sources, opener, output, options={"steps": steps, "device": "cpu"}, watch=clock)
    seconds = time.perf_counter() - clock.began
    assert len(batch.names("fitted")) == len(sources), batch
    busy = sum(entry.seconds for entry in batch.entries.values())
    return len(sources) / seconds * 60, clock.memory / 1e6, (workers * seconds - busy) / len(sources)


def fit_share(files: list[Path], steps: int, ready: Any) -> None:
    """What one of the programs of `by_hand` does: fit some scans by a plain loop."""
    worker.set_one_thread()
    head = load_head()
    model = AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    fit_scan(model, read_mesh(files[0]), steps=steps, progress=False)
    ready.wait()
    for file in files:
        fit_scan(model, read_mesh(file), steps=steps, progress=False)
    ready.wait()


def by_hand(sources: list[Source], workers: int, steps: int) -> float:
    """Heads per minute of so many programs that know nothing of each other: the most that this machine gives."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(workers + 1)
    files = [source.files[0] for source in sources]
    programs = [
        context.Process(target=fit_share, args=(files[n::workers], steps, ready), daemon=True) for n in range(workers)
    ]
    for program in programs:
        program.start()
    ready.wait()
    began = time.perf_counter()
    ready.wait()
    seconds = time.perf_counter() - began
    for program in programs:
        program.join()
    return len(files) / seconds * 60


# --- simulation


class Simulated(Executor):
    """So many workers whose fits take recorded times, and a queue of what they have done, on a clock of their own.

    The clock is that of the parent plus the time that it would have waited, so the parent's own work counts in full.
    """

    def __init__(self, workers: int, durations: list[float]) -> None:
        self.free, self.draw = [0.0] * workers, random.Random(0)
        self.durations, self.skipped = durations, 0.0
        self.done: list[tuple[float, int, Future[Any], Any]] = []
        self.began, self.count = time.perf_counter(), 0

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.began + self.skipped

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Put a job at the end of the worker that is free first."""
        future: Future[Any] = Future()
        if function is worker.probe:
            future.set_result(worker.probe(*args))
            return future
        seconds = self.draw.choice(self.durations)
        begin = max(self.now(), heapq.heappop(self.free))
        heapq.heappush(self.free, begin + seconds)
        entry = args[0].entry(status="fitted", seconds=seconds, mm=0.5, host="simulated", notes=("A note.",))
        self.count += 1
        heapq.heappush(self.done, (begin + seconds, self.count, future, entry))
        return future

    def put(self, future: Future[Any]) -> None:
        """What a future calls when it is done: `get` has it already."""

    def get(self, timeout: float) -> Future[Any]:
        """The job that is done next, at the time when it is done."""
        if not self.done:
            raise Empty
        when, _, future, entry = heapq.heappop(self.done)
        self.skipped += max(0.0, when - self.now())
        future.set_result(entry)
        return future


def simulate(workers: int, heads: int, durations: list[float]) -> tuple[float, float, float]:
    """Hours that the run takes, the share of them in which a worker is busy, and ms of the parent per head."""
    executor = Simulated(workers, durations)
    digest, queue = Source.digest, run_module.SimpleQueue
    with tempfile.TemporaryDirectory() as folder:
        try:
            Source.digest = lambda self: self.name  # type: ignore[method-assign]  # hashing is a disk's affair
            run_module.SimpleQueue = {Future[Entry]: lambda: executor}  # type: ignore[assignment, misc]
            sources = [Source(f"head{n}", "scan", (Path(__file__),)) for n in range(heads)]
            executor.began = time.perf_counter()
            batch = fit_many(sources, executor, folder, options={"device": "cpu"}, say=lambda words: None)
        finally:
            Source.digest, run_module.SimpleQueue = digest, queue  # type: ignore[method-assign, misc]
        own = time.perf_counter() - executor.began
        assert len(batch.names("fitted")) == heads
        busy = sum(entry.seconds for entry in batch.entries.values())
        whole = executor.now()
    return whole / 3600, busy / (workers * whole), own / heads * 1e3


@click.command()
@click.option("--count", default=100, show_default=True, help="Heads to fit.")
@click.option("--steps", default=36, show_default=True, help="Steps of a fit.")
@click.option("--engine", type=click.Choice(ENGINES), multiple=True, default=ENGINES)
@click.option("--output", type=click.Path(path_type=Path), help="Keep the fits there.")
@click.option("--simulate", "simulated", is_flag=True, help="Simulate many workers instead.")
@click.option("--seconds", default=18.0, show_default=True, help="Of a fit, for the simulation.")
def main(count: int, steps: int, engine: tuple[str, ...], output: Path | None, simulated: bool, seconds: float) -> None:
    """Print the tables."""
    if simulated:
        draw = random.Random(1)
        durations = [seconds * draw.lognormvariate(0, _SPREAD) for _ in range(1000)]
        print("| workers | heads | hours | workers busy | parent, ms per head |\n|---|---|---|---|---|")
        for workers, heads in ((2, 100), (10, 1_000), (100, 10_000), (1_000, 10_000), (1_000, _HEADS)):
            hours, busy, own = simulate(workers, heads, durations)
            print(f"| {workers:,} | {heads:,} | {hours:.2f} | {busy:.1%} | {own:.2f} |", flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = output or Path(temporary)
        head = load_head()
        (folder / "scans").mkdir(parents=True, exist_ok=True)
        for n in range(count):
            replace(head.sample(n), texture=None).write(folder / "scans" / f"head{n:03d}.ply")
        sources = scans_in(folder / "scans")
        print(f"{count} heads of {steps} steps, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print("| engine | workers | heads per minute | efficiency | MB per worker | seconds beside each fit |")
        print("|---|---|---|---|---|---|")
        for name in engine:
            rates: dict[int, float] = {}
            for workers in (1, 2):
                place, memory, beside = folder / f"{name}{workers}", float("nan"), float("nan")
                if name == "by hand":
                    rates[workers] = by_hand(sources, workers, steps)
                elif name == "dask":
                    with local_dask(workers) as opener:
                        rates[workers], memory, beside = measure(sources, opener, workers, place, steps)
                else:
                    rates[workers], memory, beside = measure(sources, processes(workers), workers, place, steps)
                share = rates[workers] / (workers * rates[1])
                print(f"| {name} | {workers} | {rates[workers]:.2f} | {share:.2f} | {memory:.0f} | {beside:.2f} |")
                sys.stdout.flush()


if __name__ == "__main__":  # processes of a pool import this file again
    main()
