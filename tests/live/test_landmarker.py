"""From a photo to all its faces, with a detector and a model made for the test."""

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from landmark.face import geometry, metrics
from landmark.face.scheme import IBUG68, find_scheme
from landmark.live import distinct, landmarker
from landmark.live.landmarker import FaceLandmarker, points_confidence
from landmark.script.errors import InputError
from landmark.synthetic.faces import draw_face

BOXES = np.array([[20.2, 30.7, 60.1, 80.4], [-15.0, -9.0, 30.0, 30.0]])


class Detector:
    """Finds the given boxes."""

    def __init__(self, boxes):
        self.boxes = boxes

    def detect(self, image):
        return self.boxes, np.linspace(0.9, 0.5, len(self.boxes))


class Model:
    """Puts all points in one place, and remembers its patches."""

    input_size = 24

    def predict_with_spread(self, patches):
        self.patches = patches
        count = len(patches)
        places = np.resize([(0.25, 0.75), (1.1, 0.0)], (count, 1, 2))
        spread = np.resize([0.0189, 0.0378], (count, 1))
        return (
            places.repeat(68, axis=1).astype(np.float32),
            spread.repeat(68, axis=1).astype(np.float32),
        )


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def test_faces_have_box_score_and_points(photo):
    faces = FaceLandmarker(Detector(BOXES), Model(), 0.1).find_faces(photo)
    assert [face.score for face in faces] == [0.9, 0.5]
    np.testing.assert_allclose([face.confidence for face in faces], [1, 0.5], rtol=1e-6)
    assert [face.track for face in faces] == [None, None]
    np.testing.assert_array_equal([face.box for face in faces], BOXES)
    # 49.7 and 45 pixels on the longer side, 10 % more.
    squares = [geometry.Square(13, 29, 55), geometry.Square(-17, -14, 50)]
    assert squares == [geometry.square_from_box(box, 0.1) for box in BOXES]
    expected = [(13 - 0.5 + 0.25 * 55, 29 - 0.5 + 0.75 * 55), (-17.5 + 55, -14.5)]
    for face, point in zip(faces, expected, strict=True):
        assert face.points_image.shape == (68, 2)
        np.testing.assert_allclose(face.points_image, [point] * 68, atol=1e-4)


def test_faces_are_seen_in_as_many_crops_as_are_asked_for(photo):
    model = Model()
    finder = FaceLandmarker(Detector(BOXES), model, 0.1, num_crops=9)
    faces = finder.find_faces(photo)
    assert model.patches.shape == (18, 24, 24, 3)
    square = geometry.square_from_box(BOXES[0], 0.1)
    plain = geometry.resize_patch(geometry.crop_image(photo, square), 24)
    np.testing.assert_array_equal(model.patches[0], plain)
    # The model puts its points in two places in turn, which is a great deal apart.
    assert all(0 < face.confidence < 0.5 for face in faces)
    assert all(face.spread.min() > 0.2 * 50 for face in faces)


# Trap: the crop at inference differs from the one of extraction.
@pytest.mark.parametrize("extend_ratio", [0.0, 0.1, 0.5])
def test_patches_are_those_of_extraction(photo, extend_ratio):
    model = Model()
    FaceLandmarker(Detector(BOXES), model, extend_ratio).find_faces(photo)
    for box, patch in zip(BOXES, model.patches, strict=True):
        square = geometry.square_from_box(box, extend_ratio)
        expected = geometry.resize_patch(geometry.crop_image(photo, square), 24)
        np.testing.assert_array_equal(patch, expected)


def test_many_faces(photo):
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 60, (10, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (10, 2))], axis=1)
    faces = FaceLandmarker(Detector(boxes), Model(), 0.1).find_faces(photo)
    assert len(faces) == 10
    np.testing.assert_array_equal([face.box for face in faces], boxes)


def make_points(left, width=40):
    """Points whose face box is `width` wide and, with its forehead, 53.2 high."""
    points = np.random.default_rng(0).uniform(0, 1, (68, 2))
    points[:2] = (0, 0), (1, 1)
    return points * (width, 40) + (left, 30)


