"""Slides from the lessons, as their cells are marked (`slideshow.slide_type`). Nothing is run.

    python docs/make_slides.py build/slides [04 05]

Marks are set in JupyterLab under "Slide Type": slide (to the right), subslide (below), fragment (comes on the same
slide), notes (for the speaker), skip; "-" goes on with the slide before it. Outputs are those kept in the notebook.
Left out are folded answers, and code of more than `LINES` lines or with the tag `no-input`, whose outputs are shown.
Each lesson becomes one file; scripts and styles lie beside it in `_static`, so slides are shown without a network.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
from importlib.metadata import files
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

DOCS = Path(__file__).resolve().parent
NOTEBOOKS = DOCS.parent / "notebooks"
LINES = 16  # of code on a slide
OPTIONS = Config({
    "SlidesExporter": {
        "extra_template_basedirs": [str(DOCS)], "template_name": "_slides", "reveal_url_prefix": "_static/reveal",
        "reveal_theme": "white", "embed_images": True, "exclude_anchor_links": True, "exclude_input_prompt": True,
        "exclude_output_prompt": True,
    },
    "CoalesceStreamsPreprocessor": {"enabled": True},
    "TagRemovePreprocessor": {"enabled": True, "remove_input_tags": ["no-input"]},
})  # fmt: skip
REVEAL = r"dist/(reset|reveal)\.css|dist/reveal\.js$|dist/theme/(white\.css|fonts/)|plugin/notes/notes\.js|LICENSE"


def mark_of(cell: NotebookNode) -> str | None:
    """How a cell is marked; None if it is not."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def as_shown(cell: NotebookNode) -> NotebookNode:
    """A copy of a cell as slides have it: no folded answers, no links into the repository, no long code."""
    cell = nbformat.from_dict(cell)
    if cell.cell_type == "markdown":
        text = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.DOTALL)
        cell.source = re.sub(r"(?<!!)\[([^\]]+)\]\((?!\w+:)[^)]+\)", r"\1", text).strip()
    elif cell.cell_type == "code" and len(cell.source.splitlines()) > LINES:
        cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "no-input"})
    return cell


def slides_of(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """The cells of each slide, as shown, with the speaker's notes and without what is skipped."""
    slides: list[list[NotebookNode]] = []
    for cell in notebook.cells:
        mark = mark_of(cell)
        if mark in ("slide", "subslide") or (not slides and mark not in ("skip", "notes")):
            slides.append([])
        if mark != "skip" and slides:
            slides[-1].append(as_shown(cell))
    return slides


def write_slides(notebook: NotebookNode, file: Path) -> int:
    """Write the slides of one notebook; how many there are."""
    deck = nbformat.v4.new_notebook(cells=[as_shown(cell) for cell in notebook.cells], metadata=notebook.metadata)
    page, _ = SlidesExporter(config=OPTIONS).from_notebook_node(deck, resources={"metadata": {"name": file.stem}})
    file.write_text(page, "utf-8")
    return len(slides_of(notebook))


def copy_scripts(folder: Path) -> None:
    """reveal.js and MathJax, from the packages that bring them."""
    for file in files("sphinx-revealjs") or []:
        inside = str(file).partition("/revealjs/")[2]
        if re.match(REVEAL, inside):
            target = folder / "_static" / "reveal" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target)
    (mathjax,) = [f for f in files("sphinx-mathjax-offline") or [] if f.parts[-2:] == ("mathjax", "tex-svg.js")]
    shutil.copyfile(mathjax.locate(), folder / "_static" / "tex-svg.js")


def clear(folder: Path) -> None:
    """Take yesterday's slides away, and no folder that holds anything else."""
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / "_static" / "reveal").is_dir():
            raise SystemExit(f"{folder} is there and holds no slides: give an empty folder or a new one")
        shutil.rmtree(folder)
    elif folder.exists() and not folder.is_dir():
        raise SystemExit(f"{folder} is no folder: give an empty folder or a new one")


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("lessons", nargs="*", help="such as 04 05; by default all")
    given = parser.parse_args(arguments)
    paths = {path.name.partition("_")[0]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]*_*.ipynb"))}
    if unknown := set(given.lessons) - set(paths):
        raise SystemExit(f"there is no lesson {' '.join(sorted(unknown))} in {NOTEBOOKS}")
    clear(given.folder)
    copy_scripts(given.folder)
    rows = []
    for number, path in paths.items():
        if given.lessons and number not in given.lessons:
            continue
        notebook = nbformat.read(path, as_version=4)
        if not any(map(mark_of, notebook.cells)):
            print(f"{path.stem}: left out, no cell has a slide type")
            continue
        print(f"{path.stem}: {write_slides(notebook, given.folder / f'{path.stem}.html')} slides")
        title = html.escape(notebook.cells[0].source.splitlines()[0].lstrip("# "))
        rows.append(f'<li><a href="{path.stem}.html">{title}</a></li>')
    if not rows:
        raise SystemExit(f"there are no slides of {' '.join(given.lessons) or 'any lesson'} in {NOTEBOOKS}")
    (given.folder / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Slides</title><link rel="icon" href="data:,"><h1>Slides</h1><ul>{"".join(rows)}</ul></html>\n',
        "utf-8",
    )


if __name__ == "__main__":
    main()
