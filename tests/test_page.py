"""The page's modules beside the rooms of Python that do the same, in Node.js."""

import base64
import json
import platform
import shutil
import subprocess

import numpy as np
import pytest
from conftest import PROJECT

from landmark.detection import anchors
from landmark.face import geometry
from landmark.face.scheme import IBUG68, find_scheme
from landmark.live.landmarker import FaceLandmarker
from landmark.live.smoothing import OneEuroFilter
from landmark.live.tracking import FaceTracker
from landmark.synthetic.faces import draw_face

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")

# Pictures travel as base64 and arrive as RGBA, `told` as JSON; typed arrays go back as
# lists. A frame reads as a canvas does: black outside.
_SCRIPT = """
import fs from "node:fs";
const told = JSON.parse(fs.readFileSync(0));
const load = (name) => import(`${told.folder}/${name}.js`);
const toPicture = ({ rgb, width, height }) => {
  const bytes = Buffer.from(rgb, "base64");
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < data.length; i++) {
    if (i % 4 < 3) data[i] = bytes[(i >> 2) * 3 + i % 4];
  }
  return { data, width, height };
};
const toFrame = (picture) => ({
  width: picture.width,
  height: picture.height,
  read(left, top, width, height) {
    const data = new Uint8ClampedArray(width * height * 4);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const [column, row] = [left + x, top + y];
      const isBefore = column < 0 || row < 0;
      if (isBefore || column >= picture.width || row >= picture.height) continue;
      const from = (row * picture.width + column) * 4;
      data.set(picture.data.subarray(from, from + 4), (y * width + x) * 4);
    }
    return { data, width, height };
  },
});
const main = async () => { BODY };
const plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;
process.stdout.write(JSON.stringify(await main(), plain));
"""


def run_node(body, **told):
    """What a piece of JavaScript returns, which finds keywords in `told`."""
    told["folder"] = (PROJECT / "web").as_uri()
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _SCRIPT.replace("BODY", body)],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def to_picture(image):
    height, width = image.shape[:2]
    rgb = base64.b64encode(np.ascontiguousarray(image)).decode()
    return {"rgb": rgb, "width": width, "height": height}


def draw(size):
    """A picture, (H, W, 3), of noise: each of its pixels tells where it came from."""
    return np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)


SIZES = [
    *(((300, 300), (56, 56)), ((112, 112), (56, 56)), ((113, 113), (112, 112))),
    *(((224, 224), (56, 56)), ((168, 168), (56, 56)), ((640, 480), (128, 96))),
    *(((641, 479), (128, 96)), ((1280, 720), (128, 72)), ((256, 256), (128, 128))),
    *(((40, 40), (56, 56)), ((56, 56), (56, 56)), ((99, 99), (112, 112))),
    *(((1, 1), (56, 56)), ((3, 3), (112, 112)), ((100, 80), (128, 102))),
    *(((500, 3), (128, 1)), ((130, 1), (128, 1)), ((1, 300), (1, 128))),
    # Of even shares, which add up to halves; and all sides of a crop.
    *(((64, 64), (56, 56)), ((96, 96), (56, 56)), ((128, 128), (112, 112))),
    *((2 * (side,), (56, 56)) for side in range(60, 560, 11)),
]


def test_resizing_is_opencvs():
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (h, w, 3), np.uint8) for (w, h), _ in SIZES]
    found = run_node(
        """const { resize } = await load("resize");
        const one = (p, i) => resize(toPicture(p), ...told.sizes[i]).data;
        return told.pictures.map(one);""",
        pictures=list(map(to_picture, noise)),
        sizes=[size for _, size in SIZES],
    )
    # On other processors OpenCV itself differs by a level now and then.
    tolerance = 0 if platform.machine() in ("x86_64", "AMD64") else 1
    for image, (_, size), made in zip(noise, SIZES, found, strict=True):
        expected = geometry.resize_image(image, size).astype(int).ravel()
        assert len(made) == len(expected)
        assert abs(expected - made).max() <= tolerance, size


def test_rounding_is_pythons():
    values = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.4999999, -0.50001, 7.0]
    found = run_node(
        'return told.values.map((await load("resize")).round);', values=values
    )
    assert found == list(map(round, values))


