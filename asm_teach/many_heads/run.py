"""One run of many heads: what is sent to the executor, what comes back, and what a death or Ctrl-C leaves."""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import asm_teach
from asm_teach.many_heads import worker
from asm_teach.many_heads.executors import Opener
from asm_teach.many_heads.manifest import MANIFEST, Entry, Manifest
from asm_teach.many_heads.worker import Job

Say = Callable[[str], None]

TRIES = 2  # of a head whose worker dies
STOPPED = "stopped"  # by Ctrl-C
_AHEAD = 2  # jobs per process of a pool that are sent ahead: all of them are in doubt if a process dies
_PATIENCE = 10.0  # seconds without an answer from any worker before the user is told
_TICK = 0.5  # seconds between two looks at the clock while nothing happens


@dataclass
class Batch:
    """How a run went.

    entries: of all heads that are done, now or earlier, by their names. new: the names of those of now.
    left: the names of those that are still to be tried. stopped: why the run ended early, or "".
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    stopped: str = ""

    def names(self, status: str) -> list[str]:
        """The heads of one status: fitted, refused, failed or lost."""
        return sorted(name for name, entry in self.entries.items() if entry.status == status)

    def __str__(self) -> str:
        counts = Counter(entry.status for entry in self.entries.values()) + Counter(left=len(self.left))
        return ", ".join(f"{counts[s]} {s}" for s in ("fitted", "refused", "failed", "lost", "left") if counts[s])


class Run:
    """One run: jobs that wait, jobs whose worker died once, and jobs that fly. open: all of these, by name.

    A pool of processes breaks as a whole when one dies. So all that it had are suspects then, and are tried again one
    at a time: the one that breaks the pool a second time has done it.
    """

    def __init__(
        self, manifest: Manifest, batch: Batch, jobs: list[Job], executor: Executor | Opener, in_flight: int | None,
        say: Say, watch: Callable[[Batch, int], None] | None,
    ) -> None:  # fmt: skip
        self.manifest, self.batch, self.say, self.watch = manifest, batch, say, watch
        self.open = {job.source.name: job for job in jobs}
        self.waiting = deque(job for job in jobs if not manifest.losses[job.key])
        self.again = deque(job for job in jobs if manifest.losses[job.key])
        self.tries = Counter({job.key: min(manifest.losses[job.key], TRIES - 1) for job in self.again})
        self.suspects, self.broken = bool(self.again), False
        self.flying: dict[Future[Entry], Job] = {}
        self.done = SimpleQueue[Future[Entry]]()
        self.given, self.in_flight = executor, in_flight

    def to_its_end(self) -> None:
        """Fit until nothing is left, the executor is gone or the user stops it."""
        probed, own = False, not hasattr(self.given, "submit")
        while (self.waiting or self.again) and not self.batch.stopped:
            self.broken = False
            given: Any = self.given
            with given() if own else nullcontext(given) as executor:
                if not probed:
                    _probe(executor, next(iter(self.open.values())), self.manifest.path.parent, self.say)
                    probed = True
                self._use(executor)
            if self.broken and not own and self.open:
                self.batch.stopped = self.batch.stopped or "a worker died, and the executor with it"

    def _use(self, executor: Executor) -> None:
        """Send jobs and take results, until nothing is left or the executor breaks or is gone."""
        try:
            while (self.waiting or self.again or self.flying) and not self.batch.stopped:
                self._send(executor)
                self._take()
                if self.broken and not self.flying:
                    return
        except KeyboardInterrupt:
            self.batch.stopped = STOPPED
            for future in list(self.flying):
                if future.cancel():
                    self.flying.pop(future, None)
            if self.flying:
                self.say(f"stopping: {len(self.flying)} heads are being finished; Ctrl-C again leaves them")
        while self.flying and self.batch.stopped == STOPPED:
            self._take()

    def _send(self, executor: Executor) -> None:
        """Give the executor as many jobs as it may have: suspects first, one at a time."""
        processes = getattr(executor, "_max_workers", 0)
        most = self.in_flight or _AHEAD * processes or len(self.open)
        self.suspects = self.suspects and bool(self.again or self.flying)
        while not self.broken and len(self.flying) < (1 if self.suspects else most):
            queue = self.waiting if self.waiting and not self.suspects else self.again
            if not queue:
                return
            job = queue.popleft()
            try:
                future = executor.submit(worker.fit_one, job)
            except Exception as error:
                queue.appendleft(job)
                if isinstance(error, BrokenExecutor):
                    self.broken = True
                else:
                    self.batch.stopped = f"the executor takes no more heads ({_told(error)})"
                return
            self.flying[future] = job
            future.add_done_callback(self.done.put)

    def _take(self) -> None:
        """Wait a moment for a result, and write it down."""
        if self.flying:
            with suppress(Empty):
                future = self.done.get(timeout=_TICK)
                if job := self.flying.pop(future, None):  # else it was cancelled
                    self._note(future, job)
        if self.watch:
            self.watch(self.batch, len(self.open))

    def _note(self, future: Future[Entry], job: Job) -> None:
        """Write down how a head went, unless nothing is known of it."""
        try:
            entry = future.result(timeout=0)
        except BrokenExecutor as error:
            self.broken = self.suspects = True
            entry = _lost(job, error)
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # dask's: the only head that its worker had
                entry = _lost(job, error)
            elif isinstance(error, (CancelledError, ConnectionError, TimeoutError)) or "CommClosed" in repr(error):
                self.batch.stopped = self.batch.stopped or f"the executor is gone ({_told(error)})"
                return
            else:
                entry = job.entry(status="failed", sentence=_told(error), error=type(error).__name__)
        try:
            self.manifest.add(entry)
        except OSError as error:  # the result itself knows how it went
            self.batch.stopped = f"{MANIFEST} cannot be written ({error.strerror or error})"
            return
        if entry.status == "lost":
            self.tries[job.key] += 1
            if self.tries[job.key] < TRIES:
                self.again.append(job)
                return
        self.batch.entries[job.source.name] = entry
        self.batch.new.append(job.source.name)
        del self.open[job.source.name]


def _probe(executor: Executor, job: Job, folder: Path, say: Say) -> None:
    """Have a worker look round before any head is sent. Raises ValueError for one that is not set up as needed."""
    token = folder / f".probe-{secrets.token_hex(6)}.token"
    seen = token.with_suffix(".seen")
    try:
        token.write_text(token.name)
        future = executor.submit(worker.probe, job.model, job.source.files[0], token, asm_teach.__version__)
        if not wait([future], _PATIENCE).done:
            say("no worker has answered yet; waiting for one")
        host = future.result()
        end = time.monotonic() + _PATIENCE
        while not (listed := seen.name in os.listdir(folder)) and time.monotonic() < end:  # a network takes its time
            time.sleep(_TICK)
        if not listed:
            raise worker.Elsewhere(f"what {host} writes into {str(folder)!r} does not arrive here")
    except worker.Elsewhere as error:
        raise ValueError(f"executor: {error}") from None
    except BrokenExecutor as error:
        raise ValueError(f"executor: its first worker died at once ({_told(error)})") from None
    except OSError:
        raise  # of this folder: no space, for instance
    except Exception as error:
        told = f"executor: it refused the first task, or could not run it ({_told(error)})"
        raise ValueError(f"{told}; asm_teach {asm_teach.__version__} must be installed where its workers run") from None
    finally:
        token.unlink(missing_ok=True)
        seen.unlink(missing_ok=True)


def _lost(job: Job, error: Exception) -> Entry:
    return job.entry(status="lost", sentence="the worker that fitted it died", error=type(error).__name__)


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
