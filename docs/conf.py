"""How the site is built: `make site` runs Sphinx with this file over `docs/` and the kept outputs of `notebooks/`.

The source folder is the root of the repository, so that a link between a page and a lesson is the same here and on a
code host. Nothing is executed, and nothing that the pages need lies outside of them: the theme brings its own scripts,
MathJax is one file. Where a page would name modules or lessons by hand they are read from the folder instead.
"""

from __future__ import annotations

import html
import importlib
import inspect
import json
import pkgutil
import re
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]

project = "asm_teach"
author = copyright = "asm_teach contributors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "notebooks/*.ipynb"]
exclude_patterns = ["build", ".*", "**/.ipynb_checkpoints"]

# The one file of MathJax that reads TeX and draws SVG: it asks for no fonts, so pages work from a folder too.
_MATHJAX = "tex-svg.js"
(_MATHJAX_FILE,) = [f for f in files("sphinx-mathjax-offline") or [] if f.parts[-2:] == ("mathjax", _MATHJAX)]

html_theme = "furo"
html_title = "asm_teach"
html_math_renderer = "as_written"
html_static_path = ["_static", str(_MATHJAX_FILE.locate())]
html_css_files = ["site.css"]
html_js_files = ["scroll.js", "live.js"]
html_favicon = "_static/favicon.ico"
html_extra_path = ["_static/favicon.ico"]  # also where a browser looks for it unasked
html_copy_source = False
html_show_sphinx = False
html_use_index = False
pygments_style, pygments_dark_style = "a11y-light", "a11y-dark"

nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no widget state is kept, and these scripts would come from outside
nb_code_prompt_show, nb_code_prompt_hide = "One solution", "Hide it"
nb_merge_streams = True  # the prints of a cell are one block, however many pieces the kernel sent
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # what a record holds is listed where its docstring lists it
# What is ours must be found. Other projects' names cannot be, without asking their sites for a list.
nitpicky = True
suppress_warnings = ["ref.python"]  # a field's plain name, such as `rotation`, that several records have
nitpick_ignore_regex = [
    ("py:.*", r"(?!asm_teach\.).*"),
    # type variables and private names have no page
    ("py:class", r"asm_teach\..*\.(State|FaceT|ModelT|T|F|Command|Fitting|_Element)"),
]

from landing import cards, lessons, write_pictures  # noqa: E402

_MODULES = re.compile(r"<!-- modules: ([\w ]+) -->")
_LESSON = re.compile(r"(```.*?```|`[^`]*`)|\b[Ll]essons? (\d+)\b|\b[Tt]ensor notebook\b", re.DOTALL)  # code stays code


def _number(match: re.Match[str]) -> str:
    """The number of the lesson that a match of `_LESSON` names; empty where it is code."""
    return "" if match[1] else f"{int(match[2]):02d}" if match[2] else "00b"


def module_names() -> list[str]:
    """Every module of the package, below `asm_teach`."""
    import asm_teach

    found = [m.name for m in pkgutil.walk_packages(asm_teach.__path__, "asm_teach.")]
    return [name.removeprefix("asm_teach.") for name in found if not name.rpartition(".")[2].startswith("_")]


def module_sections(words: str) -> str:
    """A section with the docstrings of each module that is named; `rest` is all that no page names."""
    wanted = words.split()
    if wanted == ["rest"]:
        pages = [page.read_text("utf-8") for page in DOCS.glob("api*.md")]
        named = {name for page in pages for names in _MODULES.findall(page) for name in names.split()}
        wanted = [name for name in module_names() if name.partition(".")[0] not in named]
    else:
        wanted = [name for word in wanted for name in module_names() if name.split(".")[0] == word]
    # A room says what it is for; what it hands on is documented where it is defined.
    rooms = {name for name in wanted if (ROOT / "asm_teach" / name.replace(".", "/")).is_dir()}
    only = {name: "\n   :no-members:" if name in rooms else "" for name in wanted}
    return "\n\n".join(
        f"## `{name}`\n\n```{{eval-rst}}\n.. automodule:: asm_teach.{name}{only[name]}\n```" for name in wanted
    )


def code_link(name: str) -> str:
    """A dotted name below `asm_teach`, which leads to its docstring and may be broken where a person would."""
    title = re.sub(r"([._])", "\\1\u200b", name)
    return f"{{py:obj}}`{title} <asm_teach.{name}>`"


