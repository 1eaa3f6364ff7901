"""A person who was fitted before is followed through a video: expressions and the pose of the head, frame by frame.

Comes in: a model, and the landmarks of each frame, with or without pictures. Goes out: a `Track`, which the room
`avatar` plays. Lesson 19 compares what a prior over time is worth.
"""
