"""Folders of patches that are made of others: eyes closed, heads turned."""

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.words import count

_OF_A_FACE = re.compile(rf"{FACE}\d+$")


class Alteration(NamedTuple):
    """What is done to patches.

    Attributes:
        number: two digits in the place of a face's number: no photo shows so many.
        done: what a patch is then, as "closed".
        doing: what happens meanwhile, as "closing".
        note: its name among the settings of crop.json.
        alter: (patch, points, rng) -> new (patch, points), or None where it cannot be
            done. (W, W, 3) uint8, (68, 2) float over the patch, 0..1.
    """

    number: str
    done: str
    doing: str
    note: str
    alter: Callable[..., Any]


def altered_name(name, number):
    """Returns what the altered patch is called, beside its photo's others."""
    return f"{name}{'' if _OF_A_FACE.search(name) else FACE}{number}"


def _begin(source, target, folders, told):
    """Notes in each folder of the target what its patches have in common."""
    crops = {folder: read_crop(source / folder) for folder in folders}
    for folder, crop in crops.items():
        IBUG68.require(crop.scheme, source / folder)
    for folder, crop in crops.items():
        (target / folder).mkdir(parents=True, exist_ok=True)
        disk.remove_leftovers(target / folder)
        settings = {**(crop.settings or {}), **told}
        write_crop(target / folder, crop._replace(settings=settings))


def _list_names(source):
    """Returns the patches below a folder, but for rotated copies, as paths in it."""
    paths = [p.relative_to(source) for p in disk.list_files(source, (".png",))]
    paths = [path.with_suffix("") for path in paths if not path.stem.endswith(ROTATED)]
    if not paths:
        raise InputError(f"{source}: expected patches (.png), found none")
    return paths


def alter_patches(source, target, share, seed, alteration):
    """Writes altered copies of some patches, and says how many.

    What is left to chance depends on a patch's name and the seed alone.

    Args:
        source, target: str folders.
        share: of the patches that are to be altered, 0..1.
        seed: int, 0 or more.
        alteration: an Alteration.

    Returns:
        whether some could not be read.

    Raises:
        InputError: nothing there to be altered, or all of it damaged.
    """
    source, target = disk.require_folder(source), Path(target)
    if target.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{target}: expected a folder that is not in {source}")
    paths = _list_names(source)
    folders = sorted({path.parent for path in paths})
    _begin(source, target, folders, {alteration.note: [share, seed]})
    num_altered, dropped = 0, []
    for name in progress_bar(
        list(map(str, paths)), desc=alteration.doing, unit="patch"
    ):
        rng = np.random.default_rng([seed, zlib.crc32(os.fsencode(name))])
        try:
            points = read_npts(source / f"{name}.npts")
            if rng.random() >= share:
                continue
            patch = read_image(source / f"{name}.png")
            altered = alteration.alter(patch, points, rng)
        except (InputError, OSError) as error:
            where = "" if str(source) in str(error) else f"{source / name}.png: "
            dropped.append(f"{where}{error}")
            continue
        if altered:
            write_patch(target / altered_name(name, alteration.number), *altered)
            num_altered += 1
    for reason in dropped:
        print(f"dropped {reason}")
    total = count(len(paths), "patch", "patches")
    also = f", {len(dropped)} dropped" if dropped else ""
    print(f"{num_altered} of {total} {alteration.done}{also}")
    if len(dropped) == len(paths):
        raise InputError(f"{source}: expected patches, found that all were dropped")
    print(f"Wrote {target}")
    return bool(dropped)
