"""Faces that we draw ourselves, with exact points: for demos, tests, a first model.

May import face, and the errors of script.

In: a numpy Generator. Out: images (H, W, 3) uint8 RGB and points in image pixels.
"""
