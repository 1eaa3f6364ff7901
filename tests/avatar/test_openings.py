"""Mouth and eyes: their sides, lids that close, lips that do not pass through each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach.avatar.openings import (
    EYES,
    MOUTH,
    close_lids,
    is_sealed,
    is_shut,
    lids,
    lips,
    part_lips,
    sides,
    together,
)
from asm_teach.avatar.transfer import template_shapes
from tests.avatar.models import HEAD

EXACT = HEAD.mesh.to(dtype=torch.float64)
MARKS = HEAD.landmarks.points(EXACT.vertices, EXACT.faces)


def offsets(*names: str) -> torch.Tensor:
    return HEAD.offsets(expressions=dict.fromkeys(names, 1.0)).double()


@pytest.mark.parametrize("opening", [MOUTH, *EYES.values()], ids=["mouth", *EYES])
def test_landmarks_lie_on_their_own_side(opening) -> None:
    upper, lower = sides(EXACT, opening).near(opening.reach)
    corners = EXACT.faces[HEAD.landmarks.faces]
    assert upper[corners[list(opening.upper)]].all() and lower[corners[list(opening.lower)]].all()
    assert not (upper & lower).any()


def test_the_corners_of_the_mouth_lie_on_neither_side() -> None:
    """The skin goes on round a corner, so a mesh of another maker may not be held to one side there."""
    side = sides(EXACT, MOUTH)
    corners = HEAD.landmarks.nearest_vertices(EXACT.faces)[[48, 54]]
    assert (torch.minimum(side.upper, side.lower)[corners] < MOUTH.reach).all()
    assert not any(near[corners].any() for near in side.near(MOUTH.reach))


def test_the_jaw_takes_the_lower_lip_along_and_leaves_the_upper_one() -> None:
    """The shape was modelled without our landmarks, so it judges the sides."""
    mouth, way = lips(EXACT), offsets("jawOpen").norm(dim=1)
    assert way[mouth.lower].median() > 20 and way[mouth.upper].median() < 8


def test_a_mouth_that_is_sewn_up_is_sealed() -> None:
    assert not is_sealed(EXACT, MOUTH) and not any(is_sealed(EXACT, eye) for eye in EYES.values())
    # A thread of triangles from lip to lip.
    rows = [HEAD.landmarks.nearest_vertices(EXACT.faces)[k] for k in (50, 58, 51, 57, 52, 56)]
    thread = torch.stack([torch.stack(rows[k : k + 3]) for k in range(4)])
    assert is_sealed(replace(EXACT, faces=torch.cat([EXACT.faces, thread]), parts={}, quads=None), MOUTH)


@pytest.mark.parametrize("name", EYES)
def test_closed_lids_are_shut_although_no_face_joins_them(name) -> None:
    blink = close_lids(
        lids(EXACT, name, template_shapes(EXACT).margins[name]), EXACT.vertices, offsets(f"eyeBlink{name}")
    )
    assert not is_shut(EXACT, name) and not is_shut(EXACT.with_vertices(EXACT.vertices + blink / 2), name)
    closed = EXACT.with_vertices(EXACT.vertices + blink)
    assert is_shut(closed, name) and not is_sealed(closed, EYES[name])


def test_what_lies_at_one_place_goes_one_way_where_nothing_opens() -> None:
    shift = torch.ones(1, len(EXACT.vertices), 3, dtype=torch.float64)
    torch.testing.assert_close(together(EXACT, MOUTH, shift), shift)
    jaw = offsets("jawOpen")[None]
    found = together(EXACT, MOUTH, jaw)[0]
    side = sides(EXACT, MOUTH)
    far = torch.minimum(side.upper, side.lower) > 2 * MOUTH.reach
    assert far.sum() > 1000 and torch.equal(found[far], jaw[0, far])
    upper, lower = (rows.nonzero()[:, 0] for rows in side.near(9.0))
    apart, other = torch.cdist(EXACT.vertices[upper], EXACT.vertices[lower]).min(1)
    pairs = upper[apart < 2], lower[other[apart < 2]]
    assert len(pairs[0]) > 10
    before, after = ((way[pairs[0]] - way[pairs[1]]).norm(dim=1).max() for way in (jaw[0], found))
    assert before > 15 and after < 3


@pytest.mark.parametrize("name", EYES)
def test_lids_close_where_the_embedded_shape_goes_too_far(name) -> None:
    eye = lids(EXACT, name, template_shapes(EXACT).margins[name])
    blink = offsets(f"eyeBlink{name}")
    before = eye.gap(EXACT.vertices + blink)
    assert before.max() > 4  # the upper lid ends on the cheek
    closed = close_lids(eye, EXACT.vertices, blink)
    after = eye.gap(EXACT.vertices + closed)
    assert after.max() < 0.3 and after.mean() < 0.1
    # Half of it is half a blink, and the other eye and the mouth stay as they are.
    half = eye.gap(EXACT.vertices + closed / 2)
    assert 0.3 < half.max() / eye.gap(EXACT.vertices).max() < 0.7
    still = blink.norm(dim=1) == 0
    assert closed[still & ~eye.upper].norm(dim=1).max() == 0


def test_the_axes_of_an_eye_are_along_up_and_out() -> None:
    for name, way in (("Left", 1.0), ("Right", -1.0)):
        along, up, out = lids(EXACT, name, template_shapes(EXACT).margins[name]).axes
        assert way * along[0] > 0.9 and up[1] > 0.9 and out[2] > 0.8


def test_lips_that_pass_through_each_other_are_parted() -> None:
    mouth, start = lips(EXACT), EXACT.vertices
    assert mouth.through(start).abs().max() == 0
    moved = start + offsets("mouthShrugLower")
    push = mouth.through(moved)
    assert push.norm(dim=1).max() > 1.5
    added = part_lips(mouth, start, moved, 0.1)
    assert mouth.through(moved + added).norm(dim=1).max() < 0.1
    assert added.norm(dim=1).max() < 2 * push.norm(dim=1).max()
    far = (start - MARKS[62]).norm(dim=1) > 40
    assert added[far].norm(dim=1).max() == 0


def test_a_lip_pushed_through_by_hand_is_found_to_be_as_deep() -> None:
    mouth, moved = lips(EXACT), EXACT.vertices.clone()
    gap = (MARKS[62] - MARKS[66])[1]
    rows = torch.unique(mouth.lower_faces)
    moved[rows, 1] += gap + 2.0  # 2 mm farther than where they touch
    depth = mouth.through(moved).norm(dim=1).max()
    assert 0.5 < depth <= 3.0


def test_a_vertex_far_behind_a_lip_lies_in_the_open_mouth() -> None:
    mouth, moved = lips(EXACT), EXACT.vertices + offsets("jawOpen")
    tip = mouth.upper[(EXACT.vertices[mouth.upper] - MARKS[62]).norm(dim=1).argmin()]
    lower = moved[mouth.lower[(EXACT.vertices[mouth.lower] - MARKS[57]).norm(dim=1).argmin()]]
    for back, found in ((3.0, True), (12.0, False)):
        moved[tip] = lower - torch.tensor([0.0, 0.0, back])
        assert bool(mouth.through(moved)[tip].any()) is found
