"""Lessons 7 to 9: answers that are wrong in natural ways are told what is wrong."""

from __future__ import annotations

import math

import pytest

from asm_teach.course import check


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


def weighted_step(r, g, b):
    b = b[:, None]
    return -(b * g * (r - r.mean(0))).sum() / (b * g * g).sum()


WRONG = (
    ("pixel_of", lambda x, f, c: c - f * x[:2] / x[2], "signs"),
    ("pixel_of", lambda x, f, c: (f * x[:2] / x[2] + c).round(), "do not round"),
    ("pixel_of", lambda x, f, c: x[:2] / (f * x[2]) + c, "multiplies"),
    ("distance_of", lambda w, p, lens, n: lens / 36 * n * w / p / 10, "centimetres"),
    ("distance_of", lambda w, p, lens, n: lens / 36 * n, "focal length in pixels"),
    ("distance_of", lambda w, p, lens, n: lens * n * w / p, "36 mm are missing"),
    ("into_space", lambda s, z: (1 / (s / z).sum(1), s / z / (s / z).sum(1, keepdim=True)), "in the wrong order"),
    ("repair", lambda t, own, beyond: (t * own + (1 - t) * beyond, beyond), "border of the two pixels"),
    ("dolly_zoom", 1501.5, "1.499"),
    ("immune", lambda s: s / s.mean(), "logarithm first"),
    ("step_of", weighted_step, "mean with the weights b"),
    ("depth_error", lambda angle, size, precision: precision / (size * angle), "small angles"),
    ("error_floor", lambda a, b: math.sqrt(4 * b * b - a * a), "divide by 3"),
    ("error_floor", lambda a, b: math.sqrt(a * a - b * b), "tells c"),
    ("error_floor", lambda a, b: math.sqrt(abs(16 * b * b - a * a) / 15), "not by its square"),
    ("crossing", lambda f1, c1, f2, c2: ((c2**2 - c1**2) / (f1**2 - f2**2)) ** 0.5, "root"),
    ("crossing", lambda f1, c1, f2, c2: math.ceil((c2**2 - c1**2) / (f1**2 - f2**2)), "do not round"),
)


@pytest.mark.parametrize(("name", "answer", "words"), WRONG, ids=[f"{w[0]}: {w[2]}" for w in WRONG])
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, words):
    verdict = getattr(check, name)(answer)
    assert not verdict.ok and words in verdict.message


def test_the_repair_itself_is_right():
    def repair(t, own, beyond):
        if t > 0.5:
            return own, beyond + (t - 0.5) * (own - beyond)
        return own + (0.5 - t) * (beyond - own), beyond

    assert check.repair(repair).ok
