"""Real executors: processes that die, a dask cluster that loses a worker and then its scheduler, wrong names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from asm_teach.many_heads import worker
from asm_teach.many_heads.executors import cores, executor_of, processes
from asm_teach.many_heads.fit_many import fit_many
from asm_teach.many_heads.manifest import read_manifest

from .heads import STEPS, Inline, deadly, saved_model, small_heads

ROOT = Path(__file__).parents[2]
FITTED = ["head0", "head1", "head2"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three heads, and one whose fit kills its worker."""
    small_heads(tmp_path / "in", 3)
    small_heads(tmp_path / "in", 1, "killer.ply")
    saved_model(tmp_path)
    return tmp_path


def with_death(executor: Any) -> Any:
    """The same executor, in whose workers the head `killer` is deadly."""
    submit = executor.submit

    def sent(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return submit(deadly if function is worker.fit_one else function, *args, **kwargs)

    executor.submit = sent
    return executor


def run(folder: Path, executor: Any, **given: Any) -> Any:
    return fit_many(folder / "in", executor, folder / "out", model=folder / "small.npz", options=STEPS, **given)


def statuses(folder: Path) -> list[tuple[str, str]]:
    return sorted((entry.name, entry.status) for entry in read_manifest(folder / "out"))


def assert_each_fitted_once(folder: Path) -> None:
    """Some of the others may have been in doubt, and fitted again; none is written down twice as fitted."""
    assert [one for one in statuses(folder) if one[1] == "fitted"] == [(name, "fitted") for name in FITTED]
    assert statuses(folder).count(("killer", "lost")) == 2


@pytest.mark.long
def test_a_process_that_dies_takes_only_its_own_head_along(folder: Path) -> None:
    opener = processes(2)

    @contextmanager
    def opened() -> Iterator[Any]:
        with opener() as pool:
            yield with_death(pool)

    batch = run(folder, opened)
    assert batch.names("fitted") == FITTED and batch.names("lost") == ["killer"] and not batch.stopped
    assert_each_fitted_once(folder)


def environment() -> tuple[str | None, int]:
    import torch

    worker.set_one_thread()
    return os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads()


@pytest.mark.long
def test_processes_have_one_thread_each_and_end_with_their_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with processes(1)() as pool:
        assert pool.submit(environment).result() == ("1", 1)
    assert os.environ["OMP_NUM_THREADS"] == "7"


# --- dask


NO_DASK = "dask is not installed: pip install 'asm_teach[dask]'"


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A dask scheduler and two workers with nannies, each a process as on a cluster: its address, and its process."""
    pytest.importorskip("distributed", reason=NO_DASK)
    told = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "DASK_TEMPORARY_DIRECTORY": str(tmp_path)}
    where = f"--scheduler-file={tmp_path / 'scheduler.json'}"
    commands = [
        ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", where],
        ["worker", "--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60", where],
    ]
    started = []
    try:
        for command in commands:
            with (tmp_path / f"{command[0]}.log").open("w") as log:
                started.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "dask", *command],
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                        env=os.environ | told,
                        cwd=ROOT,
                    )  # fmt: skip
                )
        end = time.monotonic() + 60
        while not (tmp_path / "scheduler.json").is_file() and time.monotonic() < end:
            time.sleep(0.1)
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        yield address.replace("tcp:", "dask:"), started[0]
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.skipif(sys.platform == "win32", reason="kills processes as Linux and macOS do")
@pytest.mark.filterwarnings("default")  # dask's own, about connections that were cut off
def test_dask_loses_only_the_head_that_kills_and_what_its_scheduler_had(scheduler: Any, folder: Path) -> None:
    opener = executor_of(scheduler[0])

    @contextmanager
    def opened() -> Iterator[Any]:
        with opener() as executor:
            yield with_death(executor)

    batch = run(folder, opened)
    assert batch.names("fitted") == FITTED and batch.names("lost") == ["killer"] and not batch.stopped
    assert_each_fitted_once(folder)  # a result that its worker still held when that died is lost once, too

    small_heads(folder / "in", 8, "more{}.ply")

    def lose_the_scheduler(batch: Any, left: int) -> None:
        if batch.new and scheduler[1].poll() is None:
            os.killpg(scheduler[1].pid, signal.SIGKILL)
            scheduler[1].wait()

    batch = run(folder, opener, watch=lose_the_scheduler)
    assert batch.stopped.startswith("the executor is gone") and batch.left
    assert run(folder, Inline()).names("fitted") == [*FITTED, *(f"more{n}" for n in range(8))]
    assert sum(status == "fitted" for _, status in statuses(folder)) == 11  # each once


# --- names


def test_an_executor_is_named_in_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_pool.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def executor(): return ThreadPoolExecutor(1)\n"
        "def wrong(): return 3\n"
    )
    monkeypatch.chdir(tmp_path)
    with executor_of("my_pool:executor")() as made:
        assert made.submit(sum, [1, 2]).result() == 3
    with pytest.raises(ValueError, match="gives a int, which has no `submit`"):
        executor_of("my_pool:wrong")()
    assert str(tmp_path) not in sys.path and cores() >= 1
    with processes(3)() as pool:
        assert isinstance(pool, ProcessPoolExecutor) and pool._max_workers == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("processes:0", "should name a number of processes"),
        ("processes:many", "should name a number of processes"),
        ("threads", "is not known; give processes, processes:4"),
        ("no_such_module:executor", "cannot be found"),
        ("json:no_such_function", "cannot be found"),
        ("dask:host", "cannot be found"),
    ],
)
def test_a_wrong_name_is_told(words: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        executor_of(words)


@pytest.mark.filterwarnings("default")
def test_no_scheduler_and_no_dask_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'asm_teach\[dask\]'"), executor_of("dask://127.0.0.1:9")():
        pass


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_an_address_without_a_scheduler_is_told() -> None:
    pytest.importorskip("distributed", reason=NO_DASK)
    with (
        pytest.raises(ValueError, match="no dask scheduler answers at tcp://127.0.0.1:9"),
        executor_of("dask://127.0.0.1:9")(),
    ):
        pass
