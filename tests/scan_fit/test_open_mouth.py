"""Raw scans with open mouths: the opening is found, by search or by landmarks, and the jaw ends where it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.visibility import seen_from
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.open_mouth import CLOSED, Mouth, mouth_shapes, peak
from asm_teach.scan_fit.place import _template_face, place_scan

HEAD = load_head()
LIPS, CHIN, CORNERS = [57, 66], [8], [48, 54]  # rows of iBUG's 68
VIEWS = [[0.0, 0, 1], [1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -0.7, 1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -1]]


def raw_scan(seed: int, opening: float, smile: float = 0.0) -> tuple[Mesh, Tensor]:
    """What a scanner sees of a sampled person, in another topology and pose, and where the template's vertices are."""
    generator = np.random.default_rng(1000 + seed)
    amounts = {"jawOpen": opening, "mouthSmileLeft": smile, "mouthSmileRight": smile}
    person = HEAD.sample(seed, expression=False).vertices + HEAD.offsets(expressions=amounts)
    seen = seen_from(person, HEAD.mesh.with_vertices(person), torch.tensor(VIEWS))
    faces = HEAD.mesh.faces[seen[HEAD.mesh.faces].all(1)]
    surface = trimesh.Trimesh(*trimesh.remesh.subdivide(person.double().numpy(), faces.numpy()))
    turn = Rotation.from_euler("xyz", generator.uniform(-25, 25, 3), degrees=True).as_matrix()
    shift = generator.normal(0, 50, 3)
    points = surface.vertices + generator.normal(0, 0.1, surface.vertices.shape)
    scan = Mesh(torch.tensor(points @ turn.T + shift).float(), torch.tensor(np.asarray(surface.faces)))
    return scan, torch.tensor(person.double().numpy() @ turn.T + shift).float()


def misses(vertices: Tensor, truth: Tensor) -> dict[str, float]:
    """mm by which parts of the mouth are off."""
    found, right = (HEAD.landmarks.points(x, HEAD.mesh.faces) for x in (vertices, truth))
    away = torch.linalg.vector_norm(found - right, dim=1)
    return {name: float(away[rows].max()) for name, rows in (("lip", LIPS), ("chin", CHIN), ("corners", CORNERS))}


def lip_gap(mesh: Mesh) -> float:
    lips = HEAD.landmarks.points(mesh.vertices, mesh.faces)[[62, 66]]
    return float(torch.linalg.vector_norm(lips[0] - lips[1]))


@pytest.mark.long
@pytest.mark.parametrize(("seed", "opening", "smile"), [(1, 0.5, 0.0), (2, 1.0, 0.5)])
def test_an_open_mouth_is_fitted_without_landmarks(seed: int, opening: float, smile: float) -> None:
    """Lip and chin were 15 to 45 mm off when every fit began with a closed mouth."""
    scan, truth = raw_scan(seed, opening, smile)
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2)
    fit = fit_scan(model, scan, steps=25, progress=False, device="cpu")
    assert max(misses(fit.vertices, truth).values()) < 3
    assert any("mouth is open by some" in note for note in fit.notes)


@pytest.mark.long
@pytest.mark.parametrize("opening", [0.35, 0.8])
def test_the_opening_is_found_by_search_and_by_landmarks(opening: float) -> None:
    scan, truth = raw_scan(3, opening)
    wide = HEAD.mesh.with_vertices(HEAD.mesh.vertices + HEAD.offsets(expressions={"jawOpen": opening}))
    landmarks = torch.full((68, 3), torch.nan)
    some = [36, 39, 42, 45, 30, 27, 33, 48, 54, 8, 51, 57]
    landmarks[some] = HEAD.landmarks.points(truth, HEAD.mesh.faces)[some]
    for known in (None, landmarks):
        placed = place_scan(HEAD.mesh, scan, known)
        assert lip_gap(placed.start) == pytest.approx(lip_gap(wide), abs=4)


@pytest.mark.long
def test_a_closed_mouth_stays_as_it_is() -> None:
    for head in (HEAD, load_head("soma")):
        assert place_scan(head.mesh, raw_scan(0, 0.0)[0]).start is head.mesh


def test_a_template_whose_expressions_are_not_known_starts_as_it_is() -> None:
    part = HEAD.mesh.part("face")
    assert mouth_shapes(part) is None
    face, middle = _template_face(HEAD.mesh, np.random.default_rng(0))
    assert Mouth.of(part, face, middle) is None


def test_the_points_of_the_face_go_with_the_mouth() -> None:
    face, middle = _template_face(HEAD.mesh, np.random.default_rng(0))
    mouth = Mouth.of(HEAD.mesh, face, middle)
    assert mouth is not None and mouth.points(CLOSED) is face
    nearly = mouth.points((1e-9, 0.0))
    assert np.abs(nearly.points - face.points).max() < 1e-3
    moved = np.linalg.norm(mouth.points((1.0, 0.0)).points - face.points, axis=1)
    low = face.points[:, 1] < np.quantile(face.points[:, 1], 0.05)
    assert moved[low].min() > 15 > 3 > moved[face.points[:, 1] > 20].max()


def test_a_peak_lies_between_the_places() -> None:
    assert peak((0.0, 0.5, 1.0), [1.0, 2.0, 1.0]) == 0.5
    assert 0.5 < peak((0.0, 0.5, 1.0), [1.0, 2.0, 1.5]) < 0.75
    assert peak((0.0, 0.5, 1.0), [3.0, 2.0, 1.5]) == 0.0
