"""The flag of the scripts that divide photos into training and validation."""

from absl import flags

from landmark.script import cli

with cli.flag_group("Split"):
    VAL_LIST = flags.DEFINE_string(
        "val_list",
        None,
        "Text file that names the patches (or photos) that validate, as extraction "
        "calls them, one a line; all others train. Without it a hash of the photo "
        "decides.",
    )