# Two faces 40 pixels wide that are `apart` share (40 - apart) / (40 + apart).
@pytest.mark.parametrize(
    ("lefts", "scores", "expected"),
    [
        ([], [], []),
        ([10], [0.4], [0]),
        ([10, 60, 110], [0.4, 0.9, 0.6], [1, 2, 0]),
        ([10, 10], [0.4, 0.9], [1]),
        ([10, 23], [0.9, 0.4], [0]),  # 27 / 53
        ([10, 24], [0.9, 0.4], [0, 1]),  # 26 / 54
        # The middle one is the first's twin, and so no reason to drop the last.
        ([10, 20, 30], [0.9, 0.8, 0.7], [0, 2]),
    ],
)
def test_same_face_is_found_once(lefts, scores, expected):
    faces = [landmarker.Landmarks(make_points(left), 0.5, IBUG68) for left in lefts]
    found = distinct.find_distinct(faces, np.array(scores, float))
    assert found.tolist() == expected


def test_two_boxes_on_one_face_give_one_face(photo):
    class Drawn(Model):
        def predict_with_spread(self, patches):
            points = np.stack([make_points(0) / 80] * len(patches))
            return points, np.full((len(patches), 68), 0.0189)

    # The detector is surer of the first.
    boxes = np.array([BOXES[0] + 3, BOXES[0], BOXES[1]])
    faces = FaceLandmarker(Detector(boxes), Drawn(), 0.1).find_faces(photo)
    np.testing.assert_array_equal([face.box for face in faces], boxes[[0, 2]])
    assert [face.score for face in faces] == [0.9, 0.5]


def test_no_face(photo):
    finder = FaceLandmarker(Detector(np.zeros((0, 4))), Model(), 0.1)
    assert finder.find_faces(photo) == []


@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4))], ids=["list", "array"])
def test_points_of_no_boxes(photo, boxes):
    model = Model()
    found = FaceLandmarker(Detector(BOXES), model, 0.1).find_points(photo, boxes)
    assert [part.shape for part in found] == [(0, 68, 2), (0,)]
    assert model.patches.shape == (0, 24, 24, 3)


def test_points_of_given_boxes_are_those_of_the_faces(photo):
    faces = FaceLandmarker(Detector(BOXES), Model(), 0.1).find_faces(photo)
    other = FaceLandmarker(Detector([]), Model(), 0.1)
    points_image, confidence = other.find_points(photo, list(BOXES))
    assert other.seconds[0] == 0  # The detector was not asked.
    for face, points, sure in zip(faces, points_image, confidence, strict=True):
        np.testing.assert_array_equal(face.points_image, points)
        assert face.confidence == sure


# The faces have confidences of 1 and 0.5.
@pytest.mark.parametrize(
    ("least", "scores"),
    [(0.0, [0.9, 0.5]), (0.49, [0.9, 0.5]), (0.51, [0.9]), (0.99, [0.9])],
)
def test_unsure_faces_are_dropped_and_counted(photo, least, scores):
    finder = FaceLandmarker(Detector(BOXES), Model(), 0.1, least)
    assert finder.dropped == 0
    for times in (1, 2):
        found = [face.score for face in finder.find_faces(photo)]
        assert found == scores
        assert finder.dropped == times * (2 - len(scores))
    assert finder.min_confidence == least


def test_model_that_does_not_tell_drops_no_face(photo):
    class Untelling(Model):
        def predict_with_spread(self, patches):
            points, spread = super().predict_with_spread(patches)
            return points, spread * np.nan

    finder = FaceLandmarker(Detector(BOXES), Untelling(), 0.1, 1.0)
    assert np.isnan([face.confidence for face in finder.find_faces(photo)]).all()
    assert len(finder.find_faces(photo)) == 2
    assert finder.dropped == 0


def test_twin_of_a_sure_face_is_not_counted_as_dropped(photo):
    class Drawn(Model):
        def predict_with_spread(self, patches):
            points = np.stack([make_points(0) / 80] * len(patches))
            return points, np.full((len(patches), 68), 0.0189) * [[1], [9]][
                -len(patches) :
            ]

    boxes = np.array([BOXES[0], BOXES[0] + 3])
    finder = FaceLandmarker(Detector(boxes), Drawn(), 0.1, 0.5)
    assert len(finder.find_faces(photo)) == 1
    assert finder.dropped == 0


