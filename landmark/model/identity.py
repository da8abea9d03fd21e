"""Which model a file or folder is, by its content."""

import glob
import hashlib
from pathlib import Path

from landmark.files import disk
from landmark.model import locate, settings

_LENGTH = 16  # Letters of a hash.


def hash_file(path):
    """Returns a short hash of a file's content, str."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_LENGTH]


def hash_model(path):
    """Returns a short hash of all that decides what a landmark model says, str.

    Args:
        path: a .tflite; or a checkpoint or the folder of some, as `find_checkpoint`
            takes it.

    Raises:
        InputError: it is missing.
    """
    if Path(path).suffix == ".tflite":
        return hash_file(disk.require_file(path))
    checkpoint = Path(locate.find_checkpoint(path))
    files = checkpoint.parent.glob(f"{glob.escape(checkpoint.name)}.*")
    files = [*sorted(files), checkpoint.with_name(settings.FILE_NAME)]
    told = [f"{file.name} {hash_file(file)}" for file in files if file.is_file()]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:_LENGTH]