def test_crop_is_pythons():
    rng = np.random.default_rng(2)
    boxes = np.round(rng.uniform(-50, 400, (200, 4)), 1)
    boxes[:, 2:] = boxes[:, :2] + np.round(rng.uniform(0, 300, (200, 2)) * 2) / 2
    points = rng.uniform(-0.2, 1.2, (200, 68, 2)).astype(np.float32)
    squares, ways, around = run_node(
        """const { squareFromBox, fromCrop, faceBox } = await load("geometry");
        const squares = told.boxes.map((box) => squareFromBox(box, told.extension));
        const points = told.points.map((values) => Float32Array.from(values));
        const ways = squares.map((square, i) => fromCrop(points[i], square));
        return [squares, ways, ways.map((points) => faceBox(points, told.grown))];""",
        boxes=boxes.tolist(),
        points=points.reshape(200, -1).tolist(),
        extension=0.1,
        grown=find_scheme("ibug49").face_box,
    )
    expected = [geometry.square_from_box(box, 0.1) for box in boxes]
    assert [tuple(square.values()) for square in squares] == list(map(tuple, expected))
    away = [geometry.from_crop(p, s) for p, s in zip(points, expected, strict=True)]
    np.testing.assert_allclose(np.reshape(ways, (200, 68, 2)), away, rtol=1e-12)
    grown = geometry.face_box_from_points(np.array(away), find_scheme("ibug49"))
    np.testing.assert_allclose(around, grown, rtol=1e-12)


def test_suppression_is_pythons():
    rng = np.random.default_rng(4)
    boxes = rng.uniform(0, 1, (60, 4))
    boxes[:, 2:] = boxes[:, :2] + rng.uniform(-0.1, 0.6, (60, 2))
    scores = np.round(rng.uniform(0, 1, 60), 1)
    kept = run_node(
        """const { suppress } = await load("geometry");
        return suppress(told.boxes, told.scores, 0.4);""",
        boxes=boxes.tolist(),
        scores=scores.tolist(),
    )
    assert kept == geometry.suppress(boxes, scores, 0.4).tolist()
    assert 1 < len(kept) < 60


def test_smoothing_is_pythons():
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.uniform(0, 0.1, 30))
    values = np.cumsum(rng.normal(0, 3, (30, 10)), axis=0)
    found = run_node(
        """const { OneEuroFilter } = await load("tracking");
        const filter = new OneEuroFilter();
        return told.values.map((v, i) => [...filter.smooth(v, told.times[i], 150)]);""",
        values=values.tolist(),
        times=times.tolist(),
    )
    one_euro = OneEuroFilter(1.0, 20.0)
    smoothed = [one_euro.smooth(v, t, 150) for v, t in zip(values, times, strict=True)]
    np.testing.assert_allclose(found, smoothed, rtol=1e-9)


class Detector:
    """Gives prepared boxes and scores for whatever it sees, and keeps that."""

    def __init__(self, outputs):
        self.outputs, self.seen = iter(outputs), []

    def predict(self, image):
        self.seen.append(image)
        return next(self.outputs)

    def detect(self, image):
        kind, (height, width) = anchors.KINDS["camera"], image.shape[:2]
        boxes, scores = anchors.find(image, kind, [128], self.predict, 0.3)
        edges = boxes * (width, height, width, height) - 0.5
        return edges, scores.astype(np.float64)


class Model:
    """Likewise for points and spread."""

    input_size, scheme, extension, sharpest_spread = 56, IBUG68, 0.1, 0.0189

    def __init__(self, outputs):
        self.outputs, self.seen = iter(outputs), []

    def predict_with_spread(self, patches):
        self.seen += list(patches)
        found = [next(self.outputs) for _ in patches]
        points = np.array([points for points, _ in found], np.float32)
        return points.reshape(-1, 68, 2), np.array([spread for _, spread in found])


_LANDMARKER = """
const { Landmarker } = await load("landmarker");
const { FaceTracker } = await load("tracking");
const frame = toFrame(toPicture(told.picture));
const seen = { detector: [], model: [] };
const detector = { size: 128, async run(bytes) {
  seen.detector.push([...bytes]);
  const [boxes, scores] = told.detections.shift();
  return { boxes: Float32Array.from(boxes.flat()), scores: Float32Array.from(scores) };
} };
const model = { size: 56, extension: 0.1, sharpest: 0.0189, faceBox: [0, 0.33, 0],
  async run(bytes) {
    seen.model.push([...bytes]);
    const [points, spread] = told.predictions.shift();
    return { points: Float32Array.from(points), spread: Float32Array.from(spread) };
  } };
const landmarker = new Landmarker(detector, model);
"""


