"""A model of a new head: chart, landmarks, bones and weights for a mesh of any topology.

Comes in: a mesh and a handful of landmarks. Goes out: a `Head` that can be fitted like the embedded ones. Lesson 6.
"""
