"""What a camera wrote into a picture about its lens (EXIF), and whether that still holds of the picture as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

FILM = math.hypot(36, 24)  # mm, the diagonal of the film that a lens is called equivalent on
_EQUIVALENT = (12, 1200)  # mm on film. What is said to be wider or longer takes no pictures of faces
_LENGTH, _ZOOM, _ON_FILM = 0x920A, 0xA404, 0xA405
_SIDES, _PITCH, _UNIT = (0xA002, 0xA003), 0xA20E, 0xA210
_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # of the unit of the sensor's resolution; inches if there is none


def exif_lens(
    tags: Mapping[int, Any], size: tuple[float, float], name: str, say: Callable[[str], None]
) -> float | None:
    """The focal length of a picture file over the diagonal of the picture, by its EXIF data; None if they do not tell.

    tags, size: as `read_photograph` finds them, size (width, height) as the picture is stored. name: of the file.

    It is FocalLengthIn35mmFilm over the film's diagonal, or FocalLength times FocalPlaneXResolution, in pixels, over
    that of the picture. Both are of the picture as it was taken. Programs that change it often leave them, and its
    sides, as they were: a picture of another size and the same shape was scaled, which changes nothing; where one side
    is as long as it was, the other was cut; else nothing can be said. A crop of the same shape cannot be told.

    `say` is told, with the file's name, of a picture that was cropped, and of a focal length that is of no use.
    """
    taken = (_number(tags, _SIDES[0]), _number(tags, _SIDES[1]))
    was = (taken[0], taken[1]) if min(taken) > 0 else size
    if (was[0] < was[1]) != (size[0] < size[1]):  # some programs turn the pixels alone
        was = was[::-1]
    lens = _lens(tags, was)
    if lens is None:
        return None
    if not _EQUIVALENT[0] <= lens * FILM <= _EQUIVALENT[1]:
        say(f"{name}: by its EXIF data it was taken with {lens * FILM:.0f} mm on film, which cannot be; it is ignored")
        return None
    if abs(size[0] * was[1] - size[1] * was[0]) <= max(was):  # the same shape, but for a rounded pixel
        return lens
    text = f"{was[0]:.0f} x {was[1]:.0f} pixels by its EXIF data, and is {size[0]} x {size[1]} now"
    if any(now == then for now, then in zip(size, was, strict=True)):
        say(f"{name}: it had {text}: cropped, which its focal length is corrected for")
        return lens * math.hypot(*was) / math.hypot(*size)
    say(f"{name}: it had {text}: cropped, nobody knows by how much, so the focal length in them is ignored")
    return None


def _lens(tags: Mapping[int, Any], size: tuple[float, float]) -> float | None:
    """Focal length over diagonal of the picture as it was taken, of `size` pixels; None where the tags do not tell."""
    if (film := _number(tags, _ON_FILM)) > 0:
        return film / FILM
    pitch = _number(tags, _PITCH) / _MM.get(int(_number(tags, _UNIT)), _MM[2])  # pixels a mm
    zoomed = _number(tags, _ZOOM) > 1  # whether the pitch is that before or after it, cameras do not agree
    focal = 0.0 if zoomed else _number(tags, _LENGTH) * pitch
    return focal / math.hypot(*size) if focal > 0 else None


def _number(tags: Mapping[int, Any], tag: int) -> float:
    """A number among the tags; 0 if it is not there, or no number."""
    try:
        found = float(tags.get(tag, 0))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return found if math.isfinite(found) else 0.0
