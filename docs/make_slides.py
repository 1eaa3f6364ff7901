"""Slides from the lessons as they stand: their headings, text, pictures and prints. Nothing is run.

    python docs/make_slides.py build/slides [04 05]

A section of a lesson is a column of slides, to be gone down. "Predict first" is a slide of its own, and what the next
cell shows is on the one after it. Answers, exercises and quizzes are left out, and so is code of more than `LINES`
lines: it stands in the notebook. Each lesson becomes one file; scripts and styles lie beside it in `_static`, so slides
are shown without a network.
"""

from __future__ import annotations

import argparse
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
LETTERS = 750  # of text that a slide holds
LINES = 16  # of code, and of what is printed


def blocks(text: str) -> list[str]:
    """Paragraphs, lists, tables, equations and fenced pieces of Markdown, without folded answers."""
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    found, fenced = [], False
    for piece in re.split(r"\n\s*\n", text.strip()):
        if fenced and found:
            found[-1] += f"\n\n{piece}"
        elif piece.strip():
            # a heading is a piece even when text follows it without an empty line
            found += [part for part in re.split(r"(?m)^(#{1,4} .+)$", piece.strip()) if part.strip()]
        fenced ^= piece.count("```") % 2 == 1
    return found


def cut(text: str) -> list[tuple[str, str]]:
    """Markdown as slides: (kind, text), the kind `slide` for a new section and `subslide` for what goes on in it."""
    slides: list[tuple[str, str]] = []
    for block in blocks(text):
        heading, equation = re.match(r"(#+) ", block), block.startswith("$$")
        begins = heading or block.startswith("**Predict first.**") or not slides
        full = bool(slides) and len(slides[-1][1]) + len(block) > LETTERS and not equation
        alone = bool(slides) and bool(re.fullmatch(r"#+ .+", slides[-1][1]))  # a heading stands with what follows it
        if begins or (full and not alone):
            slides.append(("slide" if heading and len(heading[1]) < 3 else "subslide", block.strip()))
        else:
            slides[-1] = (slides[-1][0], f"{slides[-1][1]}\n\n{block.strip()}")
    return slides


def as_shown(outputs: list[NotebookNode]) -> tuple[list[NotebookNode], list[NotebookNode]]:
    """The prints of a cell as one of at most `LINES` lines, with its other outputs; and its pictures."""
    lines = "".join(output.get("text", "") for output in outputs).splitlines()
    lines = lines if len(lines) <= LINES else [*lines[:LINES], "..."]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    others = [output for output in outputs if output.output_type != "stream" and output not in pictures]
    return ([nbformat.v4.new_output("stream", text="\n".join(lines))] if lines else []) + others, pictures


def slides_of(notebook: NotebookNode) -> NotebookNode:
    """The notebook with its cells cut to slides, up to its recap."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text, *exercises = re.split(r"(?m)^## Try it", cell.source)
            cells += [
                nbformat.v4.new_markdown_cell(part, metadata={"slideshow": {"slide_type": kind}})
                for kind, part in cut(text)
            ]
            if exercises:
                break
        elif cell.cell_type == "code":
            rest, pictures = as_shown(cell.outputs)
            source = "" if len(cell.source.splitlines()) > LINES else cell.source
            for code, shown in ((source, rest), *(("", [picture]) for picture in pictures)):
                if code or shown:
                    new = nbformat.v4.new_code_cell(code, outputs=shown)
                    new.metadata.update({"slideshow": {"slide_type": "subslide"}, "tags": [] if code else ["no-input"]})
                    cells.append(new)
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def copy_scripts(folder: Path) -> None:
    """reveal.js and MathJax, from the packages that bring them."""
    static = folder / "_static"
    for file in files("sphinx-revealjs") or []:
        inside = str(file).partition("/revealjs/")[2]
        if re.match(
            r"dist/(reset|reveal)\.css|dist/reveal\.js$|dist/theme/(white\.css|fonts/)|plugin/notes/|LICENSE", inside
        ):
            target = static / "reveal" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target)
    (mathjax,) = [f for f in files("sphinx-mathjax-offline") or [] if f.parts[-2:] == ("mathjax", "tex-svg.js")]
    shutil.copyfile(mathjax.locate(), static / "tex-svg.js")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("lessons", nargs="*", help="such as 04 05; by default all")
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    copy_scripts(given.folder)
    options = Config({
        "SlidesExporter": {
            "extra_template_basedirs": [str(DOCS)], "template_name": "_slides", "reveal_url_prefix": "_static/reveal",
            "reveal_theme": "white",
        },
        "TagRemovePreprocessor": {"enabled": True, "remove_input_tags": ["no-input"]},
    })  # fmt: skip
    exporter, rows = SlidesExporter(config=options), []
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        if given.lessons and path.name[:2] not in given.lessons:
            continue
        deck = slides_of(nbformat.read(path, as_version=4))
        page, _ = exporter.from_notebook_node(deck, resources={"metadata": {"name": path.stem}})
        (given.folder / f"{path.stem}.html").write_text(page, "utf-8")
        rows.append(f'<li><a href="{path.stem}.html">{deck.cells[0].source.splitlines()[0].lstrip("# ")}</a></li>')
        print(f"{path.stem}: {len(deck.cells)} slides")
    if not rows:
        raise SystemExit(f"there is no lesson {' '.join(given.lessons)} in {NOTEBOOKS}")
    (given.folder / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Slides</title><link rel="icon" href="data:,"><h1>Slides</h1><ul>{"".join(rows)}</ul></html>\n',
        "utf-8",
    )


if __name__ == "__main__":
    main()
