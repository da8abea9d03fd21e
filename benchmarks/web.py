"""The page of preview_on_phone.py in Chromium: how right and how quick it is.

Reads: the pretrained models; photos, drawn ones unless --images_dir is given.

Distances from reference.json are the largest of a point's coordinate, over the crop;
the whole way from a photo to its points is compared with Python's, in % of the distance
of the eyes; frames are those of a clip as the camera's, each seen, drawn and shown at
once after the one before. CPU time is that of the page's main thread, which does it
all: what other work there is on the machine changes it less.

    python -m benchmarks.web --images_dir=300w/afw
"""

import contextlib
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.chromium import Chromium, write_clip
from landmark import pretrained
from landmark.face import metrics
from landmark.files import disk
from landmark.files.photos import IMAGE_SUFFIXES, read_image, write_image
from landmark.library import open_landmarker
from landmark.script import cli
from landmark.script.words import format_table
from landmark.synthetic.faces import draw_face
from landmark.web.server import LOOPBACK, PageServer
from landmark.web.site import PAGE_DIR, build_site

_IMAGES_DIR = flags.DEFINE_string("images_dir", None, "Folder of photos.")
_MODEL = flags.DEFINE_string(
    "model",
    str(pretrained.find_pretrained("landmark_56/landmark.int8.tflite")),
    "Landmark model (.tflite) that is timed.",
)
_PHOTOS = flags.DEFINE_integer("photos", 40, "How many photos at most.")
_FRAMES = flags.DEFINE_integer("frames", 400, "How many frames are timed.")
_SIZE, _CLIP = (640, 480), 120  # Of a clip: pixels, frames.
_SCREEN = 390, 844  # Of a phone, in CSS pixels.
DETECTOR = pretrained.VIDEO_DETECTOR_DIR / "face_detector.tflite"
_STATE = "import('/app.js').then(({ state }) => %s)"
# As the page does it for each frame, but without waiting for the next.
_TIME_FRAMES = """(async (count) => {
  const { state, take, look } = await import("/app.js");
  const { FaceTracker } = await import("/tracking.js");
  const video = document.getElementById("video");
  const tracker = new FaceTracker(state.landmarker);
  const rest = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0);
  });
  state.run++; // Which ends the page's own loop.
  await new Promise((done) => setTimeout(done, 200));
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    take(video, video.videoWidth, video.videoHeight);
    await look(tracker, performance.now() / 1000);
    if (i %% 10 === 0) await rest(); // For the video to go on.
  }
  const seconds = (performance.now() - start) / 1000;
  return { fps: count / seconds, faces: state.faces.length,
    size: [video.videoWidth, video.videoHeight], ...state.landmarker.milliseconds };
})(%d)"""


