"""The unit explorer: sliders for action units, and on three heads what moves, what a reader looks at and what it needs.

Comes in: a head and a network that reads action units from crops. Goes out: a widget. Lesson 13.
"""
