"""Nine sliders that move one bone, beside the view of the head they move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ipywidgets
import torch

from asm_teach.model import SkinnedModel
from asm_teach.widgets.viewer import Viewer

_AXES = "xyz"


class BonePanel(ipywidgets.HBox):
    """Choose a bone, move its nine sliders, and watch `viewer` follow `model`.

    The sliders speak millimetres, degrees and factors; the model gets millimetres, radians and factors.

    Args:
        model: an adaptive or static skinning model.
        viewer: shows the model's mesh; it becomes part of the panel. It gets a dot for each bone.
        bone: index or name of the bone to start with.

    Raises:
        ValueError: a bone that is not there.
    """

    def __init__(self, model: SkinnedModel, viewer: Viewer, *, bone: int | str = 0) -> None:
        self.model, self.viewer = model, viewer
        self.names = tuple(model.rig.names)
        self._loading = False
        self.chooser = ipywidgets.Dropdown(
            options=[(name, index) for index, name in enumerate(self.names)],
            value=self._index(bone),
            description="bone",
            layout={"width": "296px"},
            style={"description_width": "84px"},
        )
        self.translation = _sliders("move", "mm", 0.0, 30.0, 0.5, ".1f")
        self.rotation = _sliders("turn", "°", 0.0, 60.0, 1.0, ".0f")
        self.scale = _sliders("scale", "×", 1.0, 0.5, 0.01, ".2f")
        self._sliders = (*self.translation, *self.rotation, *self.scale)
        self.mirror = ipywidgets.Checkbox(
            value=False, description="mirror to the other side", indent=False, layout={"width": "296px"}
        )
        self.dots = ipywidgets.Checkbox(
            value=True, description="show the bones as dots", indent=False, layout={"width": "296px"}
        )
        reset_bone = ipywidgets.Button(description="Reset bone", tooltip="put this bone back to rest")
        reset_all = ipywidgets.Button(description="Reset all", tooltip="put all bones back to rest")
        reset_bone.on_click(lambda _: self.reset(self.bone))
        reset_all.on_click(lambda _: self.reset())
        self.buttons = (reset_bone, reset_all)

        self.chooser.observe(self._chosen, "value")
        self.mirror.observe(lambda _: self._mirror_allowed() and self._moved({}), "value")
        self.dots.observe(lambda _: self._show(), "value")
        for slider in self._sliders:
            slider.observe(self._moved, "value")
        controls = ipywidgets.VBox(
            [
                self.chooser,
                _heading("Move, in millimetres"),
                *self.translation,
                _heading("Turn, in degrees"),
                *self.rotation,
                _heading("Scale, as a factor"),
                *self.scale,
                self.mirror,
                self.dots,
                ipywidgets.HBox(self.buttons),
            ]
        ).add_class("asm-controls")
        super().__init__(children=[viewer, controls])
        self.add_class("asm-panel")
        self._show()
        self._chosen({})

    @property
    def bone(self) -> int:
        """Index of the bone that the sliders move."""
        return self.chooser.value

    def reset(self, bone: int | None = None) -> None:
        """Put one bone, or all of them, back to rest."""
        if bone is None:
            self.model.reset_motion()
        else:
            for index in (bone, *self._partners(bone)):
                self.model.set_motion(index, torch.zeros(3), torch.zeros(3), torch.ones(3))
        self._load()
        self._show("")

    # -- from the sliders to the model and back ------------------------------------------------------------

    def _moved(self, change: Mapping[str, Any]) -> None:
        if self._loading:
            return
        move = torch.tensor([slider.value for slider in self.translation])
        turn = torch.tensor([math.radians(slider.value) for slider in self.rotation])
        scale = torch.tensor([slider.value for slider in self.scale])
        self.model.set_motion(self.bone, translation=move, rotation=turn, scale=scale)
        # The mirror image across x = 0: a shift flips its x, a rotation vector its y and z, a scale nothing.
        flip = torch.tensor([-1.0, 1.0, 1.0])
        for other in self._partners(self.bone):
            self.model.set_motion(other, translation=move * flip, rotation=-turn * flip, scale=scale)
        slider, note = change.get("owner"), ""
        if slider in self._sliders:
            what, unit = slider.description.split(", ")
            note = f"{what} {slider.value:g} {unit}"
        self._show(note)

    def _chosen(self, _: Mapping[str, Any]) -> None:
        self._mirror_allowed()
        self._load()
        self.viewer.select_bone(self.bone)
        self._show("")

    def _load(self) -> None:
        """Set the sliders to the bone's motion in the model."""
        self._loading = True
        with torch.no_grad():
            values = torch.cat(
                [
                    self.model.translation[self.bone],
                    torch.rad2deg(self.model.rotation[self.bone]),
                    self.model.log_scale[self.bone].exp(),
                ]
            )
        for slider, value in zip(self._sliders, values.tolist(), strict=True):
            # a fitted bone may stand beyond the slider's end: the slider grows rather than cut it off
            slider.min, slider.max = min(slider.min, value), max(slider.max, value)
            slider.value = value
        self._loading = False

    def _show(self, note: str | None = None) -> None:
        with torch.no_grad():
            self.viewer.update(self.model(), note=note)
            if self.dots.value:
                # a pivot goes where its bone's matrix G_j B_j^-1 takes it
                pivots = torch.nn.functional.pad(self.model.bind_points(), (0, 1), value=1.0)
                self.viewer.show_bones(torch.einsum("jab,jb->ja", self.model.transforms(), pivots), self.names)
            else:
                self.viewer.show_bones(None)

    # -- which bones ---------------------------------------------------------------------------------------

    def _index(self, bone: int | str) -> int:
        if isinstance(bone, str):
            if bone not in self.names:
                raise ValueError(f"bone is {bone!r}: the rig has no bone of this name; it has {', '.join(self.names)}")
            return self.names.index(bone)
        if not 0 <= bone < len(self.names):
            raise ValueError(f"bone is {bone}: the rig has bones 0 to {len(self.names) - 1}")
        return int(bone)

    def _other_side(self) -> int | None:
        name = self.names[self.bone]
        for one, other in (("_L", "_R"), ("_R", "_L")):
            if name.endswith(one) and name[:-2] + other in self.names:
                return self.names.index(name[:-2] + other)
        return None

    def _partners(self, bone: int) -> list[int]:
        other = self._other_side() if self.mirror.value and bone == self.bone else None
        return [] if other is None else [other]

    def _mirror_allowed(self) -> bool:
        self.mirror.disabled = self._other_side() is None
        return not self.mirror.disabled

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        still = self.viewer._repr_mimebundle_()
        return {**bundle, "text/plain": still["text/plain"], "image/png": still["image/png"]}


def _sliders(
    verb: str, unit: str, rest: float, reach: float, step: float, form: str
) -> tuple[ipywidgets.FloatSlider, ...]:
    """Three sliders, for x, y and z."""
    return tuple(
        ipywidgets.FloatSlider(
            value=rest,
            min=rest - reach,
            max=rest + reach,
            step=step,
            description=f"{verb} {axis}, {unit}",
            tooltip=f"{verb} the bone, {axis} axis, {unit}",
            readout_format=form,
            continuous_update=True,
            layout={"width": "296px"},
            style={"description_width": "84px"},
        )
        for axis in _AXES
    )


def _heading(words: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f'<div class="asm-group">{words}</div>')
