"""Small motions of a face, and clips of it: drawn with known labels, and read by networks of some ten thousand weights.

Comes in: an embedded head. Goes out: maps of flow between two moments, clips of landmarks, scenes beside them, and
readers for each. Lesson 15.
"""
