"""Two faces in one picture, each driven by the picture of another person: attention with a mask and without. Lesson 18.

A driver's picture becomes four tokens, its expression code: it keeps what the face does and not whose it is. Each of
the 8 x 16 positions of the picture asks them what to do. With one attention for both drivers a position may listen to
the wrong one; a mask tells it which one is its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from asm_teach.beyond.drawn_faces import FRONT, draw_surface, face_camera, person_at_rest
from asm_teach.beyond.reader import standard
from asm_teach.data.heads import Head
from asm_teach.data.skin_tones import TONES
from asm_teach.data.weights import weights_of
from asm_teach.rendering.shading import lamp

FACE = 48  # pixels of the square of one face; the picture is as high and twice as wide
PATCH = 6
GRID = (FACE // PATCH, 2 * FACE // PATCH)  # positions
TOKENS, CODE = 4, 8  # of a driver, and numbers in each
ACTING = (1, 2, 4, 9, 12, 15, 20, 26, 45)  # the action units that drivers make
LIGHT = lamp(torch.tensor([0.3, 0.5, 1.0]), 0.7, 0.45)[:, 0]  # white, from above and the left of the picture


def draw_face(head: Head, person: int, amounts: Mapping[str, float]) -> Tensor:
    """A sampled person's face in its square, (48, 48) grey from 0 to 1; the camera does not follow the motion.

    Raises ValueError for a shape that the head does not have.
    """
    rest = person_at_rest(head, person)
    scene = FRONT._replace(tone=person % len(TONES))
    camera = face_camera(head, rest, scene, FACE)
    surface = draw_surface(head, rest + head.offsets(expressions=amounts), camera, scene)
    return surface.lit(LIGHT, float(scene.background[0]))


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V: queries (..., P, d), keys (..., T, d) and values (..., T, e) to (..., P, e)."""
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    return scores.softmax(-1) @ values


def masked_attention(queries: Tensor, keys: Tensor, values: Tensor, masks: Tensor) -> Tensor:
    """The sum over drivers of M_c times Attn(Q, K_c, V_c), eq. (18.1).

    Args:
        queries: (N, P, d), of the picture's positions.
        keys, values: (N, C, T, d) and (N, C, T, e), of the tokens of C drivers.
        masks: (C, P), how far each position belongs to each driver.

    Returns:
        (N, P, e).
    """
    return (masks[..., None] * attend(queries[:, None], keys, values)).sum(1)


def halves() -> Tensor:
    """(2, 128) masks: the left half of the positions belongs to the first driver, the right half to the second."""
    column = torch.arange(GRID[1]).repeat(GRID[0])
    left = (column < GRID[1] // 2).float()
    return torch.stack([left, 1 - left])


def leakage(when_other: Tensor, when_own: Tensor) -> float:
    """How much of its own motion a face shows when another driver moves, eq. (18.2).

    Args:
        when_other: how the face's pixels change when the other driver changes, any shape.
        when_own: how they change when its own driver changes.

    Raises:
        ValueError: nothing moves when its own driver does.
    """
    own = float(when_own.abs().mean())
    if own == 0:
        raise ValueError("when_own: the face does not move when its own driver changes, so there is no share of it")
    return float(when_other.abs().mean()) / own


class ExpressionEncoder(nn.Module):
    """Pictures of drivers (N, 48, 48) to expression codes (N, 4, 8), four tokens. Some 20,000 weights.

    It learns to read the amounts of action units, no matter who makes them. That is what its code keeps.
    """

    def __init__(self, units: int = len(ACTING)) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 7, 4, 3), nn.GroupNorm(4, 16), nn.ReLU(),
            nn.Conv2d(16, 24, 3, 2, 1), nn.GroupNorm(4, 24), nn.ReLU(),
            nn.Conv2d(24, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 9, TOKENS * CODE), nn.Tanh(),
        )  # fmt: skip
        self.units = nn.Linear(TOKENS * CODE, units)

    def forward(self, drivers: Tensor) -> Tensor:
        if drivers.ndim != 3 or tuple(drivers.shape[1:]) != (FACE, FACE):
            raise ValueError(f"drivers has shape {tuple(drivers.shape)}: give (N, {FACE}, {FACE}), grey from 0 to 1")
        return self.features(standard(drivers)[:, None]).reshape(-1, TOKENS, CODE)

    def amounts(self, codes: Tensor) -> Tensor:
        """(N, units) amounts that codes (N, 4, 8) stand for."""
        return self.units(codes.flatten(1))


class TwoFaces(nn.Module):
    """A picture (N, 48, 96) of two faces at rest and the codes of two drivers (N, 2, 4, 8) to the picture that acts.

    Args:
        masked: each position listens to its own driver alone; else one attention serves all tokens of both.
        mixed: behind the attention each position looks at its neighbours.
    """

    def __init__(self, masked: bool = True, mixed: bool = False) -> None:
        super().__init__()
        self.masked, width, (rows, columns) = masked, 48, GRID
        self.patches = nn.Conv2d(1, width, 2 * PATCH, PATCH, PATCH // 2)  # each with half a patch around it
        self.row, self.column = (nn.Parameter(0.3 * torch.randn(n, width)) for n in (rows, columns))
        self.queries, self.keys = nn.Linear(width, 32), nn.Linear(CODE, 32)
        self.values, self.token = nn.Linear(CODE, width), nn.Parameter(torch.randn(TOKENS, 32))
        self.driver = nn.Parameter(torch.randn(2, 1, 32))  # tells the keys of the two drivers apart
        self.near = nn.Conv2d(width, width, 3, 1, 1) if mixed else None
        self.out = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, PATCH * PATCH))

    def listen(self, picture: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features of the positions (N, 128, 48), their queries (N, 128, 32), the drivers' keys and values."""
        if tuple(picture.shape[1:]) != (FACE, 2 * FACE):
            raise ValueError(f"picture has shape {tuple(picture.shape)}: give (N, {FACE}, {2 * FACE}), two faces")
        place = (self.row[:, None] + self.column).flatten(0, 1)
        features = self.patches(2 * picture[:, None] - 1).flatten(2).mT + place
        return features, self.queries(features), self.keys(codes) + self.token + self.driver, self.values(codes)

    def forward(self, picture: Tensor, codes: Tensor, masks: Tensor | None = None) -> Tensor:
        features, queries, keys, values = self.listen(picture, codes)
        if self.masked:
            heard = masked_attention(queries, keys, values, halves() if masks is None else masks)
        else:
            heard = attend(queries, keys.flatten(1, 2), values.flatten(1, 2))
        features = features + heard
        if self.near is not None:
            grid = features.mT.reshape(len(features), -1, *GRID)
            features = features + self.near(grid.relu()).flatten(2).mT
        change = self.out(features).mT.reshape(len(picture), -1, *GRID)
        return picture + nn.functional.pixel_shuffle(change, PATCH)[:, 0]


def load_two_faces() -> tuple[ExpressionEncoder, dict[str, TwoFaces]]:
    """The encoder and the networks `masked` and `shared` that `data/recipe/two_faces.py` trained."""
    encoder = ExpressionEncoder()
    nets = {"masked": TwoFaces(), "shared": TwoFaces(masked=False)}
    encoder.load_state_dict(weights_of("two_faces.npz", "encoder"))
    for name, net in nets.items():
        net.load_state_dict(weights_of("two_faces.npz", name))
        net.eval().requires_grad_(False)
    return encoder.eval().requires_grad_(False), nets
