"""What the tests of the widgets share: small meshes, a small model, and a clean desk after each test."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import trimesh
from ipywidgets.widgets.widget import _instances as open_widgets

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.widgets import Viewer
from asm_teach.widgets.base.pose import PARAMETERS
from asm_teach.widgets.viewer import live


@pytest.fixture(autouse=True)
def close_widgets() -> Iterator[None]:
    yield
    live.live.clear()
    for widget in list(open_widgets.values()):
        widget.close()


def ball(subdivisions: int = 2, uv: bool = False, shift: float = 0.0) -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=subdivisions, radius=80)
    vertices = torch.tensor(np.asarray(sphere.vertices) + np.array([shift, 0, 0]), dtype=torch.float32)
    chart = (vertices[:, :2] - vertices[:, :2].min(0).values) / 170 if uv else None
    return Mesh(vertices, torch.tensor(np.asarray(sphere.faces)), uv=chart)


@pytest.fixture(name="model")
def three_bones() -> StaticSkinningModel:
    """A ball with three bones: a root, and a left and a right one below it."""
    mesh = ball()
    points = torch.tensor([[0.0, 0.0, 0.0], [50.0, 30.0, 40.0], [-50.0, 30.0, 40.0]])
    weights = torch.softmax(-((torch.cdist(mesh.vertices, points) / 40) ** 2), dim=1)
    rig = Rig(names=("root", "eye_L", "eye_R"), parents=torch.tensor([-1, 0, 0]), positions=points)
    return StaticSkinningModel(mesh, rig, weights)


def sent_positions(view: Viewer) -> np.ndarray:
    """What the browser was last sent."""
    return next(iter(view._surfaces.values()))._whole.array[:, :3]


def sent_normals(view: Viewer, name: str | None = None) -> np.ndarray:
    """The normals that the browser was last sent, unpacked as its shader does."""
    surface = view._surfaces[name] if name else next(iter(view._surfaces.values()))
    code = surface._whole.array[:, 3].astype(np.float64)
    square = np.stack([np.floor(code / 4096), code % 4096], axis=1) / 2047.5 - 1
    n = np.concatenate([square, 1 - np.abs(square).sum(axis=1, keepdims=True)], axis=1)
    below = np.maximum(-n[:, 2:], 0)
    n[:, :2] -= np.where(n[:, :2] >= 0, below, -below)
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def moved(model: AdaptiveSkinningModel, seed: int) -> AdaptiveSkinningModel:
    """Every bone moved, every Gaussian changed, every bone at another place, some of them off the chart."""
    other, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    sizes = dict(zip(PARAMETERS, (4.0, 0.2, 0.15, 0.03, 0.5, 0.02, 0.3), strict=True))
    with torch.no_grad():
        for name, size in sizes.items():
            parameter = getattr(other, name)
            parameter += size * torch.randn(parameter.shape, generator=generator)
        # L's lower left number is a length on the chart, not a logarithm
        other.mixture_factor[..., 1] *= 0.1
    return other
