r"""Makes patches with closed eyes of those whose eyes are open, for training.

Reads: FROM, patches of ibug68, as extract_landmark_training_data.py makes them; rotated
    copies are left out.
Writes, into TO: crop.json, and of --share of the patches NAME@90 (of NAME@2, which is
    one of several faces, NAME@290), whose lids are drawn over the eyes, and whose
    points lie on them. Half of them are closed, the others by half or more; one in ten
    closes a single eye.

TO is packed by itself, divided as FROM is, and its records for training are put behind
those of FROM: NAME@90 stands on the side of NAME.

    python -m scripts.close_eyes wide closed
    python make_landmark_tfrecord.py --data_path=closed --val_list=names.txt
    cat wide.56.train.tfrecord closed.56.train.tfrecord >both.56.train.tfrecord
"""

import os
import re
import zlib
from pathlib import Path

import numpy as np
from absl import flags

from landmark.dataset.eyelids import close_eyes
from landmark.face import metrics
from landmark.face.scheme import IBUG68
from landmark.files import disk
from landmark.files.patches import (
    FACE,
    ROTATED,
    read_crop,
    read_npts,
    write_crop,
    write_patch,
)
from landmark.files.photos import read_image
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.words import count

_SHARE = flags.DEFINE_float(
    "share",
    0.1,
    lower_bound=0.0,
    upper_bound=1.0,
    help="Share of the patches of which one with closed eyes is made.",
)
_SEED = flags.DEFINE_integer(
    "seed", 0, lower_bound=0, help="Another one chooses other patches."
)

_NUMBER = "90"  # In the place of a face's number: no photo shows so many.
_OF_A_FACE = re.compile(rf"{FACE}\d+$")
_OPEN = 0.15  # Aspect from which an eye is open.
_LEAST = 0.5  # Share of its way that a lid goes.
_CLOSED = 0.5  # Share of the faces whose lids go all of it,
_WINKING = 0.1  # and of those of which one eye only is closed.


def closed_name(name):
    """Returns what the patch with closed eyes is called, beside its photo's others."""
    return f"{name}{'' if _OF_A_FACE.search(name) else FACE}{_NUMBER}"


def _choose_shares(rng):
    """Returns how far the lids go of the right eye and of the left, (2,) 0..1."""
    share = 1.0 if rng.random() < _CLOSED else rng.uniform(_LEAST, 1)
    shares = np.full(2, share)
    if rng.random() < _WINKING:
        shares[rng.integers(2)] = 0
    return shares


def _close(source, name):
    """Returns (patch, points) of a name with closed eyes; None if it is to have none.

    What is left to chance depends on the name and the seed alone.

    Raises:
        InputError: it cannot be read.
    """
    rng = np.random.default_rng([_SEED.value, zlib.crc32(os.fsencode(name))])
    points = read_npts(source / f"{name}.npts")
    is_chosen = rng.random() < _SHARE.value
    if not is_chosen or not metrics.aspects(points)["eye"] >= _OPEN:
        return None
    patch = read_image(source / f"{name}.png")
    closed, moved = close_eyes(patch, points, _choose_shares(rng))
    return None if np.array_equal(moved, points) else (closed, moved)


def _begin(source, target, folders):
    """Notes in each folder of the target what its patches have in common."""
    told = {"closed_eyes": [_SHARE.value, _SEED.value]}
    crops = {folder: read_crop(source / folder) for folder in folders}
    for folder, crop in crops.items():
        IBUG68.require(crop.scheme, source / folder)
    for folder, crop in crops.items():
        (target / folder).mkdir(parents=True, exist_ok=True)
        disk.remove_leftovers(target / folder)
        settings = {**(crop.settings or {}), **told}
        write_crop(target / folder, crop._replace(settings=settings))


def main(argv):
    source, target = disk.require_folder(argv[1]), Path(argv[2])
    if target.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{target}: expected a folder that is not in {source}")
    paths = [p.relative_to(source) for p in disk.list_files(source, (".png",))]
    paths = [path.with_suffix("") for path in paths if not path.stem.endswith(ROTATED)]
    if not paths:
        raise InputError(f"{source}: expected patches (.png), found none")
    _begin(source, target, sorted({path.parent for path in paths}))
    num_closed, dropped = 0, []
    for name in progress_bar(list(map(str, paths)), desc="closing", unit="patch"):
        try:
            closed = _close(source, name)
        except (InputError, OSError) as error:
            dropped.append(str(error))
            continue
        if closed:
            write_patch(target / closed_name(name), *closed)
            num_closed += 1
    for reason in dropped:
        print(f"dropped {reason}")
    total = count(len(paths), "patch", "patches")
    also = f", {len(dropped)} dropped" if dropped else ""
    print(f"{num_closed} of {total} closed{also}")
    if len(dropped) == len(paths):
        raise InputError(f"{source}: expected patches, found that all were dropped")
    print(f"Wrote {target}")
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main, arguments="FROM TO")
