"""The motion magnifier: a micro-expression before and after, as many times larger as a slider says, with its flow.

Comes in: a head. Goes out: a widget. Lesson 15.
"""
