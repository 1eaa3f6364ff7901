"""Where the program may write: checked before the work, and never in the place of a user's own file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from asm_teach.data.heads import load_head
from asm_teach.formats.checks import outputs
from asm_teach.formats.checks.outputs import MARK, check_output, is_ours, side_file, signed
from asm_teach.formats.pictures import picture_bytes, picture_of_bytes
from asm_teach.geometry.mesh import Mesh, read_mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.storage import save


def textured() -> Mesh:
    """A triangle with a texture."""
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    return Mesh(corners, torch.tensor([[0, 1, 2]]), uv=corners[:, :2], texture=torch.rand(4, 4, 3))


def test_a_place_that_can_be_written_to_is_left_as_it_was(tmp_path: Path) -> None:
    check_output(tmp_path / "a.OBJ", (".obj", ".ply"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.obj").write_text("old")
    check_output(tmp_path / "a.obj", inputs=[None, tmp_path / "b.obj"])
    assert (tmp_path / "a.obj").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_other_endings_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="output: 'a.txt' should end in .obj, .ply or .glb"):
        check_output(tmp_path / "a.txt", (".obj", ".ply", ".glb"))
    with pytest.raises(ValueError, match="--save: there is no folder .*gone'; make it first"):
        check_output(tmp_path / "gone" / "a.obj", name="--save")
    (tmp_path / "a.obj").mkdir()
    with pytest.raises(ValueError, match="is a folder or a device"):
        check_output(tmp_path / "a.obj")
    with pytest.raises(ValueError, match="is a folder or a device"):
        check_output(Path(os.devnull))
    with pytest.raises(ValueError, match="cannot be written .*too long"):
        check_output(tmp_path / ("a" * 300))
    (tmp_path / "b.obj").write_text("locked")
    (tmp_path / "b.obj").chmod(0o444)
    with pytest.raises(ValueError, match="b.obj' is read-only"):
        check_output(tmp_path / "b.obj")


def test_a_folder_that_refuses_and_a_full_disk_are_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", refuse)
        with pytest.raises(ValueError, match="a.obj' cannot be written .Permission denied"):
            check_output(tmp_path / "a.obj")
    monkeypatch.setattr(outputs.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 9, 1_000_000))
    with pytest.raises(ValueError, match="1.0 MB are free in .*make space"):
        check_output(tmp_path / "a.obj")


@pytest.mark.parametrize("way", ["itself", "relative", "symbolic link", "hard link", "through a folder"])
def test_an_input_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    scan, output = tmp_path / "scan.obj", tmp_path / "out.obj"
    scan.write_text("scan")
    monkeypatch.chdir(tmp_path)
    if way == "itself":
        output = scan
    elif way == "relative":
        output = Path("../") / tmp_path.name / "scan.obj"
    elif way == "symbolic link":
        output.symlink_to(scan)
    elif way == "hard link":
        output.hardlink_to(scan)
    else:
        (tmp_path / "other").symlink_to(tmp_path)
        output = tmp_path / "other" / "scan.obj"
    with pytest.raises(ValueError, match="is the input .*scan.obj'"):
        check_output(output, inputs=[scan])
    with pytest.raises(ValueError, match="is the input"):
        textured().write(output, keep=[scan])
    assert scan.read_text() == "scan"


def test_a_default_name_replaces_only_what_the_program_wrote(tmp_path: Path) -> None:
    path = tmp_path / "fit.obj"
    check_output(path, given=False)
    textured().write(path)
    check_output(path, given=False)
    path.write_text(path.read_text() + "v 0 0 0\n")
    with pytest.raises(ValueError, match="fit.obj' is there already; name it to replace it"):
        check_output(path, given=False)
    check_output(path)
    save(AdaptiveSkinningModel(load_head().mesh, load_head().rig, components=2), tmp_path / "model.npz")
    check_output(tmp_path / "model.npz", given=False)


def test_a_signature_is_of_one_file_and_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.mtl"
    path.write_bytes(signed(f"# {MARK}\nnewmtl skin\n".encode(), "a.obj"))
    assert is_ours(path, "a.obj") and not is_ours(path, "b.obj") and not is_ours(tmp_path / "gone", "a.obj")
    path.write_text(path.read_text().replace("skin", "face"))
    assert not is_ours(path, "a.obj")
    path.write_bytes(MARK.encode()[:-40])
    assert not is_ours(path, "a.obj")


def test_a_signed_picture_is_a_whole_png(tmp_path: Path) -> None:
    image, path = torch.rand(20, 30, 3), tmp_path / "a.png"
    path.write_bytes(picture_bytes(image, "a.obj"))
    with Image.open(path) as picture:
        picture.verify()  # every checksum
    assert torch.equal(picture_of_bytes(path.read_bytes(), "a"), picture_of_bytes(picture_bytes(image), "b"))
    assert is_ours(path, "a.obj")
    with Image.open(path) as picture:  # as a program for pictures does, which keeps what stands in it
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path, pnginfo=None)
    assert not is_ours(path, "a.obj")


@pytest.mark.parametrize("ending", [".obj", ".ply"])
def test_a_texture_never_replaces_a_file_of_the_user(tmp_path: Path, ending: str) -> None:
    own = {name: f"my {name}".encode() for name in ("anna.png", "anna.mtl", "anna_texture.png", "anna_texture-2.png")}
    for name, content in own.items():
        (tmp_path / name).write_bytes(content)
    mesh = textured()
    for _ in range(2):  # the second time its own files are replaced
        written = mesh.write(tmp_path / f"anna{ending}")
        names = ["anna_texture-3.png", *(["anna-2.mtl"] if ending == ".obj" else []), f"anna{ending}"]
        assert [path.name for path in written] == names
        assert {path.name for path in tmp_path.iterdir()} == {*own, *names}
    assert all((tmp_path / name).read_bytes() == content for name, content in own.items())
    found = read_mesh(tmp_path / f"anna{ending}")
    assert found.texture is not None and mesh.texture is not None
    assert (found.texture - mesh.texture).abs().max() < 0.01


def test_a_texture_that_is_an_input_or_was_changed_is_not_replaced(tmp_path: Path) -> None:
    mesh, texture = textured(), tmp_path / "anna_texture.png"
    mesh.write(tmp_path / "anna.obj")
    before = texture.read_bytes()
    assert mesh.write(tmp_path / "anna.obj", keep=[texture])[0].name == "anna_texture-2.png"
    assert mesh.write(tmp_path / "anna.ply")[0].name == "anna_texture-3.png"  # of another mesh
    assert texture.read_bytes() == before
    (tmp_path / "anna.mtl").write_text((tmp_path / "anna.mtl").read_text() + "Ks 1 1 1\n")
    assert [path.name for path in mesh.write(tmp_path / "anna.obj")] == ["anna_texture.png", "anna-2.mtl", "anna.obj"]
    (tmp_path / "link_texture.png").symlink_to(tmp_path / "gone.png")
    assert side_file(tmp_path / "link_texture.png", tmp_path / "link.obj").name == "link_texture-2.png"
