"""The glossary: sorted, nothing twice, nothing missing, and every entry names a lesson that speaks of it."""

from __future__ import annotations

import json
import re

import pytest

from asm_teach.data.assets import data_dir

ROOT = data_dir().parent
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", TEXT, re.MULTILINE)
KEY_WORDS = (
    "adaptive skinning model", "alignment", "barycentric coordinates", "bind matrix", "binding", "bone",
    "broadcasting", "bundle adjustment", "capacity", "chart", "correspondence", "covariance",
    "differentiable renderer", "fit", "focal length", "forward kinematics", "Gaussian", "gradient", "injective",
    "Jacobian", "landmark", "Levenberg-Marquardt step", "linear blend skinning", "loss", "mesh", "mixture",
    "morphable model", "motion", "NME", "pinhole camera", "pivot", "pose", "prior", "registered scan",
    "reprojection error", "rest pose", "rig", "RMSE", "Rodrigues' formula", "rotation vector", "scan",
    "singular value", "skinning matrix", "skinning weight", "softmax", "spherical harmonics", "static skinning model",
    "template", "tensor", "topology", "Tutte's embedding", "UV coordinates", "vertex", "vertex error", "view",
)  # fmt: skip

# what to look for in the lesson where it does not call the thing by its name
OTHER_WORDS = {
    "affine map": "affine",
    "alignment": "align",
    "differentiable renderer": "renderer that you can differentiate",
    "forward kinematics": "parent",
    "ground truth": "truth",
    "log space": "logarithm",
    "morphable model": "linear model",
    "multi-view fitting": "photographs",
    "reprojection error": "landmark",
    "rest pose": "at rest",
    "rigid motion": "rigid",
    "skinning weight": "weight",
    "uv coordinates": "uv",
    "weight painting": "paint",
}


def lesson_text(number: str) -> str:
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return " ".join(
        " ".join("".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"]).split()
    ).lower()


def test_terms_are_sorted_and_none_stands_twice():
    terms = [term.lower() for term, _ in ENTRIES]
    assert terms == sorted(set(terms))
    assert len(terms) >= 60


@pytest.mark.parametrize("word", KEY_WORDS)
def test_a_key_word_has_an_entry(word):
    assert word in dict(ENTRIES)


@pytest.mark.parametrize("term", dict(ENTRIES))
def test_an_entry_is_one_to_three_sentences_and_names_a_lesson_that_is_there(term):
    body = " ".join(dict(ENTRIES)[term].split())
    words, where, number = re.fullmatch(r"(.+) \*(Lesson (\d+)|Tensor notebook)\.\*", body).groups()
    number = number.zfill(2) if number else "00b"
    assert 20 < len(words) < 320
    assert list((ROOT / "notebooks").glob(f"{number}_*.ipynb")), f"{term}: there is no {where}"
    looked_for = OTHER_WORDS.get(term.lower(), term.lower().removesuffix(" step"))
    assert looked_for in lesson_text(number), f"lesson {number} does not speak of {looked_for}"


def test_every_equation_that_is_named_stands_in_the_method():
    method = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    named = set(re.findall(r"Equation \(([\d.]+)\)", TEXT))
    assert len(named) > 10
    assert named <= set(re.findall(r"\\tag\{([\d.]+)\}", method))


def test_readers_are_led_to_it():
    for page in ("README.md", "docs/index.md", "docs/method.md"):
        assert "glossary" in (ROOT / page).read_text(encoding="utf-8"), f"{page} does not link to the glossary"
