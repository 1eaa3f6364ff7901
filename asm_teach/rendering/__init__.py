"""The small renderer: a camera and its pose, which triangle a pixel shows, colour between corners, light, outlines.

Comes in: a mesh in millimetres and a camera in OpenCV's convention. Goes out: a picture (H, W, 3) with gradients.
Lesson 7 builds it by hand.
"""
