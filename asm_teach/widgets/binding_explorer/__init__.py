"""A bone to be slid over the chart; its pivot follows over the skin by eq. (3). Lesson 3.

Comes in: an adaptive model. Goes out: the same model with the bone at another place, the triangle that binds it, and
how the derivative jumps at the edges of triangles, as a plot and in words.
"""

from asm_teach.base.old_names import old_attributes

__getattr__ = old_attributes("widgets.binding_explorer")
