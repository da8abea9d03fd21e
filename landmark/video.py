"""Frames of a video file or a camera."""

import cv2

from landmark.errors import InputError
from landmark.files import require_file


def open_video(source):
    """Opens a video.

    Args:
        source: a file, or the number of a camera.

    Returns:
        (number of frames, 0 if unknown; iterator of (H, W, 3) uint8 RGB frames).

    Raises:
        InputError: it cannot be opened, or has no frame.
    """
    is_camera = isinstance(source, int)
    title = f"camera {source}" if is_camera else str(require_file(source))
    # OpenCV's own complaints are of no use to the user.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(source if is_camera else title)
    there, frame = capture.read()
    if not there:
        raise InputError(f"{title}: expected a video, found none that can be read")

    def frames():
        more, next_frame = True, frame
        while more:
            yield cv2.cvtColor(next_frame, cv2.COLOR_BGR2RGB)
            more, next_frame = capture.read()
        capture.release()

    return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))), frames()
