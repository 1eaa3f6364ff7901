"""A read sentence moves a face: its sound, its phones, and what each phone asks of the mouth.

Comes in: a WAV file, with the times of its phones or without. Goes out: a track of the avatar's form, which the GLB
file and the track player play. When each phone is spoken is measured; what a mouth does at it is a written rule.
Lesson 17.
"""
