"""A spoken sentence as a drawing beside the head that says it: wave, words, phones and tracks under one clock.

Comes in: a model, a sentence and a track. Goes out: the track player's page with the timeline in it. Lesson 17.
"""
