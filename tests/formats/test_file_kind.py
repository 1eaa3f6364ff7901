"""A file of another kind than its ending says is named by its content, with what to do; a pipe is never opened."""

from __future__ import annotations

import io
import os
import re
import zipfile
from pathlib import Path

import pytest
import torch

from asm_teach.formats.checks.file_kind import check_file
from asm_teach.formats.pictures import picture_bytes
from asm_teach.geometry.mesh import Mesh, read_mesh

ENDINGS = [".obj", ".ply", ".glb", ".gltf", ".stl", ".off"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("mesh.obj", "v 0 0 0\n")
    return content.getvalue()


def refusal(folder: Path, content: bytes, name: str) -> str:
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_mesh(folder / name)
    assert str(caught.value).startswith(f"{name}: ")
    return str(caught.value)


OTHERS = {
    "a Git LFS pointer.*git lfs pull": POINTER,
    "a ZIP archive: unpack it": archive(),
    "a compressed archive: unpack it": b"\x1f\x8b\x08\0\0\0\0\0",
    "a picture": picture_bytes(torch.rand(4, 4, 3)),
    "a PDF document": b"%PDF-1.7\n",
    "a web page": b"\n<!DOCTYPE html><html>",
    "an XML file: export": b'<?xml version="1.0"?><COLLADA>',
    "an FBX file: export": b"Kaydara FBX Binary  \0",
    "a Blender file": b"BLENDER-v300",
    "the file is empty": b"",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_mesh_is_named_whatever_its_ending(tmp_path: Path, ending: str, what: str) -> None:
    message = refusal(tmp_path, OTHERS[what], f"scan{ending}")
    assert re.search(what, message), message


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_mesh_with_the_ending_of_another_kind_is_named(tmp_path: Path, kind: str, ending: str) -> None:
    mesh = Mesh(torch.rand(4, 3), torch.tensor([[0, 1, 2], [1, 3, 2]]))
    if kind in (".obj", ".ply", ".glb"):
        mesh.write(tmp_path / f"true{kind}")
        content = (tmp_path / f"true{kind}").read_bytes()
    else:
        content = {
            ".off": b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
            ".stl": b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\n"
            b"endfacet\nendsolid a\n",
            ".gltf": b'{"asset": {"version": "2.0"}}',
        }[kind]
    (tmp_path / f"named{ending}").write_bytes(content)
    if kind == ending:
        check_file(tmp_path / f"named{ending}")
    else:
        assert f"give it the ending {kind}" in refusal(tmp_path, content, f"named{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
def test_folders_and_pipes_are_no_files(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"folder{ending}").mkdir()
    with pytest.raises(ValueError, match=f"folder{ending}: this is a folder"):
        read_mesh(tmp_path / f"folder{ending}")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_mesh(tmp_path / f"gone{ending}")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / f"pipe{ending}")
        with pytest.raises(ValueError, match=f"pipe{ending}: this is a pipe or a device"):
            read_mesh(tmp_path / f"pipe{ending}")
