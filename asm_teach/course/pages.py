"""What lies in a course folder: notebooks whose links stay inside it, and the documents that they lead to.

The masters lie in `notebooks/` and link to `../docs/glossary.md`; a student's folder has both side by side, the
documents as notebooks, since JupyterLab would open a Markdown file in its editor. Each notebook carries a fingerprint
of the text it was given with, so that one that nobody has typed into can be told from somebody's work.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from asm_teach.base.files import DOCS, NOTEBOOKS

DOCUMENTS = ("glossary", "conventions", "method")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:)[\w./-]*?([\w-]+)\.(md|ipynb)(#[\w-]+)?\)")
_LESSON = re.compile(r"\*(?:Lesson (\d+)|Tensor notebook)\.\*")  # as the glossary ends its entries
_KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}


def given(notebook: NotebookNode) -> NotebookNode:
    """The notebook as it is given out, changed in place: with links that stay in its folder, and its fingerprint."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(_beside, cell.source)
    notebook.metadata["asm_teach"] = {"given": fingerprint(notebook)}
    return notebook


def _beside(link: re.Match[str]) -> str:
    """A link to a page in the same folder; only its words where that page is not given out."""
    words, name, kind, place = link.groups()
    if kind == "md" and name not in DOCUMENTS:
        return words
    return f"[{words}]({name}.ipynb{place or ''})"


def documents() -> dict[str, NotebookNode]:
    """The documents as notebooks, by the names of their files: a cell for each section."""
    return {f"{name}.ipynb": given(_document(name)) for name in DOCUMENTS}


def _document(name: str) -> NotebookNode:
    lessons = {path.name.partition("_")[0]: path.name for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))}

    def to_lesson(said: re.Match[str]) -> str:
        number = f"{int(said[1]):02d}" if said[1] else "00b"
        return f"*[{said[0].strip('*.')}]({lessons[number]}).*" if number in lessons else said[0]

    text = _LESSON.sub(to_lesson, (DOCS / f"{name}.md").read_text(encoding="utf-8"))
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    cells = [new_markdown_cell(part.strip(), id=f"{name}-{number:03d}") for number, part in enumerate(sections)]
    return new_notebook(cells=cells, metadata=nbformat.from_dict(_KERNEL))


def fingerprint(notebook: dict[str, Any]) -> str:
    """A short name for what is typed in a notebook; its outputs and what JupyterLab notes in it do not count."""
    typed = [(cell["cell_type"], "".join(cell["source"]), cell.get("attachments") or {}) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(typed, sort_keys=True).encode()).hexdigest()[:16]


def prints_of(file: Path) -> tuple[str, str]:
    """The fingerprint of what is in a notebook's file now, and the one it was given with; "" for what is not there."""
    try:
        notebook = json.loads(file.read_bytes())
        now, about = fingerprint(notebook), notebook.get("metadata", {}).get("asm_teach", {})
        return now, str(about.get("given", ""))
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):  # a folder, or another file
        return "", ""
