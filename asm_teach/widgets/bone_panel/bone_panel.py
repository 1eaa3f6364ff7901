"""Nine sliders that move one bone, beside the view of the head they move."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np
import torch
from numpy.typing import NDArray

from asm_teach.fitting.priors import MIRROR
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.widgets.base.later import Later
from asm_teach.widgets.base.pose import (
    Parameters,
    equal,
    parameters,
    read_pose,
    set_parameters,
    write_pose,
)
from asm_teach.widgets.base.shown import Shown, bone_chooser, button
from asm_teach.widgets.bone_panel.mover import Mover
from asm_teach.widgets.viewer.viewer import Viewer

_STROKE = 1.0  # seconds: moves of one slider that follow each other faster are undone together
_MOST = 200  # changes that can be undone
_WIDTH = {"width": "296px"}
_LOOKS: dict[str, Any] = {"layout": _WIDTH, "style": {"description_width": "84px"}}
_POSE = "JSON of all bones that have moved, to copy and paste: mm, rotation vectors in radians, logarithms of scales."


class BonePanel(Shown, ipywidgets.HBox):
    """Choose a bone, move its nine sliders, and watch `viewer` follow `model`.

    A bone is chosen by its name, or by a click on the face: the one with the largest weight there. The sliders speak
    millimetres, degrees and factors; the model, and the pose as JSON, get millimetres, radians and factors.

    Args:
        model: an adaptive or static skinning model.
        viewer: shows the model's mesh; it becomes part of the panel. It gets a dot for each bone.
        bone: index or name of the bone to start with.

    Raises:
        ValueError: a bone that is not there.
    """

    def __init__(self, model: SkinnedModel, viewer: Viewer, *, bone: int | str = 0) -> None:
        self.model, self.viewer = model, viewer
        self.names, self._images = tuple(model.rig.names), model.rig.mirror_images()
        self._mover, self._later = Mover(model), Later()
        self._before: list[Parameters] = []  # the parameters before each of the last changes
        self._rest = parameters(model)
        self._rest |= {name: torch.zeros_like(self._rest[name]) for name in ("translation", "rotation", "log_scale")}
        self._stroke: tuple[object, ...] = ()
        self._stroke_at = 0.0
        self.chooser = bone_chooser(self.names, model.rig.index(bone), **_LOOKS)
        self.translation = _three("move", "mm", 0.0, 30.0, 0.5, ".1f")
        self.rotation = _three("turn", "°", 0.0, 60.0, 1.0, ".0f")
        self.scale = _three("scale", "×", 1.0, 0.5, 0.01, ".2f")
        self._sliders, self._loading = (*self.translation, *self.rotation, *self.scale), False
        for slider in self._sliders:
            slider.observe(lambda change: None if self._loading else self._moved(change["owner"]), "value")
        self.mirror = _checkbox("mirror to the other side", False)
        self.dots = _checkbox("show the bones as dots", True)
        self.undo = button("Undo", "undo the last change", self.take_back)
        self.undo.disabled = True
        self.reset_bone = button("Reset bone", "reset this bone to its rest pose", lambda: self.reset(self.bone))
        self.reset_all = button("Reset all", "reset all bones to the rest pose", self.reset)
        self.pose = ipywidgets.Textarea(
            description="pose",
            tooltip=_POSE,
            continuous_update=False,
            layout={"width": "270px", "height": "74px"},
            style={"description_width": "40px"},
        )
        self.apply = button("Apply pose", "set the bones from the JSON in the box", self.apply_pose)
        hint = ipywidgets.HTML('<div class="asm-hint">or click the face</div>')
        units = ipywidgets.HTML(f'<div class="asm-hint">{_POSE}</div>')
        buttons = ipywidgets.HBox([self.undo, self.reset_bone, self.reset_all])
        sliders = [_heading("Move, in millimetres"), *self.translation, _heading("Turn, in degrees"), *self.rotation]
        sliders += [_heading("Scale, as a factor"), *self.scale]
        text = ipywidgets.VBox([self.pose, units, self.apply])
        parts = [self.chooser, hint, ipywidgets.VBox(sliders), self.mirror, self.dots, buttons]
        parts += [_fold(text, "Pose as JSON", "show the box with the pose, or hide it"), text]
        controls = ipywidgets.VBox(parts).add_class("asm-controls")
        super().__init__(children=[viewer, controls])
        self.add_class("asm-panel")
        self.chooser.observe(lambda _: self._chosen(), "value")
        self.mirror.observe(self._mirrored, "value")
        self.dots.observe(lambda _: self._show(), "value")
        self.pose.observe(lambda _: self._later.forget(), "value")  # what a person pastes is not written over
        if len(viewer.vertices) == len(model.vertices) and viewer.single:
            viewer.on_pick(self._picked)
        self._chosen()

    @property
    def bone(self) -> int:
        """Index of the bone that the sliders move."""
        return self.chooser.value

    def reset(self, bone: int | None = None) -> None:
        """Put one bone, or all of them, back to rest."""
        self._keep()
        if bone is None:
            self.model.reset_motion()
        else:
            for index in (bone, *self._partners(bone)):
                self.model.set_motion(index, torch.zeros(3), torch.zeros(3), torch.ones(3))
        self._load()
        self._show("")

    def take_back(self) -> None:
        """Undo the last change: one stroke of a slider, a reset, or a pose that was applied."""
        now, done = parameters(self.model), False
        while self._before and not done:
            before = self._before.pop()
            done = not equal(before, now)
            set_parameters(self.model, before)
        self._stroke = ()
        self._load()
        self._show("the last change is undone" if done else "nothing to undo")

    def apply_pose(self) -> None:
        """Move the bones as the JSON in the box says; what is wrong with it is told in the read-out."""
        try:
            posed = read_pose(self.pose.value, self.names, self._rest)
        except ValueError as error:
            self.viewer.warn(str(error))
            return
        self._keep()
        set_parameters(self.model, posed)
        self._load()
        self._show("the pose is applied")

    # -- from the sliders to the model and back ------------------------------------------------------------

    def _moved(self, slider: ipywidgets.FloatSlider | None) -> None:
        wrong = [one for one in self._sliders if not math.isfinite(one.value)]
        if wrong:
            what, value = wrong[0].description.split(",")[0], wrong[0].value
            self._load()
            self.viewer.warn(f"{what} is not a finite number ({value}): the bone stays as it was.")
            return
        move, turn, scale = (
            torch.tensor([one.value for one in three]) for three in (self.translation, self.rotation, self.scale)
        )
        turn = torch.deg2rad(turn)
        self._keep(slider, self.bone)
        self.model.set_motion(self.bone, translation=move, rotation=turn, scale=scale)
        for other in self._partners(self.bone):
            flip, twist = torch.tensor(MIRROR["translation"]), torch.tensor(MIRROR["rotation"])
            self.model.set_motion(other, move * flip, turn * twist, scale)
        note = ""
        if slider is not None:
            what, unit = slider.description.split(", ")
            note = f"{what} {slider.value:g} {unit}"
        self._show(note)

    def _mirrored(self, _: Mapping[str, Any]) -> None:
        if self.mirror.value and self._mirror_allowed():
            self._moved(None)

    def _keep(self, *stroke: object) -> None:
        """Remember the motion of now, unless the change to come goes on with a stroke that is remembered."""
        now = time.monotonic()
        if not stroke or stroke != self._stroke or now - self._stroke_at > _STROKE:
            self._before = [*self._before[-_MOST:], parameters(self.model)]
        self._stroke, self._stroke_at = stroke, now

    def _picked(self, face: int, shares: NDArray[np.float64]) -> None:
        """Choose the bone with the largest weight where the face was clicked."""
        corners = self.model.mesh.faces[face].to(self.model.vertices.device)
        with torch.no_grad():
            weights = torch.from_numpy(shares).to(self.model.vertices) @ self.model.weights(corners)
        bone = int(weights.argmax())
        note = f"clicked where {self.names[bone]} has the largest weight, {weights[bone]:.2f}"
        self.chooser.value = bone
        self._show(note)

    def _chosen(self) -> None:
        self._mirror_allowed()
        self._load()
        self._show("")
        self.viewer.select_bone(self.bone)

    @torch.no_grad()
    def _load(self) -> None:
        """Set the sliders to the bone's motion in the model."""
        model, bone = self.model, self.bone
        rows = (model.translation[bone], torch.rad2deg(model.rotation[bone]), model.log_scale[bone].exp())
        self._loading = True
        for slider, value in zip(self._sliders, torch.cat(rows).tolist(), strict=True):
            if math.isfinite(value):
                # a fitted bone may stand beyond the slider's end: the slider grows rather than cut it off
                slider.min, slider.max = min(slider.min, value), max(slider.max, value)
                slider.value = value
        self._loading = False

    def _show(self, note: str | None = None) -> None:
        self.undo.disabled = not self._before
        vertices, pivots = self._mover()
        self.viewer.update(vertices, note=note)
        self.viewer.show_bones(pivots if self.dots.value else None, self.names)
        self._later.call("pose", 0.25, self._write_pose)

    def _write_pose(self) -> None:
        try:
            self.pose.value = write_pose(self.model, self._rest)
        except ValueError as error:  # a model whose motion is not finite has no pose to copy
            self.pose.value = ""
            self.viewer.warn(str(error))

    def _partners(self, bone: int) -> list[int]:
        """The bone's mirror image, where there is one and moves are mirrored."""
        image = self._images[bone]
        return [image] if self.mirror.value and bone == self.bone != image else []

    def _mirror_allowed(self) -> bool:
        self.mirror.disabled = self._images[self.bone] == self.bone
        return not self.mirror.disabled

    @property
    def text(self) -> str:
        """What the view shows, in words."""
        return self.viewer.text

    def still(self) -> bytes:
        """The view without the sliders, for a page without a kernel."""
        return self.viewer.still()


def _checkbox(words: str, on: bool) -> ipywidgets.Checkbox:
    return ipywidgets.Checkbox(value=on, description=words, indent=False, layout=_WIDTH)


def _three(
    verb: str, unit: str, rest: float, reach: float, step: float, form: str
) -> tuple[ipywidgets.FloatSlider, ...]:
    """Sliders for x, y and z."""
    return tuple(
        ipywidgets.FloatSlider(
            value=rest,
            min=rest - reach,
            max=rest + reach,
            step=step,
            description=f"{verb} {axis}, {unit}",
            tooltip=f"{verb} the bone, {axis} axis, {unit}",
            readout_format=form,
            **_LOOKS,
        )
        for axis in "xyz"
    )


def _fold(box: ipywidgets.Box, words: str, tooltip: str) -> ipywidgets.ToggleButton:
    """A button that shows the box or hides it, as it is at first; ipywidgets' accordion has no tab stop."""
    switch = ipywidgets.ToggleButton(description=words, tooltip=tooltip, layout={"width": "auto"})
    box.layout.display = "none"
    switch.observe(lambda change: setattr(box.layout, "display", "" if change["new"] else "none"), "value")
    return switch


def _heading(words: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f'<div class="asm-group">{words}</div>')
