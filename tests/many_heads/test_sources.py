"""What is listed of a folder: each head once, under a name of its own, and one sentence for a folder of no use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from asm_teach.formats import mesh_files, pictures
from asm_teach.many_heads.sources import PICTURES, SCANS, scans_in, views_in


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_the_endings_are_those_that_the_package_reads() -> None:
    assert set(SCANS) == set(mesh_files._READ)
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
    assert {kinds.get(ending, ending[1:].upper()) for ending in PICTURES} == set(pictures.FORMATS)


def test_scans_are_found_in_folders_of_folders(tmp_path: Path) -> None:
    touch(tmp_path, "b.PLY", "a.obj", "a.mtl", "notes.txt", "deep/er/a.stl", ".hidden.obj", ".cache/c.obj", "out/x.ply")
    found = scans_in(tmp_path, leave_out=tmp_path / "out")
    assert [source.name for source in found] == ["a", "b", "deep/er/a"]
    assert found[2].files == (tmp_path / "deep/er/a.stl",) and found[0].kind == "scan"


def test_landmarks_beside_a_scan_are_used_if_they_are_wanted(tmp_path: Path) -> None:
    touch(tmp_path, "a.ply", "a.json", "b.ply", "b.txt", "c.ply")
    assert [source.landmarks for source in scans_in(tmp_path)] == [None] * 3
    found = scans_in(tmp_path, landmarks=True)
    assert [source.landmarks for source in found] == [tmp_path / "a.json", tmp_path / "b.txt", None]


def test_the_digest_is_of_all_that_a_head_depends_on(tmp_path: Path) -> None:
    touch(tmp_path, "a.ply", "a.json", "p/front.jpg", "p/front.pts")
    (tmp_path / "g.gltf").write_text('{"buffers": [{"uri": "my%20data.bin"}, {"uri": "data:,x"}]}')
    touch(tmp_path, "my data.bin")

    def digests() -> list[str]:
        return [source.digest() for source in (*scans_in(tmp_path, landmarks=True), *views_in(tmp_path))]

    before = digests()
    assert len(set(before)) == 3 and digests() == before
    for n, file in enumerate(["a.json", "my data.bin", "p/front.pts"]):
        (tmp_path / file).write_text("another")
        changed = [a != b for a, b in zip(before, digests(), strict=True)]
        assert changed == [k == n for k in range(3)]
        before = digests()


def test_each_folder_of_pictures_is_a_person(tmp_path: Path) -> None:
    touch(
        tmp_path, "people/anna/1.jpg", "people/anna/2.JPG", "people/anna/1.npz", "people/bo/x.png", "people/readme.txt"
    )
    found = views_in(tmp_path / "people")
    assert [(source.name, len(source.files), len(source.beside)) for source in found] == [("anna", 2, 1), ("bo", 1, 0)]
    assert [source.name for source in views_in([tmp_path / "people/bo", tmp_path / "people/anna"])] == ["anna", "bo"]


def test_links_in_circles_and_twice_lead_nowhere(tmp_path: Path) -> None:
    touch(tmp_path, "in/a/face.ply", "in/b/face.ply")
    os.symlink(tmp_path / "in", tmp_path / "in/a/back")
    os.symlink(tmp_path / "in/b", tmp_path / "in/a/other")
    assert len(scans_in(tmp_path / "in")) == 2


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "found nothing: it is empty"),
        (["a.txt", "b.txt", "c"], "3 other files (2 .txt, 1 without an ending)"),
        (["face.obj", "face.ply"], "two heads have one name"),
        (["x/Face.obj", "x/face.stl"], "rename or move one of each"),
    ],
)
def test_a_folder_of_no_use_is_told_in_a_sentence(tmp_path: Path, names: list[str], words: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(ValueError) as error:
        scans_in(tmp_path)
    assert words in str(error.value)


def test_a_folder_of_no_people_is_told_too(tmp_path: Path) -> None:
    touch(tmp_path, "one/anna/1.jpg", "two/anna/1.jpg", "none/face.obj")
    with pytest.raises(ValueError, match="holds no photograph; found 1 other files"):
        views_in([tmp_path / "one", tmp_path / "none"])
    with pytest.raises(ValueError, match="two heads have one name"):
        views_in([tmp_path / "one", tmp_path / "two"])
    with pytest.raises(ValueError, match="is not a folder"):
        views_in(tmp_path / "none/face.obj")


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, who can read everything."""
    touch(tmp_path, "a.ply", "closed/b.ply")
    scan = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError):
        scans_in(tmp_path)
