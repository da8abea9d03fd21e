r"""Writes .tflite and .onnx files, batch norm frozen, for every model below a folder.

Reads: folders with train_setting.txt and checkpoints.
Writes: landmark.VARIANT.tflite, landmark.float.onnx, landmark.int8.onnx and export.json
beside each model's checkpoints, after comparing their points with those of the newest
checkpoint.

    python save_with_bnorm_off.py --models_dir=runs --variants=float,int8 \
        --tfrecord=wide.56.val.tfrecord --calibration_tfrecord=wide.56.train.tfrecord
"""

import functools

import numpy as np
from absl import flags

from landmark.dataset.shards import list_shards
from landmark.face.scheme import find_scheme
from landmark.model import delegates, locate, settings
from landmark.model.onnx_model import require_packages
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr
from landmark.script.words import count, format_table
from landmark.synthetic.faces import draw_patches

with cli.flag_group("What it reads and writes"):
    _MODELS_DIR = flags.DEFINE_string(
        "models_dir", None, "Folder below which the models lie.", required=True
    )
    _VARIANTS = flags.DEFINE_list(
        "variants",
        ["float"],
        f"What to write, of {', '.join(settings.VARIANTS)}; the last two are ONNX, and "
        "want requirements-onnx.txt.",
    )
    _CALIBRATION_TFRECORD = flags.DEFINE_string(
        "calibration_tfrecord",
        None,
        "Records on which the ranges of activations are measured, for 8 bits of models "
        "that were trained without quantisation; best those of the training.",
    )

with cli.flag_group("Comparison with the checkpoint"):
    _TFRECORD = flags.DEFINE_string(
        "tfrecord",
        None,
        "Records on which checkpoint and .tflite are compared, and the error that a "
        "spread stands for is measured: those of the validation. Drawn faces are "
        "compared if not given.",
    )
    _MAX_NME_RATIO = flags.DEFINE_float(
        "max_nme_ratio",
        1.10,
        lower_bound=1.0,
        help="How many times the checkpoint's NME a variant may have.",
    )
flags.register_validator(
    "variants",
    lambda names: names and set(names) <= set(settings.VARIANTS),
    f"expected some of {', '.join(settings.VARIANTS)}",
)
_NUM_SYNTHETIC = 64
_DRAWN = f"{_NUM_SYNTHETIC} drawn faces (--tfrecord=... for real ones)"
_NUM_CALIBRATION = 512
_COLUMNS = {
    "MB": lambda figures: f"{figures['bytes'] / 1e6:.2f}",
    "max diff": lambda figures: f"{figures['max_difference']:.1e}",
    "mean diff": lambda figures: f"{figures['mean_difference']:.1e}",
    "<=1/256": lambda figures: f"{figures['share_within_256th']:.2%}",
    "NME%": lambda figures: f"{100 * figures['nme']:.3f}",
    "ratio": lambda figures: f"{figures['nme_ratio']:.4f}",
    "ms": lambda figures: f"{figures['milliseconds']:.3f}",
}


def _synthetic_samples(size, scheme):
    if not scheme.drawn:
        raise InputError(
            f"expected --tfrecord=... to compare on, as no faces of scheme {scheme} "
            "can be drawn, found none"
        )
    rng = np.random.default_rng(0)
    return draw_patches(rng, _NUM_SYNTHETIC, size, scheme, not scheme.has_sides)


def _print_table(reports):
    """Prints the figures of each variant, path -> figures."""
    rows = [
        [*(column(figures) for column in _COLUMNS.values()), str(path)]
        for path, figures in reports.items()
    ]
    print(format_table([*_COLUMNS, "file"], rows))
    print(
        "Differences in crop units, NME by the scheme's normaliser, on "
        f"{_TFRECORD.value or _DRAWN}"
    )
    for path, figures in reports.items():
        if "delegates" in figures:
            print(f"{path}: {delegates.describe(figures['delegates'])}")


def _export_all(folders):
    """Exports models; returns (path -> figures, what failed in a sentence each)."""
    with quiet_stderr():
        from landmark.dataset import pipeline
        from landmark.model import export

    @functools.cache
    def record_samples(size, scheme):
        return pipeline.read_samples(_TFRECORD.value, size, scheme)[:2]

    @functools.cache
    def calibration_patches(size):
        patches = pipeline.read_samples(_CALIBRATION_TFRECORD.value, size)[0]
        return patches[:: -(-len(patches) // _NUM_CALIBRATION)].copy()

    reports, failed = {}, []
    for folder in progress_bar(folders, desc="exporting", unit="model"):
        try:
            report = export.export(
                folder,
                record_samples if _TFRECORD.value else _synthetic_samples,
                _VARIANTS.value,
                calibration_patches if _CALIBRATION_TFRECORD.value else None,
                _MAX_NME_RATIO.value,
                measured_on=_TFRECORD.value or _DRAWN,
                tells_error=bool(_TFRECORD.value),
            )
        except (InputError, OSError) as error:
            sentence = str(error)
            is_named = str(folder) in sentence
            failed.append(sentence if is_named else f"{folder}: {sentence}")
            continue
        for figures in report["variants"].values():
            nme = figures[f"nme_{find_scheme(report['scheme']).normaliser}"]
            reports[folder / figures["file"]] = figures | {"nme": nme}
    return reports, failed


def main(argv):
    for path in filter(None, (_TFRECORD.value, _CALIBRATION_TFRECORD.value)):
        list_shards(path)
    if any(name.startswith("onnx") for name in _VARIANTS.value):
        require_packages()
    folders = locate.find_models(_MODELS_DIR.value)
    reports, failed = _export_all(folders)
    for sentence in failed:
        print(f"failed {sentence}")
    if failed:
        print(f"{len(failed)} of {count(len(folders), 'model')} failed")
    if not reports:
        raise InputError(
            f"{_MODELS_DIR.value}: expected a model to export, found that all failed"
        )
    _print_table(reports)
    return cli.PASSED_OVER if failed else 0


if __name__ == "__main__":
    cli.run(main)
