"""COCO's JSON of keypoints.

    {"images": [{"id": 1, "file_name": "a.jpg", ...}, ...],
     "annotations": [{"image_id": 1, "bbox": [left, top, width, height],
                      "keypoints": [x, y, v, ...], ...}, ...],
     "categories": [{"id": 1, "name": "face", "keypoints": [...], ...}]}

Keypoints count from 0; v is 0 for one that is missing. Boxes are measured from the
photo's corner. COCO-WholeBody has the 68 points of a face as `face_kpts`, with
`face_box` and `face_valid`; 0 0 0 is what of them is missing.

References:
    https://cocodataset.org/#format-data
    https://github.com/jin-s13/COCO-WholeBody, data_format.md
"""

import json
import math

from landmark.files import disk
from landmark.files.notes import shorten
from landmark.formats.annotated import make_face, read_json, to_number
from landmark.script.errors import InputError

_VISIBLE = 2


def read_faces(path, layout, dropped):
    """Returns the faces of a file.

    Args:
        path: the file.
        layout: annotated.Layout.
        dropped: list, which gets a sentence for each face that cannot be used.

    Raises:
        InputError: it is no such file.
    """
    images, annotations = _read_tables(path)
    names = _read_names(images)
    faces = []
    for number, annotation in enumerate(annotations):
        place = f"{path}, annotation {number + 1}"
        try:
            faces.append(_read_face(annotation, names, layout, path, place))
        except InputError as error:
            dropped.append(str(error))
    return faces


def _read_tables(path):
    match read_json(path, "COCO's"):
        case {"images": list(images), "annotations": list(annotations)}:
            return images, annotations
    raise InputError(
        f"{path}: expected COCO's JSON, with images and annotations, found another"
    )


def _read_names(images):
    """Returns id -> the names that images have for it."""
    names = {}
    for image in images:
        match image:
            case {"id": int() | float() | str() as key, "file_name": str(name)}:
                names.setdefault(key, set()).add(name)
    return names


def _find_photo(key, names, place):
    """Returns the name of the image of an id."""
    found = sorted(names.get(key, ())) if isinstance(key, int | float | str) else []
    if len(found) != 1:
        several = f" with {len(found)} of them" if found else ""
        raise InputError(
            f"{place}: expected the id of an image with one file_name, found "
            f"{shorten(key)}{several}"
        )
    return found[0]


def _read_face(annotation, names, layout, path, place):
    if not isinstance(annotation, dict):
        raise InputError(f"{place}: expected an object, found {shorten(annotation)}")
    photo = _find_photo(annotation.get("image_id"), names, place)
    place_of_photo = f"{place}: {shorten(photo)[1:-1]}"
    points, box = "keypoints", annotation.get("bbox")
    if "face_kpts" in annotation:  # The points of COCO-WholeBody beside a body's.
        if not annotation.get("face_valid", True):
            raise InputError(f"{place_of_photo}: expected a face, found none annotated")
        points, box = "face_kpts", annotation.get("face_box")
    rows = _read_points(annotation.get(points), place_of_photo)
    box = _read_box(box, place_of_photo)
    return make_face(photo, rows, box, layout, path, place)


def _read_points(values, place):
    if not isinstance(values, list) or len(values) % 3:
        numbers = f"{len(values)} numbers" if isinstance(values, list) else "none"
        raise InputError(f"{place}: expected keypoints x, y, v, ..., found {numbers}")
    numbers = [to_number(value, place) for value in values]
    if any(math.isnan(v) for v in numbers[2::3]):
        raise InputError(f"{place}: expected keypoints x, y, v, ..., found a v of nan")
    return [
        (x, y) if v > 0 else (None, None)
        for x, y, v in zip(*(numbers[i::3] for i in range(3)), strict=True)
    ]


def _read_box(values, place):
    """Returns (x0, y0, x1, y1) in the frame of the keypoints; None if there is none."""
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != 4:
        raise InputError(f"{place}: expected a box of four, found {shorten(values)}")
    left, top, width, height = (to_number(value, place) for value in values)
    return left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5


def write_faces(path, faces, scheme, sizes):
    """Writes faces.

    Args:
        path: the file.
        faces: list of AnnotatedFace, whose boxes are none of them None.
        scheme: Scheme of the points.
        sizes: photo -> (width, height), of those that are known.
    """
    ids = {
        photo: i + 1 for i, photo in enumerate(dict.fromkeys(f.photo for f in faces))
    }
    images = []
    for photo, number in ids.items():
        size = dict(zip(("width", "height"), sizes.get(photo, ()), strict=False))
        images.append({"id": number, "file_name": photo, **size})
    annotations = [
        _describe(face, number, ids[face.photo])
        for number, face in enumerate(faces, start=1)
    ]
    told = {
        "info": {"description": scheme.source},
        "images": images,
        "annotations": annotations,
        "categories": [_describe_scheme(scheme)],
    }
    disk.write_text(path, json.dumps(told) + "\n")


def _describe(face, number, image):
    x0, y0, x1, y1 = (edge + 0.5 for edge in face.box)
    box = [round(value, 6) for value in (x0, y0, x1 - x0, y1 - y0)]
    keypoints = []
    for x, y in face.points_image.tolist():
        keypoints += [0, 0, 0] if x != x else [round(x, 6), round(y, 6), _VISIBLE]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": box,
        "area": round(box[2] * box[3], 6),
        "num_keypoints": sum(v > 0 for v in keypoints[2::3]),
        "keypoints": keypoints,
    }


def _describe_scheme(scheme):
    """Returns the category; its skeleton counts from 1."""
    skeleton = []
    for name, chain in scheme.chains.items():
        points = [i + 1 for i in chain.tolist()]
        ends = points[1:] + points[:1] * (name in scheme.closed)
        skeleton += [list(edge) for edge in zip(points, ends, strict=False)]
    return {
        "id": 1,
        "name": "face",
        "supercategory": "person",
        "keypoints": [f"{scheme.name}_{i}" for i in range(scheme.num_points)],
        "skeleton": skeleton,
    }