@pytest.mark.parametrize(
    "given",
    [lambda photo: photo / 255, lambda photo: photo * np.uint16(257), Image.fromarray],
    ids=["float", "uint16", "pil"],
)
def test_any_image_is_seen_as_bytes(photo, given):
    seen = []

    class Looking(Detector):
        def detect(self, image):
            seen.append(image)
            return super().detect(image)

    model = Model()
    finder = FaceLandmarker(Looking(BOXES), model, 0.1)
    expected = finder.find_faces(photo)
    patches = model.patches
    found = finder.find_faces(given(photo))
    np.testing.assert_array_equal(seen[1], seen[0])
    np.testing.assert_array_equal(model.patches, patches)
    np.testing.assert_array_equal(found[0].points_image, expected[0].points_image)
    boxes, _ = finder.detect(given(photo))
    finder.find_points(given(photo), boxes)
    np.testing.assert_array_equal(seen[2], seen[0])
    np.testing.assert_array_equal(model.patches, patches)


def test_what_is_no_image_is_refused():
    finder = FaceLandmarker(Detector(BOXES), Model(), 0.1)
    for find in (finder.find_faces, finder.detect, lambda x: finder.find_points(x, [])):
        with pytest.raises(InputError, match="image: expected an array or a PIL image"):
            find(None)


@pytest.mark.parametrize(
    ("boxes", "found"),
    [
        (BOXES[0], r"expected shape \(n, 4\), found \(4,\)"),
        ([[1, 2, 3]], r"expected shape \(n, 4\), found \(1, 3\)"),
        ([[1, 2, np.nan, 4]], r"expected finite numbers, found \[\[1.0, 2.0, nan, 4"),
        ([[1, 2, np.inf, 4]], "expected finite numbers"),
        (["a", "b"], r"expected shape \(n, 4\), found \(2,\)"),
        ([["1", "2", "3", "4"]], "expected finite numbers"),
        ([[1, 2, 3, None]], "expected finite numbers"),
        ([[1, 2, 3, 4], [5]], r"expected shape \(n, 4\), found: "),
        ("boxes", r"expected shape \(n, 4\), found \(\)"),
        ([[0, 0, 9, 9], [9, 0, 0, 9]], r"expected x0 <= x1, .*, found \[9.0, 0.0, 0"),
        ([[0, 9, 9, 0]], "expected x0 <= x1, y0 <= y1 and at most 4 times the image's"),
        ([[0, 0, 1e9, 1e9]], "expected x0 <= x1, y0 <= y1 and at most 4 times"),
        ([[-1e300, 0, 9, 9]], "expected x0 <= x1, y0 <= y1 and at most 4 times"),
    ],
)
def test_what_is_no_box_is_refused(photo, boxes, found):
    with pytest.raises(InputError, match=f"boxes: {found}"):
        FaceLandmarker(Detector(BOXES), Model(), 0.1).find_points(photo, boxes)


def test_what_is_no_box_is_no_face(photo):
    odd = [[9, 0, 0, 9], [0, 0, 1e9, 9], [0, np.nan, 9, 9]]
    finder = FaceLandmarker(Detector(np.array([*BOXES, *odd])), Model(), 0.1)
    boxes, scores = finder.detect(photo)
    np.testing.assert_array_equal(boxes, BOXES)
    assert len(scores) == len(finder.find_faces(photo)) == 2


def test_zeros_and_ones_without_a_face_give_a_warning(photo):
    empty = FaceLandmarker(Detector(np.zeros((0, 4))), Model(), 0.1)
    with pytest.warns(UserWarning, match="expected uint8 of 0..255, found 0 and 1"):
        assert empty.find_faces(photo // 128) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty.find_faces(photo * 0)  # A black frame is nothing strange.
        empty.find_faces(photo // 64)
        FaceLandmarker(Detector(BOXES), Model(), 0.1).find_faces(photo // 128)


def test_threads_take_turns(photo):
    busy = threading.Lock()

    class Alone(Model):
        def predict_with_spread(self, patches):
            assert busy.acquire(blocking=False)
            time.sleep(0.002)
            busy.release()
            return super().predict_with_spread(patches)

    finder = FaceLandmarker(Detector(BOXES), Alone(), 0.1, 0.9)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(finder.find_faces, [photo] * 20))
    assert [len(faces) for faces in found] == [1] * 20
    assert finder.dropped == 20


# Spread of the points, over and over -> confidence.
@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        ([0.0189], 1.0),
        ([0.0126], 1.0),  # Sharper than asked for is no surer.
        ([0.0378], 0.5),
        ([0.189], 0.1),
        ([0.0189, 0.0189, 0.0189, 0.0945], 0.5),  # The mean spread is 0.0378.
        ([np.nan], np.nan),
        ([0.0189, np.nan], np.nan),
    ],
)
def test_confidence_by_hand(spread, expected):
    spread = np.resize(spread, 68)
    np.testing.assert_allclose(points_confidence(spread), expected, rtol=1e-12)
    several = points_confidence(np.stack([spread, np.full(68, 0.0756)]))
    np.testing.assert_allclose(several, [expected, 0.25], rtol=1e-12)


