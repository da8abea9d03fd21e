"""What a model was trained with, and from which it is rebuilt.

train_setting.txt has one `--name=value` a line, so the file is also a flagfile:
`train_slim.py --flagfile=old/train_setting.txt --train_dir=new` trains again the same
way. data.json beside it says what its records have in common:

    version    1
    scheme     of the points: a name of the toolkit's, or a whole definition
    margin     around each crop, as a fraction of it
    extension  by which share the crop is larger than the detector's box, or null

Models of before it are of ibug68.
"""

import dataclasses
import json
import math
import types
from pathlib import Path
from typing import NamedTuple

from landmark.face.scheme import IBUG68, Scheme, scheme_of_reference
from landmark.files import disk
from landmark.files.notes import read_share, shorten
from landmark.script.errors import InputError

FILE_NAME = "train_setting.txt"
DATA_NAME = "data.json"
_DATA_VERSION = 1

# What may be chosen, for flags that must not wait for TensorFlow to be imported.
NETWORKS = ("lannet", "resnet_simcc", "resnet_simcc_large")
LOSSES = ("l1", "l2", "wing", "euc_wing", "pointwise_l2", "chain", "sqrt")
OPTIMIZERS = ("adadelta", "adagrad", "adam", "ftrl", "momentum", "sgd", "rmsprop")
DECAY_TYPES = ("fixed", "exponential", "polynomial", "cosine")
REGULARIZERS = ("none", "l1", "l2", "l1_l2")
TFLITE_VARIANTS = ("float", "float16", "dynamic", "int8")
VARIANTS = (*TFLITE_VARIANTS, "onnx", "onnx_int8")

_CHOICES = {
    "net": NETWORKS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "learning_rate_decay_type": DECAY_TYPES,
    "regularizer": REGULARIZERS,
}
# What a network can be built of; train_slim.py refuses the rest, too.
_RANGES = {
    "input_size": (16, 4096),
    "depth_multiplier": (0.05, 1000),
    "batch_size": (1, 1_000_000),
}
_MOST_LINES, _LONGEST = 120, 200  # Of settings that differ, and their characters.
_INFINITE = (math.inf, -math.inf)
_OLD_SPELLINGS = {"adadelt": "adadelta", "l1_12": "l1_l2"}
# A finished run may be carried on for longer; where it started no longer matters.
_MAY_CHANGE = ("max_number_of_steps", "init_checkpoint")


def spellings(names):
    """Returns the names with their older spellings, for a flag's choices."""
    return [*names, *(old for old, new in _OLD_SPELLINGS.items() if new in names)]


@dataclasses.dataclass(frozen=True)
class TrainSettings:
    """The flags of train_slim.py that shape the model; its help explains each."""

    train_tfr: str
    val_tfr: str
    init_checkpoint: str | None
    net: str
    input_size: int
    is_color: bool
    augment: bool
    augment_rotate: float
    augment_scale: float
    augment_shift: float
    augment_flip: bool
    augment_gray: float
    augment_light: float
    augment_blur: float
    augment_occlusion: float
    augment_noise: float
    augment_jpeg: float
    depth_multiplier: float
    depth_gamma: float
    use_batch_norm: bool
    loss: str
    bins_weight: float
    wing_w: float
    wing_eps: float
    regularizer: str
    regularizer_lambda: float
    regularizer_lambda_2: float
    weight_decay: float
    batch_size: int
    seed: int | None
    max_number_of_steps: int
    optimizer: str
    learning_rate: float
    learning_rate_decay_type: str
    learning_rate_decay_factor: float
    learning_rate_decay_step: int
    learning_rate_decay_staircase: bool
    end_learning_rate: float
    warmup_steps: int
    momentum: float
    rmsprop_momentum: float
    rmsprop_decay: float
    adam_beta1: float
    adam_beta2: float
    moving_average_decay: float | None
    quantize_delay: int
    scheme: Scheme | None = IBUG68  # None: whatever the records have.
    mixed_precision: bool = False
    augment_shadow: float = 0.0

    def __post_init__(self):
        for name in _CHOICES:
            value = getattr(self, name)
            # The one way to set a field of a frozen dataclass while it is being made.
            object.__setattr__(self, name, _OLD_SPELLINGS.get(value, value))

    @property
    def channels(self):
        """How many channels the network sees: 3, or 1 for grey."""
        return 3 if self.is_color else 1


def format_settings(settings):
    """Returns the text of a settings file, of a dataclass; what is None has no line."""
    lines = []
    for field in dataclasses.fields(settings):
        name, value = field.name, getattr(settings, field.name)
        if name == "scheme" and value and not value.is_shipped:
            continue  # data.json defines it.
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            lines.append(f"--{name}={text}\n")
    return "".join(lines)


def write_settings(train_dir, settings):
    """Writes train_dir/train_setting.txt."""
    disk.write_text(Path(train_dir, FILE_NAME), format_settings(settings))


class TrainingData(NamedTuple):
    """What the records of a training have in common.

    Attributes:
        scheme: Scheme of the points.
        margin: around each crop, as a fraction of it; None where it is not known.
        extension: by which share the crop is larger than the detector's box; likewise.
    """

    scheme: Scheme = IBUG68
    margin: float | None = None
    extension: float | None = None


