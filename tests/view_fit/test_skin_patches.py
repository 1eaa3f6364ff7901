"""Do pictures agree? Against a loop that compares one sample at a time; and what must not matter."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from asm_teach.rendering.camera import look_at
from asm_teach.view_fit import skin_patches
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.skin_patches import SIDE, Agreement, plate

SIZE = (220, 180)
YAWS = (-0.35, 0.0, 0.4)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def cameras(yaws: tuple[float, ...] = YAWS) -> CameraNumbers:
    """About 1.1 pixels a mm at the origin."""
    shots = [
        look_at(500 * double(math.sin(yaw), 0.05, math.cos(yaw)), double(0, 0, 0), 550.0, SIZE) for yaw in yaws
    ]  # fmt: skip
    return CameraNumbers.of(shots, double(0, 0, 0))


def wall(points: Tensor) -> Tensor:
    """The light (..., ) that comes from places on the wall z = 0: waves of 9 to 17 mm, from 0.2 to 0.8."""
    x, y = points[..., 0], points[..., 1]
    return 0.5 + 0.1 * ((0.7 * x).sin() + (0.5 * y + 0.3 * x).sin() + (0.6 * y - 0.2 * x + 1).cos())


def photograph(state: CameraNumbers, n: int) -> Tensor:
    """The wall as camera n sees it: each pixel's ray is followed to z = 0."""
    width, height = SIZE
    x, y = torch.meshgrid(torch.arange(width).double() + 0.5, torch.arange(height).double() + 0.5, indexing="xy")
    camera = state.cameras()[n]
    ray = torch.cat([(torch.stack([x, y], -1) - camera.principal) / camera.focal, torch.ones_like(x)[..., None]], -1)
    ray = ray @ state.rotation[n]
    centre = camera.centre()
    return wall(centre - ray * (centre[2] / ray[..., 2:]))[..., None].expand(-1, -1, 3)


