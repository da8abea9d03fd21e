r"""Trains a landmark network with slim.

Reads: the records of make_landmark_tfrecord.py.
Writes, into train_dir: checkpoints, TensorBoard summaries, train_setting.txt.
The same command run again goes on from the newest checkpoint. Where TF_CONFIG names
several processes, they share each batch (docs/scale.md).

    python train_slim.py --train_dir=runs/first --use_batch_norm --optimizer=adam \
        --train_tfr=patches.56.train.tfrecord --val_tfr=patches.56.val.tfrecord
"""

import dataclasses
import warnings

from absl import flags

from landmark.dataset.shards import list_shards
from landmark.face.scheme import find_scheme
from landmark.files import disk
from landmark.model import locate, settings
from landmark.script import cli
from landmark.script.quiet import quiet_stderr
from landmark.training import cluster


class _FloatOrNone(flags.FloatParser):
    """A number, or none."""

    def parse(self, argument):
        return None if str(argument).lower() == "none" else super().parse(argument)


def _define_share(name, default, which):
    text = f"Share of the patches {which}"
    flags.DEFINE_float(name, default, text, lower_bound=0.0, upper_bound=1.0)


# All but the two flags with a name here are settings: they are written to
# train_setting.txt.
with cli.flag_group("What it reads and writes"):
    _TRAIN_DIR = flags.DEFINE_string(
        "train_dir",
        None,
        "Folder for checkpoints, summaries and settings.",
        required=True,
    )
    _VALIDATION_INTERVAL = flags.DEFINE_integer(
        "validation_interval",
        1000,
        lower_bound=1,
        help="Steps between validations; each one writes a checkpoint.",
    )
    flags.DEFINE_string(
        "train_tfr",
        None,
        "Training records: a file, NAME@16 for a set of shards, or a glob.",
        required=True,
    )
    flags.DEFINE_string("val_tfr", None, "Validation records.", required=True)
    flags.DEFINE_string(
        "init_checkpoint",
        None,
        "Checkpoint, or folder of a model, to start from instead of random weights.",
    )
    flags.DEFINE_string(
        "scheme", None, "Scheme of the points; that of the records unless given."
    )

with cli.flag_group("Network"):
    flags.DEFINE_enum("net", "lannet", settings.NETWORKS, "The network.")
    flags.DEFINE_integer(
        "input_size", 56, lower_bound=16, help="Side of the patches, pixels."
    )
    flags.DEFINE_boolean("is_color", True, "Colour input; false makes it grey.")
    flags.DEFINE_float(
        "depth_multiplier",
        2.0,
        lower_bound=0.05,
        help="Factor on the width of each layer.",
    )
    flags.DEFINE_float(
        "depth_gamma",
        1.0,
        lower_bound=0.1,
        help="Exponent on the width, after the factor.",
    )
    flags.DEFINE_boolean("use_batch_norm", False, "Normalise after each hidden layer.")
    flags.DEFINE_integer(
        "quantize_delay",
        -1,
        lower_bound=-1,
        help="Step after which training is quantised; 0 = from the start, -1 = never.",
    )

with cli.flag_group("Loss"):
    flags.DEFINE_enum(
        "loss",
        "l1",
        settings.LOSSES,
        "The loss on the points, which are 0..1 over the patch.",
        case_sensitive=False,
    )
    flags.DEFINE_float(
        "wing_w",
        0.5,
        lower_bound=0.0,
        help="Where the wing losses turn linear, in crop units. 0.5 with wing_eps 2 is "
        "about 0.25 x l1; the paper's 10 and 2 pixels of a 64-pixel crop are 0.156 and "
        "0.031.",
    )
    flags.DEFINE_float(
        "wing_eps", 2.0, lower_bound=1e-6, help="Curvature of the wing losses."
    )
    flags.DEFINE_float(
        "bins_weight",
        0.02,
        lower_bound=0.0,
        help="Weight of the cross-entropy of networks that classify coordinates.",
    )
    flags.DEFINE_enum(
        "regularizer",
        "none",
        settings.spellings(settings.REGULARIZERS),
        "Penalty on the weights.",
        case_sensitive=False,
    )
    flags.DEFINE_float(
        "regularizer_lambda",
        0.004,
        lower_bound=0.0,
        help="Weight of l1, l2, and l1 in l1_l2.",
    )
    flags.DEFINE_float(
        "regularizer_lambda_2", 0.004, lower_bound=0.0, help="Weight of l2 in l1_l2."
    )

