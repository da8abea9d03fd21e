"""A bundle is enough: all is computed anew from its files, without the toolkit."""

import json
import zipfile

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from conftest import PROJECT

from landmark.detection.tflite import TfliteFaceDetector
from landmark.model.tflite import TfliteModel
from landmark.port import bundle
from landmark.script.errors import InputError

SHIPPED = PROJECT / "pretrained"
PAIRS = {
    "camera": ("face_ssd_128", "landmark.float.tflite"),
    "photos": ("face_ssd_photo", "landmark.int8.tflite"),
}


def write(path, kind):
    detector, model = PAIRS[kind]
    detector = SHIPPED / detector / "face_detector.tflite"
    model = SHIPPED / "landmark_56" / model
    return bundle.write_bundle(
        path, detector, model, TfliteFaceDetector(detector), TfliteModel(model)
    )


@pytest.fixture(scope="module", params=PAIRS)
def port(request, tmp_path_factory):
    """A port of the bundle of a kind of detector."""
    folder = tmp_path_factory.mktemp("bundles") / request.param
    assert write(folder, request.param) == 10
    return Port(folder)


class Port:
    """The way from a photo to its points, written by the bundle's checklist alone."""

    def __init__(self, folder):
        self.folder = folder
        self.contract = json.loads((folder / "contract.json").read_text())
        self.reference = json.loads((folder / "reference.json").read_text())
        self.model = Interpreter(str(folder / "landmark.tflite"))

    def read(self, name):
        return cv2.imread(str(self.folder / name))[..., ::-1]

    def make_inputs(self, image):
        """Returns what the detector sees, and the size of the picture in it, of each
        side."""
        told = self.contract["detector"]
        step = told["brightness_step"]
        mean = image[::step, ::step].mean()
        if told["brightens"] and 0 < mean < told["bright_enough"]:
            image = np.clip(np.rint(image * (told["bright_enough"] / mean)), 0, 255)
            image = image.astype(np.uint8)
        inputs = []
        for side in told["sides"]:
            longest = max(image.shape[:2])
            h, w = (max(1, round(n * side / longest)) for n in image.shape[:2])
            image = (resize if told["kind"] == "camera" else shrink)(image, w, h)
            rows, columns = side, side
            if told["kind"] == "photos" and len(told["sides"]) > 1:
                multiple = told["multiple"]
                rows, columns = (-(-n // multiple) * multiple for n in (h, w))
            black = np.zeros((rows, columns, 3), np.uint8)
            black[:h, :w] = image
            inputs.append((black, np.array([w, h, w, h]) / told["unit"]))
        return inputs

    def detect(self, image):
        told = self.contract["detector"]
        boxes, scores = [], []
        inputs = self.make_inputs(image)
        for index, (seen, filled) in enumerate(inputs):
            found = self.run_detector(seen)
            if "offsets" in found:
                found["boxes"] = self.decode(found["offsets"], *seen.shape[:2])
            sides = found["boxes"][:, 2:] - found["boxes"][:, :2]
            fits = sides.max(axis=1) <= told["largest_but_at_last_side"] / told["unit"]
            fits |= index == len(inputs) - 1
            boxes.append(found["boxes"][fits] / filled)
            scores.append(found["scores"][fits])
        boxes, scores = np.concatenate(boxes), np.concatenate(scores)
        kept = suppress(boxes, scores, told["min_score"], told["max_iou"])
        height, width = image.shape[:2]
        return boxes[kept] * (width, height, width, height) - 0.5, scores[kept]

    def run_detector(self, seen):
        detector = Interpreter(str(self.folder / "detector.tflite"))
        (image,) = detector.get_input_details()
        detector.resize_tensor_input(image["index"], [1, *seen.shape])
        runner = detector.get_signature_runner()
        found = runner(image=seen[None].astype(np.float32))
        return {name: values[0] for name, values in found.items()}

    def decode(self, offsets, height, width):
        told = self.contract["detector"]
        aspect, anchors = told["anchor_aspect"] ** 0.5, []
        for level in told["anchors"]:
            stride = level["stride"]
            for row in range(height // stride):
                for column in range(width // stride):
                    x, y = (column + 0.5) * stride, (row + 0.5) * stride
                    anchors += [(x, y, s / aspect, s * aspect) for s in level["sizes"]]
        anchors = np.array(anchors) / told["unit"]
        moved = offsets * np.array(told["variances"])
        centres = anchors[:, :2] + moved[:, :2] * anchors[:, 2:]
        half = np.exp(moved[:, 2:]) * anchors[:, 2:] / 2
        return np.concatenate([centres - half, centres + half], axis=1)

    def cut(self, box):
        crop = self.contract["crop"]
        (x0, y0, x1, y1), wide = box, 1 + crop["extension"]
        side = max(crop["smallest_side"], round(max(x1 - x0, y1 - y0) * wide))
        return (
            round((x0 + x1) / 2 - side / 2 + 0.5),
            round((y0 + y1) / 2 - side / 2 + 0.5),
            side,
        )

    def find_points(self, image, box):
        """Returns the square, the patch, the points, their spread, and in the image."""
        left, top, side = self.cut(box)
        padded = cv2.copyMakeBorder(image, *[side] * 4, cv2.BORDER_CONSTANT)
        patch = padded[top + side : top + 2 * side, left + side : left + 2 * side]
        size = self.contract["model"]["input_size"]
        patch = resize(patch, size, size)
        told = self.contract["model"]
        runner = self.model.get_signature_runner()
        if runner.get_input_details()["image"]["dtype"] == np.float32:
            seen = np.float32(patch * told["scale"] + told["offset"])
        else:
            seen = patch
        found = runner(image=seen[None])
        points = found["points"].reshape(-1, 2)
        in_image = np.float64(points) * side + (left - 0.5, top - 0.5)
        return (left, top, side), patch, points, found["spread"][0], in_image

    def frame(self, points):
        """Returns the box of a face by its points."""
        grows = self.contract["tracking"]["face_box"]
        low, high = points.min(axis=0), points.max(axis=0)
        width, height = high - low
        low = low - (grows["sides"] * width, grows["top"] * height)
        high = high + (grows["sides"] * width, grows["bottom"] * height)
        return np.concatenate([low, high])


def resize(image, width, height):
    shrinks = width < image.shape[1] or height < image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)


def shrink(image, width, height):
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        rows, columns = (n // 2 for n in image.shape[:2])
        image = resize(image[: 2 * rows, : 2 * columns], columns, rows)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def overlap(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def suppress(boxes, scores, min_score, max_iou):
    kept = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] >= min_score and all(
            overlap(boxes[index], boxes[other]) <= max_iou for other in kept
        ):
            kept.append(index)
    return kept


def test_detector_sees_and_finds_the_same(port):
    for told in port.reference["photos"]:
        image = port.read(told["photo"])
        inputs = [seen for seen, _ in port.make_inputs(image)]
        for seen, name in zip(inputs, told["inputs"], strict=True):
            np.testing.assert_array_equal(seen, port.read(name))
        boxes, scores = port.detect(image)
        np.testing.assert_allclose(boxes, told["boxes"], atol=1e-3)
        np.testing.assert_allclose(scores, told["scores"], atol=1e-5)
        assert len(told["faces"]) == len(boxes)


def test_points_are_the_same_step_by_step(port):
    sharpest = port.contract["confidence"]["sharpest_spread"]
    least = port.contract["confidence"]["min_confidence"]
    kept = 0
    for told in port.reference["photos"]:
        image = port.read(told["photo"])
        for face in told["faces"]:
            square, patch, points, spread, image_points = port.find_points(
                image, face["box"]
            )
            assert (
                dict(zip(("left", "top", "side"), square, strict=True))
                == face["square"]
            )
            np.testing.assert_array_equal(patch, port.read(face["patch"]))
            np.testing.assert_allclose(points, face["points"], atol=1e-6)
            np.testing.assert_allclose(spread, face["spread"], atol=1e-6)
            np.testing.assert_allclose(image_points, face["points_image"], atol=1e-3)
            sure = min(1.0, sharpest / spread.mean())
            assert face["confidence"] == pytest.approx(sure, abs=1e-6)
            assert face["is_kept"] or sure < least or len(told["faces"]) > 1
            kept += face["is_kept"]
    assert kept >= 10


class Smoother:
    """The one-euro filter."""

    def __init__(self, told):
        self.told, self.time = told, None

    def smooth(self, points, time, unit):
        if self.time is None:
            self.smoothed, self.speed = points, np.zeros_like(points)
        else:
            seconds = max(time - self.time, self.told["shortest_seconds"])
            moves = (points - self.points) / seconds
            share = self.share(self.told["speed_cutoff"], seconds)
            self.speed = self.speed + share * (moves - self.speed)
            faster = self.told["beta"] * np.abs(self.speed) / unit
            share = self.share(self.told["min_cutoff"] + faster, seconds)
            self.smoothed = self.smoothed + share * (points - self.smoothed)
        self.time, self.points = time, points
        return self.smoothed

    def share(self, cutoff, seconds):
        turn = 2 * np.pi * cutoff * seconds
        return turn / (turn + 1)


def test_sequence_is_followed_and_smoothed(port):
    tracking = port.contract["tracking"]
    smoother = Smoother(port.contract["smoothing"])
    box, since = None, 0
    for frame in port.reference["frames"]:
        image = port.read(frame["frame"])
        since += 1
        assert frame["alike"] > tracking["upheaval_below"]
        assert frame["is_detected"] == (
            box is None or since >= tracking["detect_every"]
        )
        if frame["is_detected"]:
            boxes, _ = port.detect(image)
            since = 0
            # A face that is followed well keeps its own box.
            box = boxes[0] if box is None else box
        (face,) = frame["faces"]
        np.testing.assert_allclose(box, face["box"], atol=1e-3)
        points = port.find_points(image, box)[-1]
        np.testing.assert_allclose(points, face["points_image"], atol=1e-3)
        x0, y0, x1, y1 = box
        unit = max(1, round(max(x1 - x0, y1 - y0)))
        smoothed = smoother.smooth(points, frame["time"], unit)
        np.testing.assert_allclose(smoothed, face["smoothed"], atol=1e-3)
        box = port.frame(points)
    found = np.array([f["faces"][0]["smoothed"] for f in port.reference["frames"]])
    assert np.ptp(found[:, 30, 0]) > 3  # It does move.


def test_frames_are_as_alike_as_told(port):
    told, last = port.contract["cuts"], None
    for frame in port.reference["frames"]:
        image = port.read(frame["frame"])
        step = max(1, max(image.shape[:2]) // told["samples"])
        green = np.ascontiguousarray(image[::step, ::step, 1])
        scale = told["cells"] / max(green.shape)
        height, width = (max(2, round(n * scale)) for n in green.shape)
        cells = resize(green, width, height).astype(np.float32)
        cells -= cv2.GaussianBlur(cells, (0, 0), told["blur"])
        faint = told["faint"] * cells.size
        other = cells if last is None else last
        sums = [(a * b).sum() + faint for a, b in ((cells, other), (cells, cells))]
        alike = sums[0] / np.sqrt(sums[1] * ((other**2).sum() + faint))
        assert alike > told["surely_alike"]
        assert frame["alike"] == pytest.approx(1.0 if last is None else alike, abs=1e-5)
        last = cells


def test_says_what_the_points_are(port):
    note = json.loads((port.folder / "landmark.json").read_text())
    assert note["scheme"]["points"] == port.contract["model"]["points"] == 68
    assert (port.folder / "scheme.txt").read_text() == note["scheme"]["definition"]
    checklist = (port.folder / "CHECKLIST.md").read_text()
    assert "{" not in checklist
    assert f"round(max(x1 - x0, y1 - y0) x (1 + {note['extension']}" in " ".join(
        checklist.split()
    )
    for step in port.reference["photos"][0]["faces"][0].keys() - {"box"}:
        assert step in checklist
    assert max(map(len, checklist.splitlines())) <= 88


def test_zip_holds_the_same_each_time(tmp_path):
    for name in ("one.zip", "other.ZIP"):
        write(tmp_path / name, "camera")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.ZIP").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert {"contract.json", "detector.tflite", "CHECKLIST.md"} <= set(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.zip", "other.ZIP"]


def test_what_is_there_is_not_written_over(tmp_path):
    with pytest.raises(InputError, match="expected a place for a new bundle, found"):
        write(tmp_path, "camera")
