"""The loss mixer: three weights, and the mouths that a fit by this mixture finds, read by a lip reader of its own.

Comes in: a film of a mouth, a detector's points, two lip readers. Goes out: a widget. Lesson 16.
"""
