"""The stages that `soak` disturbs, and how what they made is compared."""

import fnmatch
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmark.model import locate
from landmark.pretrained import find_pretrained

_MODEL = find_pretrained() / "landmark_56" / "landmark.int8.tflite"
_SIZE = 28  # Of the patches, in pixels; the smaller, the quicker.


def _without_times(path):
    """Returns export.json without how long the models took."""
    report = json.loads(path.read_text(encoding="utf-8"))
    for figures in report["variants"].values():
        del figures["milliseconds"]
    return report


# What is not the same byte for byte, and why: None is not compared, a function gives
# what is.
_MAY_DIFFER = {
    "events.out.tfevents.*": None,  # Times, and a file for each run.
    "checkpoint": None,  # TensorFlow's index has times.
    # Of a folder, the newest one's variables are compared.
    **dict.fromkeys(("model.ckpt-*.index", "model.ckpt-*.meta"), None),
    "model.ckpt-*.data-00000-of-00001": None,
    "export.json": _without_times,
}
_SAME_WEIGHTS = 1e-5


class Stage(NamedTuple):
    """A command of the pipeline, run in the folder.

    Attributes:
        command: its words.
        outputs: files and folders that it makes.
        copied: output -> what it is a copy of before the command changes it.
    """

    command: tuple[str, ...]
    outputs: tuple[str, ...]
    copied: dict[str, str] = {}  # noqa: RUF012


def list_stages():
    """Returns name -> Stage, in the order of the pipeline."""
    records = [f"patches.{_SIZE}.{side}.tfrecord" for side in ("train", "val")]
    training = (
        *("train_slim.py", f"--train_tfr={records[0]}", f"--val_tfr={records[1]}"),
        *(f"--input_size={_SIZE}", "--depth_multiplier=0.5", "--batch_size=8"),
        *("--max_number_of_steps=20", "--validation_interval=4", "--optimizer=adam"),
        *("--seed=1", "--augment"),
    )
    extraction = ("extract_landmark_training_data.py", "--images_dirs=photos")
    extraction = (*extraction, "--write_path=patches", "--margin=0.3")
    packing = ("make_landmark_tfrecord.py", "--data_path=patches", f"--size={_SIZE}")
    found = ("found_drawn", "found_txt", "found_pts", "found.json")
    detection = ("detect_face_landmark.py", "photos", f"--write_image_dir={found[0]}")
    detection = (*detection, f"--write_txt_dir={found[1]}", f"--write_json={found[3]}")
    detection = (*detection, f"--write_pts_dir={found[2]}")
    detector = ("train_face_detector.py", "--images_dirs=photos", "--batch_size=2")
    detector = (*detector, "--max_number_of_steps=4", "--validation_interval=2")
    detector = (*detector, "--seed=1")
    return {
        "draw": Stage(
            ("draw_synthetic_faces.py", "--write_path=photos", "--count=48"),
            ("photos",),
        ),
        "extract": Stage((*extraction, "--workers=1"), ("patches",)),
        "extract with 2": Stage((*extraction, "--workers=2"), ("patches",)),
        "pack": Stage((*packing, "--workers=1"), tuple(records)),
        "pack with 2": Stage((*packing, "--workers=2"), tuple(records)),
        "train": Stage(
            (*training, "--train_dir=trained", "--moving_average_decay=0.9"),
            ("trained",),
        ),
        "train in 8 bits": Stage(
            (*training, "--train_dir=trained_8", "--quantize_delay=8"), ("trained_8",)
        ),
        "evaluate": Stage(
            (
                *("evaluate_landmark_model.py", f"--tfrecord={records[1]}"),
                *("--models_dir=trained", "--write_dir=evaluated"),
            ),
            ("evaluated",),
        ),
        "export": Stage(
            (
                *("save_with_bnorm_off.py", "--models_dir=exported"),
                *("--variants=float,int8", "--max_nme_ratio=9"),
            ),
            ("exported",),
            {"exported": "trained_8"},
        ),
        "detect": Stage(detection, found),
        "label": Stage(
            ("-m", "scripts.label_patches", "labelled", str(_MODEL)),
            ("labelled",),
            {"labelled": "patches"},
        ),
        "train detector": Stage((*detector, "--train_dir=detector"), ("detector",)),
    }


def list_needed(names):
    """Returns those of `list_stages` that are among the names, or that they need."""
    stages, needed, makers = list_stages(), set(names), {}
    for name, stage in stages.items():
        for output in stage.outputs:
            makers.setdefault(output, name)
    for name, stage in reversed(stages.items()):
        if name in needed:
            told = " ".join([*stage.command, *stage.copied.values()])
            read = set(re.findall(r"[\w.]+", told)) - set(stage.outputs)
            needed |= {makers[place] for place in read if place in makers}
    return {name: stage for name, stage in stages.items() if name in needed}


def _is_rest(path):
    """Whether a file is of a checkpoint that is not there as a whole."""
    is_of_one = path.name.startswith("model.ckpt-")
    return is_of_one and not path.with_suffix(".index").exists()


def read_tree(folder):
    """Returns what a folder holds: path below it -> content, None for a folder."""
    held = {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        pattern = next((p for p in _MAY_DIFFER if fnmatch.fnmatch(path.name, p)), None)
        if pattern is None or _is_rest(path):
            held[name] = None if path.is_dir() else path.read_bytes()
        elif _MAY_DIFFER[pattern]:
            held[name] = _MAY_DIFFER[pattern](path)
        if path.is_dir() and (newest := locate.newest_checkpoint(path)):
            held[f"{name}/weights"] = newest
    return held


def _read_weights(checkpoint):
    import tensorflow as tf

    reader = tf.train.load_checkpoint(checkpoint)
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names}


def differ_in_weights(before, after):
    """Returns how the variables of two checkpoints differ; "" if they do not."""
    if Path(before).name != Path(after).name:
        return f"{Path(after).name} instead of {Path(before).name}"
    before, after = _read_weights(before), _read_weights(after)
    if before.keys() != after.keys():
        return f"variables {', '.join(sorted(before.keys() ^ after.keys())[:3])}"
    largest = max(float(np.abs(before[n] - after[n]).max(initial=0)) for n in before)
    return "" if largest <= _SAME_WEIGHTS else f"weights by {largest:.2g}"


def compare(before, after, ignored=()):
    """Compares two folders' contents, of `read_tree`.

    Args:
        ignored: names of folders whose weights are not compared.

    Returns:
        (what is lost or differs, what is there but should not be), lists of str.
    """
    lost = [f"{name} is missing" for name in before if name not in after]
    for name in before.keys() & after.keys():
        if name.endswith("/weights"):
            if name.partition("/")[0] not in ignored:
                found = differ_in_weights(before[name], after[name])
                lost += [f"{name} differ: {found}"] if found else []
        elif before[name] != after[name]:
            lost.append(f"{name} differs")
    return sorted(lost), [name for name in after if name not in before]
