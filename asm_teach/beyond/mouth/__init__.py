"""Mouths drawn by the renderer, the small networks that read them, and one that draws them from a few pixels.

Comes in: an embedded head, amounts of sixteen shapes of the mouth. Goes out: crops of 32 x 32 pixels, visemes, and
amounts that a network finds in a crop. Lesson 16.
"""
