"""The Gaussians of a bone, to be dragged on the chart; the weights follow. Lesson 2."""

from asm_teach.base.old_names import old_attributes

__getattr__ = old_attributes("widgets.weight_explorer")
