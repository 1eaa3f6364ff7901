"""What `asm-teach demo` leaves behind: a picture of the errors, and the fitted head to turn in another program."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from asm_teach.base.files import whole
from asm_teach.data.heads import Head
from asm_teach.drawing.figures import draw_errors
from asm_teach.formats.checks.outputs import side_file
from asm_teach.formats.pictures import picture_bytes
from asm_teach.geometry.mesh import Mesh
from asm_teach.studies.cases import Case
from asm_teach.studies.demo import Outcome, error_on_head


class Shown:
    """The last case that was measured, as a picture and as a head.

    Args:
        output: where the picture goes, a .png; the head goes beside it, under the same name.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self._picture: torch.Tensor | None = None
        self._head: Mesh | None = None

    def draw(self, case: Case, head: Head, outcomes: list[Outcome]) -> None:
        """Keep this case, in place of an earlier one."""
        chosen = {one.method: one for one in outcomes if one.method in ("mean template", "static, painted", "adaptive")}
        heads = {
            f"{name}: {one.figures['mean']:.2f} mm": (one.vertices, error_on_head(case, head, one))
            for name, one in chosen.items()
        }
        points = head.landmarks.points(head.mesh.vertices, head.mesh.faces)
        figure = Image.open(BytesIO(draw_errors(heads, head.mesh.faces, points).png(dpi=150))).convert("RGB")
        self._picture = torch.from_numpy(np.array(figure)) / 255
        self._head = head.mesh.with_vertices(outcomes[-1].vertices)

    def write(self) -> list[str]:
        """Write both files, and give a line about each; nothing where no case was measured."""
        if self._picture is None or self._head is None:
            return []
        head_file = side_file(self.output.with_suffix(".glb"), self.output)  # a head that is there stays
        with whole(self.output) as part:
            part.write_bytes(picture_bytes(self._picture, owner=self.output.name))
        self._head.write(head_file)
        return [
            f"wrote {self.output}: the errors as a picture",
            f"wrote {head_file}: the fitted head; turn it in Blender or in any 3D viewer that opens .glb files",
        ]
