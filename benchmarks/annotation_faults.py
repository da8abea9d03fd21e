r"""How many spoilt annotations check_annotations.py finds among its first rows.

Reads: a folder of annotated photos, as of 300-W.

Of a copy, a tenth of the faces is spoilt: rows permuted, left and right exchanged,
points turned by 90 degrees with the photo's frame, all moved together by 10 % of their
box's longer side, points of another photo, placeholders. Prints for each kind how many
stand among the first rows, a quarter more of them than were spoilt; then what is
said of copies that are wrong as a whole: counted from another first pixel, in another
order, left and right exchanged, half of the photos turned by EXIF but not their points.

    python -m benchmarks.annotation_faults --images_dir=300w
"""

import collections
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image

from landmark import pretrained
from landmark.checking import check, frames, quick, whole
from landmark.dataset import extraction
from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.files import disk, exif
from landmark.files.photos import find_photo, read_size
from landmark.files.pts import PtsFormat, read_pts, write_pts
from landmark.script import cli, worker_flags
from landmark.script.words import format_table

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder with the photos and .pts.", required=True
)
_MODEL = flags.DEFINE_string(
    "landmark_checkpoint_path",
    str(pretrained.LANDMARK_MODEL),
    "Landmark model (.tflite); given empty, the collection is judged by itself.",
)
_DETECTOR = flags.DEFINE_string(
    "face_detector_path", "", "Face detector; given empty, none is asked."
)
_ONLY_LIST = flags.DEFINE_string(
    "only_list", None, "Text file of names; of the other faces there is no copy."
)
_SEEDS = flags.DEFINE_integer(
    "seeds", 1, lower_bound=1, help="How many times other faces are spoilt."
)
_SHARE = flags.DEFINE_float("share", 200 / 2012, "Share of the faces that is spoilt.")
_MORE_ROWS = 1.25
_IN_A_WHOLE = 400  # Faces of each copy that is wrong as a whole.
_TURN = 6  # The orientation that EXIF has where it turns a photo.


def _permute(points, size, rng, others):
    return points[rng.permutation(len(points))]


def _swap(points, size, rng, others):
    return points[IBUG68.mirror]


def _turn(points, size, rng, others):
    orientation = (6, 8)[rng.integers(2)]
    return exif.to_shown(points, orientation, size[::-1])


def _move(points, size, rng, others):
    x0, y0, x1, y1 = geometry.box_from_points(points)
    angle = rng.uniform(0, 2 * np.pi)
    return points + 0.1 * max(x1 - x0, y1 - y0) * np.array(
        [np.cos(angle), np.sin(angle)]
    )


def _take_others(points, size, rng, others):
    return others[rng.integers(len(others))]


def _place(points, size, rng, others):
    one = rng.uniform(0, size)
    ramp = np.linspace(0, 1, len(points))[:, None]
    return [
        np.full_like(points, -1.0),  # 0 0, as the files count from 1.
        np.full_like(points, -2.0),
        np.zeros_like(points) + one,
        ramp * (np.array(size) - 1),
    ][rng.integers(4)]


FAULTS = {
    "permuted": _permute,
    "swapped": _swap,
    "turned": _turn,
    "moved": _move,
    "other photo": _take_others,
    "placeholders": _place,
}


def copy_spoilt(paths, root, folder, share, seed):
    """Copies annotated photos, a share of them with a fault.

    Args:
        paths: list of Path of .pts files below root.
        root: Path of the collection.
        folder: Path that the copy is written to.
        share: of the faces that are spoilt.
        seed: of which are spoilt, and how.

    Returns:
        path of a spoilt .pts -> its fault.
    """
    rng = np.random.default_rng(seed)
    spoilt = rng.permutation(len(paths))[: round(share * len(paths))].tolist()
    points = [read_pts(path) for path in paths]
    faults = {}
    for index, path in enumerate(paths):
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        photo = find_photo(path)
        _link(photo, target.with_name(photo.name))
        if index not in spoilt:
            shutil.copy(path, target)
            continue
        fault = list(FAULTS)[spoilt.index(index) % len(FAULTS)]
        others = [points[i] for i in range(len(paths)) if i != index]
        wrong = FAULTS[fault](points[index], read_size(photo), rng, others)
        write_pts(target, wrong)
        faults[target] = fault
    return faults


def _link(photo, target):
    try:
        os.link(photo, target)
    except OSError:  # It is on another disk.
        shutil.copy(photo, target)


