"""The space of heads, its gradients, the step that a sentence makes, and the stored editor."""

from __future__ import annotations

import json

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.captions import ATTRIBUTES, PLAIN
from asm_teach.beyond.driving.text_editor import (
    IDENTITY,
    NAMES,
    SELF,
    STRENGTH,
    Editing,
    HeadSpace,
    TextEditor,
    load_editing,
    steer,
)
from asm_teach.data.assets import data_dir


@pytest.fixture(scope="module")
def editing() -> Editing:
    return load_editing(asm.load_head())


@pytest.fixture(scope="module")
def space(editing: Editing) -> HeadSpace:
    return editing.space


def test_numbers_move_the_head_as_their_shapes_do(space) -> None:
    person = space.person(7)
    assert torch.equal(space.rest(person.base, 0 * person.w), person.base)
    w = torch.zeros(len(NAMES))
    w[SELF + 8], w[NAMES.index("nose width")] = 1.0, -2.0
    units = space.head.offsets(expressions={"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5})
    nose = space.head.offsets({"nose-scale-horiz-decr": 0.7})
    assert NAMES[SELF + 8] == "unit 12" and len(IDENTITY) == SELF
    assert torch.allclose(space.vertices(person.base, w), person.base + units + nose, atol=1e-4)
    w[SELF + 8] = 9.0  # no more than all of a unit
    assert torch.allclose(space.vertices(person.base, w) - space.rest(person.base, w), 2 * units, atol=1e-4)


def test_vertices_and_identity_have_the_right_gradient(space) -> None:
    double = object.__new__(HeadSpace)
    double.__dict__ = {
        name: x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x
        for name, x in space.__dict__.items()
    }
    some = torch.arange(0, len(space.face), 400)
    double.face = space.face[some]
    base, w = space.person(1).base.double(), space.person(1).w.double() + 0.3
    before = w.clone()
    w.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: double.vertices(base, x)[double.face], (w,))
    assert torch.autograd.gradcheck(lambda x: double.identity_lost(base, before - 0.1, x), (w,))


def test_identity_is_lost_by_the_person_and_not_by_the_moment(space) -> None:
    person = space.person(3)
    acting, other = person.w.clone(), person.w.clone()
    acting[SELF:] = 1.0
    other[NAMES.index("nose width")] += 1
    assert float(space.identity_lost(person.base, person.w, acting)) == 0
    moved = (space.rest(person.base, other) - space.rest(person.base, person.w))[space.face].norm(dim=1)
    lost = float(space.identity_lost(person.base, person.w, other))
    assert lost == pytest.approx(float(moved.square().mean().sqrt())) and lost > 0.1


def test_a_picture_has_a_gradient_and_sides_differ(space) -> None:
    person = space.person(2)
    w = person.w.clone().requires_grad_()
    picture = space.picture(person.base, w, person.tone, 0.4)
    assert picture.shape == (64, 64)
    picture.square().sum().backward()
    assert w.grad is not None and w.grad.isfinite().all() and (w.grad[:SELF] != 0).sum() > 10
    with torch.no_grad():
        assert float((space.picture(person.base, w, person.tone, -0.4) - picture).abs().mean()) > 0.02


def test_steps_are_as_long_as_they_are_told(editing) -> None:
    moves, w = torch.randn(3, 32), torch.randn(3, len(NAMES))
    for net in (TextEditor(), TextEditor(text=False)):
        assert torch.allclose(net(moves, w).norm(dim=1), torch.full((3,), STRENGTH), atol=1e-5)
        assert torch.allclose(net(moves, w, 1.0) * STRENGTH, net(moves, w), atol=1e-5)
    person, move = editing.space.person(4), editing.texts(["a face with an open mouth", PLAIN]).diff(dim=0)[0]
    step = steer(editing.space, editing.pictures, -move, person, steps=2)
    assert float(step.norm()) == pytest.approx(STRENGTH, abs=1e-4)


def test_the_stored_editor_does_what_the_record_says(editing) -> None:
    record, names = json.loads((data_dir() / "text_editor.json").read_text("utf-8")), list(ATTRIBUTES)
    for name in ("smile", "open mouth", "raised brows"):
        gained = []
        for number in range(4000, 4012):
            edited = editing.edit(editing.space.person(number), f"a face with {ATTRIBUTES[name].more[0]}")
            assert edited.understood == {name: 1}
            gained.append(float(edited.gained[names.index(name)]))
        expected = record["one"][0]["edits"][name]["mm"]
        assert sum(gained) / len(gained) == pytest.approx(expected, abs=0.05 * abs(expected)) and expected > 1


def test_a_sentence_that_wishes_nothing_changes_nothing_and_an_unknown_word_is_named(editing) -> None:
    person = editing.space.person(5)
    edited = editing.edit(person, "the face")
    assert torch.equal(edited.w, person.w) and edited.lost == 0 and not edited.gained.any()
    with pytest.raises(ValueError, match="unknown word 'beard'"):
        editing.edit(person, "a face with a beard")
    with pytest.raises(ValueError, match="there is no word"):
        editing.edit(person, " ")
