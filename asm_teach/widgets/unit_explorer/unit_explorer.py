"""Action units under sliders, beside where the skin moves, where a reader looks, and what it needs. Lesson 13."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import torch
from torch import Tensor

from asm_teach.beyond.action_units import PROTOTYPES, UNITS, shape_amounts, union_map
from asm_teach.beyond.drawn_faces import FRONT, NUMBERS, draw_surface, face_camera, on_skin, person_at_rest
from asm_teach.beyond.reader import Reader, attention, occlusion_maps
from asm_teach.data.heads import Head
from asm_teach.widgets.base.colours import png
from asm_teach.widgets.base.told import Told
from asm_teach.widgets.viewer.viewer import Viewer

MOVES, LOOKS, NEEDS = "the skin moves", "the reader looks", "the reader needs"
_SHOWN = 160  # pixels of the crop on the page


class UnitExplorer(Told):
    """Move action units by sliders; three heads show where the skin moves, where a reader looks, and what it needs.

    The first head shows the union of the units' motions, eq. (13.1), the second the reader's attention, the third its
    occlusion map for the units that act, eq. (13.4), all from 0 (nothing) to 1 (the most). Below stands the crop that
    the reader sees, and what it finds.

        explorer = UnitExplorer(head, load_reader())
        explorer

    Args:
        head: an embedded head with a texture, `makehuman`.
        reader: crops (N, 64, 64) to numbers for the 17 units.
        person: the number of a sampled person.
        width: of the three heads together, pixels.

    Raises:
        ValueError: a head without texture, or without the shapes of the units.
    """

    def __init__(self, head: Head, reader: Reader, *, person: int = 350, width: int = 840) -> None:
        if head.mesh.texture is None:
            raise ValueError("head has no texture to be drawn with: give `asm.load_head()`")
        self.head, self.reader, self.person = head, reader, person
        mesh = head.mesh.with_vertices(person_at_rest(head, person))
        self.viewer = Viewer.compare(dict.fromkeys((MOVES, LOOKS, NEEDS), mesh), width=width, height=300)
        self.sliders = {number: self._slider(number) for number in NUMBERS}
        self.chooser = ipywidgets.Dropdown(options=list(PROTOTYPES), value="neutral", description="prototype")
        self.chooser.observe(lambda change: self.show(dict.fromkeys(PROTOTYPES[change["new"]], 0.9)), "value")
        self.crop = ipywidgets.Image(format="png", width=_SHOWN, height=_SHOWN)
        self._said = ipywidgets.HTML()
        sliders = ipywidgets.Box(list(self.sliders.values()), layout={"flex_flow": "row wrap", "width": f"{width}px"})
        below = ipywidgets.HBox([self.crop, ipywidgets.VBox([self.chooser, self._said])])
        super().__init__(children=[self.viewer, below, sliders])
        self.show(dict.fromkeys(PROTOTYPES["joy"], 0.9))

    def _slider(self, number: int) -> ipywidgets.FloatSlider:
        slider = ipywidgets.FloatSlider(
            min=0, max=1, step=0.05, description=f"{number} {UNITS[number].does}", continuous_update=False,
            style={"description_width": "150px"}, layout={"width": "275px"},
        )  # fmt: skip
        slider.observe(self._moved, "value")
        return slider

    @property
    def units(self) -> dict[int, float]:
        """The amounts of the units that act."""
        return {number: slider.value for number, slider in self.sliders.items() if slider.value > 0}

    def show(self, units: Mapping[int, float]) -> None:
        """Set the sliders; other units rest. Raises ValueError for a unit or an amount that there is not."""
        shape_amounts(units)
        self._set({slider: units.get(number, 0.0) for number, slider in self.sliders.items()})

    @torch.no_grad()
    def maps(self) -> tuple[Tensor, dict[str, Tensor]]:
        """The crop (64, 64), and the three maps on the vertices (V,), each from 0 to 1."""
        head, units = self.head, self.units
        vertices = person_at_rest(head, self.person) + head.offsets(expressions=shape_amounts(units))
        camera = face_camera(head, vertices, FRONT)
        crop = draw_surface(head, vertices, camera, FRONT).lit(FRONT.light.mean(1), float(FRONT.background[0]))
        looks = attention(self.reader.feature_map(crop[None]))[0]
        columns = [NUMBERS.index(number) for number in units] or list(range(len(NUMBERS)))
        needs = occlusion_maps(self.reader, crop[None], columns)[0].clamp(min=0)
        on = {LOOKS: on_skin(looks, vertices, camera), NEEDS: on_skin(needs, vertices, camera)}
        scaled = {name: values / values.max().clamp_min(1e-6) for name, values in on.items()}
        return crop, {MOVES: union_map(head, units), **scaled}

    def _draw(self) -> None:
        crop, maps = self.maps()
        vertices = person_at_rest(self.head, self.person)
        vertices = vertices + self.head.offsets(expressions=shape_amounts(self.units))
        for name in maps:
            self.viewer.update(vertices, name)
        self.viewer.colour_by("weights", maps, (0.0, 1.0), "share of the most")
        self.crop.value = png((255 * crop.clamp(0, 1)).byte().numpy())
        with torch.no_grad():
            found = self.reader(crop[None])[0]
        best = [k for k in found.argsort(descending=True).tolist() if found[k] > 0][:5]
        acts = ", ".join(f"{number} at {amount:.0%}" for number, amount in self.units.items()) or "no unit"
        reads = ", ".join(f"{NUMBERS[k]} {UNITS[NUMBERS[k]].does} ({found[k]:.1f})" for k in best) or "no unit"
        self._say(f"acts: {acts}; the reader finds {reads}")

    def still(self) -> bytes:
        """The three heads, for a page without a kernel."""
        return self.viewer.still()
