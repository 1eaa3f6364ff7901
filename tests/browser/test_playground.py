"""A person opens the page of the finished model: it is the torch model, and it needs nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from asm_teach.geometry.mesh import vertex_normals
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.base.pose import PARAMETERS, parameters, write_pose
from asm_teach.widgets.playground.page import write_page

from ..widgets.parts import moved
from ..widgets.test_playground import small
from ..widgets.test_pose import with_pose
from .harness import keep_picture
from .playground_page import NEEDS_BROWSER, Page

pytestmark = NEEDS_BROWSER

CLOSE = 0.05  # mm, at every vertex


@torch.no_grad()
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_page_is_the_torch_model(page: Page, model: AdaptiveSkinningModel, seed: int) -> None:
    wanted = moved(model, seed)
    assert not wanted.chart.locate(wanted.bone_uv).inside.all()
    assert "The face has this pose" in page.paste(write_pose(wanted, parameters(model)))
    away = np.linalg.norm(page.positions() - wanted().numpy(), axis=1)
    change = np.linalg.norm(wanted().numpy() - model.vertices.numpy(), axis=1)
    print(
        f"state {seed}: moved {change.mean():.1f} mm on average; page and torch differ by {away.max():.2g} mm at most"
    )
    assert away.max() < CLOSE
    # its normals are those of the mesh
    got = np.array(page.js("() => [...playground.face.read(playground.face.normal, 3 * playground.face.V)]"))
    normals = vertex_normals(wanted(), model.mesh.faces).numpy()
    got = got.reshape(-1, 3) / np.linalg.norm(got.reshape(-1, 3), axis=1, keepdims=True)
    assert np.percentile((got * normals).sum(1), 1) > 0.999
    # the pose that the page writes is the one that it was given
    told = page.js("() => playground.bones.text(playground.goal())")
    assert json.loads(told) == json.loads(write_pose(wanted, parameters(model)))
    page.fits()


@torch.no_grad()
def test_a_small_model_with_three_gaussians_and_no_people(browser: Any, tmp_path: Path) -> None:
    model = small(components=3)
    with torch.no_grad():
        model.translation[0] = torch.tensor([500.0, 200.0, -300.0])  # a fit may put the face anywhere
    (tmp_path / "small.html").write_text(write_page(model), "utf-8")
    page = Page(browser, tmp_path / "small.html")
    page.said("The first face; front view. Drag the face to turn it.")
    picture = page.picture()
    assert np.abs(picture[len(picture) // 2, picture.shape[1] // 2] - picture[40, 40]).max() > 40  # it is in sight
    assert page.page.locator("#random").is_disabled()
    assert not page.page.locator("#expressions").is_visible()
    wanted = moved(model, 5)
    assert "The face has this pose" in page.paste(write_pose(wanted, parameters(model)))
    assert np.linalg.norm(page.positions() - wanted().numpy(), axis=1).max() < CLOSE
    page.fits()
    page.context.close()


@torch.no_grad()
def test_sliders_expressions_and_people_are_the_torch_model_too(page: Page, model: AdaptiveSkinningModel) -> None:
    page.page.click("#reset")
    page.said("The first face; front view. Drag the face to turn it.")
    np.testing.assert_array_equal(page.positions(), model.vertices.numpy())  # at rest the head comes back exactly
    page.page.click("#random")
    page.page.locator("#expressions label", has_text="Smile").click()
    for name in ("nose_depth", "jaw_width", "nose_reach", "brow_height", "brow_place"):
        page.page.locator(f"#s_{name}").focus()
        for _ in range(3):
            page.page.keyboard.press("ArrowRight")
    page.js("() => { document.getElementById('one').open = true; }")
    page.page.select_option("#bone", label="cheek, left")
    for name in ("one_translation_2", "one_rotation_1", "one_reach_0", "one_bone_uv_0"):
        page.page.locator(f"#s_{name}").focus()
        page.page.keyboard.press("PageUp")
    said = page.said("Reach, nose 1.23 ×")  # set after the others
    assert "Person 1; Smile 100 %; Nose, how far out +1.5 mm" in said
    wanted = with_pose(model, page.js("() => playground.bones.text(playground.goal())"))
    changed = [name for name in PARAMETERS if not torch.equal(getattr(wanted, name), getattr(model, name))]
    assert set(changed) == {"translation", "rotation", "log_scale", "bone_uv", "mixture_factor"}
    left, right = wanted.rig.index("cheek_L"), wanted.rig.index("cheek_R")
    turned = wanted.bone_uv - model.bone_uv
    torch.testing.assert_close(turned[left] * torch.tensor([-1.0, 1.0]), turned[right], atol=1e-6, rtol=0)
    page.js("() => playground.show(playground.goal())")
    away = np.linalg.norm(page.positions() - wanted().numpy(), axis=1).max()
    print(f"a smiling person with eight sliders: page and torch differ by {away:.2g} mm at most")
    assert away < CLOSE
    page.fits()


def test_reach_says_why_it_moves_nothing_at_rest(page: Page, model: AdaptiveSkinningModel) -> None:
    page.page.click("#reset")
    page.said("press Random person")
    page.page.locator("#s_nose_reach").focus()
    page.page.keyboard.press("ArrowRight")
    page.said("You see how far a bone reaches only once it moves")
    page.page.locator("#s_nose_depth").focus()
    page.page.keyboard.press("ArrowRight")
    page.said("Nose, how far out +0.5 mm")
    page.page.locator("#s_nose_reach").focus()
    for _ in range(5):
        page.page.keyboard.press("ArrowRight")
    assert "only once" not in page.said("Reach, nose 1.52 ×")
    page.fits()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": "asm_teach pose", "bones": {', "This JSON is not complete"),
        ("[]", "This JSON is not a pose"),
        ('{"format": "asm_teach pose", "bones": {"tail": {}}}', "another rig: there is no bone “tail”"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"translation": [0, NaN, 0]}}}', "holds NaN or Infinity"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"translation": [0, 1e999, 0]}}}', "not a finite number"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"translation": [0, null, 0]}}}', "not a finite number"),
        (
            '{"format": "asm_teach pose", "bones": {"chin": {"mixture_logits": [1, 2, 3]}}}',
            "has 3 numbers; here it has 2",
        ),
        ('{"format": "asm_teach pose 1", "bones": {"chin": {"scale": [1, 0, 1]}}}', "not a finite number"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"constructor": [1]}}}', "which no bone has"),
    ],
)
def test_a_wrong_text_changes_nothing_and_is_explained(page: Page, text: str, words: str) -> None:
    before = page.js("() => JSON.stringify(playground.state())")
    told = page.paste(text)
    assert told.startswith("Nothing was changed.") and words in told
    assert page.js("() => JSON.stringify(playground.state())") == before
    page.fits()


def test_every_look_shows_a_face_and_weights_have_numbers(page: Page) -> None:
    page.page.click("#reset")
    seen = []
    for look in ("Skin", "Clay", "Wireframe", "Weights of the bone"):
        page.page.locator("#looks label", has_text=look).click()
        page.page.wait_for_timeout(700)
        picture = page.picture()
        middle = picture[100:-100, 250:-250]
        assert np.ptp(middle.mean(axis=2)) > 80, f"{look} shows hardly any light and shade"
        assert all((np.abs(picture - other).max(axis=2) > 20).mean() > 0.02 for other in seen)
        seen.append(picture)
    assert "of 4165 vertices" in page.said("Colours: weights of the")
    assert page.page.locator("#legend").is_visible()
    page.page.locator("#looks label", has_text="Skin").click()
    page.fits()


def test_the_picture_of_the_page(page: Page) -> None:
    """The picture in docs/images is this one: written anew where ASM_TEACH_PICTURES is set."""
    page.page.click("#reset")
    page.js(
        "() => { document.querySelectorAll('#one, #json').forEach((d) => { d.open = false; }); window.scrollTo(0, 0); }"
    )
    page.page.locator("#views label", has_text="Three-quarter").click()
    page.page.locator("#expressions label", has_text="Smile").click()
    page.said("Smile 100 %")
    page.page.wait_for_timeout(800)
    page.page.mouse.move(5, 5)
    shot = Image.open(io.BytesIO(page.page.screenshot())).convert("RGB").resize((820, 527), Image.LANCZOS)
    shot.save(buffer := io.BytesIO(), "PNG")
    keep_picture(buffer.getvalue(), "playground.webp")
    page.fits()
