"""Bones with twelve free numbers: they are placed as a whole, fitted as any model, and come closer than nine."""

from __future__ import annotations

import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.fitting.bone_motion import motion_of
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.studies.free_matrices import FreeMatrices, FreeMatrixModel

HEAD = load_head()
PERSON = HEAD.sample(11)


def few() -> AdaptiveSkinningModel:
    """A quarter of the bones, none with a parent but the first."""
    uv = HEAD.rig.uv[::4]
    parents = torch.tensor([-1] + [0] * (len(uv) - 1))
    return AdaptiveSkinningModel(HEAD.mesh, Rig(tuple(f"bone {j}" for j in range(len(uv))), parents, uv=uv), 2)


def off(vertices: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(vertices - PERSON.vertices, dim=1).mean())


@pytest.mark.long
def test_twelve_numbers_a_bone_come_closer_than_nine():
    free = FreeMatrixModel(few())
    nine, twelve = (fit_scan(model, PERSON, steps=12, progress=False) for model in (few(), free))
    assert isinstance(twelve.model, FreeMatrixModel)
    assert off(twelve.vertices) < off(nine.vertices)
    torch.testing.assert_close(twelve.model().detach(), twelve.vertices)
    torch.testing.assert_close(free().detach(), HEAD.mesh.vertices, atol=1e-4, rtol=0)  # the given one is as it was


def test_a_root_places_the_head_as_the_nine_numbers_would():
    model, free = few(), FreeMatrixModel(few())
    motion = {"translation": torch.tensor([5.0, -3.0, 2.0]), "rotation": torch.tensor([0.2, -0.1, 0.3])}
    for one in (model, free):
        one.set_motion(0, **motion, scale=torch.full((3,), 1.1))
    torch.testing.assert_close(free().detach(), model().detach(), atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="bone: only roots have nine numbers here"):
        free.set_motion(1, **motion)
    free.reset_motion()
    torch.testing.assert_close(free().detach(), HEAD.mesh.vertices, atol=1e-4, rtol=0)


def test_a_motion_goes_into_a_model_and_back():
    """And its matrices follow a step as their jacobian says, which is exact: they are linear in it."""
    model = FreeMatrixModel(few()).double()
    model.set_motion(0, rotation=torch.tensor([0.2, -0.1, 0.3]).double(), translation=torch.ones(3).double())
    motion, points = motion_of(model), model.bind_points().detach()
    assert isinstance(motion, FreeMatrices) and motion.numbers().abs().max() < 1e-9
    step = torch.randn(len(model.rig), 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    after = motion.moved(step)
    expected = torch.einsum("lrajk,jk->lra", motion.jacobian(points, model.rig), step)
    found = after.matrices(points, model.rig) - motion.matrices(points, model.rig)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)
    after.give_to(model)
    torch.testing.assert_close(motion_of(model).numbers(), after.numbers(), atol=1e-9, rtol=1e-9)
    shifted = after.about(points, points + 3.0)
    torch.testing.assert_close(shifted.matrices(points + 3.0, model.rig), after.matrices(points, model.rig))