def write_data(train_dir, data):
    """Writes train_dir/data.json, of TrainingData."""
    note = {"version": _DATA_VERSION, **data._asdict()}
    note["scheme"] = data.scheme.reference
    disk.write_text(Path(train_dir, DATA_NAME), json.dumps(note, indent=1) + "\n")


def read_data(train_dir):
    """Returns the TrainingData of a model; the default for one without data.json.

    Raises:
        InputError: the file is another.
    """
    path = Path(train_dir, DATA_NAME)
    if not path.exists():
        return TrainingData()
    try:
        note = json.loads(disk.read_text(path))
        version, reference = note["version"], note["scheme"]
        margin, extension = map(read_share, (note["margin"], note["extension"]))
        if not isinstance(reference, str):
            raise TypeError(reference)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: expected what train_slim.py writes, found another note"
        ) from error
    if version != _DATA_VERSION:
        raise InputError(
            f"{path}: expected a note of version {_DATA_VERSION}, found version "
            f"{shorten(version)}"
        )
    return TrainingData(scheme_of_reference(reference, path), margin, extension)


def _parse_value(path, field, text):
    kinds = (
        field.type.__args__
        if isinstance(field.type, types.UnionType)
        else (field.type,)
    )
    choices = _CHOICES.get(field.name)
    if kinds[0] is not str or choices:
        text = text.strip()
    if bool in kinds:
        if text not in ("true", "false"):
            raise InputError(
                f"{path}: expected true or false as {field.name}, found {shorten(text)}"
            )
        return text == "true"
    if choices and text not in spellings(choices):
        raise InputError(
            f"{path}: expected {field.name} to be one of {', '.join(choices)}, "
            f"found {shorten(text)}"
        )
    low, high = _RANGES.get(field.name, (-math.inf, math.inf))
    try:
        value = kinds[0](text)
        if kinds[0] is not str and not low <= value <= high or value in _INFINITE:
            raise InputError(
                f"{path}: expected {field.name} from {low:g} to {high:g}, "
                f"found {shorten(text)}"
            )
        return value
    except InputError:
        raise
    except ValueError as error:
        kind = kinds[0].__name__
        raise InputError(
            f"{path}: expected {field.name} to be of type {kind}, found {shorten(text)}"
        ) from error


def read_settings(train_dir):
    """Reads train_dir/train_setting.txt.

    Returns:
        TrainSettings, each value of its own type.

    Raises:
        InputError: the file is missing, a line is not a setting, or a setting is
            missing.
    """
    path = Path(train_dir, FILE_NAME)
    fields = {field.name: field for field in dataclasses.fields(TrainSettings)}
    values = {
        name: None
        for name, field in fields.items()
        if isinstance(field.type, types.UnionType)
    }
    # Older models' files do not have them.
    values |= {"mixed_precision": False, "augment_shadow": 0.0}
    values["scheme"] = scheme = read_data(train_dir).scheme
    # Paths may hold what else would end a line, and spaces at their ends.
    for line in filter(str.strip, disk.read_text(path).split("\n")):
        name, equals, text = line.lstrip().removeprefix("--").partition("=")
        if not equals or name not in fields:
            raise InputError(
                f"{path}: expected lines --setting=value, found {shorten(line.strip())}"
            )
        if name != "scheme":
            values[name] = _parse_value(path, fields[name], text)
        elif (text := text.strip()) != scheme.name:
            values[name] = scheme_of_reference(text, path)
    missing = [name for name in fields if name not in values]
    if missing:
        raise InputError(
            f"{path}: expected all settings, found none for {', '.join(missing)}"
        )
    return TrainSettings(**values)


def check_same_settings(train_dir, settings):
    """Refuses to go on with a model that was trained with other settings.

    Raises:
        InputError: with the lines that differ.
    """
    trained = read_settings(train_dir)
    kept = {name: getattr(trained, name) for name in _MAY_CHANGE}
    if settings.scheme is None:
        kept["scheme"] = trained.scheme
    for name in ("train_tfr", "val_tfr"):  # The same records may have moved.
        if Path(getattr(settings, name)).name == Path(getattr(trained, name)).name:
            kept[name] = getattr(trained, name)
    now = dataclasses.replace(settings, **kept)
    refuse_changes(
        Path(train_dir, FILE_NAME), format_settings(trained), format_settings(now)
    )


def refuse_changes(path, trained, now):
    """Compares the text of a settings file with that of the settings wanted now.

    Raises:
        InputError: with the lines that differ.
    """
    before, after = trained.splitlines(), now.splitlines()
    changed = [f"- {line}" for line in before if line not in after]
    changed += [f"+ {line}" for line in after if line not in before]
    if changed:
        raise InputError(
            f"{path}: expected the settings that this folder was trained with (-), "
            "found others (+); give another --train_dir, or these:\n"
            + "\n".join(line[:_LONGEST] for line in changed[:_MOST_LINES])
            + "\n..." * (len(changed) > _MOST_LINES)
        )
