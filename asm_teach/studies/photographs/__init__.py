"""Photographs of a known head by Blender's Cycles, a renderer that nobody here wrote, and fits to them. Lesson 9.

In: a head with a texture. Out: a folder of photographs with a detector's landmarks and the truth, and a table.
"""
