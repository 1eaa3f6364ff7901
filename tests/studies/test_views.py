"""The table of lesson 9: which pictures, what is saved of their fits, and what several seeds become."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from asm_teach.cli.main import main
from asm_teach.data.assets import AssetUnavailable, data_dir
from asm_teach.data.heads import load_head
from asm_teach.studies import views
from asm_teach.studies.view_models import PictureFit, ViewContender
from asm_teach.studies.views import (
    JAMES,
    PEOPLE,
    SCAN,
    Setting,
    ViewResult,
    format_views,
    read_results,
    run_views,
    settings,
    summary,
    view_evidence,
    write_results,
)

HEAD = load_head()
SMALL = {"size": 64}


class Puffed:
    """A model that knows the template only, a little larger each time it is asked, and counts how often that is."""

    def __init__(self):
        self.calls = 0

    def __call__(self, views, stranger):
        self.calls += 1
        wave = self.calls * torch.sin(HEAD.mesh.vertices[:, :1] / 10)
        return PictureFit(HEAD.mesh.vertices + wave, (), 2.0)


def test_settings_are_every_seed_and_number_of_pictures():
    found = settings([SCAN, JAMES, PEOPLE], views=(1, 4), seeds=2, size=256, noise=1.0)
    assert len(found) == 2 * 2 + 1 + 2 * 2 and len(set(found)) == len(found)
    assert {(s.views, s.seed) for s in found if s.subject == SCAN} == {(1, 0), (4, 0), (1, 1), (4, 1)}
    (james,) = [s for s in found if s.subject == JAMES]
    assert james.views == 2
    assert all(s.size == 256 and s.noise == 1.0 for s in found if s is not james)


@pytest.mark.parametrize(
    ("given", "word"), [({"subjects": ["nobody"]}, "subjects"), ({"seeds": 0}, "seeds"), ({"views": (0,)}, "views")]
)
def test_settings_refuse_what_cannot_be(given, word):
    with pytest.raises(ValueError, match=f"^{word}:"):
        settings(**given)


@pytest.mark.long
def test_what_the_file_holds_is_not_computed_again_unless_asked(tmp_path):
    puffed, wanted, file = Puffed(), settings([PEOPLE], views=(1,), seeds=2, **SMALL), tmp_path / "views.json"
    model = ViewContender("puffed", 1, puffed)
    once = view_evidence(HEAD, [model], wanted, file, progress=False)
    assert puffed.calls == 2 and [r.setting for r in once] == wanted
    assert view_evidence(HEAD, [model], wanted, file, progress=False) == once and puffed.calls == 2
    again = view_evidence(HEAD, [model], wanted, file, recompute=True, progress=False)
    assert puffed.calls == 4 and again[0].rmse != once[0].rmse
    assert view_evidence(HEAD, [model], wanted, file, progress=False) == again and puffed.calls == 4
    view_evidence(HEAD, [model], wanted, progress=False)
    assert puffed.calls == 6


@pytest.mark.long
def test_other_settings_and_models_are_computed_and_kept_beside_what_the_file_holds(tmp_path):
    puffed, wanted, file = Puffed(), settings([PEOPLE], views=(1,), seeds=1, **SMALL), tmp_path / "views.json"
    other = settings([PEOPLE], views=(1,), seeds=1, noise=2.0, **SMALL)
    model = ViewContender("puffed", 1, puffed)
    first = view_evidence(HEAD, [model], wanted, file, progress=False)
    second = view_evidence(HEAD, [model], other, file, progress=False)
    third = view_evidence(HEAD, [ViewContender("other", 1, puffed)], wanted, file, recompute=True, progress=False)
    assert puffed.calls == 3 and read_results(file) == first + second + third
    assert f"torch {torch.__version__}" in first[0].by


def test_a_broken_file_is_neither_read_nor_overwritten(tmp_path):
    file = tmp_path / "views.json"
    file.write_text('{"results": [')
    wanted = settings([PEOPLE], views=(1,), seeds=1, **SMALL)
    with pytest.raises(ValueError, match=r"views\.json holds no results"):
        view_evidence(HEAD, [ViewContender("puffed", 1, Puffed())], wanted, file, progress=False)
    assert file.read_text() == '{"results": ['


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mean": "small"}, "mean is 'small', which is no float"),
        ({"numbers": 1.5}, "numbers is '1.5', which is no int"),
        ({"setting": {"subject": JAMES, "views": True, "seed": 0}}, "views is 'True', which is no int"),
        ({"setting": 5}, "must be a mapping"),
        ({"rmse": 10**400}, "is too large"),
    ],
)
def test_results_of_other_types_are_refused(tmp_path, changes, said):
    file = tmp_path / "views.json"
    write_results([result(JAMES, 2, 0, "puffed", 1.0)], file)
    (entry,) = json.loads(file.read_text())["results"]
    assert len(read_results(file)) == 1
    file.write_text(json.dumps({"results": [entry | changes]}))
    with pytest.raises(ValueError, match=f"views.json holds no results.*{said}"):
        read_results(file)


def test_the_stored_table_of_lesson_9_is_read():
    stored = read_results(data_dir() / "views_capacity.json")
    assert {r.setting.subject for r in stored} == {SCAN, JAMES, PEOPLE}
    assert all("torch" in r.by for r in stored)


def test_a_scan_that_is_not_here_is_left_out_and_interruption_keeps_what_is_done(tmp_path, monkeypatch):
    def pictures(head, setting, progress):
        if setting.subject == SCAN:
            raise AssetUnavailable("no scan here")
        if setting.seed == 1:
            raise KeyboardInterrupt
        return original(head, setting, progress)

    original, said = views.pictures, []
    monkeypatch.setattr(views, "pictures", pictures)
    wanted = settings([SCAN, PEOPLE], views=(1,), seeds=3, **SMALL)
    model, file = ViewContender("puffed", 1, Puffed()), tmp_path / "views.json"
    found = view_evidence(HEAD, [model], wanted, file, progress=False, say=said.append)
    assert [(r.setting.subject, r.setting.seed) for r in found] == [(PEOPLE, 0)]
    assert said == ["lee-perry-smith is left out: no scan here"]
    assert read_results(file) == found


def result(subject, views, seed, model, rmse, seconds=1.0):
    return ViewResult(Setting(subject, views, seed), model, 1, rmse / 2, rmse / 4, rmse, 2 * rmse, seconds)


def test_the_table_is_of_means_over_seeds_in_order():
    results = [
        result(PEOPLE, 2, 0, "a", 4.0), result(SCAN, 4, 0, "a", 1.0, 10.0), result(SCAN, 2, 0, "b", 9.0),
        result(SCAN, 4, 1, "a", 3.0, 30.0), result(SCAN, 2, 0, "a", 8.0),
    ]  # fmt: skip
    rows = summary(results)
    assert [(r.subject, r.views, r.model) for r in rows] == [
        (SCAN, 2, "a"), (SCAN, 2, "b"), (SCAN, 4, "a"), (PEOPLE, 2, "a"),
    ]  # fmt: skip
    four = rows[2]
    assert (four.seeds, four.mean, four.median, four.rmse, four.low, four.high, four.seconds) == (
        2,
        1,
        0.5,
        2,
        1,
        3,
        20,
    )
    text = format_views(rows)
    assert "lee-perry-smith, 4 pictures, 2 seeds" in text and "1.00 to 3.00" in text


def test_results_go_to_a_file_and_come_back(tmp_path):
    results = [result(SCAN, 2, 0, "a", 1.5), result(PEOPLE, 4, 1, "b", 0.25)]
    write_results(results, tmp_path / "views.json")
    assert read_results(tmp_path / "views.json") == results
    (tmp_path / "other.json").write_text('{"rows": []}')
    with pytest.raises(ValueError, match=r"other\.json holds no results"):
        read_results(tmp_path / "other.json")
    with pytest.raises(ValueError, match="^file: there is no folder"):
        run_views(settings(), file=tmp_path / "nowhere" / "views.json")


def test_the_command_prints_a_table_and_writes_it(tmp_path):
    file = tmp_path / "views.json"
    options = ["--subject", PEOPLE, "--views", "1,2", "--seeds", "1", "--size", "64", "--model", "mean template"]
    done = CliRunner().invoke(main, ["views", *options, "--save", str(file)])
    assert done.exit_code == 0, done.output
    assert "embedded people, 1 picture" in done.output and "mean template" in done.output
    assert {r.setting.views for r in read_results(file)} == {1, 2}
    # The template does not depend on the pictures.
    assert len({r.rmse for r in read_results(file)}) == 1


def test_the_command_says_what_is_wrong():
    for options, word in ((["--views", "two"], "not a list of whole numbers"), (["--subject", "x"], "subjects")):
        done = CliRunner().invoke(main, ["views", *options])
        assert done.exit_code == 2 and word in done.output