@contextlib.contextmanager
def serve(model, detector=DETECTOR, context=None):
    """Serves the page at loopback, by HTTPS with a context: yields its address."""
    site = build_site(Path(model), Path(detector))
    with PageServer(site, LOOPBACK, 0, context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def draw_clip(seed=7, size=_SIZE, frames=_CLIP):
    """Yields frames, (H, W, 3) uint8 RGB, of a camera before a drawn face."""
    width, height = size
    side = round(1.2 * max(size))
    image, _ = draw_face(np.random.default_rng([seed, 1]), side)
    for angle in np.linspace(0, 2 * np.pi, frames, endpoint=False):
        left = round((side - width) / 2 * (1 + np.sin(angle) * min(1, width / height)))
        top = round((side - height) / 2 * (1 + np.cos(angle)))
        yield np.ascontiguousarray(image[top : top + height, left : left + width])


def wait_for_models(browser):
    """Waits until the models are there."""
    browser.wait_for(_STATE % "!!state.landmarker")


def wait_for_faces(browser):
    """Waits until a face is found, and returns how many there are."""
    return browser.wait_for(_STATE % "state.faces.length")


def find_faces(browser, path):
    """Returns the points of the faces that the page finds in a photo: (n, P, 2)."""
    wait_for_models(browser)
    run = browser.run(_STATE % "state.run")
    browser.choose_file("#file", path)
    told = "document.getElementById('message').textContent !== 'Looking'"
    browser.wait_for(_STATE % f"state.run > {run} && {told}")
    points = browser.run(_STATE % "state.faces.map(({ points }) => [...points])")
    return [np.reshape(face, (-1, 2)) for face in points]


def compare(found, faces):
    """Returns how far the page's faces are from Python's, over the eyes' distance.

    Args:
        found: the page's points, n of (P, 2).
        faces: m of Face.

    Returns:
        (max(n, m),) float64, means over the points; nan of faces that one finds alone.
    """
    errors = [np.nan] * max(len(found), len(faces))
    for index, face in enumerate(faces):
        unit = metrics.normaliser(face.points_image, face.scheme)
        apart = [metrics.point_errors(one, face.points_image).mean() for one in found]
        errors[index] = min(apart, default=np.nan) / unit
    return np.array(errors)


def _list_photos(folder):
    """Returns photos, drawn into a folder unless some are given."""
    if _IMAGES_DIR.value:
        return sorted(disk.list_files(_IMAGES_DIR.value, IMAGE_SUFFIXES))[
            : _PHOTOS.value
        ]
    paths = [folder / f"face_{index:03d}.jpg" for index in range(_PHOTOS.value)]
    for index, path in enumerate(paths):
        rng = np.random.default_rng([11, index])
        write_image(path, draw_face(rng, int(rng.integers(200, 1200)))[0])
    return paths


def _measure_distances():
    """Yields (what, how far) of each pretrained model from its reference.json."""
    for model in sorted(pretrained.find_pretrained().glob("landmark_*/*.tflite")):
        with serve(model) as url, Chromium() as browser:
            browser.open(url)
            wait_for_models(browser)
            distance = browser.run(_STATE % "state.distance")
        yield f"{model.parent.name}/{model.name} from its reference", f"{distance:.1e}"


def _measure_photos(browser, paths):
    """Yields (what, how much) of the whole way from photos to points."""
    landmarker = open_landmarker(_MODEL.value, DETECTOR)
    errors = [
        compare(find_faces(browser, path), landmarker.find_faces(read_image(path)))
        for path in paths
    ]
    errors = 100 * np.concatenate(errors)
    alone = np.isnan(errors)
    errors = errors[~alone]
    yield f"whole way, mean of {len(errors)} faces, %", f"{errors.mean():.1e}"
    yield "whole way, the worst face, %", f"{errors.max():.1e}"
    yield "faces that one finds alone", str(alone.sum())


def _read_cpu(browser):
    """Returns the CPU time of the page's main thread, in seconds."""
    told = browser.call("Performance.getMetrics")["metrics"]
    return next(m["value"] for m in told if m["name"] == "TaskDuration")


def _measure_camera(clip):
    """Yields (what, how much) of the page as it opens, and of its frames."""
    with serve(_MODEL.value) as url, Chromium(clip) as browser:
        browser.set_screen(*_SCREEN, 2)
        start = time.perf_counter()
        browser.open(url)
        wait_for_faces(browser)
        seconds = time.perf_counter() - start
        browser.call("Performance.enable", timeDomain="threadTicks")
        before = _read_cpu(browser)
        told = browser.run(_TIME_FRAMES % _FRAMES.value)
        told["cpu"] = 1000 * (_read_cpu(browser) - before) / _FRAMES.value
    yield "first faces after opening, s", f"{seconds:.2f}"
    what = f"frames/s, {' x '.join(map(str, told['size']))}, faces: {told['faces']}"
    yield what, f"{told['fps']:.0f}"
    yield "ms of CPU time a frame", f"{told['cpu']:.1f}"
    yield "ms of the detector", f"{told['detector']:.1f}"
    yield "ms of the landmarks", f"{told['landmarks']:.1f}"


def _measure_code():
    names = (".html", ".css", ".js", ".svg")
    sizes = [path.stat().st_size for path in PAGE_DIR.iterdir() if path.suffix in names]
    return "the page's own code, KB", f"{sum(sizes) / 1000:.1f}"


def main(_):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clip(folder / "clip.y4m", draw_clip())
        rows = [_measure_code(), *_measure_distances()]
        rows += _measure_camera(folder / "clip.y4m")
        with serve(_MODEL.value) as url, Chromium() as browser:
            browser.open(url)
            rows += _measure_photos(browser, _list_photos(folder))
    print(format_table(("figure", "what"), [(value, what) for what, value in rows]))


if __name__ == "__main__":
    cli.run(main)
