"""What the start page and the README show that is read from the folder: cards, badges, hours, the citation.

python docs/landing.py          # write the badges of the README again, docs/images/badge_*.svg
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
IMAGES = DOCS / "images"
CARD = (480, 270)  # pixels of a card's picture: twice what a card shows
DIGIT, PAD = 6.7, 8  # of a badge: px of a letter, and beside the words


@dataclass(frozen=True)
class Lesson:
    """A notebook's own head: file, title, minutes of the text, and the first sentence on what you do."""

    path: Path
    title: str
    minutes: int
    doing: str

    @property
    def number(self) -> str:
        """Such as "05" or "00b"."""
        return self.path.name.partition("_")[0]

    @property
    def picture(self) -> str:
        """The name of its card's picture, below `_static/lessons`."""
        return f"{self.number}.webp"


def lessons() -> list[Lesson]:
    """All lessons in their order.

    Raises:
        ValueError: a notebook whose head has no **What you will do.** or no **Time.**.
    """
    found = []
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb")):
        texts = ["".join(cell["source"]) for cell in _cells(path) if cell["cell_type"] == "markdown"]
        head = "\n\n".join(texts)
        doing = re.search(r"\*\*What you will do\.\*\* (.+?\.)(?:\s|$)", head, re.DOTALL)
        minutes = re.search(r"\*\*Time\.\*\* (?:About )?(\d+) minutes", head)
        if not doing or not minutes:
            raise ValueError(f"{path.name}: it has no **What you will do.** or **Time.** N minutes")
        title = texts[0].splitlines()[0].removeprefix("# ")
        found.append(Lesson(path, title, int(minutes[1]), " ".join(doing[1].split())))
    return found


def cards() -> str:
    """The lessons as a list of cards, HTML: each with its picture, title, minutes and what you do."""
    rows = [
        f'<li><a href="../notebooks/{one.path.stem}.html">'
        f'<img src="../_static/lessons/{one.picture}" alt="" loading="lazy" width="{CARD[0]}" height="{CARD[1]}">'
        f"<strong>{html.escape(one.title)}</strong></a> <span>{one.minutes} minutes</span>"
        f"<p>{html.escape(one.doing.replace('*', ''))}</p></li>"
        for one in lessons()
    ]
    return '<ul class="cards">\n' + "\n".join(rows) + "\n</ul>"


def write_pictures(folder: Path) -> None:
    """Write the picture of each card: that of the cell with the tag `card`, else the notebook's first."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in lessons():
        shown = [(cell, picture) for cell in _cells(one.path) if (picture := _picture(cell))]
        chosen = next((pair for pair in shown if "card" in pair[0]["metadata"].get("tags", [])), shown[0])
        picture = Image.open(io.BytesIO(chosen[1])).convert("RGB")
        picture.thumbnail(CARD, Image.Resampling.LANCZOS)
        card = Image.new("RGB", CARD, picture.getpixel((0, 0)))
        card.paste(picture, ((CARD[0] - picture.width) // 2, (CARD[1] - picture.height) // 2))
        card.save(folder / one.picture, quality=82)


def hours() -> str:
    """How long all lessons take, without their exercises."""
    return f"{round(sum(one.minutes for one in lessons()) / 60)} hours"


def bibtex() -> str:
    """The paper that CITATION.cff asks to cite, as BibTeX."""
    paper = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["preferred-citation"]
    preprint = next(one["value"] for one in paper["identifiers"] if one["value"].startswith("arXiv:"))
    fields = {
        "title": "{" + paper["title"] + "}",
        "author": " and ".join(f"{one['family-names']}, {one['given-names']}" for one in paper["authors"]),
        "booktitle": paper["collection-title"],
        "pages": f"{paper['start']}--{paper['end']}",
        "year": paper["year"],
        "note": preprint,
    }
    rows = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@inproceedings{{yang{paper['year']}asm,\n{rows}\n}}"


def badges() -> dict[str, str]:
    """The badges of the README, file name -> SVG, from what stands in the repository."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    pythons = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    told = {
        "python": ("Python", f"{pythons[0]} to {pythons[-1]}", "#0072b2"),
        "licence": ("code", (ROOT / "LICENSE").read_text("utf-8").split()[0], "#1b7f5c"),
        "text": ("text", re.findall(r"CC BY 4\.0", (ROOT / "LICENSE-TEXT.md").read_text("utf-8"))[0], "#1b7f5c"),
        "lessons": ("notebooks", str(len(lessons())), "#8a4b08"),
    }
    return {f"badge_{name}.svg": _badge(*words) for name, words in told.items()}


def _badge(left: str, right: str, colour: str) -> str:
    first, second = (round(len(words) * DIGIT + 2 * PAD) for words in (left, right))
    words = f'<text x="{first / 2}" y="14">{left}</text><text x="{first + second / 2}" y="14">{right}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="20" role="img" '
        f'aria-label="{left}: {right}"><title>{left}: {right}</title>'
        f'<rect width="{first + second}" height="20" rx="4" fill="#444"/>'
        f'<path d="M{first} 0h{second - 4}a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H{first}z" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{words}</g>'
        "</svg>\n"
    )


def _cells(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text("utf-8"))["cells"])


def _picture(cell: dict[str, Any]) -> bytes | None:
    found = [one["data"]["image/png"] for one in cell.get("outputs", []) if "image/png" in one.get("data", {})]
    return base64.b64decode("".join(found[0])) if found else None


def main() -> int:
    """Write the badges."""
    for name, badge in badges().items():
        (IMAGES / name).write_text(badge, "utf-8")
        print(f"wrote {IMAGES / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
