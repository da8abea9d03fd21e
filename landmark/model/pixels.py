"""From bytes to what a network sees. Nothing else in the toolkit scales pixels."""

import numpy as np

# Rec. 601 luma, as OpenCV and PIL turn RGB into grey.
_LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)


def to_network_input(pixels, is_color):
    """Scales RGB pixels to -1..1 as `(x - 128) / 128`, so that bytes are its quanta.

    Args:
        pixels: (..., N, N, 3) float32, array or tensor, RGB, 0..255.
        is_color: False makes them grey first.

    Returns:
        (..., N, N, 3 or 1) of the same kind.
    """
    if not is_color:
        pixels = pixels @ _LUMA
    return (pixels - 128.0) / 128.0
