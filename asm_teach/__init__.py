"""The adaptive skinning model for 3D faces, built to be read."""

__version__ = "0.1.0"
