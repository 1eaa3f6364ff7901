"""What there is to fit: the scans of a folder, or its people in photographs, listed before any work begins."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import unquote

from asm_teach.data.sidecars import files_beside
from asm_teach.new_head.given_landmarks import MARK_ENDINGS

SCANS = (".obj", ".ply", ".glb", ".gltf", ".stl", ".off")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".tga")
_URI = re.compile(rb'"uri"\s*:\s*"([^"]+)"')
_TOLD = 3  # pairs of files with one name, and endings, that an error lists

Kind: TypeAlias = Literal["scan", "views"]


@dataclass(frozen=True)
class Source:
    """One head to fit.

    name: where its result goes: `people/anna` is written to `people/anna.npz` in the folder of results.
    kind: "scan" or "views". files: the scan, or the photographs of one person.
    landmarks: the landmark file of the scan that is to be used. beside: other files that the result depends on.
    """

    name: str
    kind: Kind
    files: tuple[Path, ...]
    landmarks: Path | None = None
    beside: tuple[Path, ...] = ()

    def digest(self) -> str:
        """The SHA-256 of all its files: another one is another head. Raises OSError for a file that cannot be read."""
        whole = hashlib.sha256()
        for file in (*self.files, *filter(None, [self.landmarks]), *self.beside):
            whole.update(f"{file.name}\0{file_digest(file)}\0".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def file_digest(file: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def scans_in(
    folder: str | PathLike[str], landmarks: bool = False, leave_out: str | PathLike[str] | None = None
) -> list[Source]:
    """The scans of a folder and of the folders in it, one head each, in the order of their names.

    Args:
        folder: what to search. Hidden files are passed over, and a link that leads back to where it came from.
        landmarks: use the landmark file of the scan's name beside it (`a.json`, `.pts`, ... of `a.ply`) if it is there.
        leave_out: a folder that is not searched: that of the results.

    Raises:
        ValueError: no folder, no scan in it, two scans that would be written to one file.
        OSError: a folder that cannot be read.
    """
    folder, other, sources = _folder(folder), Counter[str](), []
    for here, names in _walk(folder, leave_out):
        for file in (here / name for name in names):
            if file.suffix.lower() not in SCANS:
                other[file.suffix.lower() or "without an ending"] += 1
                continue
            marks = files_beside(file, MARK_ENDINGS) if landmarks else []
            beside = _parts_of_gltf(file) if file.suffix.lower() == ".gltf" else ()
            name = file.relative_to(folder).with_suffix("").as_posix()
            sources.append(Source(name, "scan", (file,), marks[0] if marks else None, beside))
    if not sources:
        raise ValueError(f"folder: {str(folder)!r} holds no scan ({', '.join(SCANS)}); found {_told(other)}")
    return _checked(sources)


def views_in(
    folders: str | PathLike[str] | Iterable[str | PathLike[str]], leave_out: str | PathLike[str] | None = None
) -> list[Source]:
    """The people in photographs: each folder that holds pictures, among these and the folders in them, is one head.

    Args:
        folders: what to search, one folder or several. A head has the name of its folder, below the one given.
        leave_out: a folder that is not searched: that of the results.

    Raises:
        ValueError: no folder, no picture in one of them, two people that would be written to one file.
        OSError: a folder that cannot be read.
    """
    sources: list[Source] = []
    for folder in [folders] if isinstance(folders, (str, PathLike)) else list(folders):
        folder, other, before = _folder(folder), Counter[str](), len(sources)
        for here, names in _walk(folder, leave_out):
            pictures = tuple(here / name for name in names if Path(name).suffix.lower() in PICTURES)
            other.update(Path(name).suffix.lower() or "without an ending" for name in names)
            if pictures:
                name = here.relative_to(folder if here != folder else folder.parent).as_posix()
                beside = tuple(sorted({file for picture in pictures for file in files_beside(picture)}))
                sources.append(Source(name, "views", pictures, beside=beside))
        if len(sources) == before:
            raise ValueError(f"folder: {str(folder)!r} holds no photograph; found {_told(other)}")
    return _checked(sources)


def _folder(folder: str | PathLike[str]) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"folder: {str(folder)!r} is not a folder; give one that holds what is to be fitted")
    return folder.resolve()  # a worker may have started elsewhere


def _walk(folder: Path, leave_out: str | PathLike[str] | None) -> Iterator[tuple[Path, list[str]]]:
    """Each folder once, whatever links lead to it, with the names of its files in order."""

    def fail(error: OSError) -> None:
        raise error

    left_out = None if leave_out is None else Path(leave_out).resolve()
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True, onerror=fail):
        there = os.stat(root)
        if (there.st_dev, there.st_ino) in seen or Path(root).resolve() == left_out:
            folders.clear()
            continue
        seen.add((there.st_dev, there.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(root), sorted(name for name in names if not name.startswith("."))


def _parts_of_gltf(file: Path) -> tuple[Path, ...]:
    """The files that a .gltf file names: its vertices stand there."""
    try:
        named = {unquote(uri.decode("utf-8", "replace")) for uri in _URI.findall(file.read_bytes())}
    except OSError:  # told when it is read
        return ()
    return tuple(sorted(file.parent / uri for uri in named if ":" not in uri and (file.parent / uri).is_file()))


def _told(endings: Counter[str]) -> str:
    if not endings:
        return "nothing: it is empty"
    told = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(_TOLD))
    return f"{endings.total()} other files ({told})"


def _checked(sources: Sequence[Source]) -> list[Source]:
    """The sources in the order of their names, which must differ on every file system."""
    taken: dict[str, Source] = {}
    twice = []
    for source in sources:
        if (first := taken.setdefault(source.name.casefold(), source)) is not source:
            twice.append(f"{first.files[0]} and {source.files[0]}")
    if twice:
        more = f" and {len(twice) - _TOLD} more pairs" if len(twice) > _TOLD else ""
        raise ValueError(f"two heads have one name: {', '.join(twice[:_TOLD])}{more}; rename or move one of each")
    return sorted(sources, key=lambda source: source.name)
