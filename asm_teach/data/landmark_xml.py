"""Landmarks in XML: the points that MeshLab picks on a scan (`.pp`), and dlib's `.xml` for photographs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from torch import Tensor

from asm_teach.data.landmark_files import KNOWN_COUNTS, points_table
from asm_teach.formats.text_files import read_text

_MOST_ELEMENTS = 200_000  # dlib's file of 300-W has 4 million, which nobody reads for one picture


class NamedPoints(NamedTuple):
    """Points (n, 3) float64 in a file's order, NaN where one is not set, and their names, "" for none."""

    points: Tensor
    names: tuple[str, ...]


class _Element(NamedTuple):
    """An element of an XML text: what it is called, and its attributes."""

    tag: str
    attributes: dict[str, str]

    def number(self, key: str, name: str) -> float:
        """One of its attributes as a number; an error begins with `name`."""
        try:
            return float(self.attributes[key])
        except (KeyError, ValueError):
            found = self.attributes.get(key)
            told = "is missing" if found is None else f"is {found[:40]!r}, which is no number"
            raise ValueError(f"{name}: {key} of a <{self.tag}> {told}; write the file again") from None


def read_pp(path: str | PathLike[str]) -> NamedPoints:
    """Read the points that MeshLab's PickPoints wrote (`.pp`), in the mesh's own unit.

    A point whose `active` is 0 was not set: its place is NaN.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such file of MeshLab, no points, numbers that are none.
    """
    path = Path(path)
    elements = _elements(path)
    found = [element for element in elements if element.tag == "point"]
    if elements[0].tag != "PickedPoints" or not found:
        raise ValueError(f"{path.name}: no points of MeshLab's PickPoints are in it; pick them and save them again")
    rows = []
    for element in found:
        active = element.attributes.get("active", "1").strip().lower() not in ("0", "false")
        rows.append([element.number(k, path.name) if active else float("nan") for k in "xyz"])
    return NamedPoints(points_table(rows, path.name), tuple(e.attributes.get("name", "").strip() for e in found))


def read_dlib(path: str | PathLike[str], picture: str | None = None) -> Tensor:
    """Read the points of one face from a data set of dlib (`.xml`, as imglab writes it): (n, 2) float64.

    The numbers are those of the file: dlib counts pixels from 0 in whole numbers. The parts come in the order of their
    names, 00 to 67.

    Args:
        path: the file.
        picture: the name of the picture; needed where the file has several.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such data set, no such picture in it, no face or several in the picture, a part twice.
    """
    path = Path(path)
    elements = _elements(path)
    pictures: list[tuple[str, list[list[_Element]]]] = []  # each with the parts of its boxes
    for element in elements:
        if element.tag == "image":
            pictures.append((element.attributes.get("file", ""), []))
        elif element.tag == "box" and pictures:
            pictures[-1][1].append([])
        elif element.tag == "part" and pictures and pictures[-1][1]:
            pictures[-1][1][-1].append(element)
    if elements[0].tag != "dataset" or not pictures:
        raise ValueError(f"{path.name}: this is no data set of dlib: no <image> in a <dataset> was found")
    if len(pictures) > 1:
        pictures = [(file, boxes) for file, boxes in pictures if file.replace("\\", "/").split("/")[-1] == picture]
        if len(pictures) != 1:
            raise ValueError(f"{path.name}: {len(pictures)} of its pictures are called {picture}; one is needed")
    boxes = [parts for parts in pictures[0][1] if parts]
    boxes = [parts for parts in boxes if len(parts) in KNOWN_COUNTS] or boxes
    if len(boxes) != 1:
        raise ValueError(f"{path.name}: {len(boxes)} boxes with parts are in the picture; keep that of one face")
    names = [part.attributes.get("name", "") for part in boxes[0]]
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name}: the parts of the face have no names of their own: {str(names)[:60]}")
    numbered = all(name.isdecimal() and len(name) < 9 for name in names)
    parts = sorted(boxes[0], key=lambda part: int(part.attributes["name"])) if numbered else boxes[0]
    return points_table([[part.number(k, path.name) for k in "xy"] for part in parts], path.name)


def _elements(path: Path) -> list[_Element]:
    """All elements of an XML file in their order.

    Entities of a file's own are refused: a kilobyte of them can stand for gigabytes.
    """
    elements: list[_Element] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if len(elements) == _MOST_ELEMENTS:
            raise ValueError(f"{path.name}: more than {_MOST_ELEMENTS:,} elements; give the part for one picture")
        elements.append(_Element(tag, attributes))

    def refuse(*told: object) -> None:
        raise ValueError(f"{path.name}: it declares entities of its own, which no landmark file needs; it is not read")

    def doctype(name: str, system: str | None, public: str | None, own: int) -> None:
        if system or public or own:  # MeshLab's bare <!DOCTYPE PickedPoints> declares nothing
            refuse()

    text = read_text(path, strict=False)  # names of files may be in any encoding
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = doctype, refuse
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise ValueError(f"{path.name}: this is no XML, or it is cut off ({error}); write it again") from None
    return elements
