"""From a checkpoint to .tflite and .onnx files: freeze, convert, reload and compare.

The network is rebuilt in inference mode, so batch norm is frozen to its averages; the
converter then folds it into the layers before it.
"""

import json
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from landmark.face import metrics
from landmark.files import disk
from landmark.model import (
    calibration,
    delegates,
    locate,
    metadata,
    onnx_export,
    pixels,
    quantize,
)
from landmark.model.checkpoint import CheckpointModel, assign, is_quantized
from landmark.model.onnx_model import OnnxModel
from landmark.model.quantize import Mode
from landmark.model.settings import VARIANTS
from landmark.model.tflite import TfliteModel
from landmark.script.errors import InputError
from landmark.script.quiet import quiet_stderr

REPORT_NAME = "export.json"
# Differences from the checkpoint that may be, in crop units. Float runs the same
# arithmetic in another order, 1e-6 is usual; int8 rounds at other places, and is mostly
# within 5e-4; dynamic is judged by its error alone.
_TOLERANCES = {
    "float": ("max_difference", 1e-4),
    "float16": ("max_difference", 1e-2),
    "int8": ("mean_difference", 5e-3),
    "onnx": ("max_difference", 1e-4),
    "onnx_int8": ("mean_difference", 5e-3),
}
_FILES = {"onnx": "landmark.float.onnx", "onnx_int8": "landmark.int8.onnx"}
_BATCH_SIZE = 32  # Of the batches whose ranges are averaged.
_TIMED_RUNS = 100


def file_name(variant):
    """Returns the name of a variant's file: landmark.VARIANT.tflite, or .onnx."""
    return _FILES.get(variant, f"landmark.{variant}.tflite")


def _is_integer(variant):
    return variant.endswith("int8")


def _open(path, **threads):
    """Returns the model in a file that was written, to run it."""
    return (OnnxModel if path.suffix == ".onnx" else TfliteModel)(path, **threads)


def convert(checkpoint_model, variant="float"):
    """Returns a checkpoint's model as the bytes of a .tflite, or of an .onnx.

    Args:
        checkpoint_model: CheckpointModel; of 8 bits in mode INFER, else in mode FLOAT.
            Of batch size 1 for a .tflite, of any for an .onnx.
        variant: one of VARIANTS. float16: weights stored as halves. dynamic: weights
            of 8 bits, activations quantised on the fly. int8: all in 8 bits. onnx,
            onnx_int8: see `onnx_export.convert`.

    Returns:
        bytes; the signature `serving_default` maps `image`, (1, N, N, 3 or 1) float32
        (int8: uint8 grey levels), to `points`, (1, 2 P) float32 crop-normalised
        x0 y0 x1 y1 ..., and of networks that know it `spread`, (1, P) float32. Its
        metadata has a landmark.json, see `metadata`.
    """
    if variant in _FILES:
        return onnx_export.convert(checkpoint_model, _describe(checkpoint_model))
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        saved_model = str(Path(folder, "saved_model"))
        with checkpoint_model.session.graph.as_default():
            tf.compat.v1.saved_model.simple_save(
                checkpoint_model.session,
                saved_model,
                inputs={"image": checkpoint_model.images},
                outputs=checkpoint_model.outputs,
            )
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
        if variant != "float":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant == "int8":
            converter.inference_input_type = tf.uint8
        content = converter.convert()
    return metadata.write_note(content, _describe(checkpoint_model))


def _describe(checkpoint_model):
    """Returns the landmark.json of a model."""
    data = checkpoint_model.data
    tells = "spread" in checkpoint_model.outputs
    return metadata.describe(
        metadata.Metadata(
            checkpoint_model.scheme,
            data.extension,
            data.margin,
            metrics.SHARPEST_SPREAD if tells else None,
        ),
        checkpoint_model.input_size,
        checkpoint_model.settings.is_color,
    )


def _measure_ranges(checkpoint, patches):
    """Returns name -> end of each activation's range, of a float model, on patches."""
    observer = CheckpointModel(checkpoint, mode=Mode.OBSERVE)
    images = pixels.to_network_input(
        patches.astype(np.float32), observer.settings.is_color
    )
    batches = range(0, len(images), _BATCH_SIZE)
    ranges = quantize.average_ranges(
        observer.session,
        ({observer.images: images[i : i + _BATCH_SIZE]} for i in batches),
    )
    observer.close()
    return ranges


def _open_source(checkpoint, variant, calibration_patches):
    """Returns the CheckpointModel that a variant is made from, and compared with.

    Of 8 bits it is one in mode INFER, of ranges that were trained or are measured.
    """
    batch_size = None if variant in _FILES else 1
    if not _is_integer(variant):
        return CheckpointModel(checkpoint, batch_size, Mode.FLOAT)
    quantised = CheckpointModel(checkpoint, batch_size, Mode.INFER)
    if not is_quantized(checkpoint):
        if calibration_patches is None:
            raise InputError(
                f"{checkpoint}: expected a model trained with quantisation, "
                "found float weights; --calibration_tfrecord gives patches to measure "
                "the ranges of its activations on"
            )
        patches = calibration_patches(quantised.input_size)
        assign(quantised.session, _measure_ranges(checkpoint, patches))
    return quantised


def _write_variant(path, source, variant, patches, truth, tells_error):
    """Writes a variant; returns its points of patches.

    Args:
        path: of the file.
        source: CheckpointModel that it is made from.
        patches, truth: what it predicts, and the true points.
        tells_error: whether it shall say what its spread on them stands for.
    """
    content = convert(source, variant)
    path.write_bytes(content)
    found, spread = _open(path).predict_with_spread(patches)
    if tells_error and "spread" in source.outputs and variant not in _FILES:
        factors = calibration.error_per_spread(found, spread, truth)
        path.write_bytes(calibration.write_factors(content, factors, path))
    return found


