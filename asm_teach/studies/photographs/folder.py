"""A folder of photographs: `view0.jpg`, `view1.jpg`, ..., a detector's landmarks beside each, and `truth.npz`.

The pictures and landmarks are what `asm-teach fit-views` reads; the truth is what it never sees.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from asm_teach.base.arrays import load_npz
from asm_teach.formats.pictures import read_picture
from asm_teach.geometry.mesh import Mesh
from asm_teach.studies.cases import Case
from asm_teach.studies.photographs.cycles import draw
from asm_teach.studies.photographs.scene import Scene, develop
from asm_teach.view_fit.face_detector import find_landmarks
from asm_teach.view_fit.view import View

QUALITY = 92  # of the JPEG files


def take_photographs(
    scene: Scene, folder: Path, samples: int = 64, threads: int = 2, say: Callable[[str], None] = print
) -> None:
    """Draw every photograph of a scene with Cycles and write the folder; samples, threads: as `cycles.draw` takes them.

    Raises ValueError and ModuleNotFoundError as `draw` and `write_photographs` do, before the work starts.
    """
    check_new(folder)
    lights = draw(scene, samples, threads)
    write_photographs(scene, lights, folder, say)


def check_new(folder: Path) -> None:
    """Raise a ValueError unless a folder can be made: the name is free, and the folder above it is there."""
    if os.path.lexists(folder):
        raise ValueError(f"folder: {str(folder)!r} is there already; give a name that is free")
    if not folder.parent.is_dir():
        raise ValueError(f"folder: there is no folder {str(folder.parent)!r}; make it first")
    if not os.access(folder.parent, os.W_OK):
        raise ValueError(f"folder: {str(folder.parent)!r} cannot be written to; give another place")


def write_photographs(
    scene: Scene, lights: Iterable[np.ndarray], folder: Path, say: Callable[[str], None] = print
) -> None:
    """Develop the light (H, W, 3) of each camera, find the landmarks, and write the folder: all of it, or nothing.

    A photograph in which MediaPipe finds no face is left out.

    Raises:
        ValueError: the folder is there already or cannot be made, or MediaPipe finds no face in any photograph.
        ModuleNotFoundError: MediaPipe is not installed.
    """
    check_new(folder)
    with suppress(ValueError):  # no face is in it; whether there is a detector shows before a minute of drawing
        find_landmarks(torch.zeros(64, 64, 3))
    generator = np.random.default_rng(scene.seed)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", dir=folder.parent))
    count = len(scene.cameras)
    try:
        kept: list[int] = []
        for n, light in enumerate(lights):
            name = f"view{len(kept)}"
            Image.fromarray(develop(light, scene.exposure[n], generator)).save(part / f"{name}.jpg", quality=QUALITY)
            try:
                found = find_landmarks(read_picture(part / f"{name}.jpg"), name, say)
            except ValueError:
                say(f"photograph {n + 1} of {count}: MediaPipe finds no face in it; it is left out")
                (part / f"{name}.jpg").unlink()
                continue
            np.savez_compressed(part / f"{name}.npz", landmarks=found.numpy())
            kept.append(n)
            say(f"photograph {n + 1} of {count}")
        if not kept:
            raise ValueError(
                f"scene: MediaPipe finds no face in any photograph of {scene.sitter.name}; try another seed"
            )
        np.savez_compressed(part / "truth.npz", **truth(scene, kept))
        part.chmod(0o755)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def truth(scene: Scene, kept: list[int]) -> dict[str, Any]:
    """What is true of the photographs with the numbers in `kept`; arrays as `photographed_case` reads them."""
    sitter, cameras = scene.sitter, [scene.cameras[n] for n in kept]
    each = {
        name: np.stack([getattr(camera, name).numpy() for camera in cameras])
        for name in ("focal", "principal", "rotation", "translation")
    }
    return each | {
        "size": np.array([camera.size for camera in cameras]),
        "vertices": sitter.mesh.vertices.numpy(), "faces": sitter.mesh.faces.numpy(),
        "points": sitter.points.numpy(), "landmarks": sitter.landmarks.numpy(), "region": sitter.region.numpy(),
        "name": np.array(sitter.name), "licence": np.array(sitter.licence),
    }  # fmt: skip


def photographed_case(folder: Path, count: int | None = None) -> Case:
    """The photographs of a folder with what is true of them; with `count` only so many, spread evenly.

    Raises ValueError for a folder that holds none, or fewer than `count`.
    """
    if not (folder / "truth.npz").is_file():
        raise ValueError(f"folder: {str(folder)!r} holds no truth.npz; `asm-teach photographs` writes such folders")
    known = load_npz(folder / "truth.npz")
    total = len(known["focal"])
    chosen = spread(total, total if count is None else count)
    views = tuple(
        View(read_picture(folder / f"view{n}.jpg"), torch.from_numpy(load_npz(folder / f"view{n}.npz")["landmarks"]))
        for n in chosen
    )
    mesh = Mesh(torch.from_numpy(known["vertices"]), torch.from_numpy(known["faces"]).long())
    return Case(
        name=str(known["name"]),
        about=f"{len(views)} photographs by Cycles, points by MediaPipe",
        views=views,
        truth=mesh,
        region=torch.from_numpy(known["region"]).long(),
        landmarks=torch.from_numpy(known["landmarks"]),
        focal=tuple(float(known["focal"][n]) for n in chosen),
        licence=str(known["licence"]),
    )


def spread(total: int, count: int) -> list[int]:
    """`count` numbers of 0 to total - 1, evenly round the middle: of 8, two are 2 and 5.

    Raises ValueError for a count below 1 or above the total.
    """
    if not 1 <= count <= total:
        raise ValueError(f"count: found {count} for {total} photographs; give 1 to {total}")
    middle = (total - 1) / 2
    places = middle + (np.arange(count) - (count - 1) / 2) * total / count
    return [int(np.ceil(x - 0.5)) if x >= middle else int(np.floor(x + 0.5)) for x in places]
