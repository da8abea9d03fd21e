"""Synthetic faces: exact points, seeded, and painted where the points say."""

import numpy as np
import pytest

from landmark.face import geometry
from landmark.face.pose import mean_face
from landmark.face.scheme import IBUG68
from landmark.synthetic.faces import draw_face, draw_patches


def draw(*seed, size=320):
    return draw_face(np.random.default_rng(seed), size)


@pytest.fixture(scope="module")
def faces():
    """40 (image, points_image) pairs."""
    return [draw(1, index, size=200) for index in range(40)]


def darkest(image, box):
    """Brightness of the darkest pixel in a box, or None if it leaves the photo."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = np.round(box).astype(int)
    if x0 < 0 or y0 < 0 or x1 >= width or y1 >= height:
        return None
    return image[y0 : y1 + 1, x0 : x1 + 1].mean(axis=2).min()


def test_mean_face_is_symmetric_and_looks_like_a_face():
    solid = mean_face()
    assert solid.shape == (68, 3)
    np.testing.assert_allclose(solid[IBUG68.mirror] * (-1, 1, 1), solid)
    eyes = [solid[IBUG68.chains[f"{side}_eye"]] for side in ("right", "left")]
    right, left = (eye.mean(axis=0) for eye in eyes)
    # Head coordinates: the origin between the eyes, which are one unit apart. The
    # subject's right eye stands on the left of a photo.
    np.testing.assert_allclose([right[0], left[0]], [-0.5, 0.5], atol=0.01)
    assert abs(right[1]) < 0.05
    brow, nose, mouth, chin = solid[19, 1], solid[33, 1], solid[62, 1], solid[8, 1]
    assert brow < right[1] < nose < mouth < chin
    assert solid[:, 2].argmax() == 30  # The tip of the nose is nearest.


def test_same_seed_draws_the_same():
    image, points_image = draw(1, 2)
    again, points_again = draw(1, 2)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(points_image, points_again)


def test_other_seeds_draw_others():
    points = [
        geometry.box_from_points(draw(1, index, size=64)[1]) for index in range(5)
    ]
    assert len(np.unique(points, axis=0)) == 5
    assert (
        draw(1, 2)[0].shape != draw(2, 2)[0].shape
        or (draw(1, 2)[0] != draw(2, 2)[0]).any()
    )


@pytest.mark.parametrize("size", [64, 150, 320])
def test_photos_are_of_the_size_asked_for(size):
    shapes = set()
    for index in range(12):
        image, points_image = draw(3, index, size=size)
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert max(image.shape) == size
        assert min(image.shape[:2]) >= round(0.67 * size)
        assert points_image.shape == (68, 2)
        shapes.add(image.shape[0] > image.shape[1])
    assert shapes == {True, False}  # Upright ones and others.


def test_points_lie_in_the_photo_but_for_a_few(faces):
    outside = 0
    for image, points_image in faces:
        height, width = image.shape[:2]
        inside = (
            (points_image > -0.5) & (points_image < (width - 0.5, height - 0.5))
        ).all(axis=1)
        outside += not inside.all()
        assert inside.mean() > 0.5
    assert outside <= len(faces) / 5


def test_faces_stand_upright_and_are_not_mirrored(faces):
    for _, points_image in faces:
        right = points_image[IBUG68.chains["right_eye"]].mean(axis=0)
        left = points_image[IBUG68.chains["left_eye"]].mean(axis=0)
        assert right[0] < left[0]
        assert points_image[8, 1] > max(right[1], left[1])


def test_points_vary(faces):
    normalised = []
    for _, points_image in faces:
        x0, y0, x1, y1 = geometry.box_from_points(points_image)
        normalised.append((points_image - (x0, y0)) / (x1 - x0, y1 - y0))
    spread = np.std(normalised, axis=0).mean(axis=0)
    assert (spread > 0.02).all()


def test_pupils_are_painted_where_the_points_say(faces):
    darker = []
    for image, points_image in faces:
        for eye, lip in (("right_eye", 48), ("left_eye", 54)):
            points = points_image[IBUG68.chains[eye]]
            box = geometry.box_from_points(points)
            cheek = (points[4:].mean(axis=0) + points_image[lip]) / 2
            shift = np.tile(cheek - points.mean(axis=0), 2)
            pupil, skin = darkest(image, box), darkest(image, box + shift)
            if None not in (pupil, skin):
                darker.append(pupil < skin)
    assert len(darker) > 70
    # Hands, scarves and closed eyes spare most of them.
    assert np.mean(darker) > 0.85


def edge_contrast(faces, shift):
    """How much more colours differ across a shifted jaw line than along it."""
    across, along = [], []
    for image, points_image in faces:
        jaw = points_image[IBUG68.chains["jaw"]]
        width = np.ptp(jaw[:, 0])
        jaw = jaw + np.multiply(shift, width)
        for before, here, after in zip(jaw, jaw[1:], jaw[2:], strict=False):
            tangent = (after - before) / np.linalg.norm(after - before)
            normal = tangent[::-1] * (-1, 1)
            steps = np.array([normal, -normal, tangent, -tangent]) * 0.08 * width
            probes = np.round(here + steps).astype(int)
            if (probes >= 0).all() and (probes < image.shape[1::-1]).all():
                a, b, c, d = image[probes[:, 1], probes[:, 0]].astype(float)
                across.append(abs(a - b).mean())
                along.append(abs(c - d).mean())
    assert len(across) > 200
    return np.mean(across) / np.mean(along)


def test_the_jaw_is_an_edge_where_the_points_say(faces):
    here = edge_contrast(faces, (0, 0))
    assert here > 2
    for shift in ((0.12, 0), (-0.12, 0), (0, 0.12), (0, -0.12)):
        assert here > 1.2 * edge_contrast(faces, shift)


def test_photos_differ_in_light_and_colour(faces):
    means = np.array([image.mean(axis=(0, 1)) for image, _ in faces])
    assert (means.std(axis=0) > 10).all()
    assert all(image.std() > 15 for image, _ in faces)


def test_patches_are_cropped_as_extraction_does():
    patches, points = draw_patches(np.random.default_rng(4), 2, 56)
    assert patches.shape == (2, 56, 56, 3)
    assert patches.dtype == np.uint8
    assert points.shape == (2, 68, 2)
    image, points_image = draw_face(np.random.default_rng(4))
    box = geometry.face_box_from_points(points_image)
    square = geometry.square_from_box(box, 0.1)
    patch = geometry.resize_patch(geometry.crop_image(image, square), 56)
    np.testing.assert_array_equal(patches[0], patch)
    np.testing.assert_allclose(geometry.from_crop(points[0], square), points_image)
