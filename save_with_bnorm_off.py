r"""Writes a .tflite with frozen batch norm for every model below a folder.

Reads: folders with train_setting.txt and checkpoints.
Writes: landmark.float.tflite beside each model's checkpoints, after comparing its
points with those of the newest checkpoint.

    python save_with_bnorm_off.py --models_dir=runs
"""

import functools

import numpy as np
from absl import flags

from landmark import cli, files
from landmark.errors import InputError
from landmark.progress import progress_bar
from landmark.quiet import quiet_stderr

_MODELS_DIR = flags.DEFINE_string(
    "models_dir", None, "Folder below which the models lie.", required=True
)
_TFRECORD = flags.DEFINE_string(
    "tfrecord",
    None,
    "Records on whose patches checkpoint and .tflite are compared; synthetic faces if "
    "not given.",
)
_NUM_PATCHES = 64


def _synthetic_patches(size):
    from landmark import synthetic

    return synthetic.draw_patches(np.random.default_rng(0), _NUM_PATCHES, size)[0]


def main(argv):
    cli.refuse_arguments(argv)
    if _TFRECORD.value:
        files.require_file(_TFRECORD.value)
    with quiet_stderr():
        from landmark import data, export, model

    @functools.cache
    def record_patches(size):
        return data.read_samples(_TFRECORD.value, size)[0][:_NUM_PATCHES]

    patches_of_size = record_patches if _TFRECORD.value else _synthetic_patches
    written, failed = [], []
    for folder in progress_bar(
        model.find_models(_MODELS_DIR.value), desc="exporting", unit="model"
    ):
        try:
            written.append(export.export_float(folder, patches_of_size))
        except InputError as error:
            failed.append(str(error))
    for path, difference in written:
        size = path.stat().st_size / 1e6
        print(
            f"Wrote {path} ({size:.2f} MB, within {difference:.1e} of the checkpoint)"
        )
    if failed:
        raise InputError("\n".join(failed))


if __name__ == "__main__":
    cli.run(main)