with cli.flag_group("Steps and learning rate"):
    flags.DEFINE_integer("batch_size", 64, lower_bound=1, help="Samples in a step.")
    flags.DEFINE_integer(
        "seed",
        None,
        lower_bound=0,
        help="Makes training repeatable: on the CPU of one machine, the same command "
        "gives the same weights bit for bit, whether it was stopped in between or not. "
        "Without a seed, each run is another.",
    )
    flags.DEFINE_integer(
        "max_number_of_steps", 300000, lower_bound=1, help="When to stop."
    )
    flags.DEFINE_float(
        "learning_rate", 0.001, lower_bound=0.0, help="Initial learning rate."
    )
    flags.DEFINE_enum(
        "learning_rate_decay_type",
        "exponential",
        settings.DECAY_TYPES,
        "How the learning rate falls.",
        case_sensitive=False,
    )
    flags.DEFINE_float(
        "learning_rate_decay_factor",
        0.94,
        lower_bound=0.0,
        help="Factor of one decay step.",
    )
    flags.DEFINE_integer(
        "learning_rate_decay_step",
        50000,
        lower_bound=1,
        help="Steps of one exponential decay; steps until the end of the others.",
    )
    flags.DEFINE_boolean(
        "learning_rate_decay_staircase",
        True,
        "Let the exponential decay fall in stairs.",
    )
    flags.DEFINE_float(
        "end_learning_rate",
        0.00005,
        lower_bound=0.0,
        help="Where the polynomial and cosine decays end.",
    )
    flags.DEFINE_integer(
        "warmup_steps",
        0,
        lower_bound=0,
        help="Steps over which the learning rate rises.",
    )

    flags.DEFINE_boolean(
        "mixed_precision",
        False,
        "Make convolutions in float16 on a GPU, which is faster; weights stay float32. "
        "Without a GPU nothing changes.",
    )

with cli.flag_group("Optimiser"):
    flags.DEFINE_enum(
        "optimizer",
        "sgd",
        settings.spellings(settings.OPTIMIZERS),
        "The optimiser.",
        case_sensitive=False,
    )
    flags.DEFINE_float(
        "momentum", 0.99, lower_bound=0.0, help="Of the momentum optimiser."
    )
    flags.DEFINE_float("rmsprop_momentum", 0.9, lower_bound=0.0, help="Of rmsprop.")
    flags.DEFINE_float("rmsprop_decay", 0.9, lower_bound=0.0, help="Of rmsprop.")
    flags.DEFINE_float("adam_beta1", 0.9, lower_bound=0.0, help="Of adam.")
    flags.DEFINE_float("adam_beta2", 0.999, lower_bound=0.0, help="Of adam.")
    flags.DEFINE_float(
        "weight_decay",
        0.0,
        lower_bound=0.0,
        help="Decoupled weight decay (AdamW), as a share of the learning rate.",
    )
    flags.DEFINE(
        _FloatOrNone(lower_bound=0.0, upper_bound=0.999999),
        "moving_average_decay",
        None,
        "Keep moving averages of the weights, and evaluate and export those.",
    )

