"""Small heads that are fitted in a moment, and executors that misbehave."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.storage import save
from tests.formats.fuzz_files import small_model

STEPS = {"steps": 2, "device": "cpu"}


def small_heads(folder: Path, count: int = 3, names: str = "head{}.ply") -> list[Path]:
    """Registered scans of the small model, each a little different."""
    mesh, paths = small_model().mesh, []
    for n in range(count):
        path = folder / names.format(n)
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = torch.randn(mesh.vertices.shape, generator=torch.Generator().manual_seed(n))
        Mesh(mesh.vertices + noise, mesh.faces).write(path)
        paths.append(path)
    return paths


def saved_model(folder: Path) -> Path:
    save(small_model(), folder / "small.npz")
    return folder / "small.npz"


class Inline(Executor):
    """Does each task at once, in this process; what `instead` has for a head's name is called in its place."""

    def __init__(self, instead: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.instead, self.sent = dict(instead or {}), list[str]()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        name = args[0].source.name if hasattr(args[0], "source") else "probe"
        self.sent.append(name)
        try:
            future.set_result(self.instead.get(name, function)(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@contextmanager
def opened(executor: Executor) -> Iterator[Executor]:
    yield executor


def raises(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def deadly(job: Any) -> Any:
    """Fits a head, but dies of one called `killer`, as a worker without memory does."""
    from asm_teach.many_heads.worker import fit_one

    if job.source.name == "killer":
        os._exit(9)
    return fit_one(job)
