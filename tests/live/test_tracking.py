"""Faces followed through scenes in which everything is known."""

from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.live.landmarker import Landmarks
from landmark.live.smoothing import OneEuroFilter
from landmark.live.tracking import FaceTracker

RATE = 30.0
SIZE = 60  # Width and height of the landmarks of every face, in pixels.
SURE, UNSURE, NO_FACE = 0.9, 0.4, 0.1


class Actor(NamedTuple):
    """A face of a scene: where it is, how sure its points are, who sees it."""

    left: float
    top: float = 100.0
    confidence: float = SURE
    is_detected: bool = True
    detected_off: float = 0.0  # How far right of it the detector sees it.

    @property
    def points(self):
        grid = np.random.default_rng(0).uniform(0, 1, (68, 2))
        grid[:2] = (0, 0), (1, 1)
        return grid * SIZE + (self.left, self.top)

    @property
    def box(self):
        return geometry.face_box_from_points(self.points)


PICTURE = np.zeros((300, 600, 3), np.uint8)


def make_picture(seed):
    """Squares of 50 pixels, of random greys."""
    rng = np.random.default_rng(seed)
    greys = rng.integers(0, 256, (6, 12, 1), np.uint8).repeat(3, axis=2)
    return greys.repeat(50, axis=0).repeat(50, axis=1)


class Stage:
    """Stands for a FaceLandmarker that sees the Actors of its scene."""

    min_confidence, any_rotation = 0.3, False

    def __init__(self):
        self.frame, self.scene = -1, []
        self.detected_in = []

    def detect(self, image):
        self.detected_in.append(self.frame)
        found = [actor for actor in self.scene if actor.is_detected]
        boxes = [actor.box + (actor.detected_off, 0) * 2 for actor in found]
        scores = np.linspace(0.9, 0.5, len(found))
        return np.reshape(boxes, (-1, 4)), scores

    def find_landmarks(self, image, boxes):
        """Finds the face that a box shows most of, or something that is no face."""
        points, confidence = np.zeros((len(boxes), 68, 2)), np.zeros(len(boxes))
        for index, box in enumerate(boxes):
            nobody = Actor(box[0], box[1] + SIZE / 3, NO_FACE)
            shown = [a for a in self.scene if geometry.box_iou(a.box, box) > 0]
            best = max(
                shown,
                key=lambda actor, box=box: geometry.box_iou(actor.box, box),
                default=nobody,
            )
            points[index], confidence[index] = best.points, best.confidence
        told = IBUG68, np.full(68, 3.0), np.full(68, 2.0)
        return [
            Landmarks(*found, *told) for found in zip(points, confidence, strict=True)
        ]


def follow(scenes, detect_every=10, smoothing=None, pictures=None):
    """Follows scenes, one a frame; returns (faces of each, detected frames)."""
    pictures = pictures or [PICTURE] * len(scenes)
    stage = Stage()
    tracker = FaceTracker(stage, detect_every, smoothing)
    found = []
    for stage.frame, stage.scene in enumerate(scenes):
        picture = pictures[stage.frame]
        found.append(tracker.follow(picture, stage.frame / RATE))
    return found, stage.detected_in


def places(faces):
    """Track -> left edge of the points."""
    return {face.track: face.points_image[:, 0].min() for face in faces}


@pytest.mark.parametrize(
    ("detect_every", "expected"),
    [(1, list(range(9))), (2, [0, 2, 4, 6, 8]), (4, [0, 4, 8]), (100, [0])],
)
def test_detector_looks_at_one_frame_in_n(detect_every, expected):
    _, detected = follow([[Actor(50), Actor(200)]] * 9, detect_every)
    assert detected == expected


@pytest.mark.parametrize(
    "scene",
    [
        [],
        [Actor(50, confidence=UNSURE)],
        [Actor(50), Actor(200, confidence=UNSURE)],
        # The detector takes something for a face that is none.
        [Actor(50, confidence=NO_FACE)],
    ],
    ids=["nobody", "unsure", "one of two unsure", "no face"],
)
def test_detector_looks_at_every_frame_until_all_is_well(scene):
    well = [Actor(50), Actor(200)]
    _, detected = follow([scene] * 4 + [well] * 7, detect_every=3)
    # A scene that starts to be well in frame 4 is found to be well in that frame.
    assert detected == [0, 1, 2, 3, 4, 7, 10]


def test_faces_have_all_that_was_found():
    (first, second), detected = follow([[Actor(50), Actor(200)], [Actor(60)]])
    assert detected == [0]
    assert [(face.track, face.score) for face in first] == [(1, 0.9), (2, 0.5)]
    assert [face.confidence for face in first] == [SURE, SURE]
    for face in first:
        assert face.spread.tolist() == [3.0] * 68
        assert face.expected_error.tolist() == [2.0] * 68
    for face, actor in zip(first, (Actor(50), Actor(200)), strict=True):
        np.testing.assert_array_equal(face.points_image, actor.points)
        np.testing.assert_array_equal(face.box, actor.box)
    # The box is where the face was sought: where it was before.
    (face,) = second
    np.testing.assert_array_equal(face.points_image, Actor(60).points)
    np.testing.assert_array_equal(face.box, Actor(50).box)


