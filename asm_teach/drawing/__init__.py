"""Pictures of meshes without a browser: still pictures, plots, and the figures of the lessons.

Comes in: meshes, colours and fits. Goes out: arrays of pixels and matplotlib figures.
"""
