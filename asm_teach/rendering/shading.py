"""Light from all around as nine numbers a colour: spherical harmonics of order two. Derived in lesson 7.

A matt surface blurs the light it receives over half the sphere, and nine functions of its normal are enough for what
comes out: within 1 % for most lights (Ramamoorthi and Hanrahan, "An efficient representation for irradiance
environment maps", SIGGRAPH 2001). A light here is (9, 3): what each function adds to red, green and blue.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The real spherical harmonics' own factors, so that the nine functions are orthonormal on the sphere.
_CONSTANT, _LINEAR, _PRODUCT, _POLE, _DIFFERENCE = 0.2820948, 0.4886025, 1.0925484, 0.3153916, 0.5462742


def harmonics(normals: Tensor) -> Tensor:
    """The nine functions (..., 9) at unit vectors (..., 3): constant, y, z, x, xy, yz, 3z^2 - 1, xz, x^2 - y^2.

    The Y of eq. (7.4). Derived in lesson 7.

    Raises:
        ValueError: a last dimension that is not 3.
    """
    if normals.shape[-1] != 3:
        raise ValueError(f"normals has shape {tuple(normals.shape)}: its last dimension must be 3")
    x, y, z = normals.unbind(-1)
    return torch.stack(
        [
            torch.full_like(x, _CONSTANT),
            _LINEAR * y,
            _LINEAR * z,
            _LINEAR * x,
            _PRODUCT * x * y,
            _PRODUCT * y * z,
            _POLE * (3 * z * z - 1),
            _PRODUCT * x * z,
            _DIFFERENCE * (x * x - y * y),
        ],
        dim=-1,
    )


def shade(albedo: Tensor, normals: Tensor, light: Tensor) -> Tensor:
    """Colours (..., 3) of matt points: albedo (..., 3) times what a light (9, 3) sends them, eq. (7.4).

    Args:
        albedo: (..., 3) the colour of the surface itself.
        normals: (..., 3) unit vectors, in the axes of the light: those of the world.
        light: (9, 3); it may make places darker than black, which is left to the caller.

    Raises:
        ValueError: a light that is not (9, 3).
    """
    if tuple(light.shape) != (9, 3):
        raise ValueError(f"light has shape {tuple(light.shape)}: give (9, 3), nine numbers for red, green and blue")
    return albedo * (harmonics(normals) @ light)


def even_light(brightness: float = 1.0, like: Tensor | None = None) -> Tensor:
    """(9, 3): the same white light from everywhere, under which a surface shows its albedo times `brightness`."""
    light = torch.zeros(9, 3) if like is None else like.new_zeros(9, 3)
    light[0] = brightness / _CONSTANT
    return light


def lamp(direction: Tensor, strength: float = 0.8, ambient: float = 0.3) -> Tensor:
    """(9, 3): white light from one direction (3,) over some even light, as a matt surface shows it.

    Light of one direction on a matt surface is the larger of zero and the cosine to its normal; these are that
    function's own coefficients, 1/4, 1/2 and 5/16 for its constant, linear and quadratic part.

    Raises:
        ValueError: a direction that is zero, or not (3,).
    """
    if tuple(direction.shape) != (3,):
        raise ValueError(f"direction has shape {tuple(direction.shape)}: give (3,), towards the lamp")
    length = torch.linalg.vector_norm(direction)
    if not float(length.detach()) > 0:
        raise ValueError("direction is zero: give the way towards the lamp, of any length")
    direction = direction / length
    parts = harmonics(direction)
    # sum over a band of Y(light) Y(normal) is (2 l + 1) / (4 pi) times Legendre's P_l of the cosine
    power = parts.new_tensor([0.25] + 3 * [0.5 / 3] + 5 * [0.3125 / 5]) * (4 * torch.pi)
    light = even_light(ambient, parts) + strength * (power * parts)[:, None]
    return light
