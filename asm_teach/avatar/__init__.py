"""The head leaves the notebook: a model becomes a file that engines play.

Comes in: a model, fitted or not. Goes out: a GLB file with bones, weights, named shapes and a skin. The way back takes
files of other programs too. A skin of glTF is the model's equation (1), so nothing is lost but the influences that
engines do not count.
"""
