"""The Gaussians of one bone as a person handles them: places, widths, angles and shares, kept in the model itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict

import torch

from asm_teach.model.adaptive import AdaptiveSkinningModel, start_widths
from asm_teach.widgets.base.pose import parameters, set_parameters
from asm_teach.widgets.chart.chart import Item, place_bone
from asm_teach.widgets.chart.ellipse import Ellipse

MOST_COMPONENTS = 4
_PARAMETERS = ("bone_uv", "mixture_logits", "mixture_mean", "mixture_factor")


class BoneMixture:
    """The mixture of one bone of a model, eq. (2). The model holds the state; only the angle of a circle is kept here.

    Args:
        model: whose parameters are changed.
        bone: which bone.
        changed: called after each change, with whether the bone itself may have moved.

    Attributes:
        shapes: K ellipses.
    """

    def __init__(self, model: AdaptiveSkinningModel, bone: int, changed: Callable[[bool], None]) -> None:
        self.model, self._changed = model, changed
        self._first = {name: values for name, values in parameters(model).items() if name in _PARAMETERS}
        self.choose(bone)

    def choose(self, bone: int) -> None:
        """Turn to a bone, and read its Gaussians from the model."""
        self.bone = bone
        self.shapes = [Ellipse.of_factor(*abc) for abc in self.model.mixture_factor[bone].tolist()]

    @property
    def zeta(self) -> tuple[float, float]:
        """The bone's place on the chart."""
        u, v = self.model.bone_uv[self.bone].tolist()
        return u, v

    def mean(self, k: int) -> tuple[float, float]:
        """mu, the offset of a Gaussian from the bone, chart units."""
        u, v = self.model.mixture_mean[self.bone, k].tolist()
        return u, v

    def share(self, k: int) -> float:
        """pi of a Gaussian."""
        return float(self.model.mixture_logits[self.bone].detach().softmax(-1)[k])

    def items(self) -> list[Item]:
        """The Gaussians as ellipses of the chart."""
        centres = self.model.bone_uv[self.bone] + self.model.mixture_mean[self.bone]
        return [{"u": u, "v": v, **asdict(shape)} for (u, v), shape in zip(centres.tolist(), self.shapes, strict=True)]

    def set_bone_uv(self, uv: tuple[float, float]) -> None:
        """Move the bone, and with it all its Gaussians, to a place of the chart.

        Raises:
            ValueError: not two finite numbers.
        """
        place_bone(self.model, self.bone, uv)
        self._changed(True)

    @torch.no_grad()
    def set_gaussian(
        self,
        k: int,
        *,
        mean: tuple[float, float] | None = None,
        shape: Ellipse | None = None,
        share: float | None = None,
    ) -> None:
        """Set one Gaussian of the bone; what is not given stays.

        Args:
            k: which one, counted from 0.
            mean: mu, its offset from the bone, chart units.
            shape: its widths and angle.
            share: pi, above 0 and below 1; the bone's other shares keep their proportions.

        Raises:
            ValueError: a Gaussian that is not there, numbers that are not finite, widths that are not positive.
        """
        if not 0 <= k < self.model.components:
            raise ValueError(f"k is {k}: each bone has Gaussians 0 to {self.model.components - 1}")
        if mean is not None and (len(mean) != 2 or not all(map(math.isfinite, mean))):
            raise ValueError(f"mean is {mean}: give two finite numbers, chart units")
        if shape is not None and not (
            all(map(math.isfinite, (shape.s1, shape.s2, shape.angle))) and min(shape.s1, shape.s2) > 0
        ):
            raise ValueError(f"shape is {shape}: give finite numbers, and widths above 0")
        if share is not None and not 0 < share < 1:
            raise ValueError(f"share is {share}: give a number above 0 and below 1")
        model, j = self.model, self.bone
        if mean is not None:
            model.mixture_mean[j, k] = model.uv.new_tensor(mean)
        if shape is not None:
            model.mixture_factor[j, k] = model.uv.new_tensor(shape.factor())
            self.shapes[k] = shape
        if share is not None and model.components > 1:
            others = model.mixture_logits[j].log_softmax(-1)
            others[k] = -math.inf
            # the others share what is left, in the proportions they had
            model.mixture_logits[j] = others.log_softmax(-1) + math.log1p(-share)
            model.mixture_logits[j, k] = math.log(share)
        self._changed(False)

    def set_components(self, count: int) -> None:
        """Give every bone K = count Gaussians: the last ones go, or wider ones come as a new model has them.

        Raises:
            ValueError: fewer than 1 or more than `MOST_COMPONENTS`.
        """
        if not 1 <= count <= MOST_COMPONENTS:
            raise ValueError(f"count is {count}: give 1 to {MOST_COMPONENTS} Gaussians per bone")
        now = parameters(self.model)
        bone_uv, logits, mean, factor = (now[name] for name in _PARAMETERS)
        for k in range(logits.shape[1], count):
            width = start_widths(bone_uv, k + 1)[:, -1:].log()
            logits = torch.cat([logits, logits[:, -1:] - math.log(4.0)], 1)
            mean = torch.cat([mean, torch.zeros_like(mean[:, :1])], 1)
            factor = torch.cat([factor, torch.stack([width, torch.zeros_like(width), width], -1)], 1)
        values = [bone_uv, *(one[:, :count] for one in (logits, mean, factor))]
        set_parameters(self.model, dict(zip(_PARAMETERS, values, strict=True)))
        self._read()

    @torch.no_grad()
    def scale_widths(self, times: float) -> None:
        """Make the Gaussians of all bones wider (above 1) or narrower (below 1).

        Raises:
            ValueError: a factor that is not finite and above 0.
        """
        if not (math.isfinite(times) and times > 0):
            raise ValueError(f"times is {times}: give a finite factor above 0")
        self.model.mixture_factor[..., [0, 2]] += math.log(times)
        self.model.mixture_factor[..., 1] *= times
        self._read()

    @torch.no_grad()
    def reset(self, all_bones: bool = False) -> None:
        """Bring back the bone, or all bones and K, as they were at first."""
        if all_bones:
            set_parameters(self.model, self._first)
        else:
            for name, first in self._first.items():
                now, row = getattr(self.model, name)[self.bone], first[self.bone]
                shared = min(len(now), len(row))  # K may differ by now
                now[:shared] = row[:shared]
        self._read()

    def _read(self) -> None:
        self.choose(self.bone)
        self._changed(True)
