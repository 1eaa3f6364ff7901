"""Which kind of file lies at a path, by its first bytes: a wrong one is named before a reader stumbles over it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_LOOK = 4096  # bytes that tell


class _Kind(NamedTuple):
    start: re.Pattern[bytes]  # at the beginning of the file
    what: str
    remedy: str
    ending: str = ""  # of the kinds that are read


def _kind(start: bytes, what: str, remedy: str, ending: str = "") -> _Kind:
    return _Kind(re.compile(start, re.DOTALL), what, remedy, ending)


_UNPACK = "unpack it and give the mesh that is in it"
_EXPORT = "export the mesh as PLY, OBJ or GLB from the program that wrote it"
_KINDS = (
    _kind(
        rb"version https://(git-lfs|hawser)",
        "a Git LFS pointer, some lines of text that stand for the real file",
        "fetch that with `git lfs pull`, or download it from the repository's page",
    ),
    _kind(rb"(\.\./)*(\.git/|/)annex/objects/", "a git-annex pointer", "fetch the real file with `git annex get`"),
    _kind(rb"\s*<(\?xml|COLLADA|X3D)", "an XML file", _EXPORT),
    _kind(rb"\s*<", "a web page, not a mesh", "open its address in a browser to see why"),
    _kind(rb"PK\x03\x04|PK\x05\x06", "a ZIP archive", _UNPACK),
    _kind(rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "a compressed archive", _UNPACK),
    _kind(rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF....WEBP|BM.{4}\0{4}", "a picture", "give the mesh instead"),
    _kind(rb"%PDF", "a PDF document", "give the mesh instead"),
    _kind(rb"Kaydara FBX|; FBX", "an FBX file", _EXPORT),
    _kind(rb"BLENDER", "a Blender file", _EXPORT),
    _kind(rb"PXR-USDC|#usda", "a USD file", _EXPORT),
    _kind(rb"(\xef\xbb\xbf)?ply[ \t]*[\r\n]", "a PLY file", "give it the ending .ply", ".ply"),
    _kind(rb"glTF", "a GLB file", "give it the ending .glb", ".glb"),
    _kind(rb'(\xef\xbb\xbf)?\s*\{.*"asset"', "a glTF file of text", "give it the ending .gltf", ".gltf"),
    _kind(rb"(ST)?C?N?4?n?OFF\b", "an OFF file", "give it the ending .off", ".off"),
    _kind(rb"solid\b.*?facet\s+normal", "an STL file", "give it the ending .stl", ".stl"),
    _kind(rb"(#[^\r\n]*\s+)*(v|vn|vt|o|g|mtllib|usemtl)[ \t]+\S", "an OBJ file", "give it the ending .obj", ".obj"),
)
_MUST_BEGIN = {".ply": "ply", ".glb": "glTF", ".gltf": "{"}


def check_file(path: Path) -> None:
    """Check that a whole file lies at `path` whose content belongs to its ending.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: a folder, a pipe, an empty file, a file of another kind: it is named with what to do.
    """
    if path.is_dir():
        raise ValueError(f"{path.name}: this is a folder; name one file in it")
    if not path.exists():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    if not path.is_file():  # opening a pipe would wait for ever
        raise ValueError(f"{path.name}: this is a pipe or a device, not a file; save its content in a file first")
    if path.stat().st_size == 0:
        raise ValueError(f"{path.name}: the file is empty; fetch or export it again")
    with path.open("rb") as file:
        start = file.read(_LOOK)
    ending = path.suffix.lower()
    kind = next((kind for kind in _KINDS if kind.start.match(start)), None)
    if kind is not None and kind.ending != ending:
        raise ValueError(f"{path.name}: this is {kind.what}: {kind.remedy}")
    if kind is None and ending in _MUST_BEGIN and not (ending == ".gltf" and re.match(rb"(\xef\xbb\xbf)?\s*\{", start)):
        raise ValueError(
            f"{path.name}: a {ending[1:].upper()} file begins with "
            f"{_MUST_BEGIN[ending]!r}, this one with {start[:12].decode('latin-1')!r}: it is another kind of file; "
            "give it its right ending"
        )
