"""The evidence: which models compete, how they are counted and measured, and the table that comes of it."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from functools import partial

import pytest
import torch

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.data.scans import FaceKit
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.linear_fit import fit_morphable
from asm_teach.studies import capacity
from asm_teach.studies.capacity import evidence, run_capacity, take_on
from asm_teach.studies.scan_faces import embedded_people, real_face, scanned_face
from asm_teach.studies.scan_models import (
    FIRST_SAMPLE,
    GROUPS,
    Contender,
    contenders,
    facekit_contenders,
    file_size,
    sampled_shapes,
)
from asm_teach.studies.scan_table import CAPTION, ScanRow, format_table, neural_rows, write_table

HEAD = load_head()
LINEAR = LinearMorphableModel.from_samples(HEAD.mesh, sampled_shapes(HEAD, 12))
ROW = ScanRow("given", "linear, 10 modes", "embedded people", 2, 17, 560_000, 1.5, 1.4, 1.8, 3.2, 1.7, 0.02)


@pytest.fixture(autouse=True)
def _short_fits(monkeypatch):
    """A few steps show the same order of things."""
    for fit in (fit_scan, fit_morphable):
        short = partial(_cut_short, fit)
        monkeypatch.setattr(capacity, fit.__name__, short)


def _cut_short(fit, *args, **options):
    return fit(*args, **{**options, "steps": 5})


# --- who competes


def test_the_models_that_compete():
    found = contenders(HEAD, ["static", "adaptive", "bones", "components"])
    by_group = {group: [c for c in found if group in c.groups] for group in GROUPS}
    assert [len(by_group[group]) for group in GROUPS] == [0, 0, 0, 2, 3, 4, 4]
    assert [len(c.model.rig) for c in by_group["bones"]] == [21, 42, 84, 168]
    assert [c.model.components for c in by_group["components"]] == [1, 2, 3, 4]
    assert [c.free[1:] for c in by_group["adaptive"]] == [("weights",), ("binding",), ("weights", "binding")]
    assert len({c.name for c in found}) == len(found)
    # J (11 + 6 K) numbers when all of them move, nine a bone when only the motion does
    assert [c.parameters for c in by_group["components"]] == [84 * (11 + 6 * k) for k in (1, 2, 3, 4)]
    assert [c.parameters for c in by_group["static"]] == [32 * 9, 84 * 9]
    assert [c.parameters for c in by_group["adaptive"]] == [84 * 21, 84 * 11, 84 * 23]


def test_the_linear_models_that_compete():
    found = contenders(HEAD, ["learned"], quick=True)
    assert [len(c.model) for c in found] == [24, 199] and [c.parameters for c in found] == [31, 206]


def test_the_recorded_rows_of_the_neural_contender_fit_into_the_table():
    rows = neural_rows()
    assert [row.where for row in rows] == ["embedded people"] * 3 + ["new people"] * 3 + ["the stranger"] * 3
    assert {row.group for row in rows} == {"neural"} and len({row.model for row in rows}) == 3
    # as many numbers as a linear model of 69 modes, whose modes it keeps beside its own weights
    assert {row.parameters for row in rows} == {76} and min(row.bytes for row in rows) > 8e6
    assert all(0 < row.median < row.p95 and row.mean < row.rmse for row in rows)
    assert max(row.mean for row in rows[:6]) < min(row.mean for row in rows[6:])
    assert "neural, learned from people" in format_table(rows[:1])


def test_what_a_group_leaves_out_is_not_in_its_rows():
    (one,) = [c for c in contenders(HEAD, ["components"]) if c.model.components == 2]
    assert one.groups == ("components",)
    assert {g for c in contenders(HEAD, ["bones"], quick=True) for g in c.groups} == {"bones"}


def test_no_model_is_tried_on_those_it_learned_from():
    tried = torch.stack([subject.mesh.vertices for subject in embedded_people(HEAD, 3)])
    away = torch.cdist(tried.flatten(1), sampled_shapes(HEAD, 5).flatten(1))
    assert away.min() > 50  # mm in all, over 4,165 vertices; the same person would be at 0
    assert FIRST_SAMPLE > 1000


def test_a_group_that_is_not_there():
    with pytest.raises(ValueError, match="groups: there is no 'bone'; choose from given, learned, neural, static"):
        contenders(HEAD, ["bone"])


def test_a_file_holds_the_modes_or_the_bones():
    small, large = (file_size(LINEAR.first(modes)) for modes in (2, 11))
    assert large - small > 9 * 4165 * 3 * 2  # random mantissas of float32 do not compress to half
    assert file_size(AdaptiveSkinningModel(HEAD.mesh, HEAD.rig)) < small


# --- how they are measured


def test_a_registered_face_is_measured_vertex_by_vertex():
    subject = embedded_people(HEAD, 1)[0]
    result = take_on(Contender("linear", ("given",), LINEAR), subject, device="cpu")
    assert len(result.distances) == len(HEAD.mesh.part_vertices("face")) and result.seconds > 0
    # by hand: the least squares of the modes and a motion come closer than the modes alone
    alone = (LINEAR(LINEAR.project(subject.mesh.vertices)) - subject.mesh.vertices)[subject.area].norm(dim=1)
    assert result.distances.square().mean() < 1.1 * alone.square().mean()


def test_the_head_itself_is_no_challenge():
    """Every model takes on its own template to a thousandth of a mm."""
    subject = replace(embedded_people(HEAD, 1)[0], mesh=HEAD.mesh)
    given = LinearMorphableModel.from_modes(HEAD.mesh, LINEAR.modes)
    painted = StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights)
    for model in (given, painted, AdaptiveSkinningModel(HEAD.mesh, HEAD.rig)):
        assert take_on(Contender("", (), model), subject, device="cpu").distances.max() < 5e-3


def test_figures_are_those_of_all_faces_and_the_nme_is_per_face():
    subjects = embedded_people(HEAD, 2)
    models = [Contender("linear", ("given", "learned"), LINEAR)]
    rows = evidence(models, subjects, device="cpu", progress=False)
    assert [row.group for row in rows] == ["given", "learned"] and rows[0].faces == 2
    distances = [take_on(models[0], subject, device="cpu").distances for subject in subjects]
    assert rows[0].mean == pytest.approx(float(torch.cat(distances).mean()), rel=1e-5)
    assert rows[0].p95 == pytest.approx(float(torch.cat(distances).quantile(0.95)), rel=1e-4)
    nme = [100 * float(d.mean()) / s.eyes for d, s in zip(distances, subjects, strict=True)]
    assert rows[0].nme == pytest.approx(sum(nme) / 2, rel=1e-5)
    assert 80 < subjects[0].eyes < 110  # mm


def test_rows_come_by_kind_of_face_and_by_part():
    subject = embedded_people(HEAD, 1)[0]
    subjects = [subject, replace(subject, name="b", where="others")]
    models = [Contender("x", ("learned",), LINEAR), Contender("y", ("given", "learned"), LINEAR.first(3))]
    rows = evidence(models, subjects, device="cpu", progress=False)
    got = [(row.where, row.group, row.model) for row in rows]
    one = [("given", "y"), ("learned", "x"), ("learned", "y")]
    assert got == [("embedded people", *r) for r in one] + [("others", *r) for r in one]


@pytest.mark.long
def test_the_adaptive_model_adapts():
    subject = embedded_people(HEAD, 1)
    models = contenders(HEAD, ["adaptive"])
    frozen = [c for c in contenders(HEAD, ["static"]) if "mixtures" in c.name]
    rows = evidence(frozen + models, subject, "cpu", progress=False)
    mean = {row.model: row.mean for row in rows}
    assert mean["adaptive, 84 bones x 2"] < mean["static, 84 bones, starting mixtures"]


def test_nothing_to_compare():
    with pytest.raises(ValueError, match="subjects: it is empty"):
        evidence([Contender("linear", ("given",), LINEAR)], [])
    with pytest.raises(ValueError, match="models: it is empty"):
        evidence([], embedded_people(HEAD, 1))


def test_a_model_of_another_topology_is_tried_on_raw_scans_only():
    square = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    kit = FaceKit(
        square, {f"identity{k:03d}": torch.randn(3, 3) for k in range(45)} | {"jawOpen": torch.ones(3, 3)}, ""
    )
    models = facekit_contenders(kit)
    assert [len(c.model) for c in models] == [10, 20, 40, 45]
    rows = evidence(
        [*models, Contender("linear", ("given",), LINEAR)], embedded_people(HEAD, 1), device="cpu", progress=False
    )
    assert [row.model for row in rows] == ["linear"]


def test_interrupted_it_gives_what_is_done(monkeypatch):
    models = [Contender("static", ("static",), StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights))] * 3
    asked = []

    def second_is_stopped(*args, **options):
        asked.append(1)
        fit = fit_scan(*args, **{**options, "steps": 2})
        return replace(fit, interrupted=len(asked) == 2)

    monkeypatch.setattr(capacity, "fit_scan", second_is_stopped)
    assert len(evidence(models, embedded_people(HEAD, 1), device="cpu", progress=False)) == 1 and len(asked) == 2


# --- scans


def test_a_scan_is_measured_over_what_can_be_seen_of_the_face():
    points = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces)
    turn = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # a head that looks along +x
    mesh = HEAD.mesh.with_vertices(HEAD.mesh.vertices @ turn.T)
    few = torch.full((68, 3), torch.nan)
    few[[27, 30, 36, 45, 48]] = (points @ turn.T)[[27, 30, 36, 45, 48]]
    subject = scanned_face(HEAD, "a head", mesh, few)
    assert subject.mask is None and subject.where == "a head" and subject.eyes == pytest.approx(87, abs=2)
    names = {name: set(HEAD.mesh.part_vertices(name).tolist()) for name in HEAD.mesh.parts}
    area = set(subject.area.tolist())
    assert not area & names["teeth"] and len(area & names["face"]) > 0.7 * len(names["face"])
    few[30] = torch.nan
    with pytest.raises(ValueError, match="landmarks: points 36, 45, 30 and 27 are needed"):
        scanned_face(HEAD, "a head", mesh, few)


def here(name: str):
    try:
        return real_face(HEAD, name, progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")


@pytest.mark.parametrize(("name", "count"), [("james", 1332), ("lee-perry-smith", 2149)])
def test_real_faces(name, count):
    subject = here(name)
    assert 85 < subject.eyes < 105 and len(subject.area) == pytest.approx(count, rel=0.02)
    known = subject.landmarks[subject.landmarks.isfinite().all(1)]
    assert len(known) >= 11
    # landmarks lie on the skin: those of the file to a few mm, those read off a picture on it
    assert closest_points(known, subject.mesh.vertices, subject.mesh.faces)[1].max() < 6


@pytest.mark.long
def test_all_kinds_of_models_on_a_real_face():
    subject = here("james")
    painted = StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights)
    models = [Contender("linear", ("given",), LINEAR), Contender("static", ("static",), painted)]
    rows = evidence(models, [subject], device="cpu", progress=False)
    assert [row.where for row in rows] == ["james"] * 2
    assert all(0.3 < row.median < row.p95 < 15 for row in rows)  # five steps only; the template lies 3 mm away


# --- all of it


def test_the_whole_way(tmp_path, monkeypatch):
    said = []
    monkeypatch.delenv("ASM_TEACH_MIRROR", raising=False)
    monkeypatch.setenv("ASM_TEACH_CACHE", str(tmp_path))
    monkeypatch.setattr("pooch.retrieve", lambda *args, **options: (_ for _ in ()).throw(ConnectionError("no route")))
    rows = run_capacity(
        people=1, groups=["static"], facekit=True, output=tmp_path / "table.csv", device="cpu", progress=False,
        say=said.append,
    )  # fmt: skip
    assert [row.model for row in rows] == ["static, 32 bones, hand-made weights", "static, 84 bones, starting mixtures"]
    assert [line.split(" is left out")[0] for line in said[:-1]] == ["james", "lee-perry-smith", "ICT-FaceKit"]
    assert said[-1] == format_table(rows) and (tmp_path / "table.csv").read_text().count("\n") == 3


def test_the_whole_way_refuses_before_it_starts(tmp_path):
    with pytest.raises(ValueError, match="output: 'table.xls' should end in"):
        run_capacity(output=tmp_path / "table.xls")
    with pytest.raises(ValueError, match="no face is left"):
        run_capacity(people=0, scans=[])
    with pytest.raises(ValueError, match="groups: there is no 'all'"):
        run_capacity(people=1, scans=[], groups=["all"])
    with pytest.raises(ValueError, match="people: give 0 or more, found -1"):
        run_capacity(people=-1)


# --- the table


def test_the_table_as_text():
    other = replace(ROW, where="james", faces=1, group="bones", model="adaptive, 21 bones x 2")
    text = format_table([ROW, replace(ROW, model="linear, 20 modes"), other])
    lines = text.splitlines()
    assert " ".join(lines[: lines.index("")]) == CAPTION
    heading = " ".join(lines[lines.index("") + 1].split())
    assert heading == "embedded people (2) numbers file MB mean median RMSE 95 % NME % seconds"
    (row,) = [line for line in lines if "linear, 10 modes" in line]
    assert " ".join(row.split()) == "linear, 10 modes 17 0.56 1.500 1.400 1.800 3.200 1.700 0.02"
    assert text.count("linear, modes given") == 1 and "  adaptive, number of bones" in lines
    assert any(line.startswith("james  ") for line in lines)
    assert max(map(len, lines)) <= 120 and format_table([ROW], caption=False).startswith("embedded people")


def test_the_table_in_markdown(tmp_path):
    write_table([ROW], tmp_path / "table.md")
    text = (tmp_path / "table.md").read_text()
    cells = "| linear, 10 modes | 17 | 0.56 | 1.500 | 1.400 | 1.800 | 3.200 | 1.700 | 0.02 |"
    assert "| embedded people | linear, modes given " + cells in text.splitlines() and text.startswith(CAPTION)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {12}


def test_the_table_in_files(tmp_path):
    for kind in ("json", "csv"):
        write_table([ROW], tmp_path / f"table.{kind}")
    assert json.loads((tmp_path / "table.json").read_text()) == {"caption": CAPTION, "rows": [asdict(ROW)]}
    with (tmp_path / "table.csv").open() as file:
        (read,) = csv.DictReader(file)
    assert read == {name: str(value) for name, value in asdict(ROW).items()}


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match="output: 'table.xls' should end in .md, .csv or .json"):
        write_table([ROW], tmp_path / "table.xls")
    with pytest.raises(ValueError, match="output: there is no folder"):
        write_table([ROW], tmp_path / "none" / "table.csv")