def make_outputs(rng, boxes, count):
    """Outputs of a detector that is a little wrong, and of a model that trembles."""
    detections = []
    for _ in range(count):
        moved = np.repeat(boxes, 3, axis=0) + rng.normal(0, 0.02, (3 * len(boxes), 4))
        scores = np.round(rng.uniform(0.1, 1, len(moved)), 2)
        detections.append((moved.astype(np.float32), scores.astype(np.float32)))
    _, mean = draw_face(np.random.default_rng(0), 200)
    mean = geometry.to_crop(
        mean, geometry.square_from_box(geometry.face_box_from_points(mean), 0.1)
    )
    predictions = []
    for _ in range(10 * count):
        points = mean + rng.normal(0, 0.01, (68, 2))
        spread = np.full(68, 0.0189 / rng.choice([0.2, 0.45, 0.6, 0.9, 1.2]))
        predictions.append((np.float32(points).ravel(), np.float32(spread)))
    return detections, predictions


def to_lists(outputs):
    return [[np.asarray(value).tolist() for value in output] for output in outputs]


def test_photo_is_looked_at_as_by_python():
    image = draw((240, 320))
    boxes = np.array([[0.05, 0.02, 0.4, 0.45], [0.55, 0.3, 0.9, 0.7]])
    detections, predictions = make_outputs(np.random.default_rng(6), boxes, 1)
    detector, model = Detector(detections), Model(predictions)
    faces = FaceLandmarker(detector, model, None, 0.3).find_faces(image)
    found = run_node(
        f"{_LANDMARKER} return {{ faces: await landmarker.findFaces(frame), seen }};",
        picture=to_picture(image),
        detections=to_lists(detections),
        predictions=to_lists(predictions),
    )
    seen = found["seen"]
    np.testing.assert_array_equal(seen["detector"], [detector.seen[0].ravel()])
    assert len(seen["model"]) >= 2
    np.testing.assert_array_equal(seen["model"], [p.ravel() for p in model.seen])
    assert faces
    assert len(found["faces"]) == len(faces)
    for made, face in zip(found["faces"], faces, strict=True):
        np.testing.assert_allclose(made["box"], face.box, rtol=1e-9)
        np.testing.assert_allclose(made["score"], face.score, rtol=1e-6)
        np.testing.assert_allclose(made["confidence"], face.confidence, rtol=1e-5)
        np.testing.assert_allclose(made["points"], face.points_image.ravel(), rtol=1e-9)


def test_faces_are_followed_as_by_python():
    image = draw((480, 640))
    boxes = np.array([[0.05, 0.02, 0.3, 0.3], [0.6, 0.4, 0.9, 0.7]])
    detections, predictions = make_outputs(np.random.default_rng(9), boxes, 60)
    times = [0.04 * frame for frame in range(1, 61)]
    landmarker = FaceLandmarker(Detector(detections), Model(predictions), None, 0.3)
    tracker = FaceTracker(landmarker, 10, (1.0, 20.0))
    expected = [tracker.follow(image, time) for time in times]
    frames = run_node(
        _LANDMARKER
        + """const tracker = new FaceTracker(landmarker), frames = [];
        for (const time of told.times) frames.push(await tracker.follow(frame, time));
        return frames;""",
        picture=to_picture(image),
        detections=to_lists(detections),
        predictions=to_lists(predictions),
        times=times,
    )
    tracks = [[face["number"] for face in faces] for faces in frames]
    assert tracks == [[face.track for face in faces] for faces in expected]
    assert len({track for faces in tracks for track in faces}) > 3
    for made, faces in zip(frames, expected, strict=True):
        for one, face in zip(made, faces, strict=True):
            np.testing.assert_allclose(one["box"], face.box, rtol=1e-9)
            points = face.points_image.ravel()
            np.testing.assert_allclose(one["points"], points, rtol=1e-9)
