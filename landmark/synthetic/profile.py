"""Faces in profile: what is hidden, and the line from forehead to chin."""

import numpy as np

from landmark.face.scheme import IBUG68
from landmark.synthetic import brush

# Points of the left side -> the points on the midline, or behind it, that hide them.
_HIDDEN_BY = {
    34: (33,), 35: (33,), 52: (51,), 53: (51,), 54: (51, 57), 55: (57,), 56: (57,),
    63: (62,), 64: (62, 66), 65: (66,), **{i: (27,) for i in range(42, 48)},
    **{i: (27,) for i in range(22, 27)},
}  # fmt: skip
_FOREHEAD = [(0, -0.3, 0.14), (0, -0.65, 0.1), (0, -1.0, -0.05), (0, -1.35, -0.35)]


def hide_far_side(solid, far):
    """Moves the points of the far side to the midline, where they do not show.

    Args:
        solid: (68, 3) float, head coordinates.
        far: left or right.

    Returns:
        (68, 3) float.
    """
    solid = solid.copy()
    name = (lambda i: i) if far == "left" else IBUG68.mirror.__getitem__
    for hidden, by in _HIDDEN_BY.items():
        solid[name(hidden)] = np.mean([solid[name(i)] for i in by], axis=0)
    return solid


def outline(face):
    """Returns the outline of a face in profile: (n, 2) float, image pixels.

    It runs along the near jaw to the chin, up the profile to the forehead, and over the
    crown back to the ear.

    Args:
        face: painting.Face.
    """
    p = face.points
    near = range(9) if face.far == "left" else range(16, 7, -1)
    # The rim's crown runs from the left temple to the right one.
    crown = face.rim[17:26] if face.far == "left" else face.rim[25:16:-1]
    chin = [0.75 * p[8] + 0.25 * p[57] + face.step(0, 0.02), 0.3 * p[8] + 0.7 * p[57]]
    front = [p[57], p[66], p[62], p[51], p[33], p[30], p[29], p[28], p[27]]
    forehead = face.project(_FOREHEAD)
    return brush.smooth([*p[list(near)], *chin, *front, *forehead, *crown[4:]])
