"""Where points are, by what the other faces look like."""

import numpy as np

from landmark.checking import appearance
from landmark.face import geometry


def test_a_face_that_is_moved_is_seen_to_be(drawn):
    features, points, shift = [], [], 0.15
    for index, (image, points_image) in enumerate(drawn):
        if index < 3:
            side = np.ptp(points_image[:, 0])
            points_image = points_image + (shift * side, 0)
        box = geometry.face_box_from_points(points_image)
        square = geometry.square_from_box(box, 0.1)
        features.append(appearance.describe(image, square, f"face {index}"))
        points.append(geometry.to_crop(points_image, square))
    points = np.array(points)
    found = appearance.predict(features, points)
    assert found.shape == points.shape
    right = (points - found).mean(axis=1)[:, 0]
    others = right[3:]
    assert right[:3].mean() > others.mean() + 1.5 * others.std()


def test_the_same_name_gives_the_same_features(drawn):
    image, points_image = drawn[0]
    square = geometry.square_from_box(geometry.face_box_from_points(points_image))
    one, same, other = (
        appearance.describe(image, square, name) for name in ("a", "a", "b")
    )
    np.testing.assert_array_equal(one.values, same.values)
    np.testing.assert_array_equal(one.values[0], other.values[0])
    assert (one.moves[1:] != other.moves[1:]).all()
