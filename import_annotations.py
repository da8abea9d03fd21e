r"""Turns other people's annotation into the toolkit's folders of photos and .pts.

Reads: files in a public format, or folders of them:
    dlib       dlib's XML, as imglab writes it
    csv        a table with a row for each face: its photo, x0, y0, x1, y1, ...
    wflw       the lists of WFLW
    coco       COCO's JSON of keypoints, or COCO-WholeBody's of faces
    mat        the .mat of 300W-LP and AFLW2000-3D
    labelme    LabelMe's JSON
Writes into write_path:
    NAME.jpg       a link to each photo, or its copy, below the folders it has
    NAME.pts       the points of its face, NAME@1.pts ... of several
    boxes.jsonl    where the source says that faces are, for --boxes of extraction and
                   detection
What is there already stays, so that the same command goes on after one cut short.

    python import_annotations.py --format=dlib --write_path=faces labels.xml
"""

from pathlib import Path

from absl import flags

from landmark.face.scheme import NAMES, find_scheme
from landmark.files import disk
from landmark.files.photos import describe_unread, list_unread
from landmark.files.pts import parse_missing
from landmark.formats import choose, collection, csv_table, mat
from landmark.formats.annotated import settle_firsts
from landmark.formats.photos_of import PhotoFinder
from landmark.script import cli
from landmark.script.errors import InputError, UsageError
from landmark.script.progress import progress_bar
from landmark.script.words import count

with cli.flag_group("What it reads and writes"):
    _FORMAT = flags.DEFINE_enum(
        "format", None, list(choose.FORMATS), "Format of the files.", required=True
    )
    _WRITE_PATH = flags.DEFINE_string(
        "write_path", None, "Folder for the photos and .pts.", required=True
    )
    _IMAGES_DIR = flags.DEFINE_string(
        "images_dir",
        None,
        "Folder of the photos, below which all of them must lie. Unless given, it is "
        "that of the file, or the folder that is read.",
    )
    _COPY = flags.DEFINE_boolean(
        "copy", False, "Copy the photos, instead of linking to them."
    )

with cli.flag_group("Annotation"):
    _SCHEME = flags.DEFINE_string(
        "scheme",
        None,
        f"Scheme of the points: {', '.join(NAMES)}, or a file of your own. Unless "
        "given, wflw98 for wflw, and ibug68 for all others.",
    )
    _FIRST_PIXEL = flags.DEFINE_float(
        "first_pixel",
        None,
        lower_bound=0,
        upper_bound=1,
        help="What the files call the centre of the top-left pixel. Unless given, 1 "
        "for mat, 0.5 for labelme, and 0 for all others.",
    )
    _MISSING = flags.DEFINE_multi_string(
        "missing",
        [],
        "What stands for a missing point, beside what the format has for it: its X,Y "
        "as --missing=-1,-1. May be given several times.",
    )
    _MAT_POINTS = flags.DEFINE_enum(
        "mat_points",
        "",
        ["", *mat.VARIABLES],
        "Which points of a .mat are taken; given empty, the first that are as many as "
        "the scheme has.",
    )

with cli.flag_group("Columns of a table, where the guess is wrong"):
    _CSV_PHOTO = flags.DEFINE_string(
        "csv_photo", "", "Name or number, from 1, of the column of the photos."
    )
    _CSV_POINTS = flags.DEFINE_string(
        "csv_points",
        "",
        "Names or numbers of the columns of x0, y0, x1, y1, ..., and runs of them, as "
        "2-137, with commas between them.",
    )
    _CSV_BOX = flags.DEFINE_string(
        "csv_box", "", "Likewise of the columns of a box's left, top, right, bottom."
    )


def _read_source(path, layout, dropped):
    """Returns the faces of a file; for a table, it shows the guess."""
    read = choose.FORMATS[_FORMAT.value].read
    if _FORMAT.value == "mat":
        return read(path, layout, dropped, _MAT_POINTS.value)
    if _FORMAT.value != "csv":
        return read(path, layout, dropped)
    rows = csv_table.read_table(path)
    flags_given = (_CSV_PHOTO.value, _CSV_POINTS.value, _CSV_BOX.value)
    columns = csv_table.guess_columns(
        path, rows, layout.scheme.num_points, *flags_given
    )
    print(f"{path}: {columns.describe(rows[0][1])}")
    return read(path, layout, dropped, columns, rows)


