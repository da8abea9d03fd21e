"""Faces that we draw ourselves, with exact points: for demos, tests, a first model.

May import face.

In: a numpy Generator. Out: images (H, W, 3) uint8 RGB and points in image pixels.
"""