def test_sharpest_spread_is_what_training_teaches():
    from landmark.model import nets
    from landmark.training import losses

    # The target's deviation in x and in y, and Pythagoras.
    width = np.diff(nets.bin_centres()).mean()
    taught = losses._BIN_DEVIATION * width * 2**0.5
    np.testing.assert_allclose(metrics.SHARPEST_SPREAD, taught, rtol=0.005)


def test_time_is_added_up(photo):
    finder = FaceLandmarker(Detector(BOXES), Model(), 0.1)
    assert finder.seconds.tolist() == [0, 0]
    finder.find_faces(photo)
    once = finder.seconds.copy()
    finder.find_faces(photo)
    assert (once > 0).all()
    assert (finder.seconds > once).all()


# Several models, and what a model says of itself.


class Telling:
    """A model that puts all points of its scheme in one place, as sure as it is told.

    Args:
        scheme: name of its scheme.
        place: crop-normalised (x, y).
        confidences: of each face, over and over.
        told: what else it says of itself.
    """

    def __init__(self, scheme, place, confidences, input_size=24, **told):
        self.scheme, self.input_size = find_scheme(scheme), input_size
        self._place, self._confidences = place, confidences
        vars(self).update(told)

    def predict_with_spread(self, patches):
        self.patches = patches
        shape = len(patches), self.scheme.num_points
        sharpest = getattr(self, "sharpest_spread", metrics.SHARPEST_SPREAD)
        spread = sharpest / np.resize(self._confidences, (len(patches), 1))
        points = np.broadcast_to(np.float32(self._place), (*shape, 2))
        return points, np.broadcast_to(np.float32(spread), shape)


def test_each_face_takes_the_model_that_is_surest(photo):
    frontal = Telling("ibug68", (0.25, 0.75), [0.9, 0.4])
    five = Telling("five", (0.5, 0.5), [0.5, 0.8], input_size=16)
    finder = FaceLandmarker(Detector(BOXES), [frontal, five], 0.1)
    first, second = finder.find_faces(photo)
    assert (first.scheme, second.scheme) == (IBUG68, find_scheme("five"))
    assert first.points_image.shape == (68, 2)
    assert second.points_image.shape == (5, 2)
    found = [first.confidence, second.confidence]
    np.testing.assert_allclose(found, [0.9, 0.8], rtol=1e-6)
    left, top, side = geometry.square_from_box(BOXES[1], 0.1)
    middle = left - 0.5 + side / 2, top - 0.5 + side / 2
    np.testing.assert_allclose(second.points_image, [middle] * 5, atol=1e-4)
    # Each model sees all faces, in patches of its own size.
    assert frontal.patches.shape == (2, 24, 24, 3)
    assert five.patches.shape == (2, 16, 16, 3)


def test_points_of_models_of_several_schemes_come_in_a_list(photo):
    models = [
        Telling("ibug68", (0.2, 0.2), [0.9, 0.4]),
        Telling("five", (0.5, 0.5), [0.5, 0.8]),
    ]
    finder = FaceLandmarker(Detector(BOXES), models, 0.1)
    points, confidence = finder.find_points(photo, BOXES)
    assert isinstance(points, list)
    assert [face.shape for face in points] == [(68, 2), (5, 2)]
    np.testing.assert_allclose(confidence, [0.9, 0.8], rtol=1e-6)
    assert finder.find_points(photo, [])[0] == []
    landmarks = finder.find_landmarks(photo, BOXES)
    assert [found.scheme.name for found in landmarks] == ["ibug68", "five"]
    alike = FaceLandmarker(Detector(BOXES), [models[1]] * 2, 0.1)
    points, _ = alike.find_points(photo, BOXES)
    assert points.shape == (2, 5, 2)
    assert alike.find_points(photo, [])[0].shape == (0, 5, 2)


def test_unsure_faces_of_all_models_are_dropped(photo):
    models = [
        Telling("ibug68", (0.2, 0.2), [0.2, 0.4]),
        Telling("five", (0.5, 0.5), [0.25, 0.1]),
    ]
    finder = FaceLandmarker(Detector(BOXES), models, 0.1, 0.3)
    (face,) = finder.find_faces(photo)
    assert face.confidence == pytest.approx(0.4)
    assert face.scheme == IBUG68
    assert finder.dropped == 1