def _read_all(sources, layout, dropped):
    """Returns the faces of all files; those that cannot be read are dropped."""
    faces = []
    has_many = choose.FORMATS[_FORMAT.value].has_many
    bar = progress_bar(sources, desc="reading", unit="file", disable=not has_many)
    for path in bar:
        try:
            faces += _read_source(path, layout, dropped)
        except InputError as error:
            if len(sources) == 1:
                raise
            dropped.append(str(error))
    return settle_firsts(faces)


def _read_layout():
    missing = parse_missing(_MISSING.value)
    if missing["has_visibility"]:
        raise UsageError("--missing: expected two numbers X,Y, found visibility")
    scheme = _SCHEME.value or choose.FORMATS[_FORMAT.value].scheme
    return choose.make_layout(
        _FORMAT.value, find_scheme(scheme), _FIRST_PIXEL.value, missing["missing"]
    )


def _make_finder(words):
    """Returns the PhotoFinder of the sources that were given."""
    folder = _IMAGES_DIR.value
    if not folder:
        folders = {w if Path(w).is_dir() else Path(w).parent for w in words}
        if len({Path(folder).resolve() for folder in folders}) > 1:
            raise UsageError(
                "expected --images_dir beside files of several folders, found none"
            )
        folder = folders.pop()
    return PhotoFinder(folder, _WRITE_PATH.value)


def _write_all(places, dropped):
    """Writes all places and the boxes; returns the number of lines of these."""
    for place in progress_bar(places, desc="writing", unit="photo"):
        try:
            collection.write_place(_WRITE_PATH.value, place, _COPY.value)
        except InputError as error:
            dropped.append(str(error))
    boxes = collection.format_boxes(places)
    path = Path(_WRITE_PATH.value, collection.BOXES_NAME)
    if boxes or path.exists():
        disk.write_text(path, boxes)
    return boxes.count("\n")


def _print_others(finder, places):
    """Tells of what lies among the photos and was not asked for.

    Returns:
        whether there is what looks like photos and cannot be read.
    """
    named = {place.photo for place in places}
    others = [photo for photo in finder.list_photos() if photo not in named]
    if others:
        print(f"{count(len(others), 'photo')} without annotation, as {others[0]}")
    unread = describe_unread(list_unread(finder.folder))
    for sentence in unread:
        print(sentence)
    return bool(unread)


def main(argv):
    layout, dropped = _read_layout(), []
    suffix = choose.FORMATS[_FORMAT.value].suffix
    sources = choose.list_sources(argv[1:], suffix, dropped)
    finder = _make_finder(argv[1:])
    faces = _read_all(sources, layout, dropped)
    num_found = len(faces) + len(dropped)
    places = collection.place_faces(faces, finder, dropped)
    if not places:
        reason = f"; {dropped[0]}" if dropped else ""
        raise InputError(
            f"{argv[1]}: expected faces of photos, found none of "
            f"{num_found} that can be used{reason}"
        )
    write_path = Path(_WRITE_PATH.value)
    write_path.mkdir(parents=True, exist_ok=True)
    with disk.lock(write_path, "import"):
        for folder in {place.output.parent for place in places}:
            disk.remove_leftovers(write_path / folder)
        num_boxes = _write_all(places, dropped)
    for sentence in dropped:
        print(f"dropped {sentence}")
    if finder.by_last:
        print(f"{count(finder.by_last, 'photo')} found by the name alone")
    is_unread = _print_others(finder, places) if _IMAGES_DIR.value else False
    num_faces = sum(len(place.faces) for place in places)
    print(f"{count(num_faces, 'face')} in {count(len(places), 'photo')}", end="")
    print(f", {len(dropped)} dropped" if dropped else "")
    boxes = f", and {count(num_boxes, 'box', 'boxes')} to {collection.BOXES_NAME}"
    print(f"Wrote photos and .pts to {write_path}{boxes if num_boxes else ''}")
    return cli.PASSED_OVER if dropped or is_unread else 0


if __name__ == "__main__":
    cli.run(main, arguments="FILE|FOLDER ...")