@pytest.mark.parametrize("detect_every", [1, 3, 100])
def test_numbers_stay_with_moving_faces(detect_every):
    # One to the right, one to the left, past each other; the best score changes.
    scenes = [
        [Actor(50 + 10 * i), Actor(350 - 10 * i, 240.0)][:: (-1) ** i]
        for i in range(30)
    ]
    found, _ = follow(scenes, detect_every)
    for i, faces in enumerate(found):
        assert places(faces) == {1: 50 + 10 * i, 2: 350 - 10 * i}
        assert [face.track for face in faces] == [1, 2]


def test_others_keep_their_numbers_when_one_leaves():
    everyone = [Actor(50), Actor(200), Actor(350)]
    scenes = [everyone] * 2 + [[Actor(50), Actor(350)]] * 2 + [everyone] * 4
    found, detected = follow(scenes, detect_every=5)
    assert detected == [0, 5]
    assert [places(faces) for faces in found[1:3]] == [
        {1: 50, 2: 200, 3: 350},
        {1: 50, 3: 350},
    ]
    # Who comes back is new, and the youngest comes last.
    assert places(found[4]) == {1: 50, 3: 350}
    assert [face.track for face in found[5]] == [1, 3, 4]
    assert places(found[5]) == {1: 50, 3: 350, 4: 200}


def test_new_face_is_found_when_the_detector_looks_again():
    scenes = [[Actor(50)]] * 2 + [[Actor(200), Actor(50)]] * 4
    found, detected = follow(scenes, detect_every=4)
    assert detected == [0, 4]
    assert [places(faces) for faces in found] == [{1: 50}] * 4 + [{1: 50, 2: 200}] * 2


@pytest.mark.parametrize(("confidence", "count"), [(0.29, 0), (0.31, 1), (1.0, 1)])
def test_what_is_no_face_is_dropped(confidence, count):
    scenes = [[Actor(50)], [Actor(50, confidence=confidence)]]
    (first, second), _ = follow(scenes)
    assert (len(first), len(second)) == (1, count)


@pytest.mark.parametrize(
    ("confidence", "frames"),
    [(SURE, 4), (UNSURE, 1), (np.nan, 1)],
    ids=["sure", "unsure", "untold"],
)
def test_how_long_a_face_stays_that_the_detector_misses(confidence, frames):
    seen = Actor(50, confidence=confidence)
    scenes = [[seen]] + [[seen._replace(is_detected=False)]] * 6
    found, _ = follow(scenes, detect_every=1)
    assert [len(faces) for faces in found] == [1] * frames + [0] * (7 - frames)


def test_misses_are_counted_in_a_row():
    scenes = ([[Actor(50)]] + [[Actor(50, is_detected=False)]] * 3) * 3
    found, _ = follow(scenes, detect_every=1)
    assert [places(faces) for faces in found] == [{1: 50}] * 12


def test_model_that_does_not_tell_leaves_it_to_the_detector():
    untold = Actor(50, confidence=np.nan)
    gone = untold._replace(is_detected=False)
    found, detected = follow([[untold]] * 5 + [[gone]] * 4, detect_every=3)
    # Its points are believed until the detector, in its turn, finds nothing there.
    assert [len(faces) for faces in found] == [1] * 6 + [0] * 3
    assert detected == [0, 3, 6, 7, 8]
    assert np.isnan(found[0][0].confidence)


@pytest.mark.parametrize(
    ("confidence", "detector_is_asked"), [(SURE, False), (UNSURE, True)]
)
def test_detection_moves_unsure_faces_only(confidence, detector_is_asked):
    actor = Actor(50, confidence=confidence, detected_off=12)
    found, _ = follow([[actor]] * 2, detect_every=1)
    boxes = [face.box[0] for (face,) in found]
    assert boxes == [62, 62 if detector_is_asked else 50]


def test_score_is_that_of_the_last_detection():
    scenes = [[Actor(50), Actor(200)], [Actor(200), Actor(50)]]
    found, _ = follow(scenes, detect_every=1)
    assert [[face.score for face in faces] for faces in found] == [
        [0.9, 0.5],
        [0.5, 0.9],
    ]


@pytest.mark.parametrize(("apart", "tracks"), [(5, [1]), (15, [1]), (40, [1, 2])])
def test_same_face_is_not_followed_twice(apart, tracks):
    (faces,), _ = follow([[Actor(50), Actor(50 + apart)]])
    assert [face.track for face in faces] == tracks