@pytest.mark.parametrize(
    ("told", "extend_ratio", "expected"),
    [
        ({}, None, 0.1),
        ({"extension": None}, None, 0.1),
        ({"extension": 0.4}, None, 0.4),
        ({"extension": 0.0}, None, 0.0),
        ({"extension": 0.4}, 0.2, 0.2),
        ({"extension": 0.4}, 0.0, 0.0),
    ],
)
def test_the_model_says_how_large_its_crop_is(photo, told, extend_ratio, expected):
    model = Telling("five", (0.5, 0.5), [1], **told)
    FaceLandmarker(Detector(BOXES), model, extend_ratio).find_faces(photo)
    for box, patch in zip(BOXES, model.patches, strict=True):
        square = geometry.square_from_box(box, expected)
        wanted = geometry.resize_patch(geometry.crop_image(photo, square), 24)
        np.testing.assert_array_equal(patch, wanted)


def test_models_crop_each_in_its_own_way(photo):
    models = [Telling("five", (0, 0), [1], extension=e) for e in (0.0, 0.5)]
    found = FaceLandmarker(Detector(BOXES), models).find_landmarks(photo, BOXES[:1])
    # Of models that are as sure the first counts.
    left, top, _ = geometry.square_from_box(BOXES[0], 0.0)
    corner = (left - 0.5, top - 0.5)
    np.testing.assert_allclose(found[0].points_image, [corner] * 5)
    assert (models[0].patches != models[1].patches).any()


def test_confidence_is_measured_by_what_the_model_says(photo):
    model = Telling("five", (0.5, 0.5), [0.5], sharpest_spread=0.04)
    faces = FaceLandmarker(Detector(BOXES), model, 0.1).find_faces(photo)
    np.testing.assert_allclose([face.confidence for face in faces], 0.5, rtol=1e-6)


def test_expected_error_is_the_spread_times_the_factors(photo):
    factors = np.array([0.5, 1, 2, 0, 0.25])
    model = Telling("five", (0.5, 0.5), [0.5, 0.9], error_per_spread=factors)
    sides = np.array([geometry.square_from_box(box, 0.1).side for box in BOXES])
    for number in (1, 9):
        finder = FaceLandmarker(Detector(BOXES), model, 0.1, num_crops=number)
        first, second = finder.find_faces(photo)
        for face in (first, second):
            np.testing.assert_allclose(face.expected_error, face.spread * factors)
    faces = FaceLandmarker(Detector(BOXES), model, 0.1).find_faces(photo)
    expected = metrics.SHARPEST_SPREAD / np.array([0.5, 0.9]) * sides
    for face, size in zip(faces, expected, strict=True):
        np.testing.assert_allclose(face.expected_error, size * factors, rtol=1e-6)


@pytest.mark.parametrize("told", [{}, {"error_per_spread": None}])
def test_error_is_not_expected_of_models_without_factors(photo, told):
    model = Telling("five", (0.5, 0.5), [0.5], **told)
    for face in FaceLandmarker(Detector(BOXES), model, 0.1).find_faces(photo):
        assert np.isnan(face.expected_error).all()
        assert face.expected_error.shape == (5,)
        assert np.isfinite(face.spread).all()


def test_error_is_that_of_the_surest_model(photo):
    models = [
        Telling("ibug68", (0.2, 0.2), [0.9, 0.4], error_per_spread=np.full(68, 2.0)),
        Telling("five", (0.5, 0.5), [0.5, 0.8]),
    ]
    first, second = FaceLandmarker(Detector(BOXES), models, 0.1).find_faces(photo)
    np.testing.assert_allclose(first.expected_error, 2 * first.spread)
    assert np.isnan(second.expected_error).all()


def test_same_face_by_two_schemes_is_found_once():
    faces = []
    for seed, name in ((1, "ibug68"), (1, "five"), (2, "five")):
        scheme = find_scheme(name)
        _, points = draw_face(np.random.default_rng(seed), 160, scheme)
        # The second face stands beside the first.
        points = points + (200 * (seed == 2), 0)
        faces.append(landmarker.Landmarks(points, 0.5, scheme))
    found = distinct.find_distinct(faces, np.array([0.4, 0.9, 0.6]))
    assert found.tolist() == [1, 2]
