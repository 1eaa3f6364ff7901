"""From a few uncalibrated photographs to one face and its cameras.

Comes in: a model and views (pictures with landmarks). Goes out: a `Fit` with cameras. Lesson 8 builds the landmark
and skin terms by hand, lesson 9 asks what more views are worth.
"""
