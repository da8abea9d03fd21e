"""From folders of annotated photos to the verdict of each face, worst first."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landmark.checking import fits, judge, looks
from landmark.files import exif, twins
from landmark.files.pts import PtsFormat
from landmark.script import workers
from landmark.script.progress import progress_bar


class CheckSettings(NamedTuple):
    """How faces are checked.

    Attributes:
        pts_format: PtsFormat.
        model_path: of the landmark model, .tflite; None asks none.
        detector: a function of a module's top level that opens the face detector, and
            its arguments; None asks none.
        boxes: from `files.boxes.read_boxes`, or None.
    """

    pts_format: PtsFormat = PtsFormat()
    model_path: Any = None
    detector: Any = None
    boxes: Any = None


def list_faces(annotated, images_dirs, frames=None):
    """Returns the Faces of annotated photos.

    Args:
        annotated: list of (path of the .pts, name of the patch).
        images_dirs: the folders that they were found in.
        frames: folder -> exif.SHOWN or exif.STORED; shown unless given.
    """
    folders = list(map(Path, images_dirs))
    faces = []
    for path, name in annotated:
        folder = next(f for f in folders if path.is_relative_to(f))
        frame = (frames or {}).get(folder, exif.SHOWN)
        faces.append(looks.Face(path, name, folder, frame))
    return faces


def find_model_scheme(settings):
    """Returns the Scheme of the model that can be compared; None if there is none."""
    if not settings.model_path:
        return None
    scheme = looks.open_model(settings.model_path).scheme
    is_known = fits.find_comparison(settings.pts_format.scheme, scheme) is not None
    return scheme if is_known else None


def check(faces, settings, num_workers):
    """Checks faces, with a progress bar.

    Args:
        faces: list of Face.
        settings: CheckSettings.
        num_workers: number of processes.

    Returns:
        list of Verdict, worst first; those that were not read are last.
    """
    model_scheme = find_model_scheme(settings)
    arguments = (
        settings.pts_format,
        settings.model_path if model_scheme else None,
        settings.detector,
        settings.boxes,
        model_scheme is None,
    )
    results = workers.map_in_order(
        looks.look_at, faces, num_workers, looks.make_tool, arguments
    )
    found = list(progress_bar(results, "checking", len(faces), unit="face"))
    verdicts = judge.judge(found, settings.pts_format.scheme, model_scheme)
    verdicts = _name_twins(verdicts)
    return sorted(verdicts, key=_badness, reverse=True)


def _badness(verdict):
    return -1.0 if np.isnan(verdict.score) else verdict.score


def _name_twins(verdicts):
    """Returns the verdicts, with the twins of their photos."""
    seen = [i for i, v in enumerate(verdicts) if v.look.thumbnail is not None]
    found = twins.find_twins(
        [verdicts[i].look.photo for i in seen],
        [verdicts[i].look.thumbnail for i in seen],
    )
    told = {}
    for i, j, kind in found:
        for one, other in ((seen[i], seen[j]), (seen[j], seen[i])):
            name = verdicts[other].look.face.name
            told.setdefault(one, []).append(f"{kind}: {name}")
    return [
        verdict._replace(twins="; ".join(told.get(i, ())))
        for i, verdict in enumerate(verdicts)
    ]
