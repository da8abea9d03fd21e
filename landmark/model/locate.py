"""Where trained models and their checkpoints are; TensorFlow is not needed for it."""

from pathlib import Path

from landmark.files import disk
from landmark.model import settings
from landmark.script.errors import InputError

TFLITE_MARK = b"TFL3"  # At the fifth byte.


def find_models(models_dir, with_tflite=False):
    """Returns the folders at or below models_dir that hold a trained model, sorted.

    A folder with a settings file but no checkpoint was never trained for long enough;
    it is left out.

    Args:
        models_dir: the folder; links are followed as `disk.list_files` does.
        with_tflite: also return the .tflite files.

    Raises:
        InputError: there is none.
    """
    suffixes = (Path(settings.FILE_NAME).suffix, *[".tflite"] * with_tflite)
    files = disk.list_files(models_dir, suffixes)
    found = [path for path in files if path.suffix.lower() == ".tflite"]
    found += [
        path.parent
        for path in files
        if path.name == settings.FILE_NAME and newest_checkpoint(path.parent)
    ]
    if not found:
        others = " or .tflite models" if with_tflite else ""
        raise InputError(
            f"{models_dir}: expected folders with {settings.FILE_NAME} and a "
            f"checkpoint{others}, found none"
        )
    return sorted(found)


def check_folder(path):
    """Refuses a folder to write into that is not there and cannot be made.

    Raises:
        InputError: it, or what should be a folder above it, is a file.
    """
    for place in (Path(path), *Path(path).parents):
        if place.is_dir():
            return
        if place.exists():
            raise InputError(f"{place}: expected a folder, found a file")


def check_tflite(path):
    """Refuses by its first bytes what is no .tflite.

    Raises:
        InputError: it is another file.
    """
    with open(path, "rb") as file:
        if file.read(8)[4:] != TFLITE_MARK:
            raise InputError(f"{path}: expected a .tflite model, found another file")


def newest_checkpoint(folder):
    """Returns the checkpoint of the most steps in a folder, or None.

    It goes by the files that are there. TensorFlow's own index, the file `checkpoint`,
    names the folder in which a model was trained, even where the model is a copy.
    """
    checkpoints = list_checkpoints(folder)
    return checkpoints[-1] if checkpoints else None


def list_checkpoints(folder):
    """Returns the checkpoints in a folder, str, that of the most steps last."""
    steps = {
        int(number): str(path.with_suffix(""))
        for path in Path(folder).glob("model.ckpt-*.index")
        if (number := path.stem.rpartition("-")[2]).isdigit()
    }
    return [steps[step] for step in sorted(steps)]


def find_checkpoint(path):
    """Returns the checkpoint that a path means: itself, or the newest of a folder.

    Args:
        path: a checkpoint (`model.ckpt-1000`, with or without `.index`) or its folder.

    Raises:
        InputError: there is none.
    """
    if Path(path).is_dir():
        checkpoint = newest_checkpoint(path)
    else:
        checkpoint = str(path).removesuffix(".index")
        if not Path(f"{checkpoint}.index").is_file():
            checkpoint = None
    if not checkpoint:
        raise InputError(f"{path}: expected a checkpoint, found none")
    return checkpoint
