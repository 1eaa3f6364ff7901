"""The sentence editor: write what a face shall be like, and see it before and after from three sides.

Comes in: what edits a head by words. Goes out: a widget. Lesson 18.
"""
