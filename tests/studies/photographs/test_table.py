"""What is measured of fits to photographs, and what the file of them keeps. The fits are stand-ins: each is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from asm_teach.cli.main import main
from asm_teach.data.heads import load_head
from asm_teach.studies.photographs import folder, table
from asm_teach.studies.photographs.folder import photographed_case, write_photographs
from asm_teach.studies.photographs.scene import scene
from asm_teach.studies.photographs.table import (
    FOREHEAD,
    fit_photographs,
    format_fits,
    mean_fits,
    photograph_fits,
    read_fits,
    write_fits,
)
from asm_teach.studies.view_cases import embedded_sitter
from asm_teach.studies.view_models import PictureFit, ViewContender

HEAD = load_head()
WHOLE = embedded_sitter(HEAD, 3)
SITTER = replace(WHOLE, region=WHOLE.region[::20])  # a twentieth of the face is measured in less time
SCENE = scene(SITTER, 3, 1, 128)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three grey photographs with exact landmarks."""
    place = tmp_path_factory.mktemp("photographs") / "set"
    exact = iter([None, *(camera.project(SITTER.points) for camera in SCENE.cameras)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "find_landmarks", lambda *_: next(exact))
        write_photographs(SCENE, 3 * [np.full((128, 128, 3), 0.5)], place, lambda _: None)
    return place


class Known:
    """A model that gives the same face to all photographs, and keeps what it was given."""

    def __init__(self, vertices, lenses=1.0, name="adaptive"):
        self.vertices, self.lenses, self.name, self.given = vertices, lenses, name, []

    def __call__(self, views, stranger):
        self.given.append((len(views), [view.image is not None for view in views], stranger))
        shares = self.lenses if isinstance(self.lenses, tuple) else (self.lenses,) * 3
        return PictureFit(
            self.vertices,
            tuple(replace(c, focal=share * c.focal) for c, share in zip(SCENE.cameras, shares, strict=True)),
            1.5,
        )

    def contender(self):
        return ViewContender(self.name, 5, self)


def test_the_true_face_has_no_error_and_the_true_lenses_are_one(photographs):
    known = Known(SITTER.mesh.vertices, (0.5, 1.0, 1.25))
    fit = fit_photographs(HEAD, known.contender(), photographed_case(photographs), "set", True)
    assert fit.rmse < 0.01 and fit.forehead < 0.01
    assert (fit.nearest, fit.farthest) == (0.5, 1.25) and fit.seconds == 1.5
    assert (fit.set, fit.person, fit.photographs, fit.pictures) == ("set", "embedded person 3", 3, True)
    assert known.given == [(3, [True] * 3, False)]


def test_landmarks_alone_are_views_without_their_pictures(photographs):
    known = Known(SITTER.mesh.vertices)
    fit_photographs(HEAD, known.contender(), photographed_case(photographs), "set", False)
    assert known.given == [(3, [False] * 3, False)]


def test_the_forehead_has_a_figure_of_its_own(photographs):
    high = SITTER.mesh.vertices[:, 1] > SITTER.landmarks[30, 1] + FOREHEAD
    bulging = SITTER.mesh.vertices + high[:, None] * torch.tensor([0.0, 0.0, 6.0])
    fit = fit_photographs(HEAD, Known(bulging).contender(), photographed_case(photographs), "set", True)
    assert fit.forehead > 2 * fit.rmse > 1


@pytest.fixture
def models(monkeypatch):
    """Two models that are not fitted: the template, of no numbers, and one that finds the true face."""
    found = Known(SITTER.mesh.vertices)
    both = [ViewContender("mean template", 0, lambda *_: PictureFit(HEAD.mesh.vertices, (), 0.0)), found.contender()]
    monkeypatch.setattr(table, "view_contenders", lambda head, names, outlines: both)
    return found


def test_what_the_file_holds_is_not_fitted_again_unless_asked(photographs, models, tmp_path):
    file, said = tmp_path / "fits.json", []
    once = photograph_fits(HEAD, [photographs], (2, 3, 8), None, file, say=said.append)
    assert [(f.photographs, f.model, f.pictures) for f in once] == [
        (2, "mean template", False), (2, "adaptive", False), (2, "adaptive", True),
        (3, "mean template", False), (3, "adaptive", False), (3, "adaptive", True),
    ]  # fmt: skip
    assert len(models.given) == 4 and len(said) == 6 and read_fits(file) == once
    assert photograph_fits(HEAD, [photographs], (2, 3), None, file) == once and len(models.given) == 4
    photograph_fits(HEAD, [photographs], (3,), None, file, recompute=True, say=said.append)
    assert len(models.given) == 6 and len(read_fits(file)) == 6


def test_means_are_over_sets_that_every_model_was_fitted_to(photographs, models):
    here = photograph_fits(HEAD, [photographs], (2, 3), say=lambda _: None)
    there = [replace(fit, set="other", rmse=fit.rmse + 2, nearest=-1.0, farthest=9.0) for fit in here]
    means = mean_fits([*here, *there[:-1]])
    assert len(means) == len(here) - 1
    for mean, fit in zip(means, here, strict=False):
        assert mean.rmse == pytest.approx(fit.rmse + 1) and mean.mean == pytest.approx(fit.mean)
        assert (mean.set, mean.nearest, mean.farthest) == ("all", -1.0, 9.0)


def test_the_table_has_a_line_for_every_fit(photographs, models):
    text = format_fits(photograph_fits(HEAD, [photographs], (2, 3), say=lambda _: None))
    assert text.count("mean template") == 2 and text.count("adaptive, landmarks") == 2
    assert "set, 2 photographs" in text and "1.00 to 1.00" in text


@pytest.mark.parametrize(
    ("folders", "counts", "word"), [(0, (2,), "folders"), (2, (2,), "folders"), (1, (0,), "counts"), (1, (), "counts")]
)
def test_what_cannot_be_is_refused(photographs, folders, counts, word):
    with pytest.raises(ValueError, match=f"^{word}:"):
        photograph_fits(HEAD, folders * [photographs], counts)


@pytest.mark.parametrize("content", ["", "[]", '{"photographs": [{"set": 3}]}', "broken"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "fits.json").write_text(content)
    with pytest.raises(ValueError, match=r"^path: .* holds no results"):
        read_fits(tmp_path / "fits.json")


def test_a_field_of_another_type_is_refused(photographs, models, tmp_path):
    file = tmp_path / "fits.json"
    write_fits(photograph_fits(HEAD, [photographs], (2,), say=lambda _: None), file)
    entries = json.loads(file.read_text())
    entries["photographs"][0]["rmse"] = "small"
    file.write_text(json.dumps(entries))
    with pytest.raises(ValueError, match="rmse"):
        read_fits(file)


def test_the_command_prints_the_table_of_what_was_asked_for(photographs, models, tmp_path):
    file = tmp_path / "fits.json"
    given = ["views", "--photographs", str(photographs), "--views", "2", "--save", str(file)]
    found = CliRunner().invoke(main, given)
    assert found.exit_code == 0, found.output
    assert "set, 2 photographs" in found.output and len(read_fits(file)) == 3
