"""Flags that two or more scripts have among their own, each where the script puts them.

A script calls the functions here within its groups of flags, and the flags are its own.
"""

from absl import flags

from landmark.dataset import shards, split
from landmark.dataset.extraction import CropSettings
from landmark.face.scheme import NAMES, find_scheme
from landmark.files.notes import shorten
from landmark.files.pts import VISIBILITY, PtsFormat, parse_missing
from landmark.script.errors import UsageError
from landmark.script.words import count

flags.disclaim_key_flags()  # Else --help would show them behind the script's own.


def define_sampling():
    """Defines --rand_factor and --seed of extraction."""
    flags.DEFINE_float(
        "rand_factor",
        1.0,
        lower_bound=1.0,
        help="Keep one photo in this many, at random (for Multi-PIE, 16 was used).",
    )
    flags.DEFINE_integer(
        "seed",
        0,
        lower_bound=0,
        help="Of all that is random: another one takes other photos, jitters and "
        "rotates otherwise; the same gives the same bytes.",
    )


def define_pts_format():
    """Defines --scheme, --first_pixel and --missing."""
    flags.DEFINE_string(
        "scheme",
        "ibug68",
        f"Scheme of the points: {', '.join(NAMES)}, or a file of your own.",
    )
    flags.DEFINE_integer(
        "first_pixel",
        1,
        lower_bound=0,
        upper_bound=1,
        help="What .pts files call the top-left pixel: iBUG counts from 1, others "
        "from 0.",
    )
    flags.DEFINE_multi_string(
        "missing",
        [],
        "What stands for a missing point beside nan nan: its X,Y as --missing=-1,-1; "
        f"or {VISIBILITY}, for files with a third number that is 0 then. May be given "
        "several times.",
    )


def read_pts_format():
    """Returns the PtsFormat of the flags of `define_pts_format`.

    Raises:
        InputError: there is no such scheme, or what is missing is no point.
    """
    return PtsFormat(
        find_scheme(flags.FLAGS.scheme),
        flags.FLAGS.first_pixel,
        **parse_missing(flags.FLAGS.missing),
    )


def define_drop_list():
    """Defines --drop_list."""
    flags.DEFINE_string(
        "drop_list",
        None,
        "Text file with a patch's name a line that is not wanted, as the drop.txt of "
        "check_annotations.py.",
    )


def read_dropped(names):
    """Returns the names that --drop_list holds, a frozenset.

    Args:
        names: of all patches that may be made; others in the list are printed.

    Raises:
        InputError: there is no such file.
    """
    path = flags.FLAGS.drop_list
    dropped = frozenset(split.read_names(path) if path else ())
    vain = sorted(dropped.difference(names))
    if vain:
        listed = shorten(", ".join(vain))
        print(f"{path}: no patch of {count(len(vain), 'name')}: {listed}")
    return dropped


def define_min_overlap():
    """Defines --min_overlap."""
    flags.DEFINE_float(
        "min_overlap",
        0.3,
        lower_bound=0.0,
        upper_bound=1.0,
        help="IoU that a detection needs with the bounding box of the landmarks.",
    )


def define_crop():
    """Defines --margin, --jitter, --rotate and --max_rotate."""
    flags.DEFINE_float(
        "margin",
        0.0,
        lower_bound=0.0,
        upper_bound=1.0,
        help="Also save this much around the region on each side, as a fraction of "
        "it, for augmentation in training to move into (0.3 suits its defaults).",
    )
    flags.DEFINE_float(
        "jitter",
        0.0,
        lower_bound=0.0,
        upper_bound=0.5,
        help="Largest random shift and scale of each saved box, as a fraction of its "
        "size.",
    )
    flags.DEFINE_boolean("rotate", True, "Also write a randomly rotated copy.")
    flags.DEFINE_float(
        "max_rotate",
        45.0,
        lower_bound=0.0,
        upper_bound=180.0,
        help="Largest angle of the rotated copy, in degrees, to either side.",
    )


def read_crop_settings(extend_ratio):
    """Returns the CropSettings of the flags of all the functions above.

    Args:
        extend_ratio: by which share the region around the detected face grows.

    Raises:
        InputError: as of `read_pts_format`.
    """
    given = flags.FLAGS
    return CropSettings(
        min_overlap=given.min_overlap,
        extend_ratio=extend_ratio,
        margin=given.margin,
        jitter=given.jitter,
        max_rotate=given.max_rotate if given.rotate else None,
        rand_factor=given.rand_factor,
        seed=given.seed,
        pts_format=read_pts_format(),
    )


def define_num_shards():
    """Defines --num_shards; returns its holder."""
    return flags.DEFINE_integer(
        "num_shards",
        1,
        lower_bound=1,
        upper_bound=shards.MAX_SHARDS,
        help="Files that each output is dealt into, as evenly as can be; with more "
        "than one, they are OUTPUT-00000-of-00016 and so on, and are read as "
        "OUTPUT@16.",
    )


def define_size():
    """Defines --size of the records' crops; returns its holder."""
    return flags.DEFINE_integer(
        "size", 56, lower_bound=16, help="Input size of the network, in pixels."
    )


def define_train_ratio():
    """Defines --train_ratio."""
    flags.DEFINE_float(
        "train_ratio",
        0.9,
        lower_bound=0.0,
        upper_bound=1.0,
        help="Share of the photos (Multi-PIE: of the subjects) for training; the rest "
        "is validation. With 0 or 1 only one file is written.",
    )


def read_train_ratio(val_list):
    """Returns the value of --train_ratio.

    Args:
        val_list: the value of --val_list.

    Raises:
        UsageError: both are given.
    """
    if val_list is not None and flags.FLAGS["train_ratio"].present:
        raise UsageError("expected --val_list or --train_ratio, found both")
    return flags.FLAGS.train_ratio


def define_alteration(share, made):
    """Defines --share and --seed of scripts that alter patches (`altered`).

    Args:
        share: float, unless given.
        made: what one of them is made with, for --help.
    """
    flags.DEFINE_float(
        "share",
        share,
        lower_bound=0.0,
        upper_bound=1.0,
        help=f"Share of the patches of which one with {made} is made.",
    )
    flags.DEFINE_integer(
        "seed",
        0,
        lower_bound=0,
        help="Another one chooses other patches, and alters them otherwise.",
    )
