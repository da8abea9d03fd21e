"""MATLAB's .mat of 300W-LP and AFLW2000-3D: a file for each face.

    pt2d      (2, 68)   300W-LP, beside NAME.jpg; -1 for a point that cannot be seen
    pt3d_68   (3, 68)   AFLW2000-3D, beside NAME.jpg, whose pt2d are AFLW's 21 points
    pts_2d    (68, 2)   300W-LP, landmarks/FOLDER/NAME_pts.mat

They count from 1, as MATLAB does. `roi` is what was cut out of the original photo, and
no box of a face.

References:
    http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm
    https://github.com/open-mmlab/mmpose, tools/dataset_converters/300wlp2coco.py
"""

import struct
from pathlib import Path

from landmark.formats.annotated import make_face, read_bytes
from landmark.formats.matlab import read_arrays
from landmark.script.errors import InputError

VARIABLES = ("pt2d", "pt3d_68", "pts_2d", "pts_3d")
_UNSEEN = -1
_SUFFIX = "_pts"


def read_faces(path, layout, dropped, variable=""):
    """Returns the face of a file, in a list.

    Args:
        path: the file.
        layout: annotated.Layout.
        dropped: not needed: a file that cannot be used is an error.
        variable: one of VARIABLES; "" takes the first that has the scheme's points.

    Raises:
        InputError: it is no such file, or has no such points.
    """
    columns = _read_points(path, layout.scheme.num_points, variable)
    rows = [
        (None, None) if _UNSEEN in (x, y) else (x, y)
        for x, y in zip(columns[0].tolist(), columns[1].tolist(), strict=True)
    ]
    photo = Path(path).stem.removesuffix(_SUFFIX)
    return [make_face(photo, rows, None, layout, path, str(path))]


def _read_points(path, num_points, variable):
    """Returns a (2 or 3, P) float64 array."""
    wanted = (variable,) if variable else VARIABLES
    try:
        arrays = read_arrays(read_bytes(path), wanted)
    except (ValueError, struct.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path}: expected a .mat of MATLAB 5 to 7, found: {error}"
        ) from error
    for name in wanted:
        if name in arrays:
            shape = arrays[name].shape
            if shape[1] == num_points and shape[0] in (2, 3):
                return arrays[name]
            if shape[0] == num_points and shape[1] in (2, 3):
                return arrays[name].T
    found = ", ".join(f"{n} {'x'.join(map(str, a.shape))}" for n, a in arrays.items())
    raise InputError(
        f"{path}: expected {num_points} points as {' or '.join(wanted)}, found "
        f"{found or 'none of them'}"
    )
