"""Bone budgets: how many bones, which ones, what they hang on, and whether left and right are alike."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.binding import Chart
from asm_teach.model.transforms import Rig
from asm_teach.studies.bone_budget import budget_rig

HEAD = load_head()
CHART = Chart.from_mesh(HEAD.mesh)


def places(rig: Rig) -> torch.Tensor:
    return CHART.bind(rig.uv, HEAD.mesh.vertices)


def pairs(rig: Rig) -> list[tuple[int, int]]:
    return [(rig.index(n), rig.index(n[:-1] + "R")) for n in rig.names if n.endswith("_L")]


def ancestors(rig: Rig, name: str) -> list[str]:
    found, j = [], rig.index(name)
    while (j := int(rig.parents[j])) >= 0:
        found.append(rig.names[j])
    return found


@pytest.mark.parametrize("bones", [1, 2, 21, 42, 83, 84, 85, 86, 168])
def test_a_budget_is_kept_and_makes_a_model_at_rest(bones):
    rig = budget_rig(HEAD.mesh, HEAD.rig, bones)
    assert len(rig) == bones and (rig.parents < 0).sum() == 1
    # at rest the template comes back, whatever bones there are
    assert torch.equal(AdaptiveSkinningModel(HEAD.mesh, rig).forward(), HEAD.mesh.vertices)


@pytest.mark.parametrize("bones", [21, 42, 84, 168])
def test_left_and_right_are_alike(bones):
    """The template's two sides differ by less than 0.05 mm at a vertex, its given rig by less than 1 mm."""
    rig = budget_rig(HEAD.mesh, HEAD.rig, bones)
    left, right = torch.tensor(pairs(rig)).T
    assert len(left) == sum(name.endswith("_R") for name in rig.names) > 0.3 * bones
    points = places(rig)
    mirrored = points[right] * torch.tensor([-1.0, 1.0, 1.0])
    assert (points[left] - mirrored).norm(dim=1).max() < 1.0
    # and so are the trees: the parents of a pair are a pair or one bone
    for a, b in pairs(rig):
        up, across = (rig.names[int(rig.parents[j])] for j in (a, b))
        assert up.replace("_L", "_R") == across


def test_all_84_are_the_rig_itself():
    rig = budget_rig(HEAD.mesh, HEAD.rig, 84)
    assert rig.names == HEAD.rig.names
    assert torch.equal(rig.parents, HEAD.rig.parents) and torch.equal(rig.uv, HEAD.rig.uv)


@pytest.mark.long
@given(st.integers(1, 84))
def test_a_bone_whose_parent_is_gone_hangs_on_the_nearest_ancestor_left(bones):
    rig = budget_rig(HEAD.mesh, HEAD.rig, bones)
    for name in rig.names:
        assert ancestors(rig, name) == [a for a in ancestors(HEAD.rig, name) if a in rig.names]
        assert torch.equal(rig.uv[rig.index(name)], HEAD.rig.uv[HEAD.rig.index(name)])


@pytest.mark.long
@given(st.integers(3, 83))
def test_a_larger_budget_keeps_what_a_smaller_one_had_but_for_a_last_single_bone(bones):
    small, large = (set(budget_rig(HEAD.mesh, HEAD.rig, n).names) for n in (bones, bones + 1))
    assert len(small - large) <= 1


def test_more_bones_lie_closer_to_every_point_of_the_face():
    """Mean distance of the face's vertices to the nearest bone: 23, 12, 9 and 6 mm."""
    face = HEAD.mesh.vertices[HEAD.mesh.part_vertices("face")]
    rigs = [budget_rig(HEAD.mesh, HEAD.rig, bones) for bones in (21, 42, 84, 168)]
    away = [torch.cdist(face, places(rig)).amin(1) for rig in rigs]
    means = [float(d.mean()) for d in away]
    assert means == sorted(means, reverse=True) and means[0] < 30 and means[3] < 0.3 * means[0]
    # the given rig leaves the temples' upper ends 64 mm from any bone; the first new ones go there
    assert away[3].max() < 0.3 * away[2].max()


def test_new_bones_lie_on_the_face_and_hang_on_what_is_there():
    rig = budget_rig(HEAD.mesh, HEAD.rig, 120)
    assert rig.names[:84] == HEAD.rig.names and torch.equal(rig.uv[:84], HEAD.rig.uv)
    face = HEAD.mesh.vertices[HEAD.mesh.part_vertices("face")]
    # a vertex lies on the corner of its triangle, but for float32 in coordinates of some 100 mm
    assert torch.cdist(places(rig)[84:].double(), face.double()).amin(1).max() < 1e-3
    assert (rig.parents[84:] < 84).all() and (rig.parents[84:] >= 0).all()


def test_a_budget_of_a_budget():
    twice = budget_rig(HEAD.mesh, budget_rig(HEAD.mesh, HEAD.rig, 100), 130)
    assert len(twice) == 130 and len(set(twice.names)) == 130


def test_a_rig_without_sides_and_a_mesh_without_parts():
    """Names that say nothing of sides, on a square without a left or right."""
    corners = torch.tensor([[1.0, 0, 0], [3, 0, 0], [3, 2, 0], [1, 2, 0]])
    mesh = Mesh(10 * corners, torch.tensor([[0, 1, 2], [0, 2, 3]]), corners[:, :2] / 3)
    rig = Rig(("a", "b", "c"), torch.tensor([-1, 0, 1]), uv=torch.tensor([[0.4, 0.1], [0.6, 0.3], [0.9, 0.6]]))
    assert budget_rig(mesh, rig, 2).names == ("a", "c")
    assert budget_rig(mesh, rig, 2).parents.tolist() == [-1, 0]
    more = budget_rig(mesh, rig, 7)
    assert more.names == ("a", "b", "c", "extra000", "extra001", "extra002", "extra003")
    torch.testing.assert_close(more.uv[3:].sort(0).values, mesh.uv.sort(0).values)


def test_positions_follow():
    points = places(HEAD.rig)
    rig = Rig(HEAD.rig.names, HEAD.rig.parents, HEAD.rig.uv, points)
    few, many = (budget_rig(HEAD.mesh, rig, n) for n in (30, 100))
    torch.testing.assert_close(few.positions, places(few), rtol=0, atol=1e-3)
    torch.testing.assert_close(many.positions, places(many), rtol=0, atol=1e-2)


@pytest.mark.parametrize("bones", [0, 10_000, 20.5, True - 1])
def test_a_budget_that_cannot_be(bones):
    with pytest.raises(ValueError, match="bones: this head can have 1 \\(its roots\\) to"):
        budget_rig(HEAD.mesh, HEAD.rig, bones)


def test_a_rig_off_the_chart():
    with pytest.raises(ValueError, match="rig: its bones have no places on the chart"):
        budget_rig(HEAD.mesh, HEAD.hand_rig, 20)