def _nme(predicted, truth, scheme):
    return float(metrics.mean(metrics.face_errors(predicted, truth, scheme)[1]))


def _compare(path, variant, expected, found, truth, scheme, reference, max_nme_ratio):
    """Returns the figures of a variant; refuses one that is not good enough.

    Args:
        expected: its points by TensorFlow. found: by the file.
        truth, scheme: the true points, and their Scheme.
        reference: NME of the checkpoint.
    """
    difference = np.abs(found - expected)
    nme = _nme(found, truth, scheme)
    figures = {
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "share_within_256th": float(np.mean(difference <= 1 / 256)),
        f"nme_{scheme.normaliser}": nme,
        "nme_ratio": nme / reference,
    }
    figure, tolerance = _TOLERANCES.get(variant, ("mean_difference", math.inf))
    if not figures[figure] <= tolerance:
        raise InputError(
            f"{path}: expected the points of the checkpoint within {tolerance}, found "
            f"a difference of {figures[figure]:.2g}; nothing was written"
        )
    if not figures["nme_ratio"] <= max_nme_ratio:
        raise InputError(
            f"{path}: expected at most {max_nme_ratio} x the checkpoint's NME of "
            f"{100 * reference:.2f} %, found {100 * nme:.2f} %; nothing was written"
        )
    return figures


def _list_delegates(path):
    """Returns what takes the operators of a file that was written, see `delegates`."""
    return {} if path.suffix == ".onnx" else {"delegates": delegates.examine(path)}


def _time(paths):
    """Returns variant -> median milliseconds of one face on one thread, in turn."""
    models = {name: _open(path, num_threads=1) for name, path in paths.items()}
    times = {name: [] for name in models}
    for _ in range(_TIMED_RUNS):
        for name, model in models.items():
            size = model.input_size
            patch = np.zeros((1, size, size, 3), np.uint8)
            model.predict(patch)  # Warms the caches that the others have emptied.
            start = time.perf_counter()
            model.predict(patch)
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * float(np.median(values)) for name, values in times.items()}


def _forget_other_exports(folder, checkpoint):
    """Removes the files of another checkpoint; returns the report of this one's."""
    path = folder / REPORT_NAME
    if path.exists():
        try:
            report = json.loads(disk.read_text(path))
            is_of_it = report["checkpoint"] == Path(checkpoint).name
            if is_of_it:
                report["variants"].items()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            raise InputError(
                f"{path}: expected the report of an export, found another file; remove "
                "it to export again"
            ) from e
        if is_of_it:
            return report
    for name in (*map(file_name, VARIANTS), REPORT_NAME):
        (folder / name).unlink(missing_ok=True)
    return {"variants": {}}


def export(
    model_dir,
    read_samples,
    variants=("float",),
    calibration_patches=None,
    max_nme_ratio=1.10,
    measured_on="",
    tells_error=False,
):
    """Writes files for other runtimes beside checkpoints, if they are as good as them.

    Files of other checkpoints are removed: a model is not left with older weights.

    Args:
        model_dir: folder of the model; its newest checkpoint is taken.
        read_samples: function, (N, Scheme) -> (patches (B, N, N, 3) uint8 RGB, points
            (B, P, 2) crop-normalised) to compare on.
        variants: some of VARIANTS.
        calibration_patches: function, N -> patches on which the ranges of activations
            are measured, for int8 of a model that was trained without; or None.
        max_nme_ratio: how much worse than the checkpoint a variant may be.
        measured_on: what the faces of read_samples are, for the report.
        tells_error: whether a .tflite says by these faces how large an error its spread
            stands for, see `calibration`: they are real, and were not trained on.

    Returns:
        the report: checkpoint, measured_on, scheme, its NME by the scheme's normaliser,
        and variants, name -> figures. Differences, in crop units, are from the
        checkpoint run by TensorFlow: with fake quantisation for int8, without for the
        others. Ratios are to the
        checkpoint as it was trained. export.json also keeps what it said of variants
        that were not asked for now.

    Raises:
        InputError: a variant is not good enough, or its ranges are not known; none of
            the variants is written.
    """
    folder = Path(model_dir)
    checkpoint = locate.find_checkpoint(folder)
    trained = CheckpointModel(checkpoint)
    scheme = trained.scheme
    patches, truth = read_samples(trained.input_size, scheme)
    reference = _nme(trained.predict(patches), truth, scheme)
    trained.close()
    written = {}
    earlier = _forget_other_exports(folder, checkpoint)["variants"]
    disk.remove_leftovers(folder)
    with disk.temporary_folder(folder) as temporary:
        paths = {name: Path(temporary, file_name(name)) for name in variants}
        for variant, path in paths.items():
            source = _open_source(checkpoint, variant, calibration_patches)
            found = _write_variant(path, source, variant, patches, truth, tells_error)
            written[variant] = {
                "file": path.name,
                "bytes": path.stat().st_size,
                **_compare(
                    folder / path.name,
                    variant,
                    source.predict(patches),
                    found,
                    truth,
                    scheme,
                    reference,
                    max_nme_ratio,
                ),
                **_list_delegates(path),
            }
            source.close()
        for variant, milliseconds in _time(paths).items():
            written[variant]["milliseconds"] = milliseconds
        for path in paths.values():
            path.replace(folder / path.name)
    report = {
        "checkpoint": Path(checkpoint).name,
        "measured_on": measured_on,
        "scheme": scheme.name,
        f"nme_{scheme.normaliser}": reference,
        "variants": earlier | written,
    }
    disk.write_text(folder / REPORT_NAME, json.dumps(report, indent=2) + "\n")
    return {**report, "variants": written}
