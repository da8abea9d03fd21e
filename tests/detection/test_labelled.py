"""Photos with their faces, as the face detector learns from them."""

import numpy as np
import pytest

from landmark.detection import labelled
from landmark.detection.labelled import Photo
from landmark.face import geometry
from landmark.files.photos import write_image
from landmark.files.pts import write_pts
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face


class Teacher:
    """Finds the same boxes in every photo."""

    def __init__(self, boxes, scores):
        self._found = np.array(boxes, float).reshape(-1, 4), np.array(scores, float)

    def detect(self, image):
        return tuple(map(np.copy, self._found))


@pytest.fixture
def face(tmp_path):
    """(path of an annotated photo, its picture, the box of its face)."""
    image, points_image = draw_face(np.random.default_rng(0), 300)
    path = tmp_path / "face.1.png"
    write_image(path, image)
    write_pts(path.with_suffix(".pts"), points_image)
    return path, image, geometry.face_box_from_points(points_image)


def test_annotated_photo_without_a_teacher(face):
    path, image, box = face
    (photo,) = labelled.read_photos([path])
    np.testing.assert_array_equal(photo.image, image)
    np.testing.assert_allclose(photo.boxes, [box], atol=1e-5)
    assert photo.is_sure.tolist() == [True]


def test_photo_without_points_has_no_face(face):
    path, image, _ = face
    path.with_suffix(".pts").unlink()
    (photo,) = labelled.read_photos([path])
    np.testing.assert_array_equal(photo.image, image)
    assert photo.boxes.shape == (0, 4)
    assert photo.is_sure.shape == (0,)


def test_what_the_teacher_says_and_the_annotation_are_merged(face):
    path, _, box = face
    near, far = box + 5, box + 1000
    # The near box means the annotated face, however sure the teacher is of it.
    for found, scores, boxes, is_sure in (
        ([near], [0.9], [near], [True]),
        ([near], [0.3], [near], [True]),
        ([far], [0.9], [far, box], [True, True]),
        ([far], [0.3], [far, box], [False, True]),
        ([far, near], [0.5, 0.3], [far, near], [True, True]),
        ([], [], [box], [True]),
    ):
        (photo,) = labelled.read_photos([path], Teacher(found, scores))
        np.testing.assert_allclose(photo.boxes, boxes, atol=1e-5)
        assert photo.is_sure.tolist() == is_sure


def test_teacher_is_enough(face):
    path, _, box = face
    path.with_suffix(".pts").unlink()
    (photo,) = labelled.read_photos([path], Teacher([box, box + 1000], [0.6, 0.4]))
    np.testing.assert_allclose(photo.boxes, [box, box + 1000])
    assert photo.is_sure.tolist() == [True, False]


def test_large_photo_is_shrunk_with_its_boxes(tmp_path):
    image = np.zeros((1280, 960, 3), np.uint8)
    image[200:600, 400:560] = 255
    path = tmp_path / "large.png"
    write_image(path, image)
    # The teacher sees 1,024 pixels of it.
    teacher = Teacher([319.5, 159.5, 447.5, 479.5], [0.9])
    (photo,) = labelled.read_photos([path], teacher)
    assert photo.image.shape == (640, 480, 3)
    y, x, _ = np.nonzero(photo.image > 127)
    assert (x.min(), y.min(), x.max(), y.max()) == (200, 100, 279, 299)
    np.testing.assert_allclose(photo.boxes, [[199.5, 99.5, 279.5, 299.5]])


def test_broken_photo_is_named(tmp_path):
    path = tmp_path / "broken.png"
    path.write_text("no picture")
    with pytest.raises(InputError, match="broken.png: expected a whole picture"):
        labelled.read_photos([path])


def test_mistakes_of_a_learner_are_noted(face):
    path, _, box = face
    far, unsure, wrong = box + 1000, box + 2000, box + 3000
    teacher = Teacher([far, unsure], [0.9, 0.3])
    for found, mistakes in (
        ([], [far, box]),
        ([box + 5, far], []),
        ([box + 5, unsure], [far]),
        ([box + 5, far, wrong], [wrong]),
    ):
        learner = Teacher(found, [0.5] * len(found))
        (photo,) = labelled.read_photos([path], teacher, learner=learner)
        np.testing.assert_allclose(photo.mistakes, np.reshape(mistakes, (-1, 4)))


def test_photos_without_faces_are_refused():
    image = np.zeros((9, 9, 3), np.uint8)
    sure, unsure = (Photo(image, np.eye(1, 4), np.array([x])) for x in (True, False))
    labelled.require_faces([unsure, sure])
    with pytest.raises(InputError) as caught:
        labelled.require_faces([unsure, unsure])
    assert str(caught.value) == (
        "expected faces in the photos, found none in 2; "
        "--teacher_path or .pts files say where they are"
    )