def readable(text: str) -> str:
    """A notebook for the site.

    Solutions of exercises are folded, without the markers that student copies need, and so are the helpers that
    JupyterLab folds. Pictures say where they belong.
    """
    notebook, section = json.loads(text), ""
    for cell in notebook["cells"]:
        told, metadata = "".join(cell["source"]), cell["metadata"]
        if cell["cell_type"] == "markdown":
            section = (re.findall(r"(?m)^#+ (.+)$", told) or [section])[-1]
        elif any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            metadata.setdefault("mystnb", {})["image"] = {"alt": f"Picture computed by the code above it ({section})"}
        if metadata.get("nbgrader", {}).get("solution"):
            metadata["tags"] = [*metadata.get("tags", []), "hide-input"]
            cell["source"] = re.sub(r"(?m)^ *### (BEGIN|END) SOLUTION\n?", "", told).rstrip("\n")
        elif metadata.get("jupyter", {}).get("source_hidden"):
            metadata["tags"] = [*metadata.get("tags", []), "hide-input"]
            metadata.setdefault("mystnb", {})["code_prompt_show"] = "Show the code"
    return json.dumps(notebook)


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill in what is read from the folder: the map of lessons, the modules, the links behind names of either."""
    if docname.startswith("notebooks/"):
        source[0] = readable(source[0])
        return
    text = source[0].replace("<!-- lessons -->", cards())
    if docname == "docs/api":
        text = text.replace("<!-- public names -->", public_names())
    text = _MODULES.sub(lambda match: module_sections(match.group(1)), text)
    there = {one.number: one.path for one in lessons()}
    if docname == "docs/ledger":  # the names of tests are sentences
        text = re.sub(r"`test_(\w+)`", lambda m: "· " + m[1].replace("_", " "), text)
        text = re.sub(r"`([a-z]\w*(?:\.[A-Za-z]\w*)+)`", lambda m: code_link(m[1]), text)
        text = re.sub(
            r"\b(\d\d), cell (\d+)",
            lambda m: f"[{m[1]},\xa0cell\xa0{m[2]}](../notebooks/{there[m[1]].name})",
            text,
        )
    if docname in ("docs/glossary", "docs/teaching"):
        text = _LESSON.sub(
            lambda m: f"[{m[0]}](../notebooks/{there[found].name})" if (found := _number(m)) in there else m[0],
            text,
        )
    source[0] = text


def public_names() -> str:
    """The names of `asm_teach` itself, with the first sentence of their docstrings."""
    import asm_teach

    rows = []
    for name in asm_teach.__all__:
        thing = getattr(asm_teach, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            first = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
            role = "class" if inspect.isclass(thing) else "func"
            rows.append(f"- {{py:{role}}}`~{thing.__module__}.{name}`: {first}")
    return "\n".join(rows)


def plain_docstring(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with `code` in single backticks: say so in reStructuredText."""
    if what in ("module", "class", "function", "method"):  # what is set in behind a paragraph is an example
        for n in range(len(lines) - 2, 0, -1):
            before = lines[n - 1]
            if (
                lines[n + 1].startswith("    ")
                and not lines[n]
                and before
                and not before.startswith(" ")
                and before[-2:] != "::"
            ):
                lines[n : n + 1] = ["", "::", ""]
    parts = re.split(r"(`+[^`]*`+)", "\n".join(lines))
    # outside of code a star, a bar and an underscore are just that
    parts[::2] = [re.sub(r"(?<=\S)[*|]|[*|](?=\S)|(?<=\w)_(?=\W|$)", r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [f"``{' '.join(part.strip('`').split())}``" for part in parts[1::2]]
    lines[:] = "".join(parts).split("\n")


def visit_inline_math(self: Any, node: nodes.math) -> None:
    """As it stands in the source: MathJax reads it in the browser."""
    self.body.append(f'<span class="math">\\({html.escape(node.astext())}\\)</span>')
    raise nodes.SkipNode


def visit_block_math(self: Any, node: nodes.math_block) -> None:
    """Sphinx would wrap equations with `\\\\` into `split`, in which no `\\tag` may stand."""
    self.body.append(f'<div class="math">\\[{html.escape(node.astext())}\\]</div>')
    raise nodes.SkipNode


def add_math(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """MathJax on the pages that have equations, and on no others."""
    if doctree is not None and (list(doctree.findall(nodes.math)) or list(doctree.findall(nodes.math_block))):
        app.add_js_file("math.js", priority=400)
        app.add_js_file(_MATHJAX, priority=500, loading_method="defer")


def give_levels(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Sphinx calls the captions of the navigation headings and does not say of which level."""
    for name in ("furo_navigation_tree", "body"):
        if context.get(name):
            context[name] = context[name].replace('role="heading"', 'role="heading" aria-level="2"')


def finish(app: Sphinx, error: Exception | None) -> None:
    """The root of the site leads to the start page, whose cards get their pictures."""
    if error is None and app.builder.name == "html":
        write_pictures(Path(app.outdir) / "_static" / "lessons")
        (Path(app.outdir) / "index.html").write_text(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>asm_teach</title>'
            '<meta http-equiv="refresh" content="0; url=docs/index.html">'
            '<a href="docs/index.html">asm_teach</a></html>\n',
            "utf-8",
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    importlib.import_module("asm_teach")
    app.add_html_math_renderer("as_written", (visit_inline_math, None), (visit_block_math, None))
    app.connect("source-read", read_source)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)  # before napoleon
    app.connect("html-page-context", add_math)
    app.connect("html-page-context", give_levels, priority=900)  # after the theme
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
