r"""Shows a landmark model in the browser of this machine, or of a phone.

Reads: a landmark model and a face detector (.tflite), the page (web/).
Writes: nothing. It serves a page that finds faces in the browser, with these models, in
    the camera's picture, a photo or a video; nothing leaves the phone.

    python preview_on_phone.py --host=auto \
        --landmark_checkpoint_path=runs/landmark_56/landmark.int8.tflite
"""

import shlex
import sys

from absl import flags

from landmark import pretrained
from landmark.script import cli
from landmark.web import certificate, models
from landmark.web.server import LOOPBACK, PageServer, find_address
from landmark.web.site import build_site

with cli.flag_group("Models"):
    _LANDMARK_CHECKPOINT_PATH = flags.DEFINE_string(
        "landmark_checkpoint_path",
        str(pretrained.LANDMARK_MODEL),
        "A .tflite of save_with_bnorm_off.py.",
    )
    _FACE_CHECKPOINT_DIR = flags.DEFINE_string(
        "face_checkpoint_dir",
        str(pretrained.VIDEO_DETECTOR_DIR),
        "Folder of the face detector for the camera (face_detector.tflite), or that "
        "file.",
    )

with cli.flag_group("Where the page is served"):
    _HOST = flags.DEFINE_string(
        "host",
        None,
        "Address of this machine in the local network, where HTTPS is served; auto "
        "finds it. Unless given, the page is there for this machine only.",
    )
    _PORT = flags.DEFINE_integer(
        "port",
        8000,
        lower_bound=0,
        upper_bound=65535,
        help="Port of the server; 0 = any that is free.",
    )


def _open_server(site):
    """Returns the server, and what to tell of it."""
    if _HOST.value is None:
        server = PageServer(site, LOOPBACK, _PORT.value)
        command = shlex.join(["python", *sys.argv, "--host=auto"])
        told = f"For a phone in the same network:\n    {command}"
        return server, told
    host = find_address() if _HOST.value == "auto" else _HOST.value
    server = PageServer(site, host, _PORT.value, certificate.make_context(host))
    return server, (
        f"{certificate.draw_code(server.url)}\nThe phone asks whether it may trust the "
        "certificate, which was made here; docs/preview.md says what to answer."
    )


def main(argv):
    model = models.find_model(_LANDMARK_CHECKPOINT_PATH.value)
    detector = models.find_detector(_FACE_CHECKPOINT_DIR.value)
    server, told = _open_server(build_site(model, detector))
    with server:
        print(f"{model} at {server.url}\n{told}\nCtrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped")


if __name__ == "__main__":
    cli.run(main)
