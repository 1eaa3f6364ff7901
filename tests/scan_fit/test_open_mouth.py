"""Raw scans with open mouths: the opening is found, by search or by landmarks, and the jaw ends where it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.open_mouth import CLOSED, Mouth, peak
from asm_teach.scan_fit.place import _template_face, place_scan

from .open_mouths import HEAD, lip_gap, misses, raw_scan


@pytest.mark.long
@pytest.mark.parametrize(("seed", "opening", "smile", "kind"), [(1, 0.5, 0.0, "whole"), (4, 1.0, 0.5, "mask")])
def test_an_open_mouth_is_fitted_without_landmarks(seed: int, opening: float, smile: float, kind: str) -> None:
    """Lip and chin were 15 to 45 mm off when every fit began with a closed mouth."""
    scan, truth = raw_scan(seed, opening, smile, kind)
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2)
    fit = fit_scan(model, scan, steps=12, progress=False, device="cpu")
    off = misses(fit.vertices, truth)
    # A mask ends under the chin, and nothing holds the chin there along the surface: 2.5 to 4.7 mm at a gape.
    assert max(off["lip"], off["corners"]) < 2 and off["chin"] < (5 if kind == "mask" and opening == 1 else 2)
    assert any("mouth is open by some" in note for note in fit.notes)
    # The face is told in terms of the packaged rest: with every bone back in its place the mouth is closed.
    assert torch.equal(fit.model.vertices, HEAD.mesh.vertices) and torch.equal(fit.model().detach(), fit.vertices)
    fit.model.reset_motion()
    torch.testing.assert_close(fit.model().detach(), HEAD.mesh.vertices)


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


def test_a_wrong_landmark_does_not_open_a_mouth() -> None:
    face, middle = _template_face(HEAD.mesh, np.random.default_rng(0))
    mouth, landmarks = Mouth.of(HEAD.mesh, face, middle), torch.full((68, 3), torch.nan)
    assert mouth is not None
    some = [36, 39, 42, 45, 30, 27, 33, 48, 54, 8, 51, 57]
    landmarks[some] = HEAD.landmarks.points(HEAD.sample(2, expression=False).vertices, HEAD.mesh.faces)[some]
    landmarks[8, 1] -= 20.0
    assert mouth.of_landmarks(landmarks) == CLOSED


@pytest.mark.long
def test_a_closed_mouth_stays_as_it_is() -> None:
    for head in (HEAD, load_head("soma")):
        assert place_scan(head.mesh, raw_scan(0, 0.0)[0]).start is head.mesh


def test_a_template_whose_expressions_are_not_known_starts_as_it_is() -> None:
    part = Mesh(HEAD.mesh.vertices, HEAD.mesh.faces, parts=HEAD.mesh.parts)
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
