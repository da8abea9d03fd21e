"""The page in Chromium without a window, with a drawn clip as its camera.

By hand: scripts/test_web.sh
"""

import base64
import contextlib
import io

import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from benchmarks import web
from benchmarks.chromium import Chromium, find_browser, write_clip
from landmark.face import geometry
from landmark.files.photos import read_image, write_image
from landmark.library import open_landmarker
from landmark.live.tracking import FaceTracker
from landmark.synthetic.faces import draw_face
from landmark.web.certificate import make_context

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_browser(), reason="needs Chromium"),
    pytest.mark.skipif(
        not (PROJECT / "web/node_modules").is_dir(), reason="needs scripts/setup_web.sh"
    ),
]
FOLDER = PROJECT / "pretrained" / "landmark_56"
MODELS = [FOLDER / f"landmark.{kind}.tflite" for kind in ("float", "float16", "int8")]
# A machine without a graphics card, and LiteRT.js that looks for one.
HARMLESS = ("No available adapters", "WebGPU")


def text_of(browser, name):
    return browser.run(f"document.getElementById('{name}').textContent")


def check_quiet(browser, url):
    """The page complains of nothing, and has asked nobody else for anything."""
    problems = browser.list_problems()
    assert [p for p in problems if not any(word in p for word in HARMLESS)] == []
    addresses = browser.list_addresses()
    assert addresses
    assert [a for a in addresses if not a.startswith((url, "blob:", "data:"))] == []


def read_shown(browser):
    """The frame that the page shows: (H, W, 3) uint8."""
    url = browser.run("document.getElementById('frame').toDataURL('image/png')")
    content = base64.b64decode(url.partition(",")[2])
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.y4m"
    write_clip(path, web.draw_clip())
    return path


def test_face_of_the_camera_is_found(clip):
    with web.serve(MODELS[2]) as url, Chromium(clip) as browser:
        browser.open(url)
        assert web.wait_for_faces(browser) == 1
        browser.wait_for("document.getElementById('fps').textContent !== '–'")
        assert text_of(browser, "name") == "landmark_56 / landmark.int8"
        assert "68 points of ibug68" in text_of(browser, "about")
        assert float(text_of(browser, "distance")) <= 0.005
        for name in ("fps", "detector", "landmarks"):
            assert float(text_of(browser, name)) > 0
        assert text_of(browser, "message") == ""
        assert browser.run("isSecureContext && crossOriginIsolated")
        check_quiet(browser, url)
        browser.run("document.getElementById('camera').click()")
        browser.wait_for("!document.getElementById('video').srcObject")
        browser.run("document.getElementById('flip').click()")
        browser.wait_for("document.body.classList.contains('live')")


def test_camera_is_given_to_a_page_with_a_certificate_of_ours(clip):
    pytest.importorskip("cryptography")
    context = make_context("127.0.0.1")
    trusting = ("--ignore-certificate-errors",)  # As one answers on the phone.
    with (
        web.serve(MODELS[2], context=context) as url,
        Chromium(clip, flags=trusting) as browser,
    ):
        assert url.startswith("https:")
        browser.open(url)
        assert web.wait_for_faces(browser) == 1
        assert browser.run("isSecureContext && crossOriginIsolated")
        check_quiet(browser, url)


def test_points_of_the_camera_are_those_of_detection(tmp_path):
    """Of a still picture, when the points have settled."""
    path = tmp_path / "still.y4m"
    frame = next(web.draw_clip())
    write_clip(path, [frame] * 30)
    with web.serve(MODELS[0]) as url, Chromium(path) as browser:
        browser.open(url)
        web.wait_for_faces(browser)
        browser.run("new Promise((done) => setTimeout(done, 3000))")
        browser.run("document.getElementById('camera').click()")
        shown = read_shown(browser)
        state = "import('/app.js').then(({ state }) => [...state.faces[0].points])"
        points = np.reshape(browser.run(state), (-1, 2))
    assert abs(shown.astype(int) - frame).mean() < 4  # YUV is coarser.
    tracker = FaceTracker(open_landmarker(MODELS[0], web.DETECTOR), 10, (1.0, 20.0))
    for index in range(60):
        faces = tracker.follow(shown, index / 30)
    assert web.compare([points], faces) <= 0.005


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_points_of_photos_are_those_of_detection(model, tmp_path):
    landmarker = open_landmarker(model, web.DETECTOR)
    sizes = 120, 333, 640, 1500
    errors = []
    with web.serve(model) as url, Chromium() as browser:
        browser.open(url)
        for index, size in enumerate(sizes):
            path = tmp_path / f"face_{index}{('.png', '.jpg')[index % 2]}"
            write_image(path, draw_face(np.random.default_rng([5, index]), size)[0])
            faces = landmarker.find_faces(read_image(path))
            found = web.find_faces(browser, path)
            assert len(faces) == len(found) == 1
            errors += list(web.compare(found, faces))
        distance = float(text_of(browser, "distance"))
        check_quiet(browser, url)
    assert distance <= (0.005 if "int8" in model.name else 2e-6)
    assert np.mean(errors) <= 0.005


def test_video_file_is_followed(tmp_path, clip):
    from landmark.live.video import VideoWriter

    path = tmp_path / "clip.mp4"
    frames = list(web.draw_clip())
    with contextlib.closing(VideoWriter(path, 30)) as writer:
        for frame in frames:
            writer.write(frame)
    with web.serve(MODELS[2]) as url, Chromium() as browser:
        browser.open(url)
        web.wait_for_models(browser)
        browser.choose_file("#file", path)
        assert web.wait_for_faces(browser) == 1
        browser.wait_for("document.getElementById('fps').textContent > 1")
        check_quiet(browser, url)


def test_other_files_and_empty_photos_are_told(tmp_path):
    (tmp_path / "words.txt").write_text("no picture")
    write_image(tmp_path / "empty.png", np.zeros((90, 120, 3), np.uint8))
    with web.serve(MODELS[2]) as url, Chromium() as browser:
        browser.open(url)
        assert web.find_faces(browser, tmp_path / "empty.png") == []
        assert text_of(browser, "message") == "No face found"
        web.find_faces(browser, tmp_path / "words.txt")
        assert text_of(browser, "message").startswith("words.txt: expected a photo")


def test_page_fits_screens_upright_and_sideways(clip):
    with web.serve(MODELS[2]) as url, Chromium(clip) as browser:
        for size in ((390, 844), (844, 390), (320, 568), (1280, 800)):
            browser.set_screen(*size)
            browser.open(url)
            web.wait_for_faces(browser)
            boxes = browser.run(
                "['#picture', '#name', '#figures', '#camera', '#flip', '#privacy']"
                ".map((name) => document.querySelector(name).getBoundingClientRect())"
                ".map(({ left, top, right, bottom }) => [left, top, right, bottom])"
            )
            assert np.min(boxes) >= 0
            assert (np.array(boxes)[:, 2:] <= np.array(size) + 0.5).all()
            parts = [np.array(box) for box in (boxes[0], boxes[2], boxes[3])]
            for one, other in ((0, 1), (0, 2), (1, 2)):
                assert geometry.box_iou(parts[one], parts[other]) == 0
