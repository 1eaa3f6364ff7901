"""The people and expressions of the embedded head, on itself, on its sister and on templates of other topologies."""

from __future__ import annotations

import pytest
import torch

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.data.scans import load_facekit
from asm_teach.geometry.mesh import Mesh
from asm_teach.new_head.prepare import prepare_head
from asm_teach.scan_fit.face_shapes import FaceShapes
from asm_teach.studies.new_heads import ICT_FACEKIT

HEAD = load_head()
MOUTH = {"jawOpen": 0.7, "mouthSmileLeft": 0.4}


@pytest.mark.parametrize("name", ["makehuman", "soma"])
def test_an_embedded_head_has_its_own_expressions(name: str) -> None:
    head = load_head(name)
    shapes = FaceShapes.of(head.mesh)
    assert shapes is not None
    torch.testing.assert_close(shapes.offsets(MOUTH), head.offsets(expressions=MOUTH), atol=1e-3, rtol=0)


def test_people_are_principal_components() -> None:
    """Each person that the package draws is nearly a mix of them: a fifth of the difference of two is left."""
    shapes = FaceShapes.of(HEAD.mesh)
    assert shapes is not None
    modes = shapes.people.flatten(1)
    person = (HEAD.sample(77, expression=False).vertices - HEAD.sample(78, expression=False).vertices).flatten()
    amounts = torch.linalg.lstsq(modes.T, person[:, None]).solution[:, 0]
    left = (person - amounts @ modes).view(-1, 3).norm(dim=1)
    assert left.mean() < 0.2 * person.view(-1, 3).norm(dim=1).mean()


def test_another_topology_takes_the_expressions_over() -> None:
    """The sister head without its last triangle is no head that the package knows; what it should do is known."""
    soma = load_head("soma")
    count = len(soma.mesh.faces) - 1
    assert int(soma.landmarks.faces.max()) < count
    stranger = Mesh(1.2 * soma.mesh.vertices, soma.mesh.faces[:count], landmarks={"ibug68": soma.landmarks})
    shapes = FaceShapes.of(stranger)
    assert shapes is not None
    right = 1.2 * soma.offsets(expressions=MOUTH)
    away = (shapes.offsets(MOUTH) - right).norm(dim=1)[soma.mesh.part_vertices("face")]
    assert right.norm(dim=1).max() > 30
    assert away.mean() < 1 and away.quantile(0.95) < 4


def test_a_template_without_landmarks_has_none() -> None:
    assert FaceShapes.of(Mesh(HEAD.mesh.vertices, HEAD.mesh.faces)) is None


@pytest.mark.long
def test_a_mouth_that_others_made_opens_as_theirs_does() -> None:
    """ICT-FaceKit's face has a jaw of its own: to compare with, and by another hand."""
    try:
        kit = load_facekit(("jawOpen",), progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    head = prepare_head(kit.mesh, ICT_FACEKIT)
    shapes = FaceShapes.of(head.mesh)
    assert shapes is not None
    lies = head.landmarks.points(shapes.offsets({"jawOpen": 1.0}), head.mesh.faces)
    theirs = head.landmarks.points(kit.modes["jawOpen"][head.kept], head.mesh.faces)
    low, still = [8, 57, 66], [27, 30, 33, 51, 62]  # chin and lower lip; nose and upper lip
    assert (torch.cosine_similarity(lies, theirs, dim=1)[low] > 0.8).all() and (lies[low].norm(dim=1) > 15).all()
    assert (lies[still].norm(dim=1) < 6).all()
