"""A bone to be slid over the chart; its pivot follows over the skin. Lesson 3."""

from asm_teach.base.old_names import old_attributes

__getattr__ = old_attributes("widgets.binding_explorer")