def _list_paths(root):
    """Returns the .pts files below a folder; those that --only_list names, if given."""
    annotated = extraction.list_annotations([root], [], []).faces
    if not _ONLY_LIST.value:
        return [path for path, _ in annotated]
    names = {name.partition("-")[2]: path for path, name in annotated}
    listed = disk.read_text(_ONLY_LIST.value).split()
    return [names[name] for name in listed]


def _open_detector(path):
    from landmark.detection.choose import open_detector

    return open_detector(path, 0, 0.3, num_threads=1)


def _check(folder):
    """Returns the verdicts of a folder."""
    settings = check.CheckSettings(
        model_path=_MODEL.value or None,
        detector=(_open_detector, (_DETECTOR.value,)) if _DETECTOR.value else None,
    )
    annotated = extraction.list_annotations([folder], [], []).faces
    faces = check.list_faces(annotated, [folder])
    return check.check(faces, settings, worker_flags.count_workers(len(faces)))


def _add_up(faults, verdicts, counts, named):
    """Adds to fault -> [found, spoilt], and to fault -> what it was called.

    Returns:
        how many good faces are judged bad.
    """
    first = verdicts[: round(_MORE_ROWS * len(faults))]
    ranked = {verdict.look.face.path for verdict in first}
    kinds = {verdict.look.face.path: verdict.kind for verdict in verdicts}
    for path, fault in faults.items():
        counts[fault] += (path in ranked, 1)
        named[fault][kinds[path] or "none"] += 1
    return len({v.look.face.path for v in verdicts if v.is_bad} - faults.keys())


def _print_table(counts, named):
    rows = []
    for fault in (*FAULTS, "all"):
        found, spoilt = sum(counts.values()) if fault == "all" else counts[fault]
        told = ", ".join(f"{kind} {n}" for kind, n in named[fault].most_common())
        share = f"{100 * found / max(spoilt, 1):.1f}"
        rows.append([str(found), str(spoilt), share, fault, told])
    print(format_table(["found", "spoilt", "%", "fault", "called"], rows))


def copy_wrong(paths, root, folder, fault):
    """Copies annotated photos, all of them with a fault: one of WHOLE."""
    rows = np.random.default_rng(0).permutation(IBUG68.num_points)
    for index, path in enumerate(paths):
        target, points = folder / path.relative_to(root), read_pts(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        photo = find_photo(path)
        if fault == "stored frame" and index % 2:
            points = exif.to_stored(points, _TURN, read_size(photo), IBUG68)
            _write_turned(photo, target.with_name(photo.name))
        else:
            _link(photo, target.with_name(photo.name))
        if fault == "order":
            points = points[rows]
        elif fault == "swapped":
            points = points[IBUG68.mirror]
        write_pts(target, points, first_pixel=0 if fault == "first pixel" else 1)


WHOLE = "first pixel", "stored frame", "order", "swapped"


def _write_turned(photo, target):
    """Writes a photo that only EXIF turns upright."""
    with Image.open(photo) as opened:
        stored = opened.transpose(Image.Transpose.ROTATE_90)
        tags = Image.Exif()
        tags[0x0112] = _TURN
        stored.save(target, quality=95, exif=tags)


def _describe_whole(paths, root, fault):
    """Returns what is said of a copy of which all is wrong, str."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, root.name)
        copy_wrong(paths, root, folder, fault)
        found = [verdict.look for verdict in _check(folder)]
        seen = [look.seen for look in found if look.seen]
        told = whole.describe_frame(found, root.name)
        told = told or whole.describe(seen, PtsFormat(), root.name)
        annotated = [look.face.path for look in found]
        decision = frames.decide(
            annotated, PtsFormat(), quick.open_quick_model(IBUG68), None, root.name
        )
    return "\n    ".join(filter(None, [f"{fault}:", *told, decision.sentence]))


def main(argv):
    root = Path(_IMAGES_DIR.value)
    paths = _list_paths(root)
    counts = {fault: np.zeros(2, int) for fault in FAULTS}
    named = collections.defaultdict(collections.Counter)
    wrongly = 0
    for seed in range(_SEEDS.value):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place, root.name)
            faults = copy_spoilt(paths, root, folder, _SHARE.value, seed)
            wrongly += _add_up(faults, _check(folder), counts, named)
    _print_table(counts, named)
    good = _SEEDS.value * len(paths) - sum(counts.values())[1]
    print(f"{wrongly} of {good} faces that were left alone are judged bad")
    for fault in WHOLE if _MODEL.value else ():
        chosen = paths[:: max(1, len(paths) // _IN_A_WHOLE)]
        print(_describe_whole(chosen, root, fault))


if __name__ == "__main__":
    cli.run(main)