def samples(count: int = 12, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Points of the wall in the middle of the pictures, and its normal."""
    generator = torch.Generator().manual_seed(seed)
    points = 60 * torch.rand(count, 3, generator=generator, dtype=torch.float64) - 30
    points[:, 2] = 0
    return points, double(0, 0, 1).expand(count, 3)


def agreement_of(images: list[Tensor | None], spacing: float = 1.5) -> Agreement:
    boxes = [double(30, 30, 190, 150).view(2, 2)] * len(images)
    return Agreement(images, boxes, torch.full((len(images),), 1.1), spacing)


STATE = cameras()
IMAGES = [photograph(STATE, n) for n in range(3)]
POINTS, NORMALS = samples()
TRUST = torch.ones(len(POINTS), 3, dtype=torch.float64)


def loss(
    compared: Agreement,
    points: Tensor = POINTS,
    state: CameraNumbers = STATE,
    trust: Tensor = TRUST,
    worth: Tensor | None = None,
) -> float:
    return compared.measure(points, NORMALS, state, trust, worth, derivatives=False).loss


def turned(by: float = 0.02) -> CameraNumbers:
    """Two of the cameras stand where they did not."""
    step = torch.zeros(3, 7, dtype=torch.float64)
    step[0, 1], step[2, 3] = by, 0.1 * by
    return STATE.moved(step)


# --- plates


@pytest.mark.parametrize("blur", [0.3, 1.0, 3.0, 6.1])
def test_a_ramp_keeps_its_values_and_slopes_at_any_reduction(blur):
    """Its logarithm is a ramp: blur and shrinking leave it, and both slopes are exact but for the rim."""
    width, height = 200, 160
    x, y = torch.meshgrid(torch.arange(width).double() + 0.5, torch.arange(height).double() + 0.5, indexing="xy")
    ramp = -2 + 0.004 * x - 0.006 * y
    image = (ramp.exp() - skin_patches._DARK)[..., None].expand(-1, -1, 3)
    found = plate(image, double(37.2, 25.9), double(160.3, 130), blur)
    assert found.factor == max(1, int(blur / 1.2))
    reach = 4 * blur + 2 * found.factor  # whole pixels of the plate, and the kernel, from its rim
    where = torch.rand(50, 1, 2, dtype=torch.float64)
    low, size = found.origin, found.factor * double(found.layers.shape[2], found.layers.shape[1])
    where = low + reach + where * (size - 2 * reach)
    value, by_x, by_y = skin_patches._look_up(found, where, True)[:, 0].unbind(1)
    torch.testing.assert_close(value, -2 + 0.004 * where[:, 0, 0] - 0.006 * where[:, 0, 1], atol=1e-9, rtol=0)
    torch.testing.assert_close(by_x, torch.full_like(by_x, 0.004), atol=1e-9, rtol=0)
    torch.testing.assert_close(by_y, torch.full_like(by_y, -0.006), atol=1e-9, rtol=0)
    plain = skin_patches._look_up(found, where, False)[:, 0]
    torch.testing.assert_close(plain[:, 0], value)
    assert not plain[:, 1:].any()


@pytest.mark.parametrize("blur", [0.3, 2.5, 5.0])
@pytest.mark.parametrize("spot", [(60, 50), (101, 77), (150, 120)])
def test_a_bright_pixel_is_found_where_it_was(blur, spot):
    """The middle of the brightness of a plate, by the box and the factor that it tells."""
    image = torch.full((180, 220, 3), 0.2, dtype=torch.float64)
    image[spot[1], spot[0]] = 1.0
    found = plate(image, double(40.7, 33.1), double(171.4, 141.8), blur)
    value = found.layers[0] - found.layers[0].min()
    height, width = value.shape
    column = (value.sum(0) * (torch.arange(width) + 0.5)).sum() / value.sum()
    row = (value.sum(1) * (torch.arange(height) + 0.5)).sum() / value.sum()
    middle = found.origin + found.factor * torch.stack([column, row])
    # a pixel that was joined with its neighbours is known to the joined pixel's middle
    torch.testing.assert_close(middle, double(*spot) + 0.5, atol=(found.factor - 1) / 2 + 1e-6, rtol=0)
    # and it is as wide as it was asked to be: the variance of the blur, and that of a pixel's place in its block
    spread = (value.sum(0) * (torch.arange(width) + 0.5 - column).square()).sum() / value.sum()
    if blur > 1:  # a kernel narrower than a pixel is narrower still when it is sampled at pixels
        assert found.factor * float(spread.sqrt()) == pytest.approx(blur, rel=0.12)


def test_an_even_picture_has_no_slopes():
    found = plate(torch.full((90, 80, 3), 0.4, dtype=torch.float64), double(10, 10), double(70, 80), 2.0)
    torch.testing.assert_close(found.layers[0], torch.full_like(found.layers[0], math.log(0.4 + skin_patches._DARK)))
    assert found.layers[1:].abs().max() < 1e-12


def test_what_lies_far_outside_the_face_is_left_out():
    small, whole = (
        plate(torch.rand(400, 300, 3, dtype=torch.float64), double(*low), double(*high), 0.5)
        for low, high in (((100, 120), (180, 200)), ((0, 0), (300, 400)))
    )
    assert small.origin.tolist() == [80, 100] and tuple(small.layers.shape[1:]) == (120, 120)
    assert whole.origin.tolist() == [0, 0] and tuple(whole.layers.shape[1:]) == (400, 300)


@pytest.mark.parametrize("low", [(-500, 20), (900, 20), (20, -300), (20, 700), (900, 900), (-900, -900)])
def test_a_face_beside_its_picture_leaves_a_plate_all_the_same(low):
    """A camera may stray in a step that is not taken in the end."""
    low = double(*low)
    found = plate(torch.rand(50, 60, 3, dtype=torch.float64), low, low + 80, 4.0)
    assert found.layers.isfinite().all() and min(found.layers.shape) >= 1
    assert skin_patches._look_up(found, double(30, 20).view(1, 1, 2), True).isfinite().all()


# --- what must not matter


def test_pictures_of_one_wall_agree_where_it_is():
    """Not to zero: each picture has its own pixels. Next to nothing beside cameras that stand 2 degrees off."""
    compared = agreement_of(IMAGES)
    assert loss(compared) < 0.02 * loss(compared, state=turned(0.035))
    assert loss(compared) < 0.02 * loss(compared, points=POINTS + double(0, 0, 8))


def test_the_same_picture_from_the_same_place_agrees_exactly():
    state = cameras((0.2, 0.2, 0.2))
    image = photograph(state, 0)
    compared = agreement_of([image] * 3)
    found = compared.measure(POINTS, NORMALS, state, TRUST)
    assert found.loss < 1e-20 and found.force.abs().max() < 1e-10
    # whatever the surface: all see the same of it
    assert loss(compared, POINTS + double(0, 0, 30), state) < 1e-20


def test_exposure_and_light_that_falls_off_do_not_matter(monkeypatch):
    """A factor, and any quadratic of the grid's own coordinates added to the logarithm of the values."""

    def values(light: bool) -> Tensor:
        def look(plate_: int, pixels: Tensor, derivatives: bool) -> Tensor:
            a, b = compared.grid[:, 0], compared.grid[:, 1]
            plain = ((7 * plate_ + 1) * pixels[..., 0] * 0.05).sin()
            bowl = 0.5 + plate_ + 0.3 * a - 0.2 * b + 0.1 * a * a - 0.15 * a * b + 0.05 * b * b
            seen = (1 + 0.5 * plate_) * plain + bowl if light else plain
            return torch.stack([seen, torch.zeros_like(seen), torch.zeros_like(seen)], -1)

        monkeypatch.setattr(skin_patches, "_look_up", look)
        return compared.measure(POINTS, NORMALS, STATE, TRUST, derivatives=False).loss

    compared = agreement_of(IMAGES)
    compared.plates = [0, 1, 2]
    monkeypatch.setattr(skin_patches, "_NOTHING", 0.0)  # near it contrast does matter
    rows = [values(light) for light in (False, True)]
    assert rows[0] > 1
    assert rows[1] == pytest.approx(rows[0], rel=1e-9)


def test_exposure_of_whole_pictures_hardly_matters():
    """But for `_DARK`, which is added to the values first."""
    plain = loss(agreement_of(IMAGES), state=turned())
    exposed = [gain * image for gain, image in zip((0.5, 1.0, 1.6), IMAGES, strict=True)]
    others = loss(agreement_of(exposed), state=turned())
    assert others == pytest.approx(plain, rel=0.05)


def test_a_blank_wall_asks_for_nothing():
    blank = [torch.full_like(image, 0.5) for image in IMAGES]
    found = agreement_of(blank).measure(POINTS, NORMALS, STATE, TRUST)
    assert found.loss < 1e-12 and found.force.abs().max() < 1e-9 and found.metric.abs().max() < 1e-9


def test_worth_is_contrast_against_its_faintest():
    """A half where the contrast is `_FAINT`, nothing on a blank wall and where a picture does not see."""
    compared = agreement_of(IMAGES)
    seen = TRUST > 0
    seen[2, 1] = False
    worth = compared.worth(POINTS, NORMALS, STATE, seen)
    assert worth.shape == TRUST.shape and worth[2, 1] == 0
    assert (worth[seen] > 0.3).all() and (worth < 1).all()
    faded = [0.5 + 0.1 * (image - 0.5) for image in IMAGES]  # nearly a tenth of the contrast
    odds = agreement_of(faded).worth(POINTS, NORMALS, STATE, seen)
    ratio = (odds / (1 - odds) / (worth / (1 - worth)))[seen]
    assert ((ratio > 0.003) & (ratio < 0.03)).all()
    blank = agreement_of([torch.full_like(image, 0.5) for image in IMAGES])
    assert blank.worth(POINTS, NORMALS, STATE, seen).max() < 1e-12


def test_a_place_with_nothing_to_see_is_no_better_than_another_that_is_wrong():
    """The wall fades out to the right, and has the grain of a camera: samples that are moved there gain nothing."""
    generator = torch.Generator().manual_seed(3)
    images = []
    for n, image in enumerate(IMAGES):
        grain = 0.004 * torch.randn(image.shape[:2], generator=generator, dtype=torch.float64)
        fade = torch.ones(SIZE[0]).double()
        fade[130 + 5 * n :] = 0
        images.append(0.5 + (image - 0.5) * fade[:, None] + grain[..., None])
    compared = agreement_of(images)
    points = POINTS.clone()
    points[:, 0] = -20 + 0.5 * points[:, 0]
    worth = compared.worth(points, NORMALS, STATE, TRUST > 0)
    here = loss(compared, points, worth=worth)
    lost = points + double(80, 0, 0)
    assert compared.worth(lost, NORMALS, STATE, TRUST > 0).mean() < 0.3 * worth.mean()
    assert loss(compared, lost, worth=worth) > 3 * here
    assert loss(compared, lost, worth=worth) > 0.8 * loss(compared, points + double(0, 0, 15), worth=worth)


# --- the loop


def bowl_free(row: Tensor) -> Tensor:
    """What is left of values (K,) on a grid when the best quadratic is taken away."""
    a, b = torch.meshgrid(torch.arange(SIDE).double(), torch.arange(SIDE).double(), indexing="ij")
    a, b = a.flatten(), b.flatten()
    design = torch.stack([torch.ones_like(a), a, b, a * a, a * b, b * b], 1)
    return row - design @ torch.linalg.lstsq(design, row[:, None]).solution[:, 0]


def smooth(n: int, pixels: Tensor) -> Tensor:
    """A picture without pixels: log grey values of view n anywhere."""
    x, y = pixels[..., 0], pixels[..., 1]
    return (0.31 * x + 0.2 * y + n).sin() + 0.5 * (0.25 * y - 0.1 * x + 2 * n).cos() + 0.2 * (0.6 * x).sin()


@pytest.fixture
def continuous(monkeypatch) -> Agreement:
    """A comparison of pictures whose values and slopes are those of `smooth`, exactly."""

    def look(n: int, pixels: Tensor, derivatives: bool) -> Tensor:
        with torch.enable_grad():
            leaf = pixels.detach().requires_grad_()
            value = smooth(n, leaf)
            (slopes,) = torch.autograd.grad(value.sum(), leaf)
        return torch.cat([value.detach()[..., None], slopes], -1)

    compared = agreement_of(IMAGES)
    compared.plates = [0, 1, 2]
    monkeypatch.setattr(skin_patches, "_look_up", look)
    return compared


def grids(spacing: float) -> Tensor:
    """(M, K, 3): points round each sample, on the wall."""
    steps = spacing * (torch.arange(SIDE).double() - SIDE // 2)
    a, b = (x.flatten() for x in torch.meshgrid(steps, steps, indexing="ij"))
    return POINTS[:, None] + torch.stack([a, b, torch.zeros_like(a)], -1)


def row_of(sample: int, n: int, shift: Tensor) -> Tensor:
    """Row (K,) of one sample in view n, whose pixels are all moved by `shift` (2,)."""
    left = bowl_free(smooth(n, STATE.project(grids(1.5)[sample], n) + shift))
    return left / (SIDE * (left.square().mean() + skin_patches._NOTHING**2).sqrt())


def believed(rows: list[Tensor], trust: Tensor, worth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (n,), common row (K,) and squared distances (n,) of rows, believed less the further they are off."""
    weight, cut = trust * worth, skin_patches._ALIKE**2
    for _ in range(3):
        common = sum(w * row for w, row in zip(weight, rows, strict=True)) / weight.sum()
        away = torch.stack([w * (row - common).square().sum() for w, row in zip(worth, rows, strict=True)])
        weight = trust * worth * (cut / (cut + away)) ** 2
    return weight, common, away


def some_trust() -> Tensor:
    """Full, part, of two pictures, of one, of none."""
    trust = 0.2 + 0.8 * torch.rand(TRUST.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    trust[2, 1] = trust[3, 0] = trust[4, 0] = trust[4, 2] = 0
    trust[5] = 0
    return trust


def some_worth() -> Tensor:
    return 0.1 + 0.9 * torch.rand(TRUST.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def test_the_loss_is_that_of_a_loop(continuous):
    trust, worth, expected, cut = some_trust(), some_worth(), 0.0, skin_patches._ALIKE**2
    for sample in range(len(POINTS)):
        seen = trust[sample].nonzero()[:, 0].tolist()
        if seen:
            rows = [row_of(sample, n, double(0, 0)) for n in seen]
            away = believed(rows, trust[sample, seen], worth[sample, seen])[2]
            expected += float((trust[sample, seen] * cut * away / (cut + away)).sum())
    assert expected > 1
    assert loss(continuous, trust=trust, worth=worth) == pytest.approx(expected, rel=1e-9)


def test_rows_may_be_compared_with_one_that_is_remembered(continuous):
    """With the row that the pictures agree on, all is the same but that this row no longer answers to them."""
    trust, worth = some_trust(), some_worth()
    found, rows = (
        continuous.measure(POINTS, NORMALS, STATE, trust, worth),
        continuous.rows(POINTS, NORMALS, STATE, trust > 0),
    )
    assert torch.allclose(rows.norm(dim=2)[trust > 0], torch.ones(1).double(), atol=1e-3)
    weight = trust * worth
    for _ in range(3):
        common = (weight[..., None] * rows).sum(1) / weight.sum(1).clamp_min(1e-6)[:, None]
        weight, _, _ = continuous._believe(rows, trust, worth, weight, None)
    held = continuous.measure(POINTS, NORMALS, STATE, trust, worth, common=common)
    assert held.loss == pytest.approx(found.loss) and torch.allclose(held.force, found.force)
    each = torch.arange(trust.shape[1])
    blocks = held.metric.clone()
    blocks[:, each, :, each] = 0
    assert blocks.eq(0).all() and held.metric.sum() > 0
    assert (torch.einsum("mnana->m", held.metric) >= torch.einsum("mnana->m", found.metric)).all()


def test_force_and_metric_are_those_of_the_loop(continuous):
    """By central differences of its rows: half the first derivative while the common row is held, which is nearly where
    it would be least; and half the second of the sum of squares with the weights held, as Gauss and Newton have it."""
    trust, worth = some_trust(), some_worth()
    found = continuous.measure(POINTS, NORMALS, STATE, trust, worth)
    assert found.force.shape == (len(POINTS), 3, 2) and found.metric.shape == (len(POINTS), 3, 2, 3, 2)
    small, cut = 1e-5, skin_patches._ALIKE**2
    for sample in range(len(POINTS)):
        seen = trust[sample].nonzero()[:, 0].tolist()
        force, metric = torch.zeros(3, 2).double(), torch.zeros(3, 2, 3, 2).double()
        if seen:
            rows = [row_of(sample, n, double(0, 0)) for n in seen]
            weight, common, _ = believed(rows, trust[sample, seen], worth[sample, seen])
            slopes = {}  # (n, axis): (K,)
            for n in seen:
                for axis in range(2):
                    way = small * torch.eye(2).double()[axis]
                    ahead, back = row_of(sample, n, way), row_of(sample, n, -way)
                    slopes[n, axis] = (ahead - back) / (2 * small)
                    costs = [
                        float(trust[sample, n] * cut * away / (cut + away))
                        for away in (worth[sample, n] * (row - common).square().sum() for row in (ahead, back))
                    ]
                    force[n, axis] = (costs[0] - costs[1]) / (2 * small) / 2
            share = dict(zip(seen, weight.tolist(), strict=True))
            for (n, axis), one in slopes.items():
                for (m, other), two in slopes.items():
                    own = share[n] if n == m else 0.0
                    metric[n, axis, m, other] = (own - share[n] * share[m] / sum(share.values())) * float(one @ two)
        torch.testing.assert_close(found.force[sample], force, atol=1e-7, rtol=1e-6)
        torch.testing.assert_close(found.metric[sample], metric, atol=1e-7, rtol=1e-6)


def test_the_force_is_the_slope_of_the_whole_loss(continuous):
    """Also with the common row and the weights free to follow, but for what three rounds leave of them.

    All pixels of a picture move together here, by its camera.
    """
    found = continuous.measure(POINTS, NORMALS, STATE, TRUST)
    predicted, measured = [], []
    for n in range(3):
        for number in range(6):
            step = torch.zeros(3, 7, dtype=torch.float64)
            step[n, number] = 1e-6
            losses = [loss(continuous, state=STATE.moved(sign * step)) for sign in (1, -1)]
            measured.append((losses[0] - losses[1]) / 2e-6 / 2)
            # as the force takes it: each grid moves with its middle
            moves = STATE.slopes(POINTS, n)[1][..., number]
            predicted.append(float((found.force[:, n] * moves).sum()))
    predicted, measured = torch.tensor(predicted), torch.tensor(measured)
    assert torch.nn.functional.cosine_similarity(predicted, measured, dim=0) > 0.99


def test_nothing_is_asked_of_a_sample_that_one_picture_sees(continuous):
    trust = some_trust()
    found = continuous.measure(POINTS, NORMALS, STATE, trust)
    for sample in (4, 5):
        assert found.force[sample].abs().max() < 1e-12 and found.metric[sample].abs().max() < 1e-9
    assert found.force[2, 1].abs().max() == 0 and found.metric[2, 1].abs().max() == 0
    assert found.metric[:, :, :, 1][2].abs().max() == 0
    assert found.force[0].abs().max() > 1e-3 and found.metric[0].abs().max() > 1e-3


def test_the_metric_has_no_direction_down(continuous):
    """And moving all pictures of a sample so that their rows change alike costs nothing."""
    found = continuous.measure(POINTS, NORMALS, STATE, some_trust())
    flat = found.metric.flatten(3).flatten(1, 2)
    torch.testing.assert_close(flat, flat.mT)
    assert torch.linalg.eigvalsh(flat).min() > -1e-9
    same = cameras((0.2, 0.2, 0.2))
    continuous.plates = [0, 0, 0]
    flat = continuous.measure(POINTS, NORMALS, same, TRUST).metric
    along = torch.tensor([1.0, -2.0]).double().repeat(3)
    assert (flat.flatten(3).flatten(1, 2) @ along).abs().max() < 1e-9 < flat.abs().max()


def test_a_picture_that_shows_something_else_has_little_say(continuous):
    """Five alike and one of its own: the common row is nearly that of the five."""
    state = cameras((0.1,) * 6)
    continuous.plates = [0, 0, 0, 0, 0, 3]
    trust = torch.ones(len(POINTS), 6, dtype=torch.float64)
    found = continuous.measure(POINTS, NORMALS, state, trust)
    pushes = found.force.norm(dim=2).mean(0)
    plain = torch.einsum("mncnc->n", found.metric)
    assert plain[5] < 0.2 * plain[:5].min()  # what its weight is beside theirs
    assert pushes[:5].max() < 0.5 * pushes[5]


# --- with real pictures


def test_slopes_of_plates_are_those_of_the_loss():
    """Between pixels a picture is a patchwork, so only nearly: by finite differences of half a pixel."""
    compared, state = agreement_of(IMAGES, spacing=2.0), turned()
    found = compared.measure(POINTS, NORMALS, state, TRUST)
    predicted, measured = [], []
    for n in range(3):
        for number, small in ((0, 1e-3), (1, 1e-3), (3, 1e-3), (4, 1e-3)):
            step = torch.zeros(3, 7, dtype=torch.float64)
            step[n, number] = small
            losses = [loss(compared, state=state.moved(sign * step)) for sign in (1, -1)]
            measured.append((losses[0] - losses[1]) / small / 4)
            predicted.append(float((found.force[:, n] * state.slopes(POINTS, n)[1][..., number]).sum()))
    assert torch.nn.functional.cosine_similarity(torch.tensor(predicted), torch.tensor(measured), dim=0) > 0.97


def test_a_picture_of_something_else_is_not_like_the_others():
    strange = torch.rand(SIZE[1] // 4, SIZE[0] // 4, 1, dtype=torch.float64).repeat_interleave(4, 0)
    strange = strange.repeat_interleave(4, 1).expand(-1, -1, 3)
    trust = TRUST.clone()
    trust[:3, 0] = 0
    for images, least, most in (
        (IMAGES, [0.95] * 3, [1.001] * 3),
        ([*IMAGES[:2], strange], [0.4, 0.4, -0.4], [1, 1, 0.4]),
    ):
        alike, counts = agreement_of(images).alike(POINTS, NORMALS, STATE, trust, TRUST)
        mean = (counts * alike).sum(0) / counts.sum(0)
        assert (mean > double(*least)).all() and (mean < double(*most)).all()
        torch.testing.assert_close(counts, trust)  # each is seen by one other at least


def test_the_loss_is_the_same_with_and_without_derivatives():
    compared = agreement_of(IMAGES)
    found = compared.measure(POINTS, NORMALS, turned(), TRUST)
    assert found.loss == loss(compared, state=turned()) > 0.1
    without = compared.measure(POINTS, NORMALS, turned(), TRUST, derivatives=False)
    assert not len(without.force) and not len(without.metric)


def test_a_view_without_a_picture_takes_no_part():
    trust = TRUST.clone()
    trust[:, 1] = 0
    three = agreement_of(IMAGES).measure(POINTS, NORMALS, turned(), trust)
    two = agreement_of([IMAGES[0], None, IMAGES[2]]).measure(POINTS, NORMALS, turned(), trust)
    assert two.loss == three.loss > 0.05
    assert torch.equal(two.force, three.force) and torch.equal(two.metric, three.metric)
    assert not two.force[:, 1].any() and not two.metric[:, 1].any() and not two.metric[:, :, :, 1].any()


def test_single_precision_and_devices(device):
    there = [image.float().to(device) for image in IMAGES]
    compared = agreement_of(there)
    state = turned().to(there[0])
    found = compared.measure(POINTS.to(there[0]), NORMALS.to(there[0]), state, TRUST.to(there[0]))
    exact = agreement_of(IMAGES).measure(POINTS, NORMALS, turned(), TRUST)
    assert found.force.dtype == torch.float32 and found.force.device.type == device.type
    assert found.loss == pytest.approx(exact.loss, rel=1e-3)
    for name in ("force", "metric"):
        a, b = getattr(found, name).cpu().double(), getattr(exact, name)
        assert (a - b).abs().max() < 5e-3 * b.abs().max()
