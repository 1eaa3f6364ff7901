"""Plain English: what readers see keeps to the glossary's terms, each in one spelling, and to everyday words."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# a word that reads as translated -> what to write
PLAIN = {
    r"whoever": "who, or: if you",
    r"nobody|no one": "say who does not",
    r"somebody": "someone, or say who",
    r"(?:is|are) asked for": "say what to give",
    r"(?:is|are) said": "say who says it",
    r"says? so": "tells you, or name what it says",
    r"badly": "poorly",
    r"to order": "with the given ...",
    r"anew": "again",
    r"lest": "so that ... not",
    r"tak(?:es?|en) back": "undo",
    r"br(?:ings?|ought) back": "reset, restore",
    r"go(?:es)? on\b(?! the)": "continue",
    r"found out": "found, measured",
    r"(?:is|are) believed": "say what is likely, and from what",
    r"(?:out|in)side of": "outside, inside",
    r"(?<!there )is no (?!longer)\w+": "is not a",
    r"(?:numbers?|Gaussians?|pixels|points?|rows?|ms|weights?) an? (?:bone|colour|vertex|mm|student|step)": "per",
}
# a term of the glossary -> how it is not written
SPELLINGS = {
    "barycentric coordinates": r"barycentrics|baricentric",
    "differentiable renderer": r"differentiable rasteri[sz]er",
    "focal length": r"focal[- ]distance",
    "Gauss-Newton step": r"Gauss[ –]Newton|Newton-Gauss",
    "ground truth": r"ground-truth",
    "landmark": r"land-marks?|key-?points?",
    "Levenberg-Marquardt step": r"Levenberg[ –]Marquardt|Levenberg and Marquardt",
    "linear blend skinning": r"linear blending skinning|(?<!linear )blend skinning",
    "morphable model": r"morph model|3D-MM",
    "multi-view fitting": r"multi ?view fit(?:ting)?",
    "NME": r"normalized mean error",
    "pinhole camera": r"pin-hole",
    "raster": r"rasterized?|rasterizing",
    "reprojection error": r"re-projection",
    "rest pose": r"resting pose|neutral pose|bind pose",
    "Rodrigues' formula": r"Rodrigues(?:'s)? formula(?<!s' formula)",
    "softmax": r"soft-max",
    "vertex": r"vertexes",
    "albedo": r"colors?|gr[a]y",  # British throughout
    "alignment": r"centers?|centered|analy[z]e",
}
NOT_PROSE = r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]*`|\]\([^)]*\)|<[^>]*>|https?://\S+"


def prose(text: str) -> str:
    """A text without code, equations, tags and where links lead, in one line."""
    return " ".join(re.sub(NOT_PROSE, " ", text, flags=re.DOTALL).split())


def strings(source: str) -> str:
    """What a program may show: its strings, without docstrings."""
    tree = ast.parse(source)
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    documented = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documented)
    return "\n".join(node.value for node in found if isinstance(node.value, str) and " " in node.value)


def helps(source: str) -> str:
    """The docstrings of commands, which `--help` shows."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    commands = (node for node in functions if any("command" in ast.unparse(one) for one in node.decorator_list))
    return "\n".join(ast.get_docstring(node) or "" for node in commands)


def texts() -> Iterator[tuple[str, str]]:
    """Name and prose of everything that is held to the rules."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        if path.stem not in ("ledger", "LICENSE-TEXT"):  # names of tests; a licence
            yield path.relative_to(ROOT).as_posix(), prose(path.read_text("utf-8"))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        yield path.name, prose("\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"))
    for room in ("widgets", "cli"):
        for path in sorted((ROOT / "asm_teach" / room).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix == ".py":
                source = path.read_text("utf-8")
                yield name, prose(strings(source) + "\n" + helps(source))
            elif path.suffix in (".js", ".html"):
                pattern = r">[^<{]+<" if path.suffix == ".html" else r'"[^"\n]* [^"\n]*"'
                yield name, " ".join(" ".join(re.findall(pattern, path.read_text("utf-8"))).split())


TEXTS = dict(texts())


def faults(text: str, rules: dict[str, str]) -> list[str]:
    """Each match of a rule, a pattern and what to write, with the words around it."""
    return [
        f"...{text[max(0, m.start() - 40) : m.end() + 30]}...: write {instead!r}"
        for pattern, instead in rules.items()
        for m in re.finditer(rf"(?i)\b(?:{pattern})(?!\w)", text)
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_words_are_plain(name: str) -> None:
    assert not faults(TEXTS[name], PLAIN)


@pytest.mark.parametrize("name", TEXTS)
def test_terms_have_one_spelling(name: str) -> None:
    assert not faults(TEXTS[name], {wrong: term for term, wrong in SPELLINGS.items()})


def test_every_term_of_the_glossary_is_used() -> None:
    terms = re.findall(r"^## (.+)$", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.MULTILINE)
    assert set(SPELLINGS) <= set(terms)
    pages = [path for path in (ROOT / "docs").glob("*.md") if path.stem != "glossary"]
    cells = [
        cell["source"]
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
    ]
    used = " ".join([path.read_text("utf-8") for path in pages] + ["".join(source) for source in cells])
    used = " ".join(used.split()).lower()
    unused = [term for term in terms if term.lower().removesuffix(" step").removesuffix(" coordinates") not in used]
    assert not unused


def test_old_words_and_spellings_are_found() -> None:
    text = "Whoever asks: pictures tell the lens badly. 9 numbers a bone. There is no net; this is no net. Go on."
    assert len(faults(text, PLAIN)) == 5
    assert faults(text, PLAIN)[0].endswith("write 'who, or: if you'")
    assert not faults("There is no net. It is no longer open. Go on the site.", PLAIN)
    assert len(faults("colors of keypoints by Rodrigues formula", {v: k for k, v in SPELLINGS.items()})) == 3
    assert not faults("by Rodrigues' formula", {v: k for k, v in SPELLINGS.items()})
    assert prose("See `nobody` $badly$ [here](anew.md): fine.") == "See [here : fine."
