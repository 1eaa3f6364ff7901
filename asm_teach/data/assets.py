"""What can be fetched: heads, scans and photographs that are not part of this project, each with its licence.

A file is looked for in three places, in this order: the folder named by the environment variable
ASM_TEACH_MIRROR (`<mirror>/<asset>/<file>`), the user's cache (or the folder named by ASM_TEACH_CACHE), and
the address of its source at one fixed commit. Wherever it comes from, its checksum must be right.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch

from asm_teach.base.arrays import load_npz as load_npz  # also found here, beside data_dir
from asm_teach.base.files import PACKAGE, whole


class AssetUnavailable(OSError):
    """A file is neither in the mirror nor in the cache and could not be downloaded."""


@dataclass(frozen=True)
class AssetRow:
    """One line of the list of assets: the `bytes` of its files and `where` they are (empty when not here)."""

    name: str
    about: str
    licence: str
    bytes: int
    here: bool
    where: str


@dataclass(frozen=True)
class _File:
    asset: str
    name: str
    url: str
    sha256: str
    command: str  # what fetches it, for messages


def data_dir() -> Path:
    """The folder of the embedded data: `data/` of a checkout, `_data/` inside the package of a wheel."""
    for folder in (PACKAGE / "_data", PACKAGE.parent / "data"):
        if (folder / "sources.json").is_file():
            return folder
    raise FileNotFoundError(
        f"the data that belong to asm_teach are not beside it in {PACKAGE.parent}: install it again"
    )


def list_assets() -> list[AssetRow]:
    """Every asset that can be fetched, and whether all of its files are here; nothing is downloaded."""
    rows = []
    for name, entry in _sources()["assets"].items():
        names = [file["name"] for file in entry["files"]]
        size = sum(file["bytes"] for file in entry["files"])
        where = next((f for f in _folders(name) if all((f / file).is_file() for file in names)), None)
        rows.append(AssetRow(name, entry["about"], entry["licence"], size, where is not None, str(where or "")))
    return rows


def asset_licence(name: str) -> str:
    """Licence and attribution of an asset in one line, with what else must stand beside its pictures."""
    entry = _entry(name)
    note = f'; note: "{entry["note"]}"' if entry["note"] else ""
    return f"{entry['licence']}; {entry['attribution']}{note}"


def fetch(name: str, progress: bool = True) -> Path:
    """The folder that holds all files of an asset, downloaded when they are not here yet.

    Args:
        name: one of `list_assets()`.
        progress: show a bar for each download.

    Raises:
        ValueError: an unknown name, or a checksum that does not match.
        AssetUnavailable: a file is not here and cannot be downloaded.
    """
    files = [_file(name, file["name"]) for file in _entry(name)["files"]]
    for folder in _folders(name):
        if all((folder / file.name).is_file() for file in files):
            for file in files:
                _verify(folder / file.name, file)
            return folder
    for file in files:
        target = _obtain(file, progress)
    return target.parent


def asset_path(name: str, file: str, progress: bool = True) -> Path:
    """One file of an asset, downloaded when it is not here yet; raises as `fetch` does."""
    wanted = _file(name, file)
    for folder in _folders(name):
        if (folder / file).is_file():
            return _verify(folder / file, wanted)
    return _obtain(wanted, progress)


def source_address() -> str:
    """The address that files are downloaded from."""
    return str(_sources()["url"])


def _sources() -> dict[str, Any]:
    return json.loads((data_dir() / "sources.json").read_text("utf-8"))


def _entry(name: str) -> dict[str, Any]:
    assets = _sources()["assets"]
    if name not in assets:
        raise ValueError(f"name: there is no asset {name!r}; the assets are {', '.join(assets)}")
    return assets[name]


def _file(asset: str, name: str) -> _File:
    entry, template = _entry(asset), _sources()["url"]
    for file in entry["files"]:
        if file["name"] == name:
            url = template.format(repo=file["repo"], commit=file["commit"], path=file["path"])
            return _File(asset, name, url, file["sha256"], f"run `asm-teach data {asset}`")
    more = entry.get("more_files", {"sha256": {}})
    if name in more["sha256"]:
        url = template.format(repo=more["repo"], commit=more["commit"], path=f"{more['folder']}/{name}")
        return _File(asset, name, url, more["sha256"][name], f"call asset_path({asset!r}, {name!r})")
    known = ", ".join(file["name"] for file in entry["files"])
    known += f" and {len(more['sha256'])} more" if more["sha256"] else ""
    raise ValueError(f"file: the asset {asset!r} has no file {name!r}; it has {known}")


def _folders(asset: str) -> list[Path]:
    """Where the files of an asset may lie on this computer, the mirror first."""
    mirror = os.environ.get("ASM_TEACH_MIRROR", "")
    if mirror and not Path(mirror).is_dir():
        raise ValueError(
            f"ASM_TEACH_MIRROR names {mirror!r}, which is no folder: correct that environment variable, or remove it"
        )
    cache = os.environ.get("ASM_TEACH_CACHE", "") or pooch.os_cache("asm_teach")
    return [*([Path(mirror) / asset] if mirror else []), Path(cache) / asset]


def _verify(path: Path, file: _File) -> Path:
    found = pooch.file_hash(str(path), alg="sha256")
    if found != file.sha256:
        raise ValueError(
            f"{path}: the checksum does not match, so this is not the file it should be (sha256 expected "
            f"{file.sha256}, found {found}): delete it and {file.command} to fetch it again"
        )
    return path


def _remove_downloads(cache: Path) -> None:
    """Remove what killed downloads of version 0.1.0 left, under names such as `tmp1ab_c2d3`; a day old at least."""
    for path in cache.glob("tmp????????"):
        if "." not in path.name and time.time() - path.stat().st_mtime > 86_400:
            path.unlink(missing_ok=True)


def _obtain(file: _File, progress: bool) -> Path:
    """The file in the cache: found there, copied from the mirror, or downloaded."""
    *mirror, cache = _folders(file.asset)
    target = cache / file.name
    if target.is_file():
        return _verify(target, file)
    if mirror and (mirror[0] / file.name).is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with whole(target) as part:
            shutil.copyfile(_verify(mirror[0] / file.name, file), part)
        return target
    if not cache.is_dir() or not any(cache.iterdir()):
        print(f"{file.asset}: {asset_licence(file.asset)}")  # once, before its first file is fetched
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_downloads(cache)
        with whole(target) as part:
            pooch.HTTPDownloader(progressbar=progress, timeout=30)(file.url, str(part), None)
            if (found := pooch.file_hash(str(part), alg="sha256")) != file.sha256:
                raise ValueError(f"sha256 expected {file.sha256}, found {found}")
    except OSError as error:  # of which every error of the network is a kind
        reason = str(error) if len(str(error)) < 120 else type(error).__name__
        raise AssetUnavailable(
            f"{file.name} of {file.asset} is not on this computer and could not be downloaded ({reason}): "
            f"connect to the internet once and {file.command}, or set ASM_TEACH_MIRROR to a folder that "
            f"holds {file.asset}/{file.name}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{file.name} of {file.asset}: the checksum does not match, so what came from {file.url} is not "
            f"the file it should be, and nothing was kept ({error}); {file.command} to fetch it again"
        ) from None
    return target
