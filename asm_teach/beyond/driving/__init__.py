"""Faces that others move: two in one picture, driven by pictures of other people, and one that a sentence edits.

Comes in: pictures of drivers, or a sentence. Goes out: a picture in which each face has its driver's expression, or
the numbers of a head with what was asked for. Lesson 18.
"""
