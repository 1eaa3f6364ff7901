"""Landmarks in XML: MeshLab's picked points and dlib's data sets, and XML that asks for more than it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from asm_teach.data import landmark_xml
from asm_teach.data.landmark_xml import read_dlib, read_pp

POINT = '<point x="{}" y="{}" z="{}" active="{}" name="{}"/>'


def pp(folder: Path, points: str, head: str = "<!DOCTYPE PickedPoints>\n", root: str = "PickedPoints") -> Path:
    """As MeshLab writes it: with a DOCTYPE that declares nothing."""
    path = folder / "a.pp"
    about = ' <DocumentData>\n  <DataFileName name="face.ply"/>\n </DocumentData>\n'
    path.write_text(f"{head}<{root}>\n{about}{points}\n</{root}>\n")
    return path


def test_points_that_meshlab_picked(tmp_path: Path) -> None:
    rows = [POINT.format(1.5, -2, 3e2, 1, "chin"), POINT.format(0, 0, 0, 0, "nose_tip"), POINT.format(7, 8, 9, 1, "")]
    points, names = read_pp(pp(tmp_path, "\n".join(rows)))
    assert names == ("chin", "nose_tip", "")
    assert points[[0, 2]].tolist() == [[1.5, -2, 300], [7, 8, 9]]
    assert points[1].isnan().all()  # not active: it was not set, and its place says nothing
    assert len(read_pp(pp(tmp_path, '<point z="3" name="1" x="1" y="2"/>', head="")).points) == 1


BOMB = '<!DOCTYPE PickedPoints [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>\n'


@pytest.mark.parametrize(
    ("points", "head", "root", "message"),
    [
        ("", "", "PickedPoints", "no points of MeshLab's PickPoints are in it"),
        (POINT.format(1, 2, 3, 1, "a"), "", "Other", "no points of MeshLab's PickPoints"),
        ('<point x="1" y="2"/>', "", "PickedPoints", "z of a <point> is missing"),
        (POINT.format(1, "two", 3, 1, "a"), "", "PickedPoints", "y of a <point> is 'two', which is no number"),
        (POINT.format(1, "inf", 3, 1, "a"), "", "PickedPoints", "holds inf: infinite"),
        ("<point", "", "PickedPoints", "this is no XML, or it is cut off"),
        (POINT.format(1, 2, 3, 1, "&b;"), BOMB, "PickedPoints", "declares entities of its own"),
        (
            POINT.format(1, 2, 3, 1, "a"),
            '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
            "PickedPoints",
            "declares entities",
        ),
    ],
)
def test_broken_pp_says_what_is_wrong(tmp_path: Path, points: str, head: str, root: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"a.pp: .*{message}"):
        read_pp(pp(tmp_path, points, head, root))


def test_too_many_elements_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmark_xml, "_MOST_ELEMENTS", 4)
    with pytest.raises(ValueError, match="a.pp: more than 4 elements"):
        read_pp(pp(tmp_path, POINT.format(1, 2, 3, 1, "a") * 4))


# dlib


def image(file: str, *boxes: list[tuple[str, int, int]]) -> str:
    inner = "".join(
        "<box top='1' left='2' width='3' height='4'>"
        + "".join(f"<part name='{name}' x='{x}' y='{y}'/>" for name, x, y in parts)
        + "</box>"
        for parts in boxes
    )
    return f"<image file='{file}' width='9' height='9'>{inner}</image>"


def dlib(folder: Path, *images: str, root: str = "dataset") -> Path:
    path = folder / "a.xml"
    head = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<?xml-stylesheet type='text/xsl' href='a.xsl'?>\n"
    text = f"{head}<{root}><name>tést</name><images>{''.join(images)}</images></{root}>"
    path.write_bytes(text.encode("latin-1"))
    return path


def test_parts_of_dlib_come_by_their_numbers(tmp_path: Path) -> None:
    parts = [("10", 1, 2), ("02", 3, 4), ("00", 5, 6)]
    assert read_dlib(dlib(tmp_path, image("b.jpg", [], parts))).tolist() == [[5, 6], [3, 4], [1, 2]]
    two = dlib(tmp_path, image("c\\a.jpg", [("00", 0, 0)]), image("c/b.jpg", parts))
    assert read_dlib(two, "b.jpg").tolist() == [[5, 6], [3, 4], [1, 2]]
    assert read_dlib(two, "a.jpg").tolist() == [[0, 0]]


def test_the_box_with_a_known_number_of_parts_is_the_face(tmp_path: Path) -> None:
    face = [(f"{n:02}", n, n) for n in range(68)]
    assert len(read_dlib(dlib(tmp_path, image("b.jpg", face, face[:5])))) == 68


@pytest.mark.parametrize(
    ("images", "root", "message"),
    [
        ((), "dataset", "no data set of dlib"),
        ((image("a.jpg", [("00", 1, 2)]),), "annotation", "no data set of dlib"),
        ((image("a.jpg"),), "dataset", "0 boxes with parts"),
        ((image("a.jpg", [("00", 1, 2)], [("00", 1, 2)]),), "dataset", "2 boxes with parts"),
        ((image("b.jpg"), image("c.jpg")), "dataset", "0 of its pictures are called a.jpg"),
        ((image("a.jpg", [("00", 1, 2), ("00", 3, 4)]),), "dataset", "have no names of their own"),
    ],
)
def test_broken_dlib_says_what_is_wrong(tmp_path: Path, images: tuple[str, ...], root: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"a.xml: .*{message}"):
        read_dlib(dlib(tmp_path, *images, root=root), "a.jpg")
