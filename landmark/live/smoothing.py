"""Landmarks that do not tremble: the one-euro filter."""

import math

import numpy as np

# For points, unless others are asked for; beta by faces a second.
MIN_CUTOFF, BETA = 1.0, 20.0
_SPEED_CUTOFF = 1.0  # Of the low-pass filter on the speed, in hertz.
_SHORTEST = 1e-3  # Of the time between two values that is believed, in seconds.


def _share_of_new(cutoff, seconds):
    """Returns the weight of a new value in a low-pass filter of a cutoff in hertz."""
    turn = 2 * math.pi * cutoff * seconds
    return turn / (turn + 1)


class OneEuroFilter:
    """A low-pass filter whose cutoff rises with speed: calm at rest, quick in motion.

    Args:
        min_cutoff: cutoff at rest, in hertz; smaller trembles less.
        beta: by how many hertz the cutoff rises for each unit of speed; larger lags
            less.

    References:
        Casiez, Roussel and Vogel, 1 EUR Filter, CHI 2012.
    """

    def __init__(self, min_cutoff, beta):
        self._min_cutoff = min_cutoff
        self._beta = beta
        self.reset()

    def reset(self):
        """Forgets all values so far; those that follow may be of another shape."""
        self._time = None

    def smooth(self, values, time, unit=1.0):
        """Returns smoothed values.

        Args:
            values: float array, of one shape each time.
            time: in seconds, later each time.
            unit: speed is measured in this many of the values' own units a second; for
                points the size of the face, so that it does not matter how near it is.
        """
        values = np.array(values, np.float64)  # The caller may reuse its own.
        if self._time is None:
            self._smooth, self._speed = values, np.zeros_like(values)
        else:
            seconds = max(time - self._time, _SHORTEST)
            speed = (values - self._last) / seconds
            share = _share_of_new(_SPEED_CUTOFF, seconds)
            self._speed = self._speed + share * (speed - self._speed)
            cutoff = self._min_cutoff + self._beta * np.abs(self._speed) / unit
            share = _share_of_new(cutoff, seconds)
            self._smooth = self._smooth + share * (values - self._smooth)
        self._time, self._last = time, values
        return self._smooth
