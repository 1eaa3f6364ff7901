"""A bone and its nine sliders beside the view of the head that they move. Lessons 0, 1 and 6.

Comes in: a skinned model and a `Viewer`. Goes out: the same model in another pose, with undo, mirror and reset, and the
pose as JSON to copy and to paste (`base/pose.py`).
"""
