"""Drawn faces, which many rooms are tested with."""

import numpy as np
import pytest

from landmark.synthetic.faces import draw_face


@pytest.fixture(scope="session")
def drawn():
    """54 pairs of (photo, points in image pixels), not to be changed."""
    return [draw_face(np.random.default_rng([9, index])) for index in range(54)]
