r"""Makes patches with closed eyes of those whose eyes are open, for training.

Reads: FROM, patches of ibug68, as extract_landmark_training_data.py makes them; rotated
    copies are left out.
Writes, into TO: crop.json, and of --share of the patches NAME@90 (of NAME@2, which is
    one of several faces, NAME@290), whose lids are drawn over the eyes, and whose
    points lie on them. Half of them are closed, the others by half or more; one in ten
    closes a single eye.

TO is packed by itself, divided as FROM is, and its records for training are put behind
those of FROM: NAME@90 stands on the side of NAME.

    python -m scripts.close_eyes wide closed
    python make_landmark_tfrecord.py --data_path=closed --val_list=names.txt
    cat wide.56.train.tfrecord closed.56.train.tfrecord >both.56.train.tfrecord
"""

import numpy as np
from absl import flags

from landmark.dataset import stage_flags
from landmark.dataset.altered import Alteration, alter_patches
from landmark.dataset.eyelids import close_eyes
from landmark.face import metrics
from landmark.script import cli

stage_flags.define_alteration(0.1, "closed eyes")

_OPEN = 0.15  # Aspect from which an eye is open.
_LEAST = 0.5  # Share of its way that a lid goes.
_CLOSED = 0.5  # Share of the faces whose lids go all of it,
_WINKING = 0.1  # and of those of which one eye only is closed.


def _choose_shares(rng):
    """Returns how far the lids go of the right eye and of the left, (2,) 0..1."""
    share = 1.0 if rng.random() < _CLOSED else rng.uniform(_LEAST, 1)
    shares = np.full(2, share)
    if rng.random() < _WINKING:
        shares[rng.integers(2)] = 0
    return shares


def _close(patch, points, rng):
    """Returns (patch, points) with closed eyes; None where none is open, or seen."""
    if not metrics.aspects(points)["eye"] >= _OPEN:
        return None
    closed, moved = close_eyes(patch, points, _choose_shares(rng))
    return None if np.array_equal(moved, points) else (closed, moved)


def main(argv):
    closing = Alteration("90", "closed", "closing", "closed_eyes", _close)
    dropped = alter_patches(*argv[1:], flags.FLAGS.share, flags.FLAGS.seed, closing)
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main, arguments="FROM TO")
