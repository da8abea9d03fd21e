"""Where a film is cut: how alike two frames are, in a twentieth of a millisecond."""

import itertools

import cv2
import numpy as np

_SAMPLES, _CELLS = 160, 16  # Along the longer side, read and compared.
_BLUR = 2.0  # Sigma in cells of what is taken away: light, which flashes change.
_FAINT = 1.0  # Variance in grey levels squared of what is noise.
_SURELY_ALIKE = 0.75


class FrameComparer:
    """Compares each frame with the one before."""

    def __init__(self):
        self._last, self._shape = None, None

    def compare(self, image):
        """Returns how alike a frame and the one before are, -1..1; 1 of the first.

        It is a correlation, so lamps and flashes change little; the camera may turn by
        a sixteenth of the picture, too. Frames of other scenes are below 0.6 or so, and
        those of another size at -1.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        last, self._last = self._last, _shrink(image)
        shape, self._shape = self._shape, image.shape
        if last is None or shape != image.shape:
            return 1.0 if last is None else -1.0
        alike = _correlate(last, self._last)
        return alike if alike > _SURELY_ALIKE else _correlate_best(last, self._last)


def _shrink(image):
    """Returns the structure of a picture, (h, w) float32 of 16 cells at most."""
    step = max(1, max(image.shape[:2]) // _SAMPLES)
    green = np.ascontiguousarray(image[::step, ::step, 1])
    scale = _CELLS / max(green.shape)
    size = [max(2, round(length * scale)) for length in green.shape[::-1]]
    cells = cv2.resize(green, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return cells - cv2.GaussianBlur(cells, (0, 0), _BLUR)


def _correlate(cells, others):
    faint = _FAINT * cells.size  # Two pictures of nothing are alike.
    both, one, other = (cells * others).sum(), (cells**2).sum(), (others**2).sum()
    return float((both + faint) / np.sqrt((one + faint) * (other + faint)))


def _correlate_best(cells, others):
    """Returns the best correlation of two pictures that are shifted by a cell."""
    return max(
        _correlate(_shift(cells, x, y), _shift(others, -x, -y))
        for x, y in itertools.product((-1, 0, 1), repeat=2)
    )


def _shift(cells, x, y):
    """Returns the part that a picture has in common with one that is shifted."""
    height, width = cells.shape
    part = cells[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
    return part - part.mean()