def test_older_of_two_on_the_same_face_stays():
    # The second is covered by the first, and its track slips on to it.
    scenes = [[Actor(50), Actor(90)], [Actor(50)], [Actor(50)]]
    found, _ = follow(scenes)
    assert [places(faces) for faces in found] == [{1: 50, 2: 90}, {1: 50}, {1: 50}]


def test_lost_track_takes_no_face_along():
    # The older track has strayed to beside the face on which the younger is sure.
    scenes = [[Actor(50), Actor(130)], [Actor(82, confidence=NO_FACE), Actor(98)]]
    found, _ = follow(scenes)
    assert [places(faces) for faces in found] == [{1: 50, 2: 130}, {2: 98}]


MOVING = [[Actor(50 + 6 * i), Actor(400)] for i in range(12)]


def test_points_without_smoothing_are_the_models():
    found, _ = follow(MOVING)
    for faces, scene in zip(found, MOVING, strict=True):
        for face, actor in zip(faces, scene, strict=True):
            np.testing.assert_array_equal(face.points_image, actor.points)


def test_smoothed_points_are_the_filters():
    found, _ = follow(MOVING, smoothing=(1.0, 2.0))
    smoothers = [OneEuroFilter(1.0, 2.0), OneEuroFilter(1.0, 2.0)]
    for i, (faces, scene) in enumerate(zip(found, MOVING, strict=True)):
        for face, actor, smoother in zip(faces, scene, smoothers, strict=True):
            # The face is 1.33 x 60 = 79.8 pixels high.
            expected = smoother.smooth(actor.points, i / RATE, 80)
            np.testing.assert_allclose(face.points_image, expected, rtol=1e-9)
    behind = MOVING[-1][0].points - found[-1][0].points_image
    assert (behind[:, 0] > 1).all()
    np.testing.assert_allclose(behind[:, 1], 0, atol=1e-9)


def test_next_place_is_not_smoothed():
    # Trap: a crop that lags loses a quick face.
    found, _ = follow(MOVING, smoothing=(0.1, 0.0))
    for before, faces in zip(MOVING, found[1:], strict=False):
        np.testing.assert_array_equal(faces[0].box, before[0].box)


def test_new_face_is_not_drawn_to_the_old_one():
    scenes = [[Actor(50)]] * 5 + [[Actor(200)]] * 2
    found, _ = follow(scenes, smoothing=(0.1, 0.0))
    # In its first frame, the old place shows nobody; then there is a new face.
    assert [places(faces) for faces in found[4:]] == [{1: 50}, {}, {2: 200}]
    np.testing.assert_array_equal(found[-1][0].points_image, Actor(200).points)


@pytest.mark.parametrize(
    ("own", "given", "count"),
    [(0.25, None, 1), (0.35, None, 0), (1.0, 0.25, 1), (0.0, 0.35, 0)],
)
def test_least_confidence_is_that_of_the_landmarker(own, given, count):
    stage = Stage()
    stage.frame, stage.scene = 0, [Actor(100, 100, 0.3)]
    stage.min_confidence = own
    tracker = FaceTracker(stage, min_confidence=given)
    assert len(tracker.follow(Image.fromarray(PICTURE), 0.0)) == count


# Trap: the face of the next scene took over number, box and smoothing of the last one.
@pytest.mark.parametrize("smoothing", [None, (0.1, 0.0)])
def test_cut_makes_new_faces(smoothing):
    scenes = [[Actor(50)]] * 5 + [[Actor(70)]] * 5
    pictures = [make_picture(1)] * 5 + [make_picture(2)] * 5
    found, detected = follow(scenes, 10, smoothing, pictures)
    assert detected == [0, 5]
    assert [places(faces) for faces in found] == [{1: 50}] * 5 + [{2: 70}] * 5
    np.testing.assert_array_equal(found[5][0].box, Actor(70).box)


def test_upheaval_leaves_boxes_to_the_detector():
    # Half of the picture is another one: too little for a cut.
    other = np.hstack([make_picture(1)[:, :450], make_picture(2)[:, 450:]])
    scenes = [[Actor(50)]] * 5 + [[Actor(70)]] * 2
    pictures = [make_picture(1)] * 5 + [other] * 2
    found, detected = follow(scenes, 10, (0.1, 0.0), pictures)
    assert detected == [0, 5]
    # The face is the same, but its points do not lag.
    assert [places(faces) for faces in found[4:]] == [{1: 50}, {1: 70}, {1: 70}]
    np.testing.assert_array_equal(found[5][0].box, Actor(70).box)


def test_flash_is_no_cut():
    picture = make_picture(1)
    pictures = [picture, picture // 3, picture, 255 - (255 - picture) // 2] * 3
    found, detected = follow([[Actor(50)]] * 12, 100, None, pictures)
    assert detected == [0]
    assert [places(faces) for faces in found] == [{1: 50}] * 12
