"""Files at places of any of Beam's file systems: paths, gs://, s3://, hdfs:// ...

They are read and written as they are: Beam would unpack what is called .gz.
"""

import contextlib
import os
import shutil

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from landmark.script.errors import InputError

_PLAIN = CompressionTypes.UNCOMPRESSED


def is_local(place):
    """Whether a place is a path."""
    return FileSystems.get_scheme(place) is None


def to_absolute(place):
    """Returns a place by which every process finds it.

    Raises:
        InputError: it is of a file system that Beam does not have here.
    """
    if is_local(place):
        return os.path.abspath(place)
    try:
        FileSystems.get_filesystem(place)
    except ValueError as error:
        scheme = FileSystems.get_scheme(place)
        raise InputError(
            f"{place}: expected a file system that Beam knows, found {scheme}://; it "
            "may want a package, as apache-beam[gcp] for gs://"
        ) from error
    return place.rstrip("/")


def list_below(folder):
    """Returns the places of the files below a folder that is not local, sorted."""
    return sorted(list_matches(FileSystems.join(folder, "**")))


def list_matches(pattern):
    """Returns the places that match a pattern of Beam's."""
    (found,) = FileSystems.match([pattern])
    return [file.path for file in found.metadata_list]


def is_there(place):
    """Whether there is a file."""
    return FileSystems.exists(place)


def read(place):
    """Returns the bytes of a file."""
    with FileSystems.open(place, compression_type=_PLAIN) as file:
        return file.read()


def fetch(place, path):
    """Copies a file to a local path."""
    with (
        FileSystems.open(place, compression_type=_PLAIN) as source,
        open(path, "wb") as target,
    ):
        shutil.copyfileobj(source, target)


def write(place, parts):
    """Writes a file of an iterable of bytes."""
    with FileSystems.create(place, compression_type=_PLAIN) as file:
        for part in parts:
            file.write(part)


def rename_all(pairs):
    """Gives files their final names; done again, it does no harm.

    Args:
        pairs: list of (place, final place); a file that is not there any more has got
            its name before.

    Raises:
        OSError: of a file there is neither.
    """
    left = [pair for pair in pairs if is_there(pair[0])]
    for place, final in pairs:
        if (place, final) not in left and not is_there(final):
            raise FileNotFoundError(f"{place}: expected a file, found none")
    # Some file systems write over no file; a path is replaced as it is renamed.
    old = [final for _, final in left if not is_local(final) and is_there(final)]
    if old:
        FileSystems.delete(old)
    if left:
        FileSystems.rename(*map(list, zip(*left, strict=True)))


def remove(folder):
    """Removes a folder with what is in it, if it is there."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for left in (list_below(folder), [folder]):  # Of objects there is no folder.
        with contextlib.suppress(OSError):  # What stays does no harm.
            FileSystems.delete(left)