with cli.flag_group("Augmentation"):
    flags.DEFINE_boolean(
        "augment",
        False,
        "Change each training patch at random as the augment_ flags say; best with "
        "records that have a margin.",
    )
    flags.DEFINE_float(
        "augment_rotate", 10.0, lower_bound=0.0, help="Deviation of the angle, degrees."
    )
    flags.DEFINE_float(
        "augment_scale",
        0.1,
        lower_bound=0.0,
        help="Relative deviation of the crop's size.",
    )
    flags.DEFINE_float(
        "augment_shift",
        0.06,
        lower_bound=0.0,
        help="Deviation of the crop's shift, as a fraction of its size.",
    )
    flags.DEFINE_boolean(
        "augment_flip",
        True,
        "Mirror half of the patches. Off in the recipes for 300-W, whose points lie to "
        "one side (benchmarks/mirror.py).",
    )
    _define_share("augment_gray", 0.0, "made grey.")
    flags.DEFINE_float(
        "augment_light",
        0.2,
        lower_bound=0.0,
        help="Deviation of contrast and brightness; that of the colour cast is half.",
    )
    _define_share("augment_blur", 0.2, "that is blurred.")
    _define_share(
        "augment_occlusion",
        0.2,
        "that is partly covered: by a card, a piece of another patch, or fingers.",
    )
    _define_share("augment_shadow", 0.0, "one side of which lies in deep shadow.")
    flags.DEFINE_float(
        "augment_noise",
        8.0,
        lower_bound=0.0,
        help="Largest noise deviation, grey levels.",
    )
    _define_share("augment_jpeg", 0.0, "that is compressed as JPEG.")

flags.register_multi_flags_validator(
    ["depth_multiplier", "depth_gamma"],
    lambda flag: (8 * flag["depth_multiplier"]) ** flag["depth_gamma"] >= 1,
    "the first layer has 8 * depth_multiplier channels, which must make one or more",
)


def _check_paths(train_settings, is_chief):
    """Refuses what cannot work before TensorFlow is loaded, which takes seconds."""
    locate.check_folder(_TRAIN_DIR.value)
    records = train_settings.train_tfr, train_settings.val_tfr
    for path in (_TRAIN_DIR.value, *records, train_settings.init_checkpoint or ""):
        disk.require_text(path)
    for path in records:
        list_shards(path)
    if not is_chief:
        return
    if locate.newest_checkpoint(_TRAIN_DIR.value):
        settings.check_same_settings(_TRAIN_DIR.value, train_settings)
    elif train_settings.init_checkpoint:
        locate.find_checkpoint(train_settings.init_checkpoint)


def _warn_of_no_margin(train_settings):
    """Says so where augmentation moves crops to where the records show nothing."""
    from landmark.dataset import records

    moves = ("augment_rotate", "augment_scale", "augment_shift")
    if not train_settings.augment or not any(getattr(train_settings, m) for m in moves):
        return
    path = train_settings.train_tfr
    if not records.read_header(path).margin:
        warnings.warn(
            f"{path}: expected records with a margin for --augment to move crops into, "
            "found none; extract with --margin=0.3",
            stacklevel=1,
        )


def main(argv):
    names = [field.name for field in dataclasses.fields(settings.TrainSettings)]
    values = {name: flags.FLAGS[name].value for name in names}
    scheme = values["scheme"] and find_scheme(values["scheme"])
    train_settings = settings.TrainSettings(**values | {"scheme": scheme})
    processes = cluster.read_cluster()
    cluster.require_even_shares(processes, train_settings.batch_size)
    _check_paths(train_settings, processes.is_chief)
    with quiet_stderr():
        from landmark.training import loop
        from landmark.training.replicas import Replicas
    _warn_of_no_margin(train_settings)
    try:
        error, checkpoint = loop.train(
            _TRAIN_DIR.value,
            train_settings,
            _VALIDATION_INTERVAL.value,
            Replicas(processes),
        )
    except cluster.ReplicaLost as lost:
        print(f"{lost}; going on from the newest checkpoint when it is back")
        cluster.begin_again()
    if not processes.is_chief:
        print(f"Done; {processes.addresses[0]} has written the model")
        return
    print(f"Validation error {error:.6f} (crop units)")
    print(f"Wrote {checkpoint}")


if __name__ == "__main__":
    cli.run(main)
