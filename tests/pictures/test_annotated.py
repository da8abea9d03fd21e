"""Faces with numbered points."""

import numpy as np

from landmark.face import geometry
from landmark.pictures.annotated import draw_annotation
from landmark.synthetic.faces import draw_face


def test_points_and_prediction_are_drawn_into_the_tile():
    image, points = draw_face(np.random.default_rng(0))
    square = geometry.square_from_box(geometry.face_box_from_points(points))
    bare = draw_annotation(image, square, None, None, ["name", "kind"])
    assert bare.shape == (270, 240, 3)
    assert bare[240:].any()
    drawn = draw_annotation(image, square, points, points + 9, ["name", "kind"])
    changed = (drawn != bare).any(axis=2)
    assert changed[:240].any()
    assert not changed[240:].any()


def test_points_may_be_anywhere_or_missing():
    image, points = draw_face(np.random.default_rng(0))
    points[:5] = np.nan
    points[5:9] = 1e8
    tile = draw_annotation(image, None, points, None, [])
    assert tile.shape == (240, 240, 3)
